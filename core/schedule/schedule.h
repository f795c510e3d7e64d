/* SPDX-License-Identifier: MIT */
/* Schedules: a number as a function of the step, as counted immutable objects.
 * The public descent_schedule_* functions that need no runtime are here too. */
#ifndef DESCENT_SCHEDULE_SCHEDULE_H
#define DESCENT_SCHEDULE_SCHEDULE_H

#include "base/memory.h"

/* As descent_schedule_create and descent_schedule_from_function. */
descent_status schedule_create(memory *m, const char *kind,
                               const descent_options *options,
                               descent_schedule **out);
descent_status schedule_from_function(memory *m,
                                      descent_schedule_function function,
                                      void *user, void (*release)(void *user),
                                      descent_schedule **out);

/* The value at n in a context (NULL: none); finite or an error. */
descent_status schedule_value(const descent_schedule *schedule, uint64_t n,
                              const descent_schedule_context *context,
                              double *value);

#endif
