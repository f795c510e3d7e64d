/* SPDX-License-Identifier: MIT */
#include "engine/tile.h"

#include <math.h>

#include "base/levels.h"

/* Each operation rounds once, in the compute type, as descent_fuse says. */
#define DEFINE_TILE(R, real)                                                   \
    LEVELS_DEFINE(gradient_##R,                                                \
                  (size_t n, const descent_fuse *fuse, uint32_t mask,          \
                   const real *g, const real *w, real *out),                   \
                  (n, fuse, mask, g, w, out))                                  \
    {                                                                          \
        const int clips = (mask & DESCENT_FUSE_CLIP) != 0;                     \
        const int l2s = (mask & DESCENT_FUSE_L2) != 0;                         \
        const real scale =                                                     \
            mask & DESCENT_FUSE_SCALE ? (real)fuse->grad_scale : 1;            \
        const real clip = clips ? (real)fuse->clip : (real)HUGE_VAL;           \
        const real l2 = l2s ? (real)fuse->l2 : 0;                              \
        LEVELS_EACH                                                            \
        for (size_t i = 0; i < n; i++) {                                       \
            real x = g[i] * scale;                                             \
            x = x > clip ? clip : x;                                           \
            x = x < -clip ? -clip : x;                                         \
            out[i] = l2s ? x + l2 * w[i] : x;                                  \
        }                                                                      \
    }                                                                          \
    LEVELS_DEFINE(decay_##R, (size_t n, real decay, real * w), (n, decay, w))  \
    {                                                                          \
        LEVELS_EACH                                                            \
        for (size_t i = 0; i < n; i++)                                         \
            w[i] = w[i] - decay * w[i];                                        \
    }                                                                          \
    LEVELS_DEFINE(                                                             \
        average_##R,                                                           \
        (size_t n, real keep, real take, const real *w, real *average),        \
        (n, keep, take, w, average))                                           \
    {                                                                          \
        LEVELS_EACH                                                            \
        for (size_t i = 0; i < n; i++)                                         \
            average[i] = keep * average[i] + take * w[i];                      \
    }                                                                          \
    LEVELS_DEFINE(                                                             \
        add_##R,                                                               \
        (size_t n, const real *base, real factor, const real *g, real *out),   \
        (n, base, factor, g, out))                                             \
    {                                                                          \
        LEVELS_EACH                                                            \
        for (size_t i = 0; i < n; i++)                                         \
            out[i] = base[i] + g[i] * factor;                                  \
    }

DEFINE_TILE(f32, float)
DEFINE_TILE(f64, double)

void tile_gradient(descent_dtype compute, size_t n, const descent_fuse *fuse,
                   uint32_t mask, const void *g, const void *w, void *out)
{
    if (compute == DESCENT_DTYPE_F64)
        AT_LEVEL(gradient_f64)(n, fuse, mask, g, w, out);
    else
        AT_LEVEL(gradient_f32)(n, fuse, mask, g, w, out);
}

void tile_decay(descent_dtype compute, size_t n, double decay, void *w)
{
    if (compute == DESCENT_DTYPE_F64)
        AT_LEVEL(decay_f64)(n, decay, w);
    else
        AT_LEVEL(decay_f32)(n, (float)decay, w);
}

void tile_average(descent_dtype compute, size_t n, double keep, double take,
                  const void *w, void *average)
{
    if (compute == DESCENT_DTYPE_F64)
        AT_LEVEL(average_f64)(n, keep, take, w, average);
    else
        AT_LEVEL(average_f32)(n, (float)keep, (float)take, w, average);
}

void tile_add(descent_dtype compute, size_t n, const void *base, double factor,
              const void *g, void *out)
{
    if (compute == DESCENT_DTYPE_F64)
        AT_LEVEL(add_f64)(n, base, factor, g, out);
    else
        AT_LEVEL(add_f32)(n, base, (float)factor, g, out);
}
