/* SPDX-License-Identifier: MIT */
/* Numbers that find faults, and hashes of arrays. */
#ifndef DESCENT_TESTS_BITS_H
#define DESCENT_TESTS_BITS_H

#include <descent/plugin.h>

/* Fill an array of f64, f32, f16 or bf16: mostly ordinary numbers, one in 401 a
 * NaN, infinity, denormal, negative zero, huge or tiny one.  A function of
 * (seed, index). */
void bits_fill(descent_dtype dtype, void *array, size_t n, uint64_t seed);

/* The same with one such number in `every`, or none when that is 0. */
void bits_fill_every(descent_dtype dtype, void *array, size_t n, uint64_t seed,
                     unsigned every);

/* Scramble a number. */
uint64_t bits_mix(uint64_t x);

/* Mix an array into a hash; NaNs count as one value, because which of two NaN
 * operands an addition passes on is the compiler's choice. */
uint64_t bits_hash(uint64_t hash, descent_dtype dtype, const void *array,
                   size_t n);

#endif
