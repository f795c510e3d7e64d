/* SPDX-License-Identifier: MIT */
/* Rows of choices that together meet every pair of values of any two axes. */
#ifndef DESCENT_TESTS_PAIRS_H
#define DESCENT_TESTS_PAIRS_H

#include <stddef.h>

enum { PAIRS_AXES = 10, PAIRS_VALUES = 10 };

typedef struct pairs {
    size_t axes, values[PAIRS_AXES]; /* of each axis */
    unsigned char met[PAIRS_AXES][PAIRS_VALUES][PAIRS_AXES][PAIRS_VALUES];
} pairs;

/* These two values exclude each other. */
void pairs_exclude(pairs *p, size_t axis, size_t value, size_t other_axis,
                   size_t other_value);

/* Complete a row whose first `fixed` values are given by those that meet most
 * new pairs, and take it. */
void pairs_complete(pairs *p, size_t row[PAIRS_AXES], size_t fixed);

/* Pairs that no row has met. */
size_t pairs_left(const pairs *p);

#endif
