/* SPDX-License-Identifier: MIT */
/* Rounding to 16 bits that loses nothing in the long run. */
#include <math.h>

#include "base/levels.h"
#include "tensor/bits.h"
#include "tensor/convert.h"

/* ---- By chance ---- */

/* What is drawn, but no infinity for what rounding to nearest leaves finite:
 * below halfway between the largest number and the next. */
static inline int32_t drawn_within(int32_t drawn, int32_t size, int32_t halfway,
                                   int32_t infinity)
{
    const int32_t most = size < halfway ? infinity - 1 : infinity;

    return drawn < most ? drawn : most;
}

static inline uint16_t bf16_by_chance(float x, uint32_t random)
{
    const int32_t size = size_of(x);
    const int32_t drawn = (int32_t)(((uint32_t)size + (random >> 16)) >> 16);
    const int32_t finite = drawn_within(drawn, size, 0x7f7f8000, BF16_INFINITY);
    const int32_t special = size >> 16 | (isnan(x) ? 0x40 : 0);

    return with_sign(x, size < F32_INFINITY ? finite : special);
}

static inline uint16_t f16_by_chance(float x, uint32_t random)
{
    const int32_t size = size_of(x);
    const int32_t normal = (size - (112 << 23) + (int32_t)(random >> 19)) >> 13;
    /* Subnormal results are multiples of 2^-24: a whole number of them and a
     * part, held against 31 random bits.  A mask, since of a condition that is
     * asked for twice compilers make branches. */
    const int32_t small = -(size < 113 << 23);
    const float units = float_of((uint32_t)(size & small)) * 0x1p24f;
    const int32_t whole = (int32_t)units;
    const int32_t part = (int32_t)((units - (float)whole) * 0x1p31f);
    const int32_t subnormal = whole + ((int32_t)(random >> 1) < part);
    const int32_t drawn = (subnormal & small) | (normal & ~small);
    const int32_t finite = drawn_within(drawn, size, 0x477ff000, F16_INFINITY);
    const int32_t quiet = 0x0200 | (size >> 13 & 0x03ff);
    const int32_t special = F16_INFINITY | (isnan(x) ? quiet : 0);

    return with_sign(x, size < F32_INFINITY ? finite : special);
}

#define DEFINE_CHANCE(R)                                                       \
    LEVELS_DEFINE(                                                             \
        chance_##R,                                                            \
        (uint16_t * out, const float *in, const uint32_t *random, size_t n),   \
        (out, in, random, n))                                                  \
    {                                                                          \
        LEVELS_EACH                                                            \
        for (size_t i = 0; i < n; i++)                                         \
            out[i] = R##_by_chance(in[i], random[i]);                          \
    }

DEFINE_CHANCE(f16)
DEFINE_CHANCE(bf16)

void convert_stochastic(descent_dtype to, uint16_t *out, const float *in,
                        const uint32_t *random, size_t n)
{
    if (to == DESCENT_DTYPE_BF16)
        AT_LEVEL(chance_bf16)(out, in, random, n);
    else
        AT_LEVEL(chance_f16)(out, in, random, n);
}

/* ---- Kahan's compensation ---- */

/* y <- (updated - w) - y and sum <- w + y; then y <- (rounded - w) - y. */
LEVELS_DEFINE(compensate,
              (const float *updated, const float *w, float *y, float *sum,
               size_t n),
              (updated, w, y, sum, n))
{
    LEVELS_EACH
    for (size_t i = 0; i < n; i++) {
        y[i] = (updated[i] - w[i]) - y[i];
        sum[i] = w[i] + y[i];
    }
}
LEVELS_DEFINE(find_lost,
              (const float *rounded, const float *w, float *y, size_t n),
              (rounded, w, y, n))
{
    LEVELS_EACH
    for (size_t i = 0; i < n; i++)
        y[i] = (rounded[i] - w[i]) - y[i];
}

void convert_compensated(descent_dtype dtype, uint16_t *weight, uint16_t *lost,
                         const float *updated, size_t n)
{
    enum { RUN = 256, F32 = DESCENT_DTYPE_F32 };
    float w[RUN], y[RUN], sum[RUN];

    for (size_t at = 0; at < n; at += RUN) {
        const size_t run = n - at < RUN ? n - at : RUN;
        convert(F32, w, dtype, weight + at, run);
        convert(F32, y, dtype, lost + at, run);
        AT_LEVEL(compensate)(updated + at, w, y, sum, run);
        convert(dtype, weight + at, F32, sum, run);
        convert(F32, sum, dtype, weight + at, run);
        AT_LEVEL(find_lost)(sum, w, y, run);
        convert(dtype, lost + at, F32, y, run);
    }
}
