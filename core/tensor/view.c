/* SPDX-License-Identifier: MIT */
#include "tensor/view.h"

#include <string.h>

#include "base/text.h"

descent_dtype dtype_compute(descent_dtype dtype)
{
    return dtype == DESCENT_DTYPE_F64 ? DESCENT_DTYPE_F64 : DESCENT_DTYPE_F32;
}

const char *dtype_name(descent_dtype dtype)
{
    static const char *const names[] = {
        [DESCENT_DTYPE_F32] = "f32",
        [DESCENT_DTYPE_F64] = "f64",
        [DESCENT_DTYPE_F16] = "f16",
        [DESCENT_DTYPE_BF16] = "bf16",
    };

    return dtype_size(dtype) != 0 ? names[dtype] : "?";
}

descent_status view_count(const char *name, descent_dtype dtype, uint32_t ndim,
                          const int64_t *shape, int64_t *count)
{
    const int64_t most = PTRDIFF_MAX / (int64_t)dtype_size(dtype);
    int64_t n = 1;

    if (ndim > DESCENT_MAX_DIMS)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': ndim = %u, expected at most %d", name,
                           ndim, DESCENT_MAX_DIMS);
    if (ndim > 0 && shape == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': shape is NULL, expected %u dimensions",
                           name, ndim);
    for (uint32_t i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "tensor '%s': dimension %u = %lld, expected 0 "
                               "or more",
                               name, i + 1, (long long)shape[i]);
    }
    for (uint32_t i = 0; i < ndim; i++)
        n = shape[i] == 0 ? 0 : n;
    for (uint32_t i = 0; i < ndim && n > 0; i++) {
        if (__builtin_mul_overflow(n, shape[i], &n) || n > most)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "tensor '%s': more elements than can be "
                               "addressed",
                               name);
    }
    *count = n;
    return DESCENT_OK;
}

descent_status view_check_strides(const char *name, uint32_t ndim,
                                  const int64_t *shape, const int64_t *strides)
{
    int64_t dense = 1;

    if (strides == NULL)
        return DESCENT_OK;
    /* Without elements any strides are dense. */
    for (uint32_t i = 0; i < ndim; i++)
        if (shape[i] == 0)
            return DESCENT_OK;
    for (uint32_t i = ndim; i-- > 0;) {
        if (shape[i] > 1 && strides[i] != dense)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "tensor '%s': stride %u = %lld, expected %lld: "
                               "only dense tensors in C order are accepted",
                               name, i + 1, (long long)strides[i],
                               (long long)dense);
        dense *= shape[i];
    }
    return DESCENT_OK;
}

descent_status view_check_pointer(const char *name, const char *what,
                                  descent_dtype dtype, int64_t count,
                                  const void *pointer)
{
    const size_t size = dtype_size(dtype);

    if (pointer == NULL && count > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': the %s pointer is NULL, expected %lld "
                           "elements",
                           name, what, (long long)count);
    if ((uintptr_t)pointer % size != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': the %s pointer %p is not aligned to "
                           "the %zu bytes of %s",
                           name, what, pointer, size, dtype_name(dtype));
    return DESCENT_OK;
}

descent_status view_give(const descent_tensor *from, descent_tensor *to)
{
    const size_t head = sizeof to->struct_size;

    if (to == NULL || !DESCENT_HAS(to, gradient))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor description: struct_size = %u, expected "
                           "%zu set by the caller",
                           to == NULL ? 0 : to->struct_size, sizeof *to);
    memcpy((char *)to + head, (const char *)from + head, sizeof *from - head);
    return DESCENT_OK;
}

const char *view_shape_text(uint32_t ndim, const int64_t *shape, char *text,
                            size_t size)
{
    text[0] = '\0';
    for (uint32_t i = 0; i < ndim; i++)
        text_append(text, size, "%s%lld", i == 0 ? "[" : ", ",
                    (long long)shape[i]);
    text_append(text, size, "%s", ndim == 0 ? "[]" : "]");
    return text;
}
