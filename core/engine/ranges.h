/* SPDX-License-Identifier: MIT */
/* Which memory belongs to which weight, to find arrays that overlap. */
#ifndef DESCENT_ENGINE_RANGES_H
#define DESCENT_ENGINE_RANGES_H

#include <stddef.h>
#include <stdint.h>

typedef struct range {
    uintptr_t begin, end; /* [begin, end) */
    size_t owner;
} range;

/* Sort by begin, in place and without memory. */
void ranges_sort(range *ranges, size_t n);

/* The first of n sorted ranges that overlaps the one after it; n if none. */
size_t ranges_overlap(const range *ranges, size_t n);

/* A sorted, disjoint range that overlaps [begin, end), or NULL. */
const range *ranges_find(const range *ranges, size_t n, uintptr_t begin,
                         uintptr_t end);

#endif
