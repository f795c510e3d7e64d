/* SPDX-License-Identifier: MIT */
/* The cases: see cases.h. */
#include "tool/bench/cases.h"

#include <math.h>
#include <strings.h>

static const bench_case cases[] = {
    {"gpt2", CASE_PLAIN, shapes_gpt2, NULL, GOAL_RATIO, 1.10},
    {"resnet50", CASE_PLAIN, shapes_resnet50, NULL, GOAL_RATIO, 1.10},
    {"efficientnet_b0", CASE_PLAIN, shapes_efficientnet_b0, NULL, GOAL_RATIO,
     1.15},
    {"1e6", CASE_PLAIN, shapes_1e6, NULL, GOAL_RATIO, 1.10},
    {"1e5", CASE_PLAIN, shapes_1e5, NULL, GOAL_RATIO, 1.10},
    {"1e3", CASE_PLAIN, shapes_1e3, NULL, GOAL_NONE, 0},
    {"10000x100", CASE_PLAIN, shapes_ten_thousand, NULL, GOAL_TENSOR, 0.15},
    {"clip_decay_average", CASE_AVERAGE, shapes_gpt2, "adam", GOAL_RATIO, 1.15},
    {"bf16_master", CASE_BF16, shapes_gpt2, "adam", GOAL_RATIO, 1.2},
    {"row_sparse", CASE_ROWS, shapes_embedding, NULL, GOAL_NONE, 0},
    {"lua_step", CASE_LUA, shapes_1, "adam", GOAL_EXCESS, 0.3},
};

const bench_case *cases_at(size_t i)
{
    return i < sizeof cases / sizeof *cases ? &cases[i] : NULL;
}

double cases_goal(const bench_case *c, const char *optimizer)
{
    /* In cache it spends its time on exact roots and divisions. */
    static const double roots = 1.25;

    if (c->about == GOAL_NONE)
        return (double)NAN;
    if (strcasecmp(optimizer, "adadelta") == 0 &&
        (c->list == shapes_1e6 || c->list == shapes_1e5))
        return roots;
    return c->goal;
}
