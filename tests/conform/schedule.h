/* SPDX-License-Identifier: MIT */
/* A schedule case, taken apart. */
#ifndef CONFORM_SCHEDULE_H
#define CONFORM_SCHEDULE_H

#include "conform.h"

typedef struct plan {
    const char *kind; /* as the recorded system calls the class */
    json_t *config, *steps, *expected;
    json_t *momenta, *metrics; /* or NULL */
    tolerance allowed;
    descent_schedule *rate, *momentum;
    json_int_t end; /* 0: every step says what it says */
} plan;

/* Create a schedule from `options`, which are freed, or from the configuration
 * where those are NULL. */
bool plan_create(trial *t, const char *kind, json_t *config,
                 descent_options *options, descent_schedule **out);

/* Tell the rate a metric. */
bool plan_observe(trial *t, const plan *p, const json_t *metric);

/* The keys that only PyTorch's cases have, and its schedules. */
bool plan_read_torch(trial *t, plan *p);

#endif
