/* SPDX-License-Identifier: MIT */
/* The counter-based generator: known answers, independence of the cut, moments.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <descent/descent.h>

#include "base/random.h"

enum { N = 200000 };

static double numbers[N];

/* The vectors published with the generator. */
static void blocks_are_the_published_ones(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } rows[] = {
        {{0, 0, 0, 0},
         {0, 0},
         {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t out[4];
        random_block(rows[i].counter, rows[i].key, out);
        assert_memory_equal(out, rows[i].out, sizeof out);
    }
}

static void uniform_numbers_are_halves_of_blocks(void **state)
{
    const uint32_t counter[4] = {0x9abcdef0, 0x12345678, 7, 0};
    const uint32_t key[2] = {0x89abcdef, 0x01234567};
    const uint64_t first = 2 * (uint64_t)0x123456789abcdef0;
    uint32_t words[4];
    double out[2];

    (void)state;
    random_block(counter, key, words);
    descent_random_uniform(0x0123456789abcdef, 7, first, out, 2);
    for (int i = 0; i < 2; i++) {
        const uint64_t bits = (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
        assert_true(out[i] == (double)(bits >> 11) / 0x1p53);
    }
}

/* The bits of an update: any cut gives the same, any other key others. */
static void words_follow_from_their_key_and_index(void **state)
{
    static const uint64_t other[][3] = {{43, 5, 7}, {42, 6, 7}, {42, 5, 8}};
    static uint32_t whole[1000], parts[1000];
    double mean = 0;

    (void)state;
    random_words(42, 5, 7, 1000003, whole, 1000);
    for (size_t at = 0, cut = 1; at < 1000; at += cut++)
        random_words(42, 5, 7, 1000003 + at, parts + at,
                     at + cut < 1000 ? cut : 1000 - at);
    assert_memory_equal(whole, parts, sizeof whole);
    for (size_t i = 0; i < 3; i++) {
        size_t equal = 0;
        random_words(other[i][0], other[i][1], other[i][2], 1000003, parts,
                     1000);
        for (size_t k = 0; k < 1000; k++)
            equal += parts[k] == whole[k];
        assert_true(equal < 3);
    }
    for (size_t k = 0; k < 1000; k++)
        mean += whole[k] * 0x1p-32 / 1000;
    assert_true(fabs(mean - 0.5) < 0.04);
}

/* Any way of cutting a sequence into calls gives the same numbers. */
static void an_index_alone_decides_its_number(void **state)
{
    void (*const fill[])(uint64_t, uint64_t, uint64_t, double *, size_t) = {
        descent_random_uniform, descent_random_normal};
    const uint64_t starts[] = {0, 1, 12345, UINT64_MAX - 30};
    double whole[64], parts[64];

    (void)state;
    for (size_t f = 0; f < 2; f++) {
        for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
            size_t at = 0;
            fill[f](42, 3, starts[s], whole, 64);
            for (size_t cut = 0; at < 64; at += cut) {
                cut = cut + 1 < 64 - at ? cut + 1 : 64 - at;
                fill[f](42, 3, starts[s] + at, parts + at, cut);
            }
            assert_memory_equal(whole, parts, sizeof whole);
        }
    }
}

static void seeds_and_streams_differ(void **state)
{
    double a[8], b[8];

    (void)state;
    descent_random_uniform(1, 0, 0, a, 8);
    descent_random_uniform(2, 0, 0, b, 8);
    assert_memory_not_equal(a, b, sizeof a);
    descent_random_uniform(1, 1, 0, b, 8);
    assert_memory_not_equal(a, b, sizeof a);
    descent_random_uniform((uint64_t)1 << 40 | 1, 0, 0, b, 8);
    assert_memory_not_equal(a, b, sizeof a);
    descent_random_uniform(1, (uint64_t)1 << 40, 0, b, 8);
    assert_memory_not_equal(a, b, sizeof a);
}

/* Mean of x^k over the numbers. */
static double moment(int k)
{
    double sum = 0;

    for (size_t i = 0; i < N; i++) {
        double power = 1;
        for (int j = 0; j < k; j++)
            power *= numbers[i];
        sum += power;
    }
    return sum / N;
}

/* Bounds are five standard deviations of each estimate. */
static void uniform_moments_are_right(void **state)
{
    (void)state;
    descent_random_uniform(2024, 5, 99, numbers, N);
    for (int k = 1; k <= 4; k++) {
        const double mean = 1.0 / (k + 1);
        const double deviation = sqrt((1.0 / (2 * k + 1) - mean * mean) / N);
        assert_true(fabs(moment(k) - mean) < 5 * deviation);
    }
    for (size_t i = 0; i < N; i++)
        assert_true(numbers[i] >= 0 && numbers[i] < 1);
}

static void normal_moments_are_right(void **state)
{
    /* E x^k, and E x^(2k) for the variance of its estimate. */
    static const double right[] = {1, 0, 1, 0, 3, 0, 15, 0, 105};
    size_t outside = 0;

    (void)state;
    descent_random_normal(2024, 5, 99, numbers, N);
    for (int k = 1; k <= 4; k++) {
        const double variance = right[2 * k] - right[k] * right[k];
        assert_true(fabs(moment(k) - right[k]) < 5 * sqrt(variance / N));
    }
    for (size_t i = 0; i < N; i++) {
        assert_true(isfinite(numbers[i]));
        outside += fabs(numbers[i]) > 1.959963984540054;
    }
    assert_true(fabs((double)outside / N - 0.05) < 5 * sqrt(0.0475 / N));
}

/* Neighbours, and the two kinds of numbers at one place, are uncorrelated. */
static void numbers_do_not_follow_each_other(void **state)
{
    static double uniform[N];
    double lag = 0, cross = 0;

    (void)state;
    descent_random_normal(7, 0, 0, numbers, N);
    descent_random_uniform(7, 0, 0, uniform, N);
    for (size_t i = 0; i + 1 < N; i++) {
        lag += numbers[i] * numbers[i + 1];
        cross += numbers[i / 2] * (uniform[i] - 0.5);
    }
    assert_true(fabs(lag / N) < 5 / sqrt(N));
    assert_true(fabs(cross / N) < 5 * sqrt(1.0 / 12 / (N / 2)));
}

static void bits_are_the_same_everywhere(void **state)
{
    uint64_t hash = 14695981039346656037u;

    (void)state;
    descent_random_normal(1, 2, 3, numbers, N);
    for (size_t i = 0; i < N; i++) {
        uint64_t bits;
        memcpy(&bits, &numbers[i], sizeof bits);
        hash = (hash ^ bits) * 1099511628211u;
    }
    assert_int_equal(hash, 0xc4a6ef8e6b900426);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_the_published_ones),
        cmocka_unit_test(uniform_numbers_are_halves_of_blocks),
        cmocka_unit_test(words_follow_from_their_key_and_index),
        cmocka_unit_test(an_index_alone_decides_its_number),
        cmocka_unit_test(seeds_and_streams_differ),
        cmocka_unit_test(uniform_moments_are_right),
        cmocka_unit_test(normal_moments_are_right),
        cmocka_unit_test(numbers_do_not_follow_each_other),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };

    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
