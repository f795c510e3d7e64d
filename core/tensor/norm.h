/* SPDX-License-Identifier: MIT */
/* Norms that do not depend on threads, processor or cut: sums of squares in
 * double, in blocks of 4096 elements from the tensor's start, eight lanes each,
 * blocks and then tensors added by a binary tree. */
#ifndef DESCENT_TENSOR_NORM_H
#define DESCENT_TENSOR_NORM_H

#include <descent/plugin.h>

enum { NORM_BLOCK = 4096 };

/* A sum built as the binary tree over the numbers in the order added. */
typedef struct norm_tree {
    uint64_t count;
    double level[64];
} norm_tree;

void norm_tree_add(norm_tree *tree, double x);
double norm_tree_sum(const norm_tree *tree);

/* Sum of (x * scale)^2 over a block of at most NORM_BLOCK elements of type
 * DESCENT_DTYPE_F32 or _F64. */
double norm_block(descent_dtype dtype, const void *x, size_t n, double scale);

/* Largest magnitude in a block; NaN when there is one. */
double norm_largest(descent_dtype dtype, const void *x, size_t n);

#endif
