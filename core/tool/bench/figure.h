/* SPDX-License-Identifier: MIT */
/* What was measured of one optimizer in one case on so many threads. */
#ifndef DESCENT_TOOL_BENCH_FIGURE_H
#define DESCENT_TOOL_BENCH_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool/bench/cases.h"
#include "tool/bench/measure.h"

/* Times are nanoseconds a parameter, medians but for the least; rates are bytes a
 * second.  NaN where something was not measured. */
typedef struct figure {
    const bench_case *what;
    char optimizer[64];
    const char *dtype;
    uint32_t threads;
    size_t parameters, tensors, rounds, bytes; /* a parameter */
    double ns, least, limit_ns, limit_least;
    const char *limit;    /* which was the faster one: "add", "plain", "C" */
    double ratio, spread; /* the median, and between the quartiles */
    double plain, plain_spread; /* likewise, of the ratio to the plain loop */
    double rate, triad, share;  /* the limit's part of the triad's rate */
    double others;              /* processors that other processes kept busy */
    int same_bits;              /* 1, or 0 when there is no plain loop */
} figure;

enum { FIGURE_STEP, FIGURE_ADD, FIGURE_PLAIN, FIGURE_TRIAD, FIGURE_THINGS };

/* Fill in what follows from the things' seconds; the triad went through so many
 * bytes. */
void figure_compute(figure *f, const contender things[FIGURE_THINGS],
                    size_t triad_bytes);

/* Is the goal about the ratio to the plain loop?  So it is for 16-bit weights,
 * and where the arrays fit in the last level of cache: there a loop that only
 * adds is no limit, because exact roots and divisions take longer than the
 * arrays do. */
bool figure_by_plain(const figure *f);

/* The goal, NaN for none: another's plugin has no plain loop. */
double figure_goal(const figure *f);

/* The figure that the goal is about, and its spread: the ratio, or
 * microseconds. */
double figure_value(const figure *f);
double figure_value_spread(const figure *f);

typedef enum verdict {
    VERDICT_NONE, /* no goal */
    VERDICT_HELD,
    VERDICT_UNCLEAR, /* above the goal by less than the spread */
    VERDICT_MISSED
} verdict;
verdict figure_verdict(const figure *f);

#endif
