/* SPDX-License-Identifier: MIT */
/* The conformance program: runs recorded cases of other systems through the
 * public interface and compares every recorded number. */
#ifndef CONFORM_H
#define CONFORM_H

#include <descent/descent.h>
#include <jansson.h>
#include <stdbool.h>

/* One case while it runs.  What is read is taken out of `json`, so whatever is
 * left at the end was not understood. */
typedef struct trial {
    descent_runtime *runtime;
    bool fused;
    json_t *json;
    json_t *taken;    /* array: keeps what was taken alive */
    char fault[1024]; /* "" while nothing is wrong */
} trial;

/* Record the first thing wrong with the case; returns false. */
bool trial_fault(trial *t, const char *format, ...) DESCENT_PRINTF(2, 3);

/* Likewise, for a failing call of the library. */
bool trial_descent_fault(trial *t, const char *where);

/* ---- Reading: borrowed values; NULL or false after a fault ---- */

/* Take `key` out of `object`; it must be there and of the type. */
json_t *take(trial *t, json_t *object, const char *key, json_type type);
const char *take_text(trial *t, json_t *object, const char *key);
bool take_number(trial *t, json_t *object, const char *key, double *out);

/* Take `key` out if it is there. */
json_t *take_optional(trial *t, json_t *object, const char *key);

/* Nothing may be left in `object`. */
bool expect_empty(trial *t, const json_t *object, const char *what);

/* A list of exactly `count` numbers. */
bool read_numbers(trial *t, const json_t *list, const char *what, size_t count,
                  double *out);

/* ---- Comparing ---- */

/* A number passes when |got - expected| <= atol + rtol |expected|. */
typedef struct tolerance {
    double rtol, atol;
} tolerance;

bool take_tolerance(trial *t, json_t *object, tolerance *out);

/* `index` below 0: the number is not an element.  A NaN never passes. */
bool compare(trial *t, long step, const char *what, long index, double got,
             double expected, tolerance allowed);

/* ---- Flavours ---- */

/* A name in the recorded system and in Descent; tables end with {NULL, NULL}.
 */
typedef struct translation {
    const char *theirs, *ours;
} translation;

/* How one recorded system's words become Descent's. */
typedef struct flavour {
    const char *source;            /* how the case's "source" begins */
    const translation *optimizers; /* class names */
    const translation *options;
    const translation *slots;
    const translation *settings; /* Descent options, and the text to set */
    const translation *extra;    /* "CLASS/option", and the value to set where
                                    the case gives none */
    bool one_tolerance;          /* for weights and slots alike */
} flavour;

/* The flavour of the case, or NULL after a fault. */
const flavour *flavour_of(trial *t);

/* Our word for theirs, or NULL after a fault that names `what`. */
const char *translate(trial *t, const translation *table, const char *what,
                      const char *theirs);

/* Descent options from a configuration; `rows` NULL: names are kept. */
bool options_from(trial *t, json_t *config, const translation *rows,
                  descent_options **out);

/* ---- Cases: true when everything in the case was compared and agreed ---- */

bool run_optimizer(trial *t);
bool run_schedule(trial *t);

#endif
