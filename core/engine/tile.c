/* SPDX-License-Identifier: MIT */
#include "engine/tile.h"

#include <math.h>

/* Each operation rounds once, in the compute type, as descent_fuse says. */
#define DEFINE_TILE(R, real)                                                   \
    static void gradient_##R(size_t n, const descent_fuse *fuse,               \
                             uint32_t mask, const real *g, const real *w,      \
                             real *out)                                        \
    {                                                                          \
        const int clips = (mask & DESCENT_FUSE_CLIP) != 0;                     \
        const int l2s = (mask & DESCENT_FUSE_L2) != 0;                         \
        const real scale =                                                     \
            mask & DESCENT_FUSE_SCALE ? (real)fuse->grad_scale : 1;            \
        const real clip = clips ? (real)fuse->clip : (real)HUGE_VAL;           \
        const real l2 = l2s ? (real)fuse->l2 : 0;                              \
        for (size_t i = 0; i < n; i++) {                                       \
            real x = g[i] * scale;                                             \
            x = x > clip ? clip : x;                                           \
            x = x < -clip ? -clip : x;                                         \
            out[i] = l2s ? x + l2 * w[i] : x;                                  \
        }                                                                      \
    }                                                                          \
    static void decay_##R(size_t n, real decay, real *w)                       \
    {                                                                          \
        for (size_t i = 0; i < n; i++)                                         \
            w[i] = w[i] - decay * w[i];                                        \
    }                                                                          \
    static void average_##R(size_t n, real keep, real take, const real *w,     \
                            real *average)                                     \
    {                                                                          \
        for (size_t i = 0; i < n; i++)                                         \
            average[i] = keep * average[i] + take * w[i];                      \
    }

#define DEFINE_LOAD(R, real, S, stored)                                        \
    static void load_##R##_##S(size_t n, const stored *g, real factor,         \
                               const real *base, real *out)                    \
    {                                                                          \
        if (base == NULL)                                                      \
            for (size_t i = 0; i < n; i++)                                     \
                out[i] = (real)g[i] * factor;                                  \
        else                                                                   \
            for (size_t i = 0; i < n; i++)                                     \
                out[i] = base[i] + (real)g[i] * factor;                        \
    }

DEFINE_TILE(f32, float)
DEFINE_TILE(f64, double)
DEFINE_LOAD(f32, float, f32, float)
DEFINE_LOAD(f32, float, f64, double)
DEFINE_LOAD(f64, double, f32, float)
DEFINE_LOAD(f64, double, f64, double)

void tile_gradient(descent_dtype compute, size_t n, const descent_fuse *fuse,
                   uint32_t mask, const void *g, const void *w, void *out)
{
    if (compute == DESCENT_DTYPE_F64)
        gradient_f64(n, fuse, mask, g, w, out);
    else
        gradient_f32(n, fuse, mask, g, w, out);
}

void tile_decay(descent_dtype compute, size_t n, double decay, void *w)
{
    if (compute == DESCENT_DTYPE_F64)
        decay_f64(n, decay, w);
    else
        decay_f32(n, (float)decay, w);
}

void tile_average(descent_dtype compute, size_t n, double keep, double take,
                  const void *w, void *average)
{
    if (compute == DESCENT_DTYPE_F64)
        average_f64(n, keep, take, w, average);
    else
        average_f32(n, (float)keep, (float)take, w, average);
}

void tile_load(descent_dtype compute, size_t n, descent_dtype dtype,
               const void *g, double factor, const void *base, void *out)
{
    const int wide = dtype == DESCENT_DTYPE_F64;

    if (compute == DESCENT_DTYPE_F64 && wide)
        load_f64_f64(n, g, factor, base, out);
    else if (compute == DESCENT_DTYPE_F64)
        load_f64_f32(n, g, factor, base, out);
    else if (wide)
        load_f32_f64(n, g, (float)factor, base, out);
    else
        load_f32_f32(n, g, (float)factor, base, out);
}
