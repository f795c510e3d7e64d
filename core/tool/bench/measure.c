/* SPDX-License-Identifier: MIT */
/* Timing in rounds: see measure.h. */
#include "tool/bench/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <descent/descent.h>

enum { LEAST_ROUNDS = 7 };

/* Seconds of one time.  One that is not counted comes before, where that is
 * cheap: it wakes threads and fills caches. */
static double time_once(contender *c)
{
    double start, end;

    if (c->ready != NULL)
        c->ready(c->arg, true);
    if (c->times > 1)
        c->run(c->arg, 1);
    start = descent_clock();
    c->run(c->arg, c->times);
    end = descent_clock();
    if (c->ready != NULL)
        c->ready(c->arg, false);
    return (end - start) / (double)c->times;
}

/* Choose `times` so that they fill `part` seconds. */
static void calibrate(contender *c, double part)
{
    double each;

    c->times = 1;
    while ((each = time_once(c)) * (double)c->times < part / 4)
        c->times *= 2;
    c->times = (size_t)fmax(1, ceil(part / each));
}

size_t measure(contender *things, size_t n, double seconds)
{
    const double usual = 0.02;
    const double part = fmin(usual, seconds / (double)(LEAST_ROUNDS * n));
    const double start = descent_clock();
    size_t rounds = 0;

    for (size_t i = 0; i < n; i++)
        if (things[i].run != NULL)
            calibrate(&things[i], part);
    do {
        /* To and fro, so that nobody always comes after the same. */
        for (size_t k = 0; k < n; k++) {
            contender *const c = &things[rounds % 2 == 0 ? k : n - 1 - k];

            if (c->run != NULL)
                c->seconds[rounds] = time_once(c);
        }
        rounds++;
    } while (rounds < LEAST_ROUNDS ||
             (descent_clock() - start < seconds && rounds < MEASURE_ROUNDS));
    return rounds;
}

static int compare(const void *a_, const void *b_)
{
    const double a = *(const double *)a_, b = *(const double *)b_;

    return (a > b) - (a < b);
}

double measure_quantile(const double *values, size_t n, double q)
{
    double sorted[MEASURE_ROUNDS];
    const double at = q * (double)(n - 1);
    const size_t below = (size_t)at;
    const size_t above = below + 1 < n ? below + 1 : below;

    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    return sorted[below] +
           (at - (double)below) * (sorted[above] - sorted[below]);
}

double measure_median(const double *values, size_t n)
{
    return measure_quantile(values, n, 0.5);
}
