/* SPDX-License-Identifier: MIT */
/* A loop at the edges of its arrays: every length to 257, every alignment, with a
 * page before or behind that may not be touched and bytes around that must not
 * change, against the plainest loop, one element at a time, bit for bit. */
#ifndef DESCENT_TESTS_EDGES_H
#define DESCENT_TESTS_EDGES_H

#include "support/kernels.h"

enum { EDGES_MOST = 257, EDGES_MASKS = 32 };
enum {
    EDGES_WEIGHT,
    EDGES_GRADIENT,
    EDGES_AVERAGE,
    EDGES_SLOTS,
    EDGES_STORED = EDGES_SLOTS + DESCENT_MAX_SLOTS,
    EDGES_ARRAYS
};

typedef descent_status edges_entry(void *self, const descent_pass *pass);

/* What is tested: an entry of a type as some compiler built it. */
typedef struct edges_subject {
    const descent_optimizer_type *type;
    edges_entry *entry;
    const char *compiler;
    size_t level;
    uint32_t variant, mask; /* a mask without bits also stands for step */
    int fused;
    descent_dtype dtype;
    descent_dtype stored; /* of the pass: 0 or bf16 */
    const void *coef;
} edges_subject;

/* What the arrays hold before each call: room for MOST elements of any
 * precision.  The stored weights may change in a pass with `stored` only. */
extern double edges_input[EDGES_ARRAYS][EDGES_MOST];

/* Calls that were compared so far. */
extern size_t edges_compared;

/* Make and remove the pages that the arrays lie in. */
void edges_open(void);
void edges_close(void);

/* Fill the input and set s->coef for the precisions and a variant. */
void edges_prepare(edges_subject *s, const variant_values *values);

/* Find what the mask and the step of `plain`, the type as the first compiler
 * built it, make of the input. */
void edges_expect(const edges_subject *s, const descent_optimizer_type *plain);

/* What is wrong at any length and place, a sentence that the next call replaces,
 * or NULL. */
const char *edges_check(const edges_subject *s);

#endif
