/* SPDX-License-Identifier: MIT */
/* Threads of a runtime: made when they are first needed, asleep when there is
 * nothing to do. */
#ifndef DESCENT_ENGINE_POOL_H
#define DESCENT_ENGINE_POOL_H

#include <stdbool.h>

#include "base/memory.h"

typedef struct pool pool;

/* Numbers [begin, end) of a job, which are some; runs come in any order and on
 * any thread. */
typedef void pool_task(void *arg, size_t begin, size_t end);

/* The application's own way to run a job, or NULL. */
typedef struct pool_host {
    void (*parallel_for)(void *user, size_t n,
                         void (*task)(void *arg, size_t i), void *arg);
    void *user;
} pool_host;

/* The most threads that a job may have, the caller's included. */
enum { POOL_MOST_THREADS = 1024 };

descent_status pool_create(memory *m, uint32_t threads, pool_host host,
                           pool **out);
void pool_free(pool *p);

/* How many threads the next job may have: they come and go with it. */
uint32_t pool_threads(const pool *p);
void pool_set_threads(pool *p, uint32_t threads);

/* Fail once the application's parallel_for has run more or fewer tasks than it
 * was asked to. */
descent_status pool_check_host(const pool *p);
/* That; and fail in a child of the process that the threads belong to, because
 * fork does not take them along. */
descent_status pool_check(const pool *p);

/* True while none of the threads sleeps, which would have to be woken; and before
 * they are started, so that the first step does it. */
bool pool_is_awake(const pool *p);

/* Run the task for every number below n and wait; threads take at most so many
 * at once.  On the calling thread alone, which takes them all, while another job
 * is under way, inside a job, and where there are no threads.  Tasks calculate
 * as the caller does (rounding, denormals). */
void pool_run(pool *p, size_t n, size_t most, pool_task *task, void *arg);

#endif
