/* SPDX-License-Identifier: MIT */
/* What one call of step may be told, what its report says when asked, and
 * denormal numbers. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/denormals.h"
#include "support/check.h"

enum { MOST = 8 };

/* One weight of few elements and its gradient. */
typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    float w[MOST], g[MOST];
} bench;

static void open_bench(bench *b, const char *kind, const char *json, int64_t n)
{
    *b = (bench){.runtime = check_runtime()};
    b->o = check_optimizer(b->runtime, kind, json);
    check_bind(b->o, "w", b->w, b->g, n);
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

static void near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-6 * fabs(expected)))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

/* ---- Options of one call ---- */

static void gradients_may_be_rescaled_for_one_call(void **state)
{
    static const struct {
        uint32_t flags;
        double rescale_grad, batch_size, moved;
    } rows[] = {
        {0, 7, 7, 4},
        {DESCENT_STEP_RESCALE, 0.25, 7, 2},
        {DESCENT_STEP_RESCALE, 0, 0, 0},
        {DESCENT_STEP_RESCALE, -1, 0, -8},
        {DESCENT_STEP_BATCH, 7, 16, 0.25},
        {DESCENT_STEP_RESCALE | DESCENT_STEP_BATCH, 1, 32, 0.25},
    };
    bench b;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const descent_step_options options = {
            .struct_size = sizeof options,
            .flags = rows[i].flags,
            .rescale_grad = rows[i].rescale_grad,
            .batch_size = rows[i].batch_size,
        };
        open_bench(&b, "sgd", "{\"learning_rate\": 1, \"rescale_grad\": 0.5}",
                   1);
        b.g[0] = 8;
        ok(descent_optimizer_step(b.o, NULL, 0, &options, NULL));
        assert_true(b.w[0] == -(float)rows[i].moved);
        check_step(b.o); /* the option is as it was */
        assert_true(b.w[0] == -(float)rows[i].moved - 4);
        close_bench(&b);
    }
}

static void the_call_that_updates_rescales_a_window(void **state)
{
    descent_step_options options = {.struct_size = sizeof options,
                                    .flags = DESCENT_STEP_BATCH,
                                    .batch_size = 2};
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"gradient_accumulation_steps\": 2}", 1);
    b.g[0] = 4;
    ok(descent_optimizer_step(b.o, NULL, 0, &options, NULL));
    options.batch_size = 4;
    ok(descent_optimizer_step(b.o, NULL, 0, &options, NULL));
    assert_true(b.w[0] == -1);
    close_bench(&b);
}

static void wrong_options_of_a_call_are_refused(void **state)
{
    static const struct {
        uint32_t flags;
        double rescale_grad, batch_size;
        const char *text;
    } rows[] = {
        {4, 1, 1, "flags = 0x4, expected"},
        {DESCENT_STEP_RESCALE, NAN, 1,
         "step options: rescale_grad = nan: expected a finite number"},
        {DESCENT_STEP_RESCALE, INFINITY, 1, "rescale_grad = inf"},
        {DESCENT_STEP_BATCH, 1, 0,
         "step options: batch_size = 0: expected a finite number > 0"},
        {DESCENT_STEP_BATCH, 1, -1, "batch_size = -1"},
        {DESCENT_STEP_BATCH, 1, INFINITY, "batch_size = inf"},
        {DESCENT_STEP_BATCH, 1, NAN, "batch_size = nan"},
    };
    bench b;
    descent_step_options options;

    (void)state;
    open_bench(&b, "sgd", NULL, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        options = (descent_step_options){.struct_size = sizeof options,
                                         .flags = rows[i].flags,
                                         .rescale_grad = rows[i].rescale_grad,
                                         .batch_size = rows[i].batch_size};
        refused(descent_optimizer_step(b.o, NULL, 0, &options, NULL),
                DESCENT_ERR_ARGUMENT, rows[i].text);
    }
    /* The struct of a release without the numbers, which may not ask for them.
     */
    options = (descent_step_options){
        .struct_size = offsetof(descent_step_options, rescale_grad)};
    ok(descent_optimizer_step(b.o, NULL, 0, &options, NULL));
    options.flags = DESCENT_STEP_RESCALE;
    refused(descent_optimizer_step(b.o, NULL, 0, &options, NULL),
            DESCENT_ERR_ARGUMENT, "struct_size = ");
    assert_int_equal(descent_optimizer_iterations(b.o), 1);
    close_bench(&b);
}

static void a_report_of_an_earlier_release_is_filled_and_no_more(void **state)
{
    bench b;
    descent_step_report report = {.struct_size =
                                      offsetof(descent_step_report, skipped),
                                  .skipped = 77,
                                  .reason = "untouched"};

    (void)state;
    open_bench(&b, "sgd", "{\"on_nonfinite\": \"skip_step\"}", 1);
    b.g[0] = NAN;
    ok(descent_optimizer_step(b.o, NULL, 0, NULL, &report));
    assert_true(report.loss_scale == 1);
    assert_int_equal(report.skipped, 77);
    assert_string_equal(report.reason, "untouched");
    close_bench(&b);
}

/* ---- Norms ---- */

static void the_norm_is_reported_when_asked_for(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", NULL, 2);
    b.g[0] = 3;
    b.g[1] = 4;
    assert_true(isnan(check_step(b.o).grad_norm));
    close_bench(&b);
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"report_norm\": true, "
               "\"rescale_grad\": -0.5, \"loss_scale_factor\": 4, "
               "\"gradient_accumulation_steps\": 2}",
               2);
    b.g[0] = 12;
    b.g[1] = 16;
    near(check_step(b.o).grad_norm, 2.5); /* its own */
    b.g[0] = 36;
    b.g[1] = 48;
    const descent_step_report report = check_step(b.o);
    near(report.grad_norm, 5); /* of the mean, [6, 8], rescaled */
    assert_int_equal(report.clipped, 0);
    near(b.w[0], 3);
    close_bench(&b);
}

static void clip_epsilon_is_added_to_the_norm(void **state)
{
    bench b;
    double value;

    (void)state;
    for (int each = 0; each < 2; each++) {
        open_bench(&b, "sgd",
                   each ? "{\"learning_rate\": 1, \"clipnorm\": 3, "
                          "\"clip_epsilon\": 1}"
                        : "{\"learning_rate\": 1, \"global_clipnorm\": 3, "
                          "\"clip_epsilon\": 1}",
                   2);
        b.g[0] = 3;
        b.g[1] = 4;
        const descent_step_report report = check_step(b.o);
        near(report.grad_norm, 5);
        assert_int_equal(report.clipped, 1);
        near(b.w[0], -3 * 3 / 6.);
        b.w[0] = b.w[1] = 0;
        b.g[0] = 2; /* its norm is the limit with what is added */
        b.g[1] = 0;
        assert_int_equal(check_step(b.o).clipped, 0);
        assert_true(b.w[0] == -2);
        b.g[0] = 2.5f; /* below the limit, but not with what is added */
        b.w[0] = 0;
        assert_int_equal(check_step(b.o).clipped, 1);
        near(b.w[0], -2.5 * 3 / 3.5);
        b.g[0] = INFINITY;
        check_step(b.o);
        assert_true(isnan(b.w[0]) && isnan(b.w[1]));
        close_bench(&b);
    }
    open_bench(&b, "sgd", "{\"flavour\": \"torch\"}", 1);
    ok(descent_optimizer_get(b.o, "clip_epsilon", &value));
    assert_true(value == 1e-6);
    close_bench(&b);
}

/* ---- Denormals ---- */

static int flushes(void)
{
    volatile float least = FLT_MIN;
    volatile float half = least / 2;

    return half == 0;
}

static void flushing_is_undone_by_restoring(void **state)
{
    (void)state;
    assert_false(flushes());
    const uint64_t mode = denormals_flush(true);
    assert_true(flushes());
    const uint64_t inner = denormals_flush(false);
    assert_true(flushes());
    denormals_restore(inner);
    assert_true(flushes());
    denormals_restore(mode);
    assert_false(flushes());
}

/* A momentum that has become denormal, after two steps without gradient. */
static float tiny_momentum(const char *json)
{
    bench b;
    descent_tensor view = {.struct_size = sizeof view};
    float got;

    open_bench(&b, "sgd", json, 1);
    b.g[0] = FLT_MIN;
    check_step(b.o);
    b.g[0] = 0;
    check_step(b.o);
    assert_false(flushes());
    ok(descent_optimizer_slot(b.o, 0, "momentum", &view));
    got = *(const float *)view.data;
    close_bench(&b);
    return got;
}

static void denormals_are_kept_unless_asked(void **state)
{
    (void)state;
    assert_true(tiny_momentum("{\"learning_rate\": 1, \"momentum\": 0.5}") ==
                -FLT_MIN / 2);
    assert_true(tiny_momentum("{\"learning_rate\": 1, \"momentum\": 0.5, "
                              "\"flush_denormals\": true}") == 0);
    assert_true(tiny_momentum("{\"learning_rate\": 1, \"momentum\": 0.5, "
                              "\"flush_denormals\": true, \"use_fused_step\": "
                              "false, \"weight_decay\": 0.5}") == 0);
}

static void accumulators_and_averages_are_flushed_too(void **state)
{
    bench b;
    descent_tensor view = {.struct_size = sizeof view};

    (void)state;
    open_bench(&b, "sgd",
               "{\"flush_denormals\": true, \"gradient_accumulation_steps\": "
               "2, \"use_ema\": true, \"ema_on\": \"iteration\"}",
               1);
    b.g[0] = FLT_MIN / 2;
    b.w[0] = FLT_MIN / 2;
    check_step(b.o);
    assert_false(flushes());
    ok(descent_optimizer_slot(b.o, 0, "gradient_accumulator", &view));
    assert_true(*(const float *)view.data == 0);
    ok(descent_optimizer_slot(b.o, 0, "average", &view));
    assert_true(*(const float *)view.data == 0);
    assert_true(b.w[0] == FLT_MIN / 2);
    close_bench(&b);
}

static void denormals_of_f16_are_numbers_like_others(void **state)
{
    const int64_t n = 1;
    uint16_t w = 1, g = 1; /* 2^-24 */

    (void)state;
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o =
        check_optimizer(runtime, "sgd",
                        "{\"learning_rate\": 1, \"maximize\": true, "
                        "\"flush_denormals\": true}");
    const descent_tensor t = {.struct_size = sizeof t,
                              .dtype = DESCENT_DTYPE_F16,
                              .name = "w",
                              .ndim = 1,
                              .shape = &n,
                              .data = &w,
                              .gradient = &g};
    ok(descent_optimizer_add(o, &t, 1));
    check_step(o);
    assert_int_equal(w, 2);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_may_be_rescaled_for_one_call),
        cmocka_unit_test(the_call_that_updates_rescales_a_window),
        cmocka_unit_test(wrong_options_of_a_call_are_refused),
        cmocka_unit_test(a_report_of_an_earlier_release_is_filled_and_no_more),
        cmocka_unit_test(the_norm_is_reported_when_asked_for),
        cmocka_unit_test(clip_epsilon_is_added_to_the_norm),
        cmocka_unit_test(flushing_is_undone_by_restoring),
        cmocka_unit_test(denormals_are_kept_unless_asked),
        cmocka_unit_test(accumulators_and_averages_are_flushed_too),
        cmocka_unit_test(denormals_of_f16_are_numbers_like_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
