/* SPDX-License-Identifier: MIT */
/* The services that plugins get from one registry. */
#ifndef DESCENT_PLUGIN_HOST_H
#define DESCENT_PLUGIN_HOST_H

#include "base/log.h"
#include "base/memory.h"

/* Runs task(arg, i) for every i < n and waits. */
typedef void host_parallel(void *user, size_t n,
                           void (*task)(void *arg, size_t i), void *arg);

/* Plugins get the address of the first member and nothing else. */
typedef struct host {
    descent_host services;
    memory *memory;
    const log_sink *log;
    host_parallel *parallel; /* or NULL: on the calling thread */
    void *parallel_user;
} host;

void host_prepare(host *h, memory *m, const log_sink *log,
                  host_parallel *parallel, void *parallel_user);

#endif
