/* SPDX-License-Identifier: MIT */
/* Large arrays: see blocks.h. */
#include "tool/bench/blocks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *blocks_take(blocks *b, size_t bytes)
{
    enum { PAGE = 4096, STAGGER = 832 };
    const size_t start = b->count * STAGGER % PAGE;
    const size_t all = (start + bytes + PAGE - 1) / PAGE * PAGE;
    char *base;

    if (b->count == BLOCKS_MOST || bytes > SIZE_MAX - 2 * PAGE)
        return NULL;
    base = aligned_alloc(PAGE, all);
    if (base == NULL)
        return NULL;
    b->base[b->count++] = base;
    memset(base, 0, all);
    return base + start;
}

void blocks_free(blocks *b)
{
    while (b->count > 0)
        free(b->base[--b->count]);
}
