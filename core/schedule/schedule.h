/* SPDX-License-Identifier: MIT */
/* Schedules: a number as a function of the step, as counted objects.  They are
 * immutable but for the states of a few kinds.  The public descent_schedule_*
 * functions that need no runtime are here too. */
#ifndef DESCENT_SCHEDULE_SCHEDULE_H
#define DESCENT_SCHEDULE_SCHEDULE_H

#include "schedule/kinds.h"

/* As descent_schedule_create and descent_schedule_from_function. */
descent_status schedule_create(memory *m, const char *kind,
                               const descent_options *options,
                               descent_schedule **out);
descent_status schedule_from_function(memory *m,
                                      descent_schedule_function function,
                                      void *user, void (*release)(void *user),
                                      descent_schedule **out);

/* `schedule` with another base_lr; an error where it has none, or has a state
 * that the application tells metrics. */
descent_status schedule_rebase(const descent_schedule *schedule, double base_lr,
                               descent_schedule **out);

/* The value at n in a context (NULL: none); finite or an error. */
descent_status schedule_value(const descent_schedule *schedule, uint64_t n,
                              const descent_schedule_context *context,
                              double *value);

/* As descent_schedule_duration. */
uint64_t schedule_duration(const descent_schedule *schedule);

/* Fail where descent_schedule_load would. */
descent_status schedule_judge(const descent_schedule *schedule,
                              const double *values, size_t n);

/* What a schedule is made of; the kind of a function is NULL. */
memory *schedule_memory_of(const descent_schedule *schedule);
const schedule_kind *schedule_kind_of(const descent_schedule *schedule);
const schedule_argument *
schedule_arguments_of(const descent_schedule *schedule);
double *schedule_state_of(const descent_schedule *schedule);

/* A mark for those who walk over the parts; false at first. */
bool *schedule_mark_of(const descent_schedule *schedule);

#endif
