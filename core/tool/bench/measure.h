/* SPDX-License-Identifier: MIT */
/* Timing of several things in turn, round by round. */
#ifndef DESCENT_TOOL_BENCH_MEASURE_H
#define DESCENT_TOOL_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

enum { MEASURE_ROUNDS = 512 };

/* One of the things. */
typedef struct contender {
    void (*run)(void *arg, size_t times); /* NULL: there is none */
    void (*ready)(void *arg, bool on);    /* around runs, or NULL */
    void *arg;
    size_t times;                   /* in a round */
    double seconds[MEASURE_ROUNDS]; /* each, of one time */
} contender;

/* Fill `times` and `seconds` of all n, and return the number of rounds: as many
 * as go into `seconds`, but at least seven.  A thing's part of a round is 20 ms,
 * or less when seconds are few, but at least one time. */
size_t measure(contender *things, size_t n, double seconds);

/* The value below which lies the part q of values[n]; n > 0. */
double measure_quantile(const double *values, size_t n, double q);
double measure_median(const double *values, size_t n);

#endif
