/* SPDX-License-Identifier: MIT */
/* A short training described by a few numbers, and the ways to run it that must
 * not change a bit: threads, level, compiler, entry, tensors a call, and how the
 * parameters are cut into tensors. */
#ifndef DESCENT_TESTS_TRIAL_H
#define DESCENT_TESTS_TRIAL_H

#include "support/variants.h"

enum { TRIAL_TENSORS = 32, TRIAL_OPTIONS = 48 };

typedef struct trial_tensor {
    descent_dtype dtype;
    int64_t rows, columns;
} trial_tensor;

typedef struct trial {
    char kind[16];
    char option[TRIAL_OPTIONS][48]; /* each "\"name\": value", as in JSON    */
    size_t options;
    trial_tensor tensor[TRIAL_TENSORS];
    size_t tensors;
    unsigned steps;
    uint64_t data;    /* the seed of weights and gradients                   */
    unsigned special; /* one number in so many is special, as in bits_fill,
                         in the gradients of every other step and, eight times
                         as rare, in weights; 0: none                        */
    unsigned sparse;  /* so many gradients in eight list rows                */
    unsigned missing; /* so many in eight are not there                      */
} trial;

typedef struct trial_way {
    uint32_t threads;
    const char *isa;
    const char *plugins; /* of kernels_builds, or the path of a folder       */
    int fused;
    unsigned aggregate; /* 0: any number of tensors a call                   */
    unsigned cut;       /* 0: tensors are whole, else a seed                 */
} trial_way;

/* Against which all are held. */
extern const trial_way trial_reference;

/* May ways use this one of kernels_builds?  A sanitizer watches its own alone. */
int trial_may_use(size_t build);

typedef struct trial_result {
    uint64_t hash;    /* of weights, state, counters and refused steps       */
    unsigned started; /* threads beside the calling one                      */
} trial_result;

/* Run it.  Returns NULL, or why it cannot be run: an option that is refused. */
const char *trial_run(const trial *t, const trial_way *way,
                      trial_result *result);

/* May the tensors be cut without changing the meaning?  Norms of single tensors
 * and what is rounded by chance depend on where tensors begin. */
int trial_may_be_cut(const trial *t);

/* Make it one of a type, with the options that reach a variant. */
void trial_variant(trial *t, const descent_optimizer_type *type,
                   const variant_values *values);

/* Add an option, as printf writes it. */
void trial_add(trial *t, const char *format, ...) DESCENT_PRINTF(2, 3);

#endif
