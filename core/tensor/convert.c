/* SPDX-License-Identifier: MIT */
/* Every conversion is a function of one element without branches, so that its
 * loop becomes vector code; no step of one is inexact but the last, and none
 * meets a subnormal f32, which a processor may have been told to flush. */
#include "tensor/convert.h"

#include <descent/descent.h>
#include <math.h>
#include <string.h>
#if defined __x86_64__
#include <immintrin.h>
#endif

#include "base/levels.h"
#include "tensor/bits.h"
#include "tensor/view.h"

static inline uint64_t bits_of_double(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double double_of(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- To f32 ---- */

static inline float f32_of_bf16(uint16_t h)
{
    const float x = float_of((uint32_t)h << 16);

    return isnan(x) ? float_of(bits_of(x) | F32_QUIET) : x;
}

static inline float f32_of_f16(uint16_t h)
{
    const int32_t size = h & 0x7fff, wide = size << 13;
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const int32_t normal = wide + (112 << 23);
    const int32_t special =
        wide | F32_INFINITY | (size > F16_INFINITY ? F32_QUIET : 0);
    /* As the fraction of a number next to 2^-14, which is then taken away. */
    const int32_t subnormal =
        size_of(float_of((113u << 23) + (uint32_t)wide) - float_of(113u << 23));
    const int32_t finite = size < 0x0400 ? subnormal : normal;

    return float_of(sign | (uint32_t)(size >= F16_INFINITY ? special : finite));
}

/* ---- From f32 ---- */

static inline uint16_t bf16_of_f32(float x)
{
    const uint32_t bits = bits_of(x);
    /* What is carried goes no further than to infinity: the sign stays. */
    const uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);

    return (uint16_t)((isnan(x) ? bits | F32_QUIET : rounded) >> 16);
}

static inline uint16_t f16_of_f32(float x)
{
    const int32_t size = size_of(x), shifted = size - (112 << 23);
    const int32_t rounded = (shifted + 0x0fff + (shifted >> 13 & 1)) >> 13;
    const int32_t normal = rounded < F16_INFINITY ? rounded : F16_INFINITY;
    /* Next to 1/2 the last bit of an f32 is worth 2^-24, as in subnormals. */
    const int32_t subnormal = size_of(fabsf(x) + 0.5f) - size_of(0.5f);
    const int32_t finite = size < 113 << 23 ? subnormal : normal;
    const int32_t quiet = 0x7e00 | (size >> 13 & 0x03ff);

    return with_sign(x, isnan(x) ? quiet : finite);
}

/* ---- From f64, whose significand has 52 bits: directly, because rounding to
 * f32 on the way would round twice ---- */

/* To a format with `fraction` bits of significand, exponents lower by `shift`,
 * infinity at `infinite`; 2^(52 - magic) is the worth of its last subnormal
 * bit, so a sum with 2^magic rounds there. */
static inline uint16_t narrow_f64(double x, int fraction, uint64_t shift,
                                  uint32_t infinite, double magic)
{
    const uint64_t bits = bits_of_double(x);
    const uint64_t size = bits & ~(UINT64_C(1) << 63);
    const uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
    const int drop = 52 - fraction;
    const uint64_t half = (UINT64_C(1) << (drop - 1)) - 1;
    const uint64_t shifted = size - (shift << 52);
    const uint64_t rounded = (shifted + half + (shifted >> drop & 1)) >> drop;
    const uint64_t normal = rounded < infinite ? rounded : infinite;
    const uint64_t subnormal =
        bits_of_double(double_of(size) + magic) - bits_of_double(magic);
    const uint64_t finite = size < (shift + 1) << 52 ? subnormal : normal;
    const uint64_t quiet = infinite | UINT64_C(1) << (fraction - 1) |
                           (size >> drop & ((UINT64_C(1) << fraction) - 1));

    return (uint16_t)(sign | (size > UINT64_C(0x7ff) << 52 ? quiet : finite));
}

static inline uint16_t f16_of_f64(double x)
{
    return narrow_f64(x, 10, 1023 - 15, F16_INFINITY, 0x1p28);
}

static inline uint16_t bf16_of_f64(double x)
{
    return narrow_f64(x, 7, 1023 - 127, BF16_INFINITY, 0x1p-81);
}

/* ---- Loops ---- */

#define PARAMETERS (void *out, const void *in, size_t n)
#define LOOP(out_type, in_type, expression)                                    \
    {                                                                          \
        out_type *y = out;                                                     \
        const in_type *x = in;                                                 \
        LEVELS_EACH                                                            \
        for (size_t i = 0; i < n; i++)                                         \
            y[i] = (expression);                                               \
    }
#define DEFINE_LOOP(to, out_type, from, in_type, expression)                   \
    LEVELS_DEFINE(to##_from_##from, PARAMETERS, (out, in, n))                  \
    LOOP(out_type, in_type, expression)

DEFINE_LOOP(f32, float, f64, double, (float)x[i])
DEFINE_LOOP(f32, float, bf16, uint16_t, f32_of_bf16(x[i]))
DEFINE_LOOP(f64, double, f32, float, (double)x[i])
DEFINE_LOOP(f64, double, f16, uint16_t, (double)f32_of_f16(x[i]))
DEFINE_LOOP(f64, double, bf16, uint16_t, (double)f32_of_bf16(x[i]))
DEFINE_LOOP(f16, uint16_t, f64, double, f16_of_f64(x[i]))
DEFINE_LOOP(f16, uint16_t, bf16, uint16_t, f16_of_f32(f32_of_bf16(x[i])))
DEFINE_LOOP(bf16, uint16_t, f32, float, bf16_of_f32(x[i]))
DEFINE_LOOP(bf16, uint16_t, f64, double, bf16_of_f64(x[i]))
DEFINE_LOOP(bf16, uint16_t, f16, uint16_t, bf16_of_f32(f32_of_f16(x[i])))

/* Between f16 and f32 the processor has instructions, of the same results. */
#define PORTABLE_LOOP(to, out_type, from, in_type, expression)                 \
    static void to##_from_##from##_any PARAMETERS LOOP(out_type, in_type,      \
                                                       expression)

PORTABLE_LOOP(f32, float, f16, uint16_t, f32_of_f16(x[i]))
PORTABLE_LOOP(f16, uint16_t, f32, float, f16_of_f32(x[i]))

#if defined __x86_64__
LEVELS_AVX2 static void f32_from_f16_f16c PARAMETERS
{
    const uint16_t *x = in;
    float *y = out;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        __m128i narrow;
        memcpy(&narrow, x + i, sizeof narrow);
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(narrow));
    }
    f32_from_f16_any(y + i, x + i, n - i);
}
LEVELS_AVX2 static void f16_from_f32_f16c PARAMETERS
{
    const float *x = in;
    uint16_t *y = out;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        const __m128i narrow =
            _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT);
        memcpy(y + i, &narrow, sizeof narrow);
    }
    f16_from_f32_any(y + i, x + i, n - i);
}
LEVELS_TABLE(f32_from_f16, PARAMETERS, any, f16c, f16c)
LEVELS_TABLE(f16_from_f32, PARAMETERS, any, f16c, f16c)
#else
LEVELS_TABLE(f32_from_f16, PARAMETERS, any, any, any)
LEVELS_TABLE(f16_from_f32, PARAMETERS, any, any, any)
#endif

void convert(descent_dtype to, void *out, descent_dtype from, const void *in,
             size_t n)
{
    enum { F32 = DESCENT_DTYPE_F32, F64, F16, BF16, TYPES };
#define AT(to, from) to##_from_##from##_levels
    static void(*const *const loops[TYPES][TYPES]) PARAMETERS = {
        [F32] = {NULL, NULL, AT(f32, f64), AT(f32, f16), AT(f32, bf16)},
        [F64] = {NULL, AT(f64, f32), NULL, AT(f64, f16), AT(f64, bf16)},
        [F16] = {NULL, AT(f16, f32), AT(f16, f64), NULL, AT(f16, bf16)},
        [BF16] = {NULL, AT(bf16, f32), AT(bf16, f64), AT(bf16, f16)},
    };

    if (to == from)
        memmove(out, in, n * dtype_size(to));
    else
        loops[to][from][levels_best()](out, in, n);
}

descent_status descent_convert(descent_dtype to, void *out, descent_dtype from,
                               const void *in, size_t n)
{
    if (dtype_size(to) == 0 || dtype_size(from) == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_convert: dtype = %u is none",
                           dtype_size(to) == 0 ? to : from);
    if (n > 0 && (out == NULL || in == NULL))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_convert: %s is NULL, expected %zu elements",
                           out == NULL ? "out" : "in", n);
    convert(to, out, from, in, n);
    return DESCENT_OK;
}
