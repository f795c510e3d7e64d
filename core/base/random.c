/* SPDX-License-Identifier: MIT */
/* A block's key is the seed; its counter is the block's number and the stream.
 * Uniform numbers 2 b and 2 b + 1 are the halves of block b; normal number i
 * takes both halves of block i + 2^63, so that the two kinds share no bits. */
#include "base/random.h"

#include <descent/descent.h>
#include <math.h>

#include "base/number.h"

static const double TWO_PI = 0x1.921fb54442d18p+2;

/* Two uniform numbers in [0, 1): the upper 53 bits of each half of a block. */
static void uniform_pair(uint64_t seed, uint64_t stream, uint64_t block,
                         double out[2])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32),
                                 (uint32_t)stream, (uint32_t)(stream >> 32)};
    uint32_t words[4];

    random_block(counter, key, words);
    for (int half = 0; half < 2; half++) {
        const uint64_t bits =
            (uint64_t)words[2 * half + 1] << 32 | words[2 * half];
        out[half] = (double)(bits >> 11) * 0x1p-53;
    }
}

void descent_random_uniform(uint64_t seed, uint64_t stream, uint64_t first,
                            double *out, size_t n)
{
    double pair[2] = {0, 0};

    for (size_t i = 0; i < n; i++) {
        const uint64_t index = first + i;
        if (i == 0 || index % 2 == 0)
            uniform_pair(seed, stream, index / 2, pair);
        out[i] = pair[index % 2];
    }
}

/* Box and Muller's cosine branch; 1 - u is in (0, 1], where log is finite. */
void descent_random_normal(uint64_t seed, uint64_t stream, uint64_t first,
                           double *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double u[2];
        uniform_pair(seed, stream, (first + i) ^ (uint64_t)1 << 63, u);
        out[i] = sqrt(-2 * number_log(1 - u[0])) * number_cos(TWO_PI * u[1]);
    }
}
