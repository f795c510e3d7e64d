/* SPDX-License-Identifier: MIT */
/* Threads for the limits: awake, they wait in a loop, so that a hand-off costs
 * as little as it can; asleep, they take nothing from what else is measured. */
#ifndef DESCENT_TOOL_BENCH_CREW_H
#define DESCENT_TOOL_BENCH_CREW_H

#include <stdbool.h>
#include <stddef.h>

enum { CREW_MOST = 64 };

typedef struct crew crew;

/* `size` workers, the caller included; they sleep.  NULL when there is no
 * memory or no thread. */
crew *crew_create(size_t size);
void crew_free(crew *c); /* NULL allowed */

/* Wake them, or let them sleep. */
void crew_wake(crew *c);
void crew_rest(crew *c);

/* While they are awake: run task(arg, i, size) for every i < size, number 0
 * here, and wait.  What a worker has not begun is done here, so that one
 * that the system holds up costs little. */
typedef void crew_task(void *arg, size_t i, size_t size);
void crew_run(crew *c, crew_task *task, void *arg);

#endif
