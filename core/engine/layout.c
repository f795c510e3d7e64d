/* SPDX-License-Identifier: MIT */
#include "engine/layout.h"

#include <string.h>

enum {
    ALIGNMENT = 64,
    /* Arrays that start at the same place within a page slow each other down,
     * so the arrays that a tensor has of several kinds are kept apart. */
    PAGE = 4096,
    STAGGER = 832
};

void layout_begin(layout *at)
{
    at->begins = true;
}

/* Within a kind the arrays of a tensor are as far from its beginning as within
 * the others. */
static size_t next_place(const layout *at)
{
    const size_t pages = (at->bytes + PAGE - 1) / PAGE * PAGE;

    return at->begins ? pages + at->kinds * STAGGER % PAGE
                      : (at->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

descent_status layout_place(layout *at, int64_t elements, size_t size,
                            void *array)
{
    size_t bytes, end;

    if (elements == 0)
        return DESCENT_OK;
    if (__builtin_mul_overflow((size_t)elements, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)(2 * PAGE), &end) ||
        __builtin_add_overflow(at->bytes, end, &end))
        return status_fail(DESCENT_ERR_MEMORY,
                           "out of memory: the state is larger than can be "
                           "addressed");
    at->bytes = next_place(at);
    at->kinds += at->begins;
    at->begins = false;
    if (at->memory != NULL) {
        void *here = at->memory + at->bytes;
        memcpy(array, &here, sizeof here);
    }
    at->bytes += bytes;
    return DESCENT_OK;
}
