/* SPDX-License-Identifier: MIT */
/* Every conversion is a function of one element without branches, so that its
 * loop becomes vector code; no step of one is inexact but the last, and none
 * meets a subnormal f32, which a processor may have been told to flush. */
#include "tensor/convert.h"

#include <descent/descent.h>
#include <string.h>

#include "tensor/view.h"

/* f32: sign, 8 exponent bits, 23 of significand; exponents of f16 are 112
 * lower, those of bf16 the same. */
static const uint32_t F32_SIGN = 0x80000000, F32_INFINITY = 0x7f800000,
                      F32_QUIET = 0x00400000;
static const uint32_t F16_INFINITY = 0x7c00, BF16_INFINITY = 0x7f80;

static inline uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

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
    const uint32_t bits = (uint32_t)h << 16;
    const uint32_t size = bits & ~F32_SIGN;

    return float_of(size > F32_INFINITY ? bits | F32_QUIET : bits);
}

static inline float f32_of_f16(uint16_t h)
{
    const uint32_t size = (uint32_t)h & 0x7fff;
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t least = 113u << 23; /* 2^-14, the smallest normal f16 */
    const uint32_t normal = (size << 13) + (112u << 23);
    const uint32_t special =
        (size << 13) | F32_INFINITY | (size > F16_INFINITY ? F32_QUIET : 0);
    /* As the fraction of a number next to 2^-14, which is then taken away. */
    const uint32_t subnormal =
        bits_of(float_of(least + (size << 13)) - float_of(least));
    const uint32_t finite = size < 0x0400 ? subnormal : normal;

    return float_of(sign | (size >= F16_INFINITY ? special : finite));
}

/* ---- From f32, the sign put aside ---- */

static inline uint32_t bf16_size(uint32_t size)
{
    const uint32_t rounded = (size + 0x7fff + (size >> 16 & 1)) >> 16;

    return size > F32_INFINITY ? size >> 16 | 0x40 : rounded;
}

static inline uint32_t f16_size(uint32_t size)
{
    const uint32_t shifted = size - (112u << 23);
    const uint32_t rounded = (shifted + 0x0fff + (shifted >> 13 & 1)) >> 13;
    const uint32_t normal = rounded < F16_INFINITY ? rounded : F16_INFINITY;
    /* Next to 1/2 the last bit of an f32 is worth 2^-24, as in subnormals. */
    const uint32_t subnormal = bits_of(float_of(size) + 0.5f) - bits_of(0.5f);
    const uint32_t finite = size < 113u << 23 ? subnormal : normal;

    return size > F32_INFINITY ? 0x7e00 | (size >> 13 & 0x03ff) : finite;
}

static inline uint16_t with_sign(uint32_t bits, uint32_t size)
{
    return (uint16_t)((bits & F32_SIGN) >> 16 | size);
}

static inline uint16_t bf16_of_f32(float x)
{
    return with_sign(bits_of(x), bf16_size(bits_of(x) & ~F32_SIGN));
}

static inline uint16_t f16_of_f32(float x)
{
    return with_sign(bits_of(x), f16_size(bits_of(x) & ~F32_SIGN));
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

#define DEFINE_LOOP(to, out_type, from, in_type, expression)                   \
    static void to##_from_##from(void *out, const void *in, size_t n)          \
    {                                                                          \
        out_type *y = out;                                                     \
        const in_type *x = in;                                                 \
        for (size_t i = 0; i < n; i++)                                         \
            y[i] = (expression);                                               \
    }

DEFINE_LOOP(f32, float, f64, double, (float)x[i])
DEFINE_LOOP(f32, float, f16, uint16_t, f32_of_f16(x[i]))
DEFINE_LOOP(f32, float, bf16, uint16_t, f32_of_bf16(x[i]))
DEFINE_LOOP(f64, double, f32, float, (double)x[i])
DEFINE_LOOP(f64, double, f16, uint16_t, (double)f32_of_f16(x[i]))
DEFINE_LOOP(f64, double, bf16, uint16_t, (double)f32_of_bf16(x[i]))
DEFINE_LOOP(f16, uint16_t, f32, float, f16_of_f32(x[i]))
DEFINE_LOOP(f16, uint16_t, f64, double, f16_of_f64(x[i]))
DEFINE_LOOP(f16, uint16_t, bf16, uint16_t, f16_of_f32(f32_of_bf16(x[i])))
DEFINE_LOOP(bf16, uint16_t, f32, float, bf16_of_f32(x[i]))
DEFINE_LOOP(bf16, uint16_t, f64, double, bf16_of_f64(x[i]))
DEFINE_LOOP(bf16, uint16_t, f16, uint16_t, bf16_of_f32(f32_of_f16(x[i])))

void convert(descent_dtype to, void *out, descent_dtype from, const void *in,
             size_t n)
{
    enum { F32 = DESCENT_DTYPE_F32, F64, F16, BF16, TYPES };
    static void (*const loops[TYPES][TYPES])(void *, const void *, size_t) = {
        [F32] = {NULL, NULL, f32_from_f64, f32_from_f16, f32_from_bf16},
        [F64] = {NULL, f64_from_f32, NULL, f64_from_f16, f64_from_bf16},
        [F16] = {NULL, f16_from_f32, f16_from_f64, NULL, f16_from_bf16},
        [BF16] = {NULL, bf16_from_f32, bf16_from_f64, bf16_from_f16, NULL},
    };

    if (to == from)
        memmove(out, in, n * dtype_size(to));
    else
        loops[to][from](out, in, n);
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

/* ---- Stochastic rounding ---- */

static inline uint16_t bf16_by_chance(float x, uint32_t random)
{
    const uint32_t size = bits_of(x) & ~F32_SIGN;
    const uint32_t nearest = bf16_size(size);
    const uint32_t drawn = (size + (random >> 16)) >> 16;
    const uint32_t safe = drawn < BF16_INFINITY || nearest >= BF16_INFINITY
                              ? drawn
                              : BF16_INFINITY - 1;

    return with_sign(bits_of(x), size < F32_INFINITY ? safe : nearest);
}

static inline uint16_t f16_by_chance(float x, uint32_t random)
{
    const uint32_t size = bits_of(x) & ~F32_SIGN;
    const uint32_t nearest = f16_size(size);
    const uint32_t normal = (size - (112u << 23) + (random >> 19)) >> 13;
    /* Subnormal results are multiples of 2^-24: a whole number of them and a
     * part, held against 31 random bits. */
    const float units = float_of(size < 113u << 23 ? size : 0) * 0x1p24f;
    const int32_t whole = (int32_t)units;
    const int32_t part = (int32_t)((units - (float)whole) * 0x1p31f);
    const uint32_t subnormal =
        (uint32_t)(whole + ((int32_t)(random >> 1) < part));
    const uint32_t drawn = size < 113u << 23 ? subnormal : normal;
    const uint32_t safe = drawn < F16_INFINITY      ? drawn
                          : nearest >= F16_INFINITY ? F16_INFINITY
                                                    : F16_INFINITY - 1;

    return with_sign(bits_of(x), size < F32_INFINITY ? safe : nearest);
}

void convert_stochastic(descent_dtype to, uint16_t *out, const float *in,
                        const uint32_t *random, size_t n)
{
    if (to == DESCENT_DTYPE_BF16)
        for (size_t i = 0; i < n; i++)
            out[i] = bf16_by_chance(in[i], random[i]);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = f16_by_chance(in[i], random[i]);
}

/* ---- Kahan's compensation ---- */

#define DEFINE_COMPENSATED(R)                                                  \
    static void compensated_##R(uint16_t *weight, uint16_t *lost,              \
                                const float *updated, size_t n)                \
    {                                                                          \
        for (size_t i = 0; i < n; i++) {                                       \
            const float w = f32_of_##R(weight[i]);                             \
            const float y = (updated[i] - w) - f32_of_##R(lost[i]);            \
            const uint16_t z = R##_of_f32(w + y);                              \
            lost[i] = R##_of_f32((f32_of_##R(z) - w) - y);                     \
            weight[i] = z;                                                     \
        }                                                                      \
    }

DEFINE_COMPENSATED(f16)
DEFINE_COMPENSATED(bf16)

void convert_compensated(descent_dtype dtype, uint16_t *weight, uint16_t *lost,
                         const float *updated, size_t n)
{
    if (dtype == DESCENT_DTYPE_BF16)
        compensated_bf16(weight, lost, updated, n);
    else
        compensated_f16(weight, lost, updated, n);
}
