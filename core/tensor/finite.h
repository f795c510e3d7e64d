/* SPDX-License-Identifier: MIT */
/* Searching arrays for NaN and infinity, as fast as memory gives them. */
#ifndef DESCENT_TENSOR_FINITE_H
#define DESCENT_TENSOR_FINITE_H

#include <descent/plugin.h>

/* The index of the first of n elements that is no finite number in the type
 * that arithmetic is done in, or n: also an f64 that is too large for f32. */
int64_t finite_until(descent_dtype dtype, descent_dtype compute, const void *x,
                     int64_t n);

#endif
