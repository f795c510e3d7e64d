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

typedef struct run run; /* an optimizer case, see run.h */

/* How one recorded system's words become Descent's. */
typedef struct flavour {
    const char *source;            /* how the case's "source" begins */
    const translation *optimizers; /* class names */
    const translation *options;
    const translation *slots;
    const translation *settings; /* Descent options, and the text to set */
    /* What no table says; each may be NULL.  Before the configuration is read:
     * take what has no name here, set what it means. */
    bool (*adapt)(trial *t, run *r, json_t *config, descent_options *options);
    /* Once the tensors are bound. */
    bool (*bind)(trial *t, run *r);
    bool one_tolerance; /* for weights and slots alike */
} flavour;

extern const flavour flavour_keras3, flavour_keras2, flavour_mxnet1,
    flavour_mxnet2, flavour_torch;

/* The flavour of the case, or NULL after a fault. */
const flavour *flavour_of(trial *t);

/* Our word for theirs, or NULL after a fault that names `what`. */
const char *translate(trial *t, const translation *table, const char *what,
                      const char *theirs);

/* Set options from a configuration; `rows` NULL: names are kept. */
bool options_read(trial *t, json_t *config, const translation *rows,
                  descent_options *options);

/* New options from a configuration whose names are kept. */
bool options_from(trial *t, json_t *config, descent_options **out);

/* ---- Cases: true when everything in the case was compared and agreed ---- */

bool run_optimizer(trial *t);
bool run_schedule(trial *t);

#endif
