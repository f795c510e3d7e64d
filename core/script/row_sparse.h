/* SPDX-License-Identifier: MIT */
/* Row-sparse gradients of scripts: the numbers of some rows of a weight, and
 * values for them. */
#ifndef DESCENT_SCRIPT_ROW_SPARSE_H
#define DESCENT_SCRIPT_ROW_SPARSE_H

#include "script/tensor.h"

/* Its one user value is the Tensor of values. */
typedef struct row_sparse {
    int ndim; /* of the weight */
    int64_t shape[DESCENT_MAX_DIMS];
    int64_t count;     /* of rows that are listed */
    int64_t indices[]; /* [count], from 0 */
} row_sparse;

/* The values of the one at `index`, alive.  Raises. */
tensor *row_sparse_values(lua_State *L, int index);

void row_sparse_open(lua_State *L);
extern const function_entry row_sparse_functions[];

#endif
