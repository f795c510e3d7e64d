/* SPDX-License-Identifier: MIT */
#include "tensor/norm.h"

#include <math.h>

enum { LANES = 8 };

void norm_tree_add(norm_tree *tree, double x)
{
    uint64_t carried = tree->count++;
    int i = 0;

    /* As in a binary counter: two sums of one size make one of the next. */
    for (; (carried & 1) != 0; carried >>= 1)
        x = tree->level[i++] + x;
    tree->level[i] = x;
}

double norm_tree_sum(const norm_tree *tree)
{
    double sum = 0;

    for (int i = 0; i < 64; i++)
        if ((tree->count >> i & 1) != 0)
            sum = tree->level[i] + sum;
    return sum;
}

#define DEFINE_BLOCK(R, real)                                                  \
    static double block_##R(const real *x, size_t n, double scale)             \
    {                                                                          \
        double lane[LANES] = {0};                                              \
        size_t i = 0;                                                          \
        for (; i + LANES <= n; i += LANES)                                     \
            for (int k = 0; k < LANES; k++) {                                  \
                const double y = (double)x[i + (size_t)k] * scale;             \
                lane[k] += y * y;                                              \
            }                                                                  \
        for (; i < n; i++) {                                                   \
            const double y = (double)x[i] * scale;                             \
            lane[i % LANES] += y * y;                                          \
        }                                                                      \
        return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +                   \
               ((lane[1] + lane[5]) + (lane[3] + lane[7]));                    \
    }                                                                          \
    static double largest_##R(const real *x, size_t n)                         \
    {                                                                          \
        double largest = 0;                                                    \
        for (size_t i = 0; i < n; i++) {                                       \
            const double y = fabs((double)x[i]);                               \
            largest = y > largest || isnan(y) ? y : largest;                   \
        }                                                                      \
        return largest;                                                        \
    }

DEFINE_BLOCK(f32, float)
DEFINE_BLOCK(f64, double)

double norm_block(descent_dtype dtype, const void *x, size_t n, double scale)
{
    return dtype == DESCENT_DTYPE_F64 ? block_f64(x, n, scale)
                                      : block_f32(x, n, scale);
}

double norm_largest(descent_dtype dtype, const void *x, size_t n)
{
    return dtype == DESCENT_DTYPE_F64 ? largest_f64(x, n) : largest_f32(x, n);
}
