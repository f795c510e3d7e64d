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
void random_block(const uint32_t counter[4], const uint32_t key[2],
                  uint32_t out[4]);

/* Words first, first + 1, ... of 32 random bits, of the sequence that belongs
 * to (seed, stream, moment): a function of these and the index alone. */
void random_words(uint64_t seed, uint64_t stream, uint64_t moment,
                  uint64_t first, uint32_t *out, size_t n);

#endif
