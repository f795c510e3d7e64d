/* SPDX-License-Identifier: MIT */
/* An optimizer case while it runs. */
#ifndef CONFORM_RUN_H
#define CONFORM_RUN_H

#include "model.h"

enum { SLOTS = 16 };

/* The tolerance of a slot, and whether any number was compared with it. */
typedef struct slot_limit {
    const char *theirs, *ours;
    tolerance tolerance;
    bool used;
} slot_limit;

struct run {
    const flavour *flavour;
    const char *class_name;
    descent_optimizer *optimizer;
    model model;
    tolerance tolerance;
    slot_limit slots[SLOTS];
    size_t slot_count;
    const char *slot; /* being compared */
    double updates;   /* of a tensor, being compared */
    descent_step_report report;
    double rate_error;         /* of the recorded rates, see cosine_error */
    json_t *lr_mult, *wd_mult; /* MXNet's, or NULL */
};

/* Read the limits that the case's numbers are compared within. */
bool read_tolerance(trial *t, run *r);

/* Compare what was recorded after call `step`. */
bool compare_record(trial *t, run *r, long step, json_t *record);

/* Compare the weights with a list for each tensor. */
bool compare_weights(trial *t, run *r, long step, const char *what,
                     const json_t *lists);

#endif
