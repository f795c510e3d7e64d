/* SPDX-License-Identifier: MIT */
/* What is measured, and what it should reach. */
#ifndef DESCENT_TOOL_BENCH_CASES_H
#define DESCENT_TOOL_BENCH_CASES_H

#include <stddef.h>

#include "tool/bench/shapes.h"

typedef enum case_kind {
    CASE_PLAIN,
    CASE_AVERAGE, /* global norm clip, decoupled decay, average   */
    CASE_BF16,    /* bf16 weights and gradients, masters in f32   */
    CASE_ROWS,    /* a row-sparse gradient, lazy                  */
    CASE_LUA      /* a step from Lua with a schedule in Lua       */
} case_kind;

/* What a goal is about. */
typedef enum case_goal {
    GOAL_NONE,
    GOAL_RATIO,  /* to the limit                                 */
    GOAL_TENSOR, /* microseconds a tensor                        */
    GOAL_EXCESS  /* microseconds a step more than the limit      */
} case_goal;

typedef struct bench_case {
    const char *name;
    case_kind kind;
    shapes_list *list;
    const char *usual; /* the only optimizer unless others are named, or NULL */
    case_goal about;
    double goal;
} bench_case;

/* Row i, or NULL past the end. */
const bench_case *cases_at(size_t i);

/* The goal of `optimizer` in this case; NaN for none. */
double cases_goal(const bench_case *c, const char *optimizer);

#endif
