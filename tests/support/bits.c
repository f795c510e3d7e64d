/* SPDX-License-Identifier: MIT */
#include "support/bits.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/convert.h"

uint64_t bits_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double special(descent_dtype dtype, unsigned which)
{
    static const struct {
        double denormal, huge, tiny, large;
    } of[] = {
        [DESCENT_DTYPE_F64] = {DBL_MIN / 8, 1e300, -1e-300, 1e150},
        [DESCENT_DTYPE_F32] = {FLT_MIN / 8, 1e38, -1e-37, 1e19},
        [DESCENT_DTYPE_F16] = {0x1p-20, 60000, -0x1p-14, 250},
        [DESCENT_DTYPE_BF16] = {FLT_MIN / 8, 1e38, -1e-37, 1e19},
    };
    const double values[] = {
        NAN,  INFINITY, -INFINITY,      of[dtype].denormal, -of[dtype].denormal,
        -0.0, 0.0,      of[dtype].huge, of[dtype].tiny,     of[dtype].large,
        1.0,
    };
    return values[which % (sizeof values / sizeof *values)];
}

/* Number i of a seed; one in `every` is special. */
static double number(descent_dtype dtype, uint64_t seed, size_t i,
                     unsigned every)
{
    const uint64_t r = bits_mix(seed * 0x9e3779b97f4a7c15u + i);

    return every != 0 && ((r & 0xffffffff) * every) >> 32 == 0
               ? special(dtype, (unsigned)(r >> 32))
               : ((double)(r >> 11) * 0x1p-53 - 0.5) * 4;
}

static void fill_16_bits(descent_dtype dtype, uint16_t *array, size_t n,
                         uint64_t seed, unsigned every)
{
    float wide[256];

    for (size_t first = 0, run; first < n; first += run) {
        run = n - first < 256 ? n - first : 256;
        for (size_t i = 0; i < run; i++)
            wide[i] = (float)number(dtype, seed, first + i, every);
        convert(dtype, array + first, DESCENT_DTYPE_F32, wide, run);
    }
}

void bits_fill_every(descent_dtype dtype, void *array, size_t n, uint64_t seed,
                     unsigned every)
{
    double *const f64 = array;
    float *const f32 = array;

    if (dtype == DESCENT_DTYPE_F64)
        for (size_t i = 0; i < n; i++)
            f64[i] = number(dtype, seed, i, every);
    else if (dtype == DESCENT_DTYPE_F32)
        for (size_t i = 0; i < n; i++)
            f32[i] = (float)number(dtype, seed, i, every);
    else
        fill_16_bits(dtype, array, n, seed, every);
}

void bits_fill(descent_dtype dtype, void *array, size_t n, uint64_t seed)
{
    bits_fill_every(dtype, array, n, seed, 401);
}

/* An element's bits; 1 for a NaN, which exceeds infinity without its sign. */
static uint64_t word_of(descent_dtype dtype, const void *array, size_t i)
{
    const uint64_t *w64 = array;
    const uint32_t *w32 = array;
    const uint16_t *w16 = array;
    const uint8_t *w8 = array;

    switch (dtype) {
    case DESCENT_DTYPE_F64:
        return w64[i] << 1 > UINT64_C(0x7ff) << 53 ? 1 : w64[i];
    case DESCENT_DTYPE_F32:
        return (w32[i] & 0x7fffffff) > 0x7f800000 ? 1 : w32[i];
    case DESCENT_DTYPE_F16:
        return (w16[i] & 0x7fff) > 0x7c00 ? 1 : w16[i];
    case DESCENT_DTYPE_BF16:
        return (w16[i] & 0x7fff) > 0x7f80 ? 1 : w16[i];
    default:
        return w8[i];
    }
}

uint64_t bits_hash(uint64_t hash, descent_dtype dtype, const void *array,
                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ word_of(dtype, array, i)) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}
