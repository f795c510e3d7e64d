/* SPDX-License-Identifier: MIT */
/* Large arrays, each beginning at another place within its page, because loads
 * and stores at equal places there wait for each other. */
#ifndef DESCENT_TOOL_BENCH_BLOCKS_H
#define DESCENT_TOOL_BENCH_BLOCKS_H

#include <stddef.h>

enum { BLOCKS_MOST = 32 };

/* Begins as zeros. */
typedef struct blocks {
    void *base[BLOCKS_MOST];
    size_t count;
} blocks;

/* Zeros, 64-byte aligned, that lie in memory already; NULL when there is
 * none left. */
void *blocks_take(blocks *b, size_t bytes);
void blocks_free(blocks *b);

#endif
