/* SPDX-License-Identifier: MIT */
/* Random numbers without state: Philox 4x32-10, a keyed permutation of 128-bit
 * counters (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1,
 * 2, 3", 2011).  The public descent_random_* functions are here too. */
#ifndef DESCENT_BASE_RANDOM_H
#define DESCENT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Its constants. */
enum { RANDOM_ROUNDS = 10 };
#define RANDOM_TIMES_0 0xd2511f53
#define RANDOM_TIMES_2 0xcd9e8d57
#define RANDOM_PLUS_0 0x9e3779b9
#define RANDOM_PLUS_1 0xbb67ae85

/* The 128 random bits that belong to `counter` under `key`. */
static inline void random_block(const uint32_t counter[4],
                                const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1];
    uint32_t c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int i = 0; i < RANDOM_ROUNDS; i++) {
        const uint64_t a = (uint64_t)RANDOM_TIMES_0 * c0;
        const uint64_t b = (uint64_t)RANDOM_TIMES_2 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += RANDOM_PLUS_0;
        k1 += RANDOM_PLUS_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Words first, first + 1, ... of 32 random bits, of the sequence that belongs
 * to (seed, stream, moment): a function of these and the index alone. */
void random_words(uint64_t seed, uint64_t stream, uint64_t moment,
                  uint64_t first, uint32_t *out, size_t n);

#endif
