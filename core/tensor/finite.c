/* SPDX-License-Identifier: MIT */
/* Without its sign, the pattern of a number that is not finite is at least that
 * of infinity: adding what is missing from there to the sign bit carries into
 * it.  The sums of a block are OR-ed, in integers, so there is no branch. */
#include "tensor/finite.h"

#include <stdbool.h>
#include <string.h>

#include "base/levels.h"
#include "tensor/view.h"

enum { BLOCK = 4096 };

/* Is one of n elements as large as `limit` says, or a NaN? */
#define PARAMETERS (const void *array, size_t n, uint64_t limit, bool *reached)
#define DEFINE_REACHES(word)                                                   \
    LEVELS_DEFINE(reaches_##word, PARAMETERS, (array, n, limit, reached))      \
    {                                                                          \
        const word sign = (word)((word)1 << (8 * sizeof(word) - 1));           \
        const word missing = (word)(sign - (word)limit);                       \
        const char *x = array;                                                 \
        word seen = 0, bits;                                                   \
        for (size_t i = 0; i < n; i++) {                                       \
            memcpy(&bits, x + i * sizeof bits, sizeof bits);                   \
            bits = (word)(bits & (word)~sign);                                 \
            seen = (word)(seen | (word)(bits + missing));                      \
        }                                                                      \
        *reached = (seen & sign) != 0;                                         \
    }

DEFINE_REACHES(uint16_t)
DEFINE_REACHES(uint32_t)
DEFINE_REACHES(uint64_t)

static bool reaches(descent_dtype dtype, const void *x, int64_t first,
                    int64_t n, uint64_t limit)
{
    const char *at = dtype_at(x, dtype, first);
    bool reached;

    switch (dtype_size(dtype)) {
    case 2:
        AT_LEVEL(reaches_uint16_t)(at, (size_t)n, limit, &reached);
        break;
    case 4:
        AT_LEVEL(reaches_uint32_t)(at, (size_t)n, limit, &reached);
        break;
    default:
        AT_LEVEL(reaches_uint64_t)(at, (size_t)n, limit, &reached);
    }
    return reached;
}

int64_t finite_until(descent_dtype dtype, descent_dtype compute, const void *x,
                     int64_t n)
{
    static const uint64_t infinity[] = {
        [DESCENT_DTYPE_F32] = 0x7f800000,
        [DESCENT_DTYPE_F64] = UINT64_C(0x7ff) << 52,
        [DESCENT_DTYPE_F16] = 0x7c00,
        [DESCENT_DTYPE_BF16] = 0x7f80,
    };
    /* (2 - 2^-24) * 2^127, which rounds to infinity in f32. */
    static const uint64_t beyond_f32 = UINT64_C(0x47effffff0000000);
    const uint64_t limit =
        dtype == DESCENT_DTYPE_F64 && compute == DESCENT_DTYPE_F32
            ? beyond_f32
            : infinity[dtype];

    for (int64_t first = 0; first < n; first += BLOCK) {
        const int64_t run = n - first < BLOCK ? n - first : BLOCK;
        if (!reaches(dtype, x, first, run, limit))
            continue;
        while (!reaches(dtype, x, first, 1, limit))
            first++;
        return first;
    }
    return n;
}
