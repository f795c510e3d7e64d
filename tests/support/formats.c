/* SPDX-License-Identifier: MIT */
#include "support/formats.h"

#include "support/check.h"

static const size_t sizes[] = {
    [DESCENT_DTYPE_F32] = 4,
    [DESCENT_DTYPE_F64] = 8,
    [DESCENT_DTYPE_F16] = 2,
    [DESCENT_DTYPE_BF16] = 2,
};

void put(descent_dtype dtype, void *array, size_t i, double x)
{
    ok(descent_convert(dtype, (char *)array + i * sizes[dtype],
                       DESCENT_DTYPE_F64, &x, 1));
}

double get(descent_dtype dtype, const void *array, size_t i)
{
    double x;

    ok(descent_convert(DESCENT_DTYPE_F64, &x, dtype,
                       (const char *)array + i * sizes[dtype], 1));
    return x;
}
