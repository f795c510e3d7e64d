/* SPDX-License-Identifier: MIT */
/* Judging the tensors that an application hands in. */
#ifndef DESCENT_TENSOR_VIEW_H
#define DESCENT_TENSOR_VIEW_H

#include "base/status.h"

/* Bytes of one element; 0 for a type that is none. */
static inline size_t dtype_size(descent_dtype dtype)
{
    static const unsigned char size[] = {
        [DESCENT_DTYPE_F32] = 4,
        [DESCENT_DTYPE_F64] = 8,
        [DESCENT_DTYPE_F16] = 2,
        [DESCENT_DTYPE_BF16] = 2,
    };

    return dtype < sizeof size ? size[dtype] : 0;
}

/* Where element `n` of an array is; NULL stays NULL. */
static inline void *dtype_at(const void *array, descent_dtype dtype, int64_t n)
{
    return array == NULL
               ? NULL
               : (char *)(uintptr_t)array + (size_t)n * dtype_size(dtype);
}

/* The type that arithmetic on elements of this one is done in: f64 for f64, f32
 * for the others. */
descent_dtype dtype_compute(descent_dtype dtype);

/* "f32", ...; "?" for others. */
const char *dtype_name(descent_dtype dtype);

/* Elements of a shape; negative dimensions, too many, and sizes beyond what can
 * be addressed in `dtype` are errors that name `name`. */
descent_status view_count(const char *name, descent_dtype dtype, uint32_t ndim,
                          const int64_t *shape, int64_t *count);

/* Refuse strides (in elements; NULL is fine) that are not dense C order. */
descent_status view_check_strides(const char *name, uint32_t ndim,
                                  const int64_t *shape, const int64_t *strides);

/* Refuse a NULL pointer to elements, and one not aligned to the type. */
descent_status view_check_pointer(const char *name, const char *what,
                                  descent_dtype dtype, int64_t count,
                                  const void *pointer);

/* Copy a description to the caller's struct, as much as it has room for. */
descent_status view_give(const descent_tensor *from, descent_tensor *to);

/* "[2, 3]" into text[size]. */
const char *view_shape_text(uint32_t ndim, const int64_t *shape, char *text,
                            size_t size);

#endif
