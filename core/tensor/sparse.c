/* SPDX-License-Identifier: MIT */
#include "tensor/sparse.h"

#include <string.h>

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

bool sparse_copy(const int64_t *indices, size_t n, sparse_row *rows)
{
    bool falls = false;

    for (size_t i = 0; i < n; i++) {
        rows[i] = (sparse_row){indices[i], (int64_t)i};
        falls |= i > 0 && rows[i].row < rows[i - 1].row;
    }
    return !falls;
}

/* One pass of a radix sort, which keeps the order of equal digits. */
static void sort_by_digit(const sparse_row *from, size_t n, int shift,
                          sparse_row *to)
{
    size_t start[DIGITS + 1] = {0};

    for (size_t i = 0; i < n; i++)
        start[(from[i].row >> shift) % DIGITS + 1]++;
    for (size_t d = 1; d < DIGITS; d++)
        start[d + 1] += start[d];
    for (size_t i = 0; i < n; i++)
        to[start[(from[i].row >> shift) % DIGITS]++] = from[i];
}

void sparse_sort(sparse_row *rows, size_t n, sparse_row *spare)
{
    sparse_row *from = rows, *to = spare;
    int64_t digits = 0; /* a one wherever a row has one */

    for (size_t i = 0; i < n; i++)
        digits |= rows[i].row;
    for (int shift = 0; digits >> shift != 0; shift += DIGIT_BITS) {
        sparse_row *sorted = to;
        sort_by_digit(from, n, shift, to);
        to = from;
        from = sorted;
        if (shift + DIGIT_BITS >= 63)
            break;
    }
    if (from != rows)
        memcpy(rows, from, n * sizeof *rows);
}

size_t sparse_find(const sparse_row *rows, size_t n, int64_t row)
{
    size_t low = 0;

    while (n > 0) {
        const size_t half = n / 2;
        if (rows[low + half].row < row) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}
