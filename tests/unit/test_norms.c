/* SPDX-License-Identifier: MIT */
/* The norm of gradients has the bits of the order that is written down: blocks
 * of 4096 elements in eight lanes, then a binary tree. */
#include <math.h>
#include <string.h>

#include "support/bits.h"
#include "support/check.h"

enum { SEEDS = 20, TENSORS = 3, MOST = 28000, BLOCK = 4096, LANES = 8 };
static const int64_t counts[TENSORS] = {5003, 3, 28000};

static float weight[TENSORS][MOST], gradient[TENSORS][MOST];

/* Magnitudes of many kinds, so that the order of adding shows. */
static void fill(uint64_t seed)
{
    for (int i = 0; i < TENSORS; i++) {
        bits_fill(DESCENT_DTYPE_F32, gradient[i], (size_t)counts[i],
                  3 * seed + (uint64_t)i);
        for (int64_t k = 0; k < counts[i]; k++) {
            float *g = &gradient[i][k];
            *g = isfinite(*g) && fabsf(*g) < 1e9f
                     ? ldexpf(*g, (int)(k % 23) - 11)
                     : 1;
        }
    }
}

/* Two halves, the first of the largest power of two that leaves a second. */
static double tree(const double *x, size_t n)
{
    size_t half = 1;

    if (n <= 1)
        return n == 0 ? 0 : x[0];
    while (2 * half < n)
        half *= 2;
    return tree(x, half) + tree(x + half, n - half);
}

static double block(const float *g, size_t n)
{
    double lane[LANES] = {0};

    for (size_t i = 0; i < n; i++)
        lane[i % LANES] += (double)g[i] * g[i];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static double square_of(const float *g, size_t n)
{
    double blocks[MOST / BLOCK + 1];
    size_t count = 0;

    for (size_t at = 0; at < n; at += BLOCK)
        blocks[count++] = block(g + at, n - at < BLOCK ? n - at : BLOCK);
    return tree(blocks, count);
}

/* At the level `isa` of the processor. */
static void check_norms(const char *isa)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .isa = isa};
    descent_runtime *runtime = NULL;
    descent_optimizer *o;
    double squares[TENSORS];

    ok(descent_runtime_create(&options, &runtime));
    o = check_optimizer(runtime, "sgd", "{\"global_clipnorm\": 1e30}");
    for (int i = 0; i < TENSORS; i++) {
        const char name[] = {(char)('a' + i), '\0'};
        check_bind(o, name, weight[i], gradient[i], counts[i]);
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fill(seed);
        for (int i = 0; i < TENSORS; i++)
            squares[i] = square_of(gradient[i], (size_t)counts[i]);
        assert_true(check_step(o).grad_norm == sqrt(tree(squares, TENSORS)));
    }
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void s12_04_norms_are_summed_in_the_written_order(void **state)
{
    (void)state;
    check_norms("any");
    check_norms("avx2");
    check_norms("avx512");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_04_norms_are_summed_in_the_written_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
