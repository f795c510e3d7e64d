/* SPDX-License-Identifier: MIT */
/* Between number formats: to nearest, ties to even, once; NaN stays a quiet NaN
 * with its sign, what is too large becomes infinite, subnormals are kept.  The
 * same bits from every compiler and on every processor. */
#ifndef DESCENT_TENSOR_CONVERT_H
#define DESCENT_TENSOR_CONVERT_H

#include <descent/plugin.h>

/* n elements of type `from` at `in` as type `to` at `out`, for any two of f32,
 * f64, f16 and bf16.  The arrays do not overlap, unless they are one array and
 * one type. */
void convert(descent_dtype to, void *out, descent_dtype from, const void *in,
             size_t n);

/* f32 to f16 or bf16, up or down with the probability that makes the mean
 * right: `random` holds 32 random bits an element.  A number that convert would
 * leave finite stays finite. */
void convert_stochastic(descent_dtype to, uint16_t *out, const float *in,
                        const uint32_t *random, size_t n);

/* Move the weights towards `updated`, which came from them by adding updates:
 * what rounding takes away is kept in `lost` and added the next time (Kahan's
 * summation).  Both arrays are f16 or bf16. */
void convert_compensated(descent_dtype dtype, uint16_t *weight, uint16_t *lost,
                         const float *updated, size_t n);

#endif
