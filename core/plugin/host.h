/* SPDX-License-Identifier: MIT */
/* The services that plugins get from one registry. */
#ifndef DESCENT_PLUGIN_HOST_H
#define DESCENT_PLUGIN_HOST_H

#include "base/log.h"
#include "base/memory.h"

/* Plugins get the address of the first member and nothing else. */
typedef struct host {
    descent_host services;
    memory *memory;
    const log_sink *log;
} host;

void host_prepare(host *h, memory *m, const log_sink *log);

#endif
