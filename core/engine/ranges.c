/* SPDX-License-Identifier: MIT */
#include "engine/ranges.h"

static void sift(range *heap, size_t root, size_t n)
{
    const range moved = heap[root];

    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && heap[child].begin < heap[child + 1].begin)
            child++;
        if (moved.begin >= heap[child].begin)
            break;
        heap[root] = heap[child];
    }
    heap[root] = moved;
}

/* Heap sort: a step may have to sort, and a step allocates nothing. */
void ranges_sort(range *ranges, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(ranges, i, n);
    for (size_t last = n; last-- > 1;) {
        const range largest = ranges[0];
        ranges[0] = ranges[last];
        ranges[last] = largest;
        sift(ranges, 0, last);
    }
}

size_t ranges_overlap(const range *ranges, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (ranges[i].end > ranges[i + 1].begin)
            return i;
    return n;
}

const range *ranges_find(const range *ranges, size_t n, uintptr_t begin,
                         uintptr_t end)
{
    size_t low = 0, high = n;

    /* The first range that ends after `begin` is the only candidate. */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (ranges[middle].end > begin)
            high = middle;
        else
            low = middle + 1;
    }
    return low < n && ranges[low].begin < end ? &ranges[low] : NULL;
}
