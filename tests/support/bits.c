/* SPDX-License-Identifier: MIT */
#include "support/bits.h"

#include <float.h>
#include <math.h>
#include <string.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double special(descent_dtype dtype, unsigned which)
{
    const int wide = dtype == DESCENT_DTYPE_F64;
    const double denormal = wide ? DBL_MIN / 8 : FLT_MIN / 8;
    const double values[] = {
        NAN,
        INFINITY,
        -INFINITY,
        denormal,
        -denormal,
        -0.0,
        0.0,
        wide ? 1e300 : 1e38,
        wide ? -1e-300 : -1e-37,
        wide ? 1e150 : 1e19,
        1.0,
    };
    return values[which % (sizeof values / sizeof *values)];
}

void bits_fill_every(descent_dtype dtype, void *array, size_t n, uint64_t seed,
                     unsigned every)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t r = mix(seed * 0x9e3779b97f4a7c15u + i);
        double x = ((double)(r >> 11) * 0x1p-53 - 0.5) * 4;
        if (every != 0 && r % every == 0)
            x = special(dtype, (unsigned)(r >> 32));
        if (dtype == DESCENT_DTYPE_F64)
            ((double *)array)[i] = x;
        else
            ((float *)array)[i] = (float)x;
    }
}

void bits_fill(descent_dtype dtype, void *array, size_t n, uint64_t seed)
{
    bits_fill_every(dtype, array, n, seed, 401);
}

uint64_t bits_hash(uint64_t hash, descent_dtype dtype, const void *array,
                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t word = 0;
        if (dtype == DESCENT_DTYPE_F64) {
            memcpy(&word, (const double *)array + i, sizeof(double));
            if (isnan(((const double *)array)[i]))
                word = 1;
        } else {
            memcpy(&word, (const float *)array + i, sizeof(float));
            if (isnan(((const float *)array)[i]))
                word = 1;
        }
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}
