/* SPDX-License-Identifier: MIT */
/* The threads behind a pool: started, put to work on one job at a time, and
 * stopped by one caller at a time. */
#ifndef DESCENT_ENGINE_POOL_CREW_H
#define DESCENT_ENGINE_POOL_CREW_H

#include "engine/pool.h"

typedef struct crew crew;

descent_status crew_create(memory *m, crew **out);
/* Stops the threads, unless they `are_here` no longer: after fork. */
void crew_free(crew *c, bool are_here);

/* Stop what runs, then start so many threads, or as many as the system and the
 * memory allow. */
void crew_start(crew *c, size_t threads);

/* Is none of the threads asleep? */
bool crew_is_awake(const crew *c);

/* Run the task for every number below n on the caller's thread and the crew's,
 * which take at most so many at once. */
void crew_run(crew *c, size_t n, size_t most, pool_task *task, void *arg);

#endif
