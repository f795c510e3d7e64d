/* SPDX-License-Identifier: MIT */
/* The dynamic loss scale: when it moves, how far, and which options go
 * together. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

/* One weight and its gradient. */
typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    float w, g;
} bench;

static void open_bench(bench *b, const char *kind, const char *json)
{
    b->runtime = check_runtime();
    b->o = check_optimizer(b->runtime, kind, json);
    b->w = 0;
    check_bind(b->o, "w", &b->w, &b->g, 1);
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

static descent_step_report step(bench *b, float g)
{
    b->g = g;
    return check_step(b->o);
}

static double scale(const bench *b)
{
    return descent_optimizer_scale_loss(b->o, 1);
}

/* ---- When it moves ---- */

static void s12_13_the_recorded_sequence_is_followed(void **state)
{
    static const struct {
        float g;
        double scale;
        uint64_t iterations;
        float w;
    } rows[] = {
        {8, 8, 1, -1},        {8, 16, 2, -2}, {16, 16, 3, -3},
        {INFINITY, 8, 3, -3}, {8, 8, 4, -4},  {NAN, 4, 4, -4},
    };
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"loss_scale\": {\"initial_scale\": 8, "
               "\"dynamic_growth_steps\": 2}}");
    assert_true(scale(&b) == 8);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const double before = scale(&b);
        const descent_step_report report = step(&b, rows[i].g);
        const int skips = !isfinite(rows[i].g);
        assert_true(report.loss_scale == before);
        assert_true(scale(&b) == rows[i].scale);
        assert_int_equal(descent_optimizer_iterations(b.o), rows[i].iterations);
        assert_true(b.w == rows[i].w);
        assert_int_equal(report.skipped, skips);
        assert_int_equal(report.updated, !skips);
        if (skips)
            assert_string_equal(report.reason, "nonfinite");
        else
            assert_null(report.reason);
    }
    close_bench(&b);
}

static void s12_13_a_skip_starts_the_count_of_good_steps_again(void **state)
{
    static const float gradients[] = {1, 1, NAN, 1, 1, 1};
    static const double scales[] = {8, 8, 4, 4, 4, 8};
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"loss_scale\": {\"initial_scale\": 8, "
               "\"dynamic_growth_steps\": 3}}");
    for (size_t i = 0; i < 6; i++) {
        step(&b, gradients[i]);
        assert_true(scale(&b) == scales[i]);
    }
    close_bench(&b);
}

static void s12_13_the_scale_stays_within_its_bounds(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"loss_scale\": {\"initial_scale\": 8, \"min\": 2, \"max\": "
               "16, \"dynamic_growth_steps\": 1}}");
    for (int i = 0; i < 5; i++)
        step(&b, 1);
    assert_true(scale(&b) == 16);
    for (int i = 0; i < 9; i++)
        step(&b, NAN);
    assert_true(scale(&b) == 2);
    close_bench(&b);
    /* As far as powers of two go: 5, 10, 20 of at most 21; 1.25 of at least 1.
     */
    open_bench(&b, "sgd",
               "{\"loss_scale\": {\"initial_scale\": 5, \"min\": 1, \"max\": "
               "21, \"dynamic_growth_steps\": 1, \"growth_factor\": 1024, "
               "\"backoff_factor\": 9.5367431640625e-07}}");
    step(&b, 1);
    assert_true(scale(&b) == 20);
    step(&b, NAN);
    assert_true(scale(&b) == 1.25);
    close_bench(&b);
    open_bench(&b, "sgd",
               "{\"loss_scale\": {\"dynamic_growth_steps\": 1, "
               "\"growth_factor\": 8.98846567431158e+307}}");
    step(&b, 1);
    assert_true(scale(&b) == 0x1p24);
    close_bench(&b);
}

/* ---- What is removed ---- */

static void s12_13_scaling_by_powers_of_two_changes_no_bit(void **state)
{
    enum { STEPS = 60 };
    bench plain, scaled;

    (void)state;
    open_bench(&plain, "adam", "{\"global_clipnorm\": 0.5}");
    open_bench(&scaled, "adam",
               "{\"global_clipnorm\": 0.5, \"loss_scale\": {\"initial_scale\": "
               "64, \"dynamic_growth_steps\": 3}}");
    for (int i = 0; i < STEPS; i++) {
        const float g = sinf((float)i) / 3;
        if (i % 7 == 6)
            step(&scaled, INFINITY);
        const descent_step_report one = step(&plain, g);
        const descent_step_report two =
            step(&scaled, g * (float)scale(&scaled));
        assert_true(one.grad_norm == two.grad_norm);
        assert_true(plain.w == scaled.w);
    }
    assert_int_equal(descent_optimizer_iterations(scaled.o), STEPS);
    close_bench(&plain);
    close_bench(&scaled);
}

static void s12_13_every_call_of_a_window_has_its_own_scale(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"gradient_accumulation_steps\": 2, "
               "\"loss_scale\": {\"initial_scale\": 8, "
               "\"dynamic_growth_steps\": 1}}");
    step(&b, 8);   /* is 1 */
    step(&b, NAN); /* left out: the scale falls from 16 to 8 */
    assert_true(b.w == 0 && scale(&b) == 8);
    assert_int_equal(step(&b, 24).updated, 1); /* is 3 */
    assert_true(b.w == -2);
    close_bench(&b);
}

static void a_fixed_scale_stays(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"loss_scale_factor\": 8, "
               "\"on_nonfinite\": \"skip_step\"}");
    for (int i = 0; i < 3; i++) {
        assert_true(step(&b, NAN).skipped == 1);
        assert_true(scale(&b) == 8);
    }
    assert_true(step(&b, 8).loss_scale == 8);
    assert_true(b.w == -1);
    close_bench(&b);
    open_bench(&b, "sgd", NULL);
    assert_true(scale(&b) == 1);
    assert_true(step(&b, 8).loss_scale == 1);
    close_bench(&b);
}

/* ---- Options ---- */

static double value(descent_optimizer *o, const char *option)
{
    double got = NAN;

    ok(descent_optimizer_get(o, option, &got));
    return got;
}

static void a_part_of_the_loss_scale_implies_it(void **state)
{
    static const char *const ways[] = {
        "{\"loss_scale.min\": 0.5}",
        "{\"loss_scale\": true, \"loss_scale.min\": 0.5}",
        "{\"loss_scale\": {\"min\": 0.5}}",
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        o = check_optimizer(runtime, "sgd", ways[i]);
        assert_true(value(o, "loss_scale") == 1);
        assert_true(value(o, "loss_scale.min") == 0.5);
        descent_optimizer_free(o);
    }
    o = check_optimizer(runtime, "sgd", "{\"loss_scale\": {}}");
    assert_true(descent_optimizer_scale_loss(o, 1) == 32768);
    assert_true(value(o, "loss_scale.dynamic_growth_steps") == 2000);
    assert_true(value(o, "loss_scale.growth_factor") == 2);
    assert_true(value(o, "loss_scale.backoff_factor") == 0.5);
    assert_true(value(o, "loss_scale.min") == 0x1p-24);
    assert_true(value(o, "loss_scale.max") == 0x1p24);
    descent_optimizer_free(o);
    o = check_optimizer(runtime, "sgd",
                        "{\"loss_scale\": {\"init_scale\": 4, "
                        "\"growth_interval\": 7}}");
    assert_true(value(o, "loss_scale.initial_scale") == 4);
    assert_true(value(o, "loss_scale.dynamic_growth_steps") == 7);
    descent_optimizer_free(o);
    assert_int_equal(descent_option_has_parts("loss_scale"), 1);
    assert_int_equal(descent_option_has_parts("loss"), 0);
    assert_int_equal(descent_option_has_parts("clipnorm"), 0);
    assert_int_equal(descent_option_has_parts(""), 0);
    descent_runtime_free(runtime);
}

static void what_does_not_go_together_is_refused(void **state)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"{\"loss_scale\": true, \"loss_scale_factor\": 8}",
         "sgd: loss_scale and loss_scale_factor are both set: expected at most "
         "one of them"},
        {"{\"loss_scale.min\": 1, \"loss_scale_factor\": 8}",
         "loss_scale and loss_scale_factor are both set"},
        {"{\"loss_scale\": false, \"loss_scale.min\": 1}",
         "sgd.loss_scale = false: expected true beside loss_scale.min"},
        {"{\"loss_scale\": true, \"on_nonfinite\": \"error\"}",
         "sgd.on_nonfinite = \"error\": expected \"propagate\" or "
         "\"skip_step\" beside loss_scale"},
        {"{\"loss_scale\": {\"growth_factor\": 3}}",
         "sgd.loss_scale.growth_factor = 3: expected a power of two"},
        {"{\"loss_scale\": {\"backoff_factor\": 0.3}}",
         "sgd.loss_scale.backoff_factor = 0.3: expected a power of two"},
        {"{\"loss_scale\": {\"growth_factor\": 0.5}}",
         "sgd.loss_scale.growth_factor = 0.5: expected a finite number >= 1"},
        {"{\"loss_scale\": {\"backoff_factor\": 2}}",
         "sgd.loss_scale.backoff_factor = 2: expected 0 < "
         "loss_scale.backoff_factor <= 1"},
        {"{\"loss_scale\": {\"dynamic_growth_steps\": 0}}",
         "sgd.loss_scale.dynamic_growth_steps = 0: expected an integer >= 1"},
        {"{\"loss_scale\": {\"initial_scale\": 4, \"min\": 8}}",
         "sgd.loss_scale.initial_scale = 4: expected a number between "
         "loss_scale.min = 8 and loss_scale.max = 16777216"},
        {"{\"loss_scale\": {\"max\": 16}}",
         "sgd.loss_scale.initial_scale = 32768: expected"},
        {"{\"loss_scale\": {\"initial_scal\": 8}}",
         "sgd: unknown option 'loss_scale.initial_scal'; did you mean "
         "'loss_scale.initial_scale'?"},
        {"{\"loss_scale\": {\"min\": null}}", "loss_scale.min is none"},
        {"{\"loss_scale\": {\"min\": {}}}", "loss_scale.min"},
        {"{\"loss_scale\": 8}", "sgd.loss_scale = 8: expected true or false"},
        {"{\"loss_scale\": {\"initial_scale\": 8, \"init_scale\": 8}}",
         "two names of one option"},
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;
    descent_options *options = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_status status = descent_options_from_json(
            runtime, rows[i].json, strlen(rows[i].json), &options);
        if (status == DESCENT_OK) {
            status = descent_optimizer_create(runtime, "sgd", options, &o);
            descent_options_free(options);
        }
        refused(status, DESCENT_ERR_ARGUMENT, rows[i].text);
        assert_null(o);
    }
    static const char twice[] =
        "{\"loss_scale\": {\"min\": 1}, \"loss_scale.min\": 2}";
    refused(descent_options_from_json(runtime, twice, strlen(twice), &options),
            DESCENT_ERR_ARGUMENT, "'loss_scale.min' is given twice");
    descent_runtime_free(runtime);
}

static void the_loss_scale_is_fixed_at_creation(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"loss_scale\": true}");
    refused(descent_optimizer_set(b.o, "loss_scale.max", 1), DESCENT_ERR_STATE,
            "sgd.loss_scale.max is fixed when the optimizer is created");
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_13_the_recorded_sequence_is_followed),
        cmocka_unit_test(s12_13_a_skip_starts_the_count_of_good_steps_again),
        cmocka_unit_test(s12_13_the_scale_stays_within_its_bounds),
        cmocka_unit_test(s12_13_scaling_by_powers_of_two_changes_no_bit),
        cmocka_unit_test(s12_13_every_call_of_a_window_has_its_own_scale),
        cmocka_unit_test(a_fixed_scale_stays),
        cmocka_unit_test(a_part_of_the_loss_scale_implies_it),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(the_loss_scale_is_fixed_at_creation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
