/* SPDX-License-Identifier: MIT */
/* Schedules for tests, from JSON options, and their values at steps. */
#ifndef DESCENT_TESTS_SCHEDULES_H
#define DESCENT_TESTS_SCHEDULES_H

#include "support/check.h"

/* Setup and teardown of a group of tests: the runtime of the schedules. */
int schedules_setup(void **state);
int schedules_teardown(void **state);
extern descent_runtime *schedules_runtime;

/* Create a schedule; the _refused form expects this message instead. */
descent_schedule *schedule_made(const char *kind, const char *json);
void schedule_refused(const char *kind, const char *json, const char *message);

double schedule_at(const descent_schedule *s, uint64_t n);

typedef struct schedule_point {
    uint64_t n;
    double value;
} schedule_point;

/* Compare to a part in 10^15 of the value or of 1, and let the schedule go. */
void schedule_expect(descent_schedule *s, const schedule_point *points,
                     size_t count);
#define SCHEDULE_EXPECT(schedule, ...)                                         \
    do {                                                                       \
        const schedule_point points_[] = {__VA_ARGS__};                        \
        schedule_expect(schedule, points_, sizeof points_ / sizeof *points_);  \
    } while (0)

#define SCHEDULE_FAR ((uint64_t)1 << 40)

#endif
