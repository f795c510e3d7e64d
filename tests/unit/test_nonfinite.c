/* SPDX-License-Identifier: MIT */
/* Gradients that are not finite: the whole step is left out, or refused, and
 * nothing has changed; what waits in accumulators keeps waiting. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

enum { TENSORS = 4, SIZE = 37 };

/* Four tensors, one a type. */
typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    _Alignas(8) char w[TENSORS][SIZE * sizeof(double)];
    _Alignas(8) char g[TENSORS][SIZE * sizeof(double)];
} bench;

static const descent_dtype dtypes[TENSORS] = {
    DESCENT_DTYPE_F32, DESCENT_DTYPE_F64, DESCENT_DTYPE_F16,
    DESCENT_DTYPE_BF16};
static const char *const names[TENSORS] = {"single", "double", "half", "brain"};
static const size_t bytes[TENSORS] = {4, 8, 2, 2};

static void put(bench *b, size_t k, size_t i, double g)
{
    ok(descent_convert(dtypes[k], b->g[k] + i * bytes[k], DESCENT_DTYPE_F64, &g,
                       1));
}

static void fill_gradients(bench *b)
{
    for (size_t k = 0; k < TENSORS; k++)
        for (size_t i = 0; i < SIZE; i++)
            put(b, k, i, (double)(i % 7) - 3 + (double)k / 4);
}

static void open_bench(bench *b, const char *kind, const char *json)
{
    static const int64_t size = SIZE;
    const double one = 1;

    b->runtime = check_runtime();
    b->o = check_optimizer(b->runtime, kind, json);
    for (size_t k = 0; k < TENSORS; k++) {
        const descent_tensor t = {.struct_size = sizeof t,
                                  .dtype = dtypes[k],
                                  .name = names[k],
                                  .ndim = 1,
                                  .shape = &size,
                                  .data = b->w[k],
                                  .gradient = b->g[k]};
        for (size_t i = 0; i < SIZE; i++)
            ok(descent_convert(dtypes[k], b->w[k] + i * bytes[k],
                               DESCENT_DTYPE_F64, &one, 1));
        ok(descent_optimizer_add(b->o, &t, 1));
    }
    fill_gradients(b);
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

static void mix(uint64_t *hash, const void *data, size_t size)
{
    const unsigned char *at = data;

    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ at[i]) * 0x100000001b3u;
}

/* Of weights, every state array and the counters. */
static uint64_t hash_of(const bench *b)
{
    uint64_t hash = 0xcbf29ce484222325u;
    const uint64_t counters[] = {descent_optimizer_iterations(b->o),
                                 descent_optimizer_updates(b->o),
                                 descent_optimizer_tensor_updates(b->o, 0),
                                 descent_optimizer_state_bytes(b->o)};
    const char *slot;

    mix(&hash, counters, sizeof counters);
    for (size_t k = 0; k < TENSORS; k++) {
        mix(&hash, b->w[k], SIZE * bytes[k]);
        for (size_t i = 0;
             (slot = descent_optimizer_slot_name(b->o, i)) != NULL; i++) {
            descent_tensor view = {.struct_size = sizeof view};
            if (counters[3] == 0)
                continue; /* not built */
            ok(descent_optimizer_slot(b->o, k, slot, &view));
            if (view.ndim == 1 && view.shape[0] == SIZE)
                mix(&hash, view.data,
                    SIZE * (view.dtype == DESCENT_DTYPE_F64   ? 8u
                            : view.dtype == DESCENT_DTYPE_F32 ? 4u
                                                              : 2u));
        }
    }
    return hash;
}

static const double bad_values[] = {NAN, INFINITY, -INFINITY};

/* Each of them in each tensor at each place: `judge` sees every step that meets
 * one. */
static void everywhere(bench *b, void (*judge)(bench *, size_t k, size_t i))
{
    for (size_t k = 0; k < TENSORS; k++)
        for (size_t i = 0; i < SIZE; i++) {
            put(b, k, i, bad_values[(i + k) % 3]);
            judge(b, k, i);
            fill_gradients(b);
        }
}

static const char *const more[] = {
    "}",
    ", \"global_clipnorm\": 0.1}",
    ", \"clipnorm\": 100, \"clip_epsilon\": 0.5}",
    ", \"report_norm\": true, \"use_fused_step\": false}",
    (", \"use_ema\": true, \"ema_on\": \"iteration\", "
     "\"ema_overwrite_frequency\": 2, \"master\": \"f32\"}"),
    ", \"gradient_accumulation_steps\": 2, \"master\": \"kahan\"}",
};
enum { MORE = sizeof more / sizeof *more };

static void with(char json[512], const char *begin, size_t i)
{
    snprintf(json, 512, "%s%s", begin, more[i]);
}

/* ---- Skipping ---- */

static void expect_skip(bench *b, size_t k, size_t i)
{
    const uint64_t before = hash_of(b);
    const descent_step_report report = check_step(b->o);

    if (report.skipped != 1 || hash_of(b) != before)
        fail_msg("'%s' [%zu]: skipped = %d, changed = %d", names[k], i,
                 (int)report.skipped, hash_of(b) != before);
    assert_string_equal(report.reason, "nonfinite");
    assert_int_equal(report.updated, 0);
    assert_int_equal(report.clipped, 0);
    assert_int_equal(report.step_calls + report.fused_calls, 0);
    assert_true(isnan(report.grad_norm));
}

static void s12_13_a_skipped_step_changes_nothing(void **state)
{
    static const char *const kinds[] = {"sgd", "adam", "nadam"};
    static bench b;
    char json[512];

    (void)state;
    for (size_t c = 0; c < 2 * MORE; c++) {
        with(json,
             c % 2 == 0 ? "{\"on_nonfinite\": \"skip_step\""
                        : "{\"loss_scale\": true",
             c / 2);
        open_bench(&b, kinds[c % 3], json);
        everywhere(&b, expect_skip); /* nothing is built yet */
        for (int good = 0; good < 3; good++) {
            assert_int_equal(check_step(b.o).skipped, 0);
            everywhere(&b, expect_skip);
        }
        close_bench(&b);
    }
}

static void a_run_with_skips_equals_one_without(void **state)
{
    static bench with_skips, without;
    char json[512];

    (void)state;
    for (size_t c = 0; c < MORE; c++) {
        with(json, "{\"on_nonfinite\": \"skip_step\"", c);
        open_bench(&with_skips, "adam", json);
        with(json, "{\"beta_1\": 0.9", c);
        open_bench(&without, "adam", json);
        for (size_t t = 0; t < 12; t++) {
            put(&with_skips, t % TENSORS, t, bad_values[t % 3]);
            assert_int_equal(check_step(with_skips.o).skipped, 1);
            fill_gradients(&with_skips);
            check_step(with_skips.o);
            check_step(without.o);
            assert_true(hash_of(&with_skips) == hash_of(&without));
        }
        close_bench(&with_skips);
        close_bench(&without);
    }
}

static void large_gradients_are_finite(void **state)
{
    static bench b;
    char json[512];

    (void)state;
    for (size_t c = 0; c < MORE; c++) {
        with(json, "{\"on_nonfinite\": \"skip_step\"", c);
        open_bench(&b, "sgd", json);
        for (int t = 0; t < 2; t++) {
            for (size_t i = 0; i < SIZE; i++) {
                put(&b, 0, i, 3e38);
                put(&b, 1, i, -1.7e308); /* even their norm overflows */
                put(&b, 2, i, 65504);
                put(&b, 3, i, 3e38);
            }
            assert_int_equal(check_step(b.o).skipped, 0);
        }
        close_bench(&b);
    }
}

/* ---- Failing ---- */

static void expect_error(bench *b, size_t k, size_t i)
{
    const uint64_t before = hash_of(b);
    static const char *const words[] = {"nan", "inf", "-inf"};
    char text[128];

    put(b, k, SIZE - 1, bad_values[(i + k) % 3]); /* the first is named */
    snprintf(text, sizeof text,
             "gradient of '%s' is %s at index %zu (the first", names[k],
             words[(i + k) % 3], i);
    refused(descent_optimizer_step(b->o, NULL, 0, NULL, NULL),
            DESCENT_ERR_NUMERIC, text);
    assert_true(hash_of(b) == before);
}

static void an_error_names_tensor_and_index_and_changes_nothing(void **state)
{
    static bench b;
    char json[512];

    (void)state;
    for (size_t c = 0; c < MORE; c++) {
        with(json, "{\"on_nonfinite\": \"error\"", c);
        open_bench(&b, "adam", json);
        everywhere(&b, expect_error);
        check_step(b.o);
        everywhere(&b, expect_error);
        check_step(b.o);
        close_bench(&b);
    }
}

static void
a_gradient_of_another_type_is_judged_as_it_will_be_used(void **state)
{
    static bench b;
    double given[TENSORS][SIZE] = {{0}};
    descent_gradient g[TENSORS];

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"on_nonfinite\": \"error\"}");
    for (size_t k = 0; k < TENSORS; k++)
        g[k] = (descent_gradient){.struct_size = sizeof *g,
                                  .dtype = DESCENT_DTYPE_F64,
                                  .data = given[k]};
    given[0][1] = 1e38;
    given[1][2] = 1e300;
    ok(descent_optimizer_step(b.o, g, TENSORS, NULL, NULL));
    given[0][3] = 1e39;
    refused(descent_optimizer_step(b.o, g, TENSORS, NULL, NULL),
            DESCENT_ERR_NUMERIC,
            "gradient of 'single' is 1e+39 at index 3 (the first is 0): "
            "expected finite numbers in f32");
    close_bench(&b);
}

static void by_default_it_passes_into_the_weights(void **state)
{
    static bench b;
    descent_step_report report;

    (void)state;
    open_bench(&b, "sgd", NULL);
    put(&b, 0, 5, NAN);
    report = check_step(b.o);
    assert_int_equal(report.skipped, 0);
    assert_null(report.reason);
    for (size_t i = 0; i < SIZE; i++)
        assert_true((isnan(((const float *)(const void *)b.w[0])[i]) != 0) ==
                    (i == 5));
    close_bench(&b);
}

static void a_subset_is_judged_alone(void **state)
{
    static bench b;
    const size_t some[] = {1, 3};
    const descent_step_options subset = {
        .struct_size = sizeof subset, .tensors = some, .tensor_count = 2};
    descent_step_report report = {.struct_size = sizeof report};

    (void)state;
    open_bench(&b, "sgd", "{\"on_nonfinite\": \"skip_step\"}");
    put(&b, 0, 0, NAN);
    put(&b, 2, 0, NAN);
    ok(descent_optimizer_step(b.o, NULL, 0, &subset, &report));
    assert_int_equal(report.skipped, 0);
    assert_int_equal(report.updated, 2);
    put(&b, 3, SIZE - 1, NAN);
    ok(descent_optimizer_step(b.o, NULL, 0, &subset, &report));
    assert_int_equal(report.skipped, 1);
    close_bench(&b);
}

/* ---- What counts, and windows ---- */

/* A weight that begins at 1, a rate of 0.1, and what comes of gradients. */
typedef struct row {
    const char *options;
    float g[4];
    double w[4]; /* after each step */
    uint64_t iterations[4];
    uint64_t updated[4];
} row;

static void run_row(const row *r)
{
    descent_runtime *runtime = check_runtime();
    char json[512];
    float w = 1, g;

    snprintf(json, sizeof json, "{\"learning_rate\": 0.1, %s}", r->options);
    descent_optimizer *o = check_optimizer(runtime, "sgd", json);
    check_bind(o, "w", &w, &g, 1);
    for (int i = 0; i < 4; i++) {
        g = r->g[i];
        const descent_step_report report = check_step(o);
        if (!(fabs(w - r->w[i]) <= 1e-6) || report.updated != r->updated[i] ||
            report.skipped != !isfinite(g) ||
            descent_optimizer_iterations(o) != r->iterations[i])
            fail_msg("%s, step %d: w = %.9g, updated %d, skipped %d, %d "
                     "iterations",
                     r->options, i + 1, (double)w, (int)report.updated,
                     (int)report.skipped, (int)descent_optimizer_iterations(o));
    }
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

#define SKIPS "\"on_nonfinite\": \"skip_step\""
#define COUNTS SKIPS ", \"skip_counts\": true"
#define WINDOW ", \"gradient_accumulation_steps\": 2"
#define AVERAGE                                                                \
    ", \"use_ema\": true, \"ema_momentum\": 0.5, "                             \
    "\"ema_overwrite_frequency\": 1"

static void s12_13_windows_keep_what_earlier_calls_gave(void **state)
{
    static const row rows[] = {
        /* A call that does not count takes no place in a window. */
        {SKIPS WINDOW,
         {1, NAN, 3, 1},
         {1, 1, .8, .8},
         {1, 1, 2, 3},
         {0, 0, 1, 0}},
        {SKIPS WINDOW,
         {NAN, 1, INFINITY, 3},
         {1, 1, 1, .8},
         {0, 1, 1, 2},
         {0, 0, 0, 1}},
        /* One that counts closes the window with half of what there is. */
        {COUNTS WINDOW,
         {1, NAN, 1, 3},
         {1, .95, .95, .75},
         {1, 2, 3, 4},
         {0, 1, 0, 1}},
        {COUNTS WINDOW,
         {NAN, 1, 1, 1},
         {1, .95, .95, .85},
         {1, 2, 3, 4},
         {0, 1, 0, 1}},
        {COUNTS WINDOW,
         {NAN, NAN, 1, 1},
         {1, 1, 1, .9},
         {1, 2, 3, 4},
         {0, 0, 0, 1}},
        {COUNTS,
         {1, NAN, 1, NAN},
         {.9, .9, .8, .8},
         {1, 2, 3, 4},
         {1, 0, 1, 0}},
        {"\"loss_scale\": {\"initial_scale\": 1}, \"skip_counts\": true" WINDOW,
         {1, NAN, .5, .5},
         {1, .95, .95, .85},
         {1, 2, 3, 4},
         {0, 1, 0, 1}},
        /* Clipping is about what the window closes with. */
        {COUNTS WINDOW ", \"global_clipnorm\": 0.5",
         {1, NAN, 3, 3},
         {1, .95, .95, .9},
         {1, 2, 3, 4},
         {0, 1, 0, 1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        run_row(&rows[i]);
}

static void averages_see_updates_and_no_skip(void **state)
{
    /* The first average is the weight; later ones are half of each. */
    static const row rows[] = {
        {SKIPS AVERAGE,
         {1, NAN, 2, 0},
         {.9, .9, .8, .8},
         {1, 1, 2, 3},
         {1, 0, 1, 1}},
        {COUNTS AVERAGE WINDOW,
         {1, NAN, NAN, 2},
         {1, .95, .95, .9},
         {1, 2, 3, 4},
         {0, 1, 0, 1}},
        {COUNTS AVERAGE WINDOW ", \"ema_on\": \"iteration\"",
         {1, NAN, NAN, 2},
         {1, .95, .95, .9},
         {1, 2, 3, 4},
         {0, 1, 0, 1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        run_row(&rows[i]);
}

static void s12_02_schedules_go_on_where_skips_count(void **state)
{
    static const char *const json[] = {
        "{" SKIPS ", \"learning_rate\": {\"class_name\": \"ramp\", \"config\": "
        "{\"from\": 0, \"to\": 1, \"steps\": 10}}}",
        "{" COUNTS ", \"learning_rate\": {\"class_name\": \"ramp\", "
        "\"config\": {\"from\": 0, \"to\": 1, \"steps\": 10}}}",
    };

    (void)state;
    for (int counts = 0; counts < 2; counts++) {
        descent_runtime *runtime = check_runtime();
        descent_optimizer *o = check_optimizer(runtime, "sgd", json[counts]);
        float w = 1, g = NAN;
        check_bind(o, "w", &w, &g, 1);
        check_step(o);
        check_step(o);
        g = 1;
        assert_true(fabs(check_step(o).learning_rate - 0.2 * counts) < 1e-12);
        assert_int_equal(descent_optimizer_updates(o), 1);
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

static void a_late_tensor_survives_a_window_closed_by_a_skip(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(
        runtime, "adam", "{" COUNTS WINDOW AVERAGE ", \"global_clipnorm\": 1}");
    float w = 1, late = 1, g = 1, late_g = NAN;

    (void)state;
    check_bind(o, "w", &w, &g, 1);
    check_step(o);
    check_bind(o, "late", &late, &late_g, 1);
    const descent_step_report report = check_step(o);
    assert_int_equal(report.skipped, 1);
    assert_int_equal(report.updated, 1);
    assert_true(report.grad_norm == 0.5);
    assert_true(w < 1);
    assert_true(late == 1);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void a_partial_sum_is_not_judged_again(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(
        runtime, "sgd", "{\"learning_rate\": 1, " SKIPS WINDOW "}");
    float w = 0, other = 0, g = 2, other_g = 4;

    (void)state;
    check_bind(o, "w", &w, &g, 1);
    check_bind(o, "other", &other, &other_g, 1);
    check_step(o);
    ok(descent_optimizer_set_pointer(o, 0, DESCENT_POINTER_GRADIENT, NULL));
    other_g = NAN;
    assert_int_equal(check_step(o).skipped, 1);
    other_g = 4;
    assert_int_equal(check_step(o).updated, 2);
    assert_true(w == -1 && other == -4);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_13_a_skipped_step_changes_nothing),
        cmocka_unit_test(a_run_with_skips_equals_one_without),
        cmocka_unit_test(large_gradients_are_finite),
        cmocka_unit_test(an_error_names_tensor_and_index_and_changes_nothing),
        cmocka_unit_test(
            a_gradient_of_another_type_is_judged_as_it_will_be_used),
        cmocka_unit_test(by_default_it_passes_into_the_weights),
        cmocka_unit_test(a_subset_is_judged_alone),
        cmocka_unit_test(s12_13_windows_keep_what_earlier_calls_gave),
        cmocka_unit_test(averages_see_updates_and_no_skip),
        cmocka_unit_test(a_partial_sum_is_not_judged_again),
        cmocka_unit_test(s12_02_schedules_go_on_where_skips_count),
        cmocka_unit_test(a_late_tensor_survives_a_window_closed_by_a_skip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
