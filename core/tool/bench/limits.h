/* SPDX-License-Identifier: MIT */
/* The loops that a step is held against: the least that any program would do.
 * Their file is compiled for the processor that compiles it. */
#ifndef DESCENT_TOOL_BENCH_LIMITS_H
#define DESCENT_TOOL_BENCH_LIMITS_H

#include <stddef.h>
#include <stdint.h>

enum { LIMITS_SLOTS = 9, LIMITS_COEFS = 6 };

/* All tensors of a case in one block, and what was computed before the loop.
 * What a loop does not use may be NULL. */
typedef struct limits_arrays {
    float *weight; /* or the f32 master of weight16 */
    const float *gradient;
    float *slot[LIMITS_SLOTS]; /* the rule's first, then the average if any */
    size_t slots;
    float *average; /* also a slot */
    uint16_t *weight16;
    const uint16_t *gradient16;
    float *triad[3];
    float c[LIMITS_COEFS]; /* the rule's */
    float scale, decay, keep, take;
    float zero;
} limits_arrays;

/* Work on n elements: of gradients from `from`, of all else from `at`. */
typedef void limits_loop(const limits_arrays *x, size_t at, size_t from,
                         size_t n);

/* Only add, with the streams of a step: w, g and all slots; the same with 16-bit
 * weights and gradients and f32 masters. */
limits_loop limits_add, limits_add16;

/* a = b + 3 c. */
limits_loop limits_triad;

/* The sum of squares of gradient[from, from + n). */
double limits_squares(const limits_arrays *x, size_t from, size_t n);

/* The update rule `name` written plainly: alone; with scale, decoupled decay and
 * average; with 16-bit weights and f32 masters. */
typedef struct limits_rule {
    const char *name;
    size_t slots;
    limits_loop *bare, *average, *bf16;
} limits_rule;

/* Row i, or NULL past the end. */
const limits_rule *limits_rule_at(size_t i);

/* What the loops were compiled for, such as "avx2"; NULL-ended. */
extern const char *const limits_features[];

#endif
