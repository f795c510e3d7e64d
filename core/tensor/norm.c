/* SPDX-License-Identifier: MIT */
#include "tensor/norm.h"

#include <math.h>
#include <string.h>

#include "base/levels.h"
#include "tensor/view.h"

/* Add x, the sum of 2^level numbers, of which the tree holds a multiple. */
static void add_at(norm_tree *tree, int level, double x)
{
    uint64_t carried = tree->count >> level;
    int i = level;

    /* As in a binary counter: two sums of one size make one of the next. */
    for (; (carried & 1) != 0; carried >>= 1)
        x = tree->level[i++] + x;
    tree->level[i] = x;
    tree->count += UINT64_C(1) << level;
}

void norm_tree_add(norm_tree *tree, double x)
{
    add_at(tree, 0, x);
}

void norm_tree_skip(norm_tree *tree, uint64_t zeros)
{
    while (zeros > 0) {
        /* The largest subtree of zeros that stands here. */
        int level = 0;
        while ((tree->count >> level & 1) == 0 && zeros >> level >= 2)
            level++;
        add_at(tree, level, 0);
        zeros -= UINT64_C(1) << level;
    }
}

double norm_tree_sum(const norm_tree *tree)
{
    double sum = 0;

    for (int i = 0; i < 64; i++)
        if ((tree->count >> i & 1) != 0)
            sum = tree->level[i] + sum;
    return sum;
}

/* Element i of a block belongs to lane i mod 8; x[0] is element `at`. */
#define ADD_SQUARE(lane, x)                                                    \
    do {                                                                       \
        const double y = (double)(x)*scale;                                    \
        (lane) += y * y;                                                       \
    } while (0)
#define DEFINE_BLOCK(R, real)                                                  \
    LEVELS_DEFINE(                                                             \
        lanes_##R,                                                             \
        (double *lanes, size_t at, const real *x, size_t n, double scale),     \
        (lanes, at, x, n, scale))                                              \
    {                                                                          \
        double lane[NORM_LANES];                                               \
        size_t i = 0;                                                          \
        memcpy(lane, lanes, sizeof lane);                                      \
        for (; i < n && (at + i) % NORM_LANES != 0; i++)                       \
            ADD_SQUARE(lane[(at + i) % NORM_LANES], x[i]);                     \
        for (; i + NORM_LANES <= n; i += NORM_LANES)                           \
            for (size_t k = 0; k < NORM_LANES; k++)                            \
                ADD_SQUARE(lane[k], x[i + k]);                                 \
        for (; i < n; i++)                                                     \
            ADD_SQUARE(lane[(at + i) % NORM_LANES], x[i]);                     \
        memcpy(lanes, lane, sizeof lane);                                      \
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

static void close_block(norm_sum *sum)
{
    const double *lane = sum->lane;

    norm_tree_add(&sum->blocks,
                  ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
                      ((lane[1] + lane[5]) + (lane[3] + lane[7])));
    memset(sum->lane, 0, sizeof sum->lane);
}

void norm_sum_add(norm_sum *sum, descent_dtype dtype, int64_t first,
                  const void *x, size_t n, double scale)
{
    while (n > 0) {
        const uint64_t block = (uint64_t)first / NORM_BLOCK;
        const size_t at = (size_t)first % NORM_BLOCK;
        const size_t run = n < NORM_BLOCK - at ? n : NORM_BLOCK - at;
        if (block != sum->block) {
            close_block(sum);
            norm_tree_skip(&sum->blocks, block - sum->block - 1);
            sum->block = block;
        }
        if (dtype == DESCENT_DTYPE_F64)
            AT_LEVEL(lanes_f64)(sum->lane, at, x, run, scale);
        else
            AT_LEVEL(lanes_f32)(sum->lane, at, x, run, scale);
        x = dtype_at(x, dtype, (int64_t)run);
        first += (int64_t)run;
        n -= run;
    }
}

double norm_sum_end(norm_sum *sum)
{
    /* Zeros at the end of the tree change nothing. */
    close_block(sum);
    return norm_tree_sum(&sum->blocks);
}

double norm_largest(descent_dtype dtype, const void *x, size_t n)
{
    return dtype == DESCENT_DTYPE_F64 ? largest_f64(x, n) : largest_f32(x, n);
}
