/* SPDX-License-Identifier: MIT */
/* One hash for everything: whatever the number of threads, the level, the
 * compiler, the entry, the tensors a call and the cut into tensors, for every
 * variant of the seven, every storage format, everything on; gradients and
 * weights hold NaNs, infinities, denormals and negative zeros. */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "support/check.h"
#include "support/kernels.h"
#include "support/pairs.h"
#include "support/trial.h"

#ifdef DESCENT_SANITIZED
enum { STRIDE = 17 }; /* of the cases */
#else
enum { STRIDE = 1 };
#endif

/* ---- What is trained ---- */

static const struct {
    descent_dtype dtype;
    const char *option;
} formats[] = {
    {DESCENT_DTYPE_F32, NULL},
    {DESCENT_DTYPE_F64, NULL},
    {DESCENT_DTYPE_F16, "\"master\": \"f32\""},
    {DESCENT_DTYPE_BF16, "\"master\": \"f32\""},
    {DESCENT_DTYPE_BF16, "\"master\": \"kahan\""},
    {DESCENT_DTYPE_BF16, "\"master\": \"stochastic\""},
    {DESCENT_DTYPE_F16, NULL},
    {DESCENT_DTYPE_BF16, "\"slot_dtype\": \"same\""},
};
enum { FORMATS = sizeof formats / sizeof *formats, BY_CHANCE = 5 };

/* Nothing; all that works on elements; all that needs a norm or a look at all
 * gradients first. */
enum { PLAIN, ELEMENTS, NORMS, OPTIONS };
static const char *const options[OPTIONS][9] = {
    [ELEMENTS] = {"\"clipvalue\": 0.5", "\"weight_decay\": 0.01",
                  "\"use_ema\": true", "\"ema_overwrite_frequency\": 2",
                  "\"gradient_accumulation_steps\": 2",
                  "\"loss_scale_factor\": 3", "\"flush_denormals\": true"},
    [NORMS] = {"\"global_clipnorm\": 3", "\"report_norm\": true",
               "\"weight_decay\": 0.01", "\"use_ema\": true",
               "\"gradient_accumulation_steps\": 2", "\"loss_scale\": true",
               "\"loss_scale.initial_scale\": 8",
               "\"loss_scale.dynamic_growth_steps\": 2"},
};

/* A large one, some about as large as a span, many small ones; together enough
 * for several threads. */
static int64_t size_of(size_t i)
{
    static const int64_t first[] = {90001, 16384, 16385, 1, 512, 16383};

    return i < 6 ? first[i] : (int64_t)(7 + 13 * i);
}

static void compose(trial *t, const descent_optimizer_type *type,
                    const variant_values *values, size_t format, size_t set)
{
    *t = (trial){.tensors = 30, .steps = 4, .data = 1, .special = 97};
    trial_variant(t, type, values);
    if (formats[format].option != NULL)
        trial_add(t, "%s", formats[format].option);
    for (size_t i = 0; options[set][i] != NULL; i++)
        trial_add(t, "%s", options[set][i]);
    for (size_t i = 0; i < t->tensors; i++)
        t->tensor[i] = (trial_tensor){formats[format].dtype, size_of(i), 1};
}

/* ---- How ---- */

enum { FORMAT, SET, THREADS, LEVEL, BUILD, ENTRY, AGGREGATE, CUT, AXES };
static const uint32_t threads[] = {1, 2, 3, 5, 8};
static const unsigned aggregates[] = {0, 1, 4};
static size_t builds[BUILDS]; /* that are there */

static trial_way way_of(const size_t *row)
{
    return (trial_way){
        .threads = threads[row[THREADS]],
        .isa = cpu_isa_name(levels[row[LEVEL]]),
        .plugins = kernels_builds[builds[row[BUILD]]],
        .fused = row[ENTRY] == 0,
        .aggregate = aggregates[row[AGGREGATE]],
        .cut = (unsigned)(row[CUT] * (1 + row[THREADS])),
    };
}

static pairs all_pairs(void)
{
    pairs p = {AXES, {FORMATS, OPTIONS, 5, 0, 0, 2, 3, 2}, {{{{0}}}}};

    while (p.values[LEVEL] < LEVELS && levels_has(levels[p.values[LEVEL]]))
        p.values[LEVEL]++;
    for (size_t i = 0; i < BUILDS; i++)
        if (trial_may_use(i))
            builds[p.values[BUILD]++] = i;
    pairs_exclude(&p, FORMAT, BY_CHANCE, CUT, 1);
    pairs_exclude(&p, SET, NORMS, CUT, 1);
    return p;
}

static trial_result run(const trial *t, const trial_way *way)
{
    trial_result result;
    const char *refusal = trial_run(t, way, &result);

    if (refusal != NULL)
        fail_msg("%s", refusal);
    return result;
}

static void compare(const trial *t, const trial_way *way,
                    const trial_result *expected)
{
    if (run(t, way).hash != expected->hash)
        fail_msg("%s with %s, %s, ... differs with %u threads, %s, %s, "
                 "use_fused_step %d, aggregate_num %u, cut %u",
                 t->kind, t->option[0], t->option[t->options - 1], way->threads,
                 way->isa, way->plugins, way->fused, way->aggregate, way->cut);
}

/* All numbers of threads, with the other axes in turn. */
static void compare_threads(pairs *p, const trial *t, size_t format, size_t set)
{
    const trial_result expected = run(t, &trial_reference);

    for (size_t i = 0; i < 5; i++) {
        size_t row[PAIRS_AXES] = {format, set, i};
        pairs_complete(p, row, 3);
        const trial_way way = way_of(row);
        compare(t, &way, &expected);
    }
}

static void no_way_to_run_changes_a_bit(void **state)
{
    const descent_optimizer_type *type = kernels_load(OWN, *state);
    variant_values found[VARIANTS_MOST];
    const uint32_t variants = variants_of(type, found);
    size_t turn = 0;

    for (uint32_t v = 0; v < variants; v++) {
        pairs p = all_pairs();
        for (size_t k = 0; k < FORMATS * OPTIONS; k++) {
            trial t;
            if (turn++ % STRIDE != 0)
                continue;
            compose(&t, type, &found[v], k / OPTIONS, k % OPTIONS);
            compare_threads(&p, &t, k / OPTIONS, k % OPTIONS);
        }
        if (STRIDE == 1) /* else it is a sample */
            assert_int_equal(pairs_left(&p), 0);
    }
}

/* ---- More of one ---- */

static void adam(trial *t, size_t format, size_t set)
{
    const descent_optimizer_type *type = kernels_load(OWN, "adam");
    variant_values found[VARIANTS_MOST];

    variants_of(type, found);
    compose(t, type, &found[0], format, set);
}

static void nor_does_any_combination(void **state)
{
    trial t;

    (void)state;
    for (size_t format = 0; format < FORMATS; format += 3) {
        adam(&t, format, NORMS);
        const trial_result expected = run(&t, &trial_reference);
        for (size_t i = 0; i < 5 * 2 * 3; i += 1 + STRIDE / 2) {
            const size_t row[AXES] = {
                [THREADS] = i % 5, [ENTRY] = i / 5 % 2, [AGGREGATE] = i / 10};
            const trial_way way = way_of(row);
            compare(&t, &way, &expected);
        }
    }
}

static void threads_are_started_when_they_are_wanted(void **state)
{
    trial t;

    (void)state;
    adam(&t, 0, PLAIN);
    for (size_t k = 0; k < 3; k++) {
        trial_way way = trial_reference;
        way.aggregate = aggregates[k];
        assert_int_equal(run(&t, &way).started, 0);
        way.threads = 3;
        assert_int_equal(run(&t, &way).started, 2);
    }
}

int main(void)
{
    struct CMUnitTest tests[KERNELS + 2] = {
        cmocka_unit_test(nor_does_any_combination),
        cmocka_unit_test(threads_are_started_when_they_are_wanted),
    };
    char names[KERNELS][64];

    kernels_say_missing();
    all_pairs();
    for (size_t i = 0; i < KERNELS; i++) {
        snprintf(names[i], sizeof names[i], "no_way_to_run_%s_changes_a_bit",
                 kernels_optimizers[i]);
        tests[i + 2] = (struct CMUnitTest){
            .name = names[i],
            .test_func = no_way_to_run_changes_a_bit,
            .initial_state = (void *)(uintptr_t)kernels_optimizers[i],
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
