/* SPDX-License-Identifier: MIT */
/* Lists of row numbers, as row-sparse gradients have them: in any order, with
 * repetitions; sorted here so that they can be walked and searched. */
#ifndef DESCENT_TENSOR_SPARSE_H
#define DESCENT_TENSOR_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row, and where in the list it was named. */
typedef struct sparse_row {
    int64_t row, position;
} sparse_row;

/* Copy a list to rows[n]; true when it does not fall anywhere, and so is sorted
 * as sparse_sort would. */
bool sparse_copy(const int64_t *indices, size_t n, sparse_row *rows);

/* Sort by row, those of one row by position.  Rows are not negative; `spare`
 * has room for n as well. */
void sparse_sort(sparse_row *rows, size_t n, sparse_row *spare);

/* The first of n sorted ones whose row is `row` or later; n when none is. */
size_t sparse_find(const sparse_row *rows, size_t n, int64_t row);

#endif
