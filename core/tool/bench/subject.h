/* SPDX-License-Identifier: MIT */
/* One optimizer in one case: its tensors as an application has them, and beside
 * them the arrays of the limit. */
#ifndef DESCENT_TOOL_BENCH_SUBJECT_H
#define DESCENT_TOOL_BENCH_SUBJECT_H

#include <descent/descent.h>

#include "tool/bench/blocks.h"
#include "tool/bench/cases.h"
#include "tool/bench/crew.h"
#include "tool/bench/rules.h"

typedef struct subject {
    const bench_case *what;
    const bench_rule *rule; /* NULL: without a plain loop */
    descent_dtype dtype;    /* of weights and gradients */
    shapes list;
    size_t elements; /* of all tensors */
    size_t updated;  /* of those, by a step */
    size_t bytes;    /* that a step reads and writes for each of these */
    blocks memory;

    descent_runtime *runtime;
    descent_optimizer *optimizer;
    size_t *offset; /* of each tensor, in elements, in both of these */
    char *weights, *gradients;
    int64_t *rows; /* the rows of a row-sparse gradient, or NULL */
    size_t row_count;
    descent_gradient gradient; /* row-sparse */
    descent_status failed;     /* the first failure of a step */

    limits_arrays limit;
    size_t triad; /* elements of each of its arrays */
    crew *crew;
} subject;

/* Make the arrays and the optimizer `name`, and take a first step.  `s` begins
 * as zeros; subject_close in any case. */
descent_status subject_open(subject *s, const bench_case *what,
                            const char *name);
void subject_close(subject *s);

/* From now on steps and limits run on so many threads. */
descent_status subject_set_threads(subject *s, uint32_t threads);

/* Step so many times; a failure is kept. */
void subject_step(void *subject, size_t times);

/* The limits, so many times, between ready(true) and ready(false): only adding;
 * the plain loop, where there is one; a triad. */
void subject_ready(void *subject, bool on);
void subject_add(void *subject, size_t times);
void subject_bare(void *subject, size_t times);
void subject_triad(void *subject, size_t times);

/* Take a step on both sides from the same state, and fail unless all bits are
 * the same afterwards. */
descent_status subject_check(subject *s);

#endif
