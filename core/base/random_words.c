/* SPDX-License-Identifier: MIT */
/* Philox again, for many blocks at once: a lane of 64 bits holds a word of one
 * block's, of which only the lower half counts. */
#include <string.h>
#if defined __x86_64__
#include <immintrin.h>
#endif

#include "base/levels.h"
#include "base/random.h"

/* n blocks from number `block` on, 4 words each, of counters that end in
 * own[2] and own[3] and of the key own[0], own[1]. */
#define PARAMETERS                                                             \
    (const uint32_t own[4], uint64_t block, uint32_t *out, size_t n)

static void fill_any PARAMETERS
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t at = block + i;
        const uint32_t counter[4] = {(uint32_t)at, (uint32_t)(at >> 32), own[2],
                                     own[3]};
        random_block(counter, own, out + 4 * i);
    }
}

#if defined __x86_64__
LEVELS_AVX2 static inline __m256i four(uint64_t x)
{
    return _mm256_set1_epi64x((long long)x);
}

/* The words of four blocks: c[k] holds word k of each. */
typedef struct blocks {
    __m256i c[4];
} blocks;

LEVELS_AVX2 static inline blocks begin(const uint32_t own[4], uint64_t block)
{
    const __m256i at =
        _mm256_add_epi64(four(block), _mm256_set_epi64x(3, 2, 1, 0));

    return (blocks){
        {at, _mm256_srli_epi64(at, 32), four(own[2]), four(own[3])}};
}

/* The upper half of a product, and two words to mix in. */
LEVELS_AVX2 static inline __m256i mixed(__m256i product, __m256i word,
                                        __m256i key)
{
    return _mm256_xor_si256(
        _mm256_xor_si256(_mm256_srli_epi64(product, 32), word), key);
}

LEVELS_AVX2 static inline void mix(blocks *x, const __m256i key[2])
{
    const __m256i a = _mm256_mul_epu32(x->c[0], four(RANDOM_TIMES_0));
    const __m256i b = _mm256_mul_epu32(x->c[2], four(RANDOM_TIMES_2));

    x->c[0] = mixed(b, x->c[1], key[0]);
    x->c[1] = b;
    x->c[2] = mixed(a, x->c[3], key[1]);
    x->c[3] = a;
}

/* Pairs of words, the lower halves of two lanes. */
LEVELS_AVX2 static inline __m256i paired(__m256i low, __m256i high)
{
    return _mm256_blend_epi32(low, _mm256_slli_epi64(high, 32), 0xaa);
}

LEVELS_AVX2 static inline void store(const blocks *x, uint32_t *out)
{
    const __m256i low = paired(x->c[0], x->c[1]);
    const __m256i high = paired(x->c[2], x->c[3]);
    const __m256i even = _mm256_unpacklo_epi64(low, high);
    const __m256i odd = _mm256_unpackhi_epi64(low, high);
    const __m256i words[2] = {_mm256_permute2x128_si256(even, odd, 0x20),
                              _mm256_permute2x128_si256(even, odd, 0x31)};

    memcpy(out, words, sizeof words);
}

/* Two fours at a time, because each round waits for the one before. */
LEVELS_AVX2 static void fill_avx2 PARAMETERS
{
    __m256i key[RANDOM_ROUNDS][2];
    size_t i = 0;

    for (uint32_t r = 0; r < RANDOM_ROUNDS; r++) {
        key[r][0] = four(own[0] + r * RANDOM_PLUS_0);
        key[r][1] = four(own[1] + r * RANDOM_PLUS_1);
    }
    for (; i + 8 <= n; i += 8) {
        blocks x = begin(own, block + i), y = begin(own, block + i + 4);
        for (int r = 0; r < RANDOM_ROUNDS; r++) {
            mix(&x, key[r]);
            mix(&y, key[r]);
        }
        store(&x, out + 4 * i);
        store(&y, out + 4 * (i + 4));
    }
    fill_any(own, block + i, out + 4 * i, n - i);
}
LEVELS_TABLE(fill, PARAMETERS, any, avx2, avx2)
#else
LEVELS_TABLE(fill, PARAMETERS, any, any, any)
#endif

/* The key and half of the counter are random themselves: a block's input has no
 * room for four numbers. */
void random_words(uint64_t seed, uint64_t stream, uint64_t moment,
                  uint64_t first, uint32_t *out, size_t n)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t origin[4] = {(uint32_t)stream, (uint32_t)(stream >> 32),
                                (uint32_t)moment, (uint32_t)(moment >> 32)};
    uint32_t own[4], block[4];
    size_t done = 0;

    random_block(origin, key, own);
    while (done < n) {
        const uint64_t at = first + done;
        const size_t begin = at % 4, left = n - done;
        const size_t run = left < 4 - begin ? left : 4 - begin;
        if (begin == 0 && left >= 4) {
            AT_LEVEL(fill)(own, at / 4, out + done, left / 4);
            done += left / 4 * 4;
            continue;
        }
        AT_LEVEL(fill)(own, at / 4, block, 1);
        memcpy(out + done, block + begin, run * sizeof *out);
        done += run;
    }
}
