/* SPDX-License-Identifier: MIT */
/* Norms that do not depend on threads, processor or cut: sums of squares in
 * double, in blocks of 4096 elements from the tensor's start, eight lanes each,
 * blocks and then tensors added by a binary tree. */
#ifndef DESCENT_TENSOR_NORM_H
#define DESCENT_TENSOR_NORM_H

#include <descent/plugin.h>

enum { NORM_BLOCK = 4096, NORM_LANES = 8 };

/* A sum built as the binary tree over the numbers in the order added. */
typedef struct norm_tree {
    uint64_t count;
    double level[64];
} norm_tree;

void norm_tree_add(norm_tree *tree, double x);
/* The same as adding 0 so many times. */
void norm_tree_skip(norm_tree *tree, uint64_t zeros);
double norm_tree_sum(const norm_tree *tree);

/* A sum of squares over a tensor, of which zeros may be left out; all zero
 * before. */
typedef struct norm_sum {
    norm_tree blocks;
    uint64_t block; /* the one that the lanes are of */
    double lane[NORM_LANES];
} norm_sum;

/* Add (x * scale)^2 of elements [first, first + n), of type DESCENT_DTYPE_F32
 * or _F64, which come after all that were added before. */
void norm_sum_add(norm_sum *sum, descent_dtype dtype, int64_t first,
                  const void *x, size_t n, double scale);
/* The sum, zeros after the last element included; the last call. */
double norm_sum_end(norm_sum *sum);

/* Largest magnitude in an array; NaN when there is one. */
double norm_largest(descent_dtype dtype, const void *x, size_t n);

#endif
