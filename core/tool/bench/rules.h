/* SPDX-License-Identifier: MIT */
/* The optimizers that have a plain loop to be held against, and the numbers
 * that go into it. */
#ifndef DESCENT_TOOL_BENCH_RULES_H
#define DESCENT_TOOL_BENCH_RULES_H

#include <stdbool.h>

#include <descent/descent.h>

#include "tool/bench/limits.h"

/* What update t needs: options are asked of `o`; *product is Nadam's scalar
 * before the update. */
typedef descent_status rules_numbers(descent_optimizer *o, uint64_t t,
                                     double product, float *c);

typedef struct bench_rule {
    const char *name; /* as --optimizer has it */
    const char *kind; /* of the optimizer                              */
    double momentum;  /* option to set, 0 for none                     */
    bool usual;       /* measured when no optimizer is named           */
    rules_numbers *numbers;
} bench_rule;

/* Row i, or NULL past the end. */
const bench_rule *rules_at(size_t i);

/* The row of this name in any case, or NULL; and its loops. */
const bench_rule *rules_find(const char *name);
const limits_rule *rules_loops(const bench_rule *rule);

#endif
