/* SPDX-License-Identifier: MIT */
/* What must not change a bit: the number of threads, the processor's level, and
 * whether tensors share an optimizer, and so the calls of its plugin. */
#include <stdio.h>
#include <string.h>

#include "support/bits.h"
#include "support/check.h"

static const char *const kinds[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};
enum { KINDS = 7, TENSORS = 9, MOST = 1 << 17, STEPS = 4, SOME = 401 };

/* Types that alternate, so that calls of the plugin begin and end anywhere; and
 * elements enough for several threads. */
static const struct {
    descent_dtype dtype;
    int64_t count;
} tensors[TENSORS] = {
    {DESCENT_DTYPE_F32, MOST}, {DESCENT_DTYPE_F32, 3},
    {DESCENT_DTYPE_F64, 1},    {DESCENT_DTYPE_F64, 700},
    {DESCENT_DTYPE_F32, 17},   {DESCENT_DTYPE_BF16, 513},
    {DESCENT_DTYPE_F16, 65},   {DESCENT_DTYPE_F32, 1},
    {DESCENT_DTYPE_F64, 4097},
};

static double weight[TENSORS][MOST], gradient[TENSORS][MOST];

/* One number in `every` is a special one, or none when that is 0. */
static void fill(descent_dtype dtype, void *array, size_t n, uint64_t seed,
                 unsigned every)
{
    static float wide[MOST];
    const int whole = dtype == DESCENT_DTYPE_F64 || dtype == DESCENT_DTYPE_F32;

    bits_fill_every(whole ? dtype : DESCENT_DTYPE_F32, whole ? array : wide, n,
                    seed, every);
    if (!whole)
        ok(descent_convert(dtype, array, DESCENT_DTYPE_F32, wide, n));
}

static void bind(descent_optimizer *o, size_t i)
{
    char name[8];
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = tensors[i].dtype,
        .name = name,
        .ndim = 1,
        .shape = &tensors[i].count,
        .data = weight[i],
        .gradient = gradient[i],
    };

    snprintf(name, sizeof name, "w%zu", i);
    ok(descent_optimizer_add(o, &t, 1));
}

/* With and without what makes the core work on tiles. */
static const char *const options[] = {
    "{\"learning_rate\": 0.1, \"clipnorm\": 20, \"weight_decay\": 0.01, "
    "\"use_ema\": true, \"gradient_accumulation_steps\": 2, "
    "\"ema_overwrite_frequency\": 2, \"master\": \"stochastic\"}",
    "{\"learning_rate\": 0.1, \"clipvalue\": 0.5, \"weight_decay\": 0.01, "
    "\"use_ema\": true, \"master\": \"f32\"}",
};

/* The last of them with at most so many tensors a call. */
static const char *const aggregated[] = {
    "{\"learning_rate\": 0.1, \"clipvalue\": 0.5, \"weight_decay\": 0.01, "
    "\"use_ema\": true, \"master\": \"f32\", \"aggregate_num\": 1}",
    "{\"learning_rate\": 0.1, \"clipvalue\": 0.5, \"weight_decay\": 0.01, "
    "\"use_ema\": true, \"master\": \"f32\", \"aggregate_num\": 2}",
};

/* Step TENSORS tensors from the same start, all in one optimizer or each in its
 * own; the bytes of the weights end in `weight`. */
static void run_at(const char *isa, const char *kind, const char *json,
                   uint32_t threads, int together)
{
    const descent_runtime_options setup = {
        .struct_size = sizeof setup, .isa = isa, .threads = threads};
    descent_runtime *runtime = NULL;
    descent_optimizer *o[TENSORS];
    const size_t optimizers = together ? 1 : TENSORS;
    /* One that is not finite would make all of them NaN. */
    const unsigned every = strstr(json, "clipnorm") != NULL ? 0 : SOME;

    ok(descent_runtime_create(&setup, &runtime));
    for (size_t i = 0; i < optimizers; i++)
        o[i] = check_optimizer(runtime, kind, json);
    for (size_t i = 0; i < TENSORS; i++) {
        fill(tensors[i].dtype, weight[i], (size_t)tensors[i].count, i, SOME);
        bind(o[together ? 0 : i], i);
    }
    for (size_t step = 1; step <= STEPS; step++) {
        for (size_t i = 0; i < TENSORS; i++)
            fill(tensors[i].dtype, gradient[i], (size_t)tensors[i].count,
                 100 * step + i, every);
        for (size_t i = 0; i < optimizers; i++)
            check_step(o[i]);
    }
    for (size_t i = 0; i < optimizers; i++)
        descent_optimizer_free(o[i]);
    descent_runtime_free(runtime);
}

static void run(const char *kind, const char *json, uint32_t threads,
                int together)
{
    run_at(NULL, kind, json, threads, together);
}

static void s12_01_threads_do_not_change_a_bit(void **state)
{
    static const uint32_t threads[] = {2, 7, 64};
    static double expected[TENSORS][MOST];

    (void)state;
    for (size_t k = 0; k < 2 * KINDS; k++) {
        run(kinds[k / 2], options[k % 2], 1, 1);
        memcpy(expected, weight, sizeof weight);
        for (size_t i = 0; i < 3; i++) {
            run(kinds[k / 2], options[k % 2], threads[i], 1);
            if (memcmp(expected, weight, sizeof weight) != 0)
                fail_msg("%s differs with %u threads", kinds[k / 2],
                         threads[i]);
        }
    }
}

static void
s12_01_aggregated_and_single_tensors_give_the_same_bits(void **state)
{
    static double expected[TENSORS][MOST];

    (void)state;
    for (size_t k = 0; k < 2 * KINDS; k++) {
        run(kinds[k / 2], options[k % 2], 1, 0);
        memcpy(expected, weight, sizeof weight);
        run(kinds[k / 2], options[k % 2], 1, 1);
        if (memcmp(expected, weight, sizeof weight) != 0)
            fail_msg("%s differs when tensors share it", kinds[k / 2]);
        if (k % 2 == 0)
            continue;
        for (size_t i = 0; i < 2; i++) {
            run(kinds[k / 2], aggregated[i], 1, 1);
            if (memcmp(expected, weight, sizeof weight) != 0)
                fail_msg("%s differs with %s", kinds[k / 2], aggregated[i]);
        }
    }
}

/* Of the weights, NaNs counting as one value. */
static uint64_t hash_weights(void)
{
    static double wide[MOST];
    uint64_t hash = 1;

    for (size_t i = 0; i < TENSORS; i++) {
        const size_t n = (size_t)tensors[i].count;
        ok(descent_convert(DESCENT_DTYPE_F64, wide, tensors[i].dtype, weight[i],
                           n));
        hash = bits_hash(hash, DESCENT_DTYPE_F64, wide, n);
    }
    return hash;
}

static void s12_01_the_processors_level_does_not_change_a_bit(void **state)
{
    const char *const json[] = {
        options[0],
        options[1],
        "{\"learning_rate\": 0.1, \"master\": \"kahan\"}",
    };

    (void)state;
    for (size_t k = 0; k < 3 * KINDS; k++) {
        run_at("any", kinds[k / 3], json[k % 3], 1, 1);
        const uint64_t expected = hash_weights();
        run_at("avx2", kinds[k / 3], json[k % 3], 1, 1);
        assert_true(hash_weights() == expected);
        run_at("avx512", kinds[k / 3], json[k % 3], 1, 1);
        assert_true(hash_weights() == expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_01_threads_do_not_change_a_bit),
        cmocka_unit_test(
            s12_01_aggregated_and_single_tensors_give_the_same_bits),
        cmocka_unit_test(s12_01_the_processors_level_does_not_change_a_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
