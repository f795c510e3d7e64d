/* SPDX-License-Identifier: MIT */
/* The order and the arithmetic of a step, on numbers small enough to follow. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

enum { MOST = 8 };

/* One weight that starts at `w`, its gradient, and an optimizer over it. */
typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    float w[MOST], g[MOST];
} bench;

static void open_bench(bench *b, const char *kind, const char *json, float w)
{
    b->runtime = check_runtime();
    b->o = check_optimizer(b->runtime, kind, json);
    b->w[0] = w;
    check_bind(b->o, "w", b->w, b->g, 1);
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

/* One step with this gradient. */
static float step(bench *b, float g)
{
    b->g[0] = g;
    check_step(b->o);
    return b->w[0];
}

static void near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

static float slot(const bench *b, const char *name)
{
    descent_tensor view = {.struct_size = sizeof view};

    ok(descent_optimizer_slot(b->o, 0, name, &view));
    return *(const float *)view.data;
}

static void s12_03_decay_is_not_clipped_and_not_in_the_moments(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 0.1, \"weight_decay\": 0.5, "
               "\"clipnorm\": 1}",
               1);
    near(step(&b, 10), 0.85, 1e-7);
    close_bench(&b);
}

static void s12_03_l2_decay_is_added_after_clipping(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 0.1, \"weight_decay\": 0.5, \"clipvalue\": "
               "1, \"weight_decay_mode\": \"l2\"}",
               1);
    near(step(&b, 10), 1 - 0.1 * (1 + 0.5), 1e-7);
    close_bench(&b);
}

static void s12_03_averages_on_iterations_follow_keras(void **state)
{
    static const double w[] = {1, .9, .9, .85, .85, .75, .775, .725};
    static const double average[] = {1, .9, .9, .85, .85, .8, .775, .725};
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 0.1, \"use_ema\": true, \"ema_momentum\": "
               "0.5, \"ema_overwrite_frequency\": 2, "
               "\"gradient_accumulation_steps\": 2, \"ema_on\": "
               "\"iteration\"}",
               1);
    for (int i = 0; i < 8; i++) {
        near(step(&b, 1), w[i], 1e-6);
        near(slot(&b, "average"), average[i], 1e-6);
    }
    close_bench(&b);
}

static void s12_03_averages_on_updates_ignore_micro_steps(void **state)
{
    /* Updates at steps 2, 4, 6, 8; overwriting at every second of them. */
    static const double w[] = {1, .9, .9, .85, .85, .75, .75, .725};
    static const double average[] = {0, .9, .9, .85, .85, .8, .8, .725};
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 0.1, \"use_ema\": true, \"ema_momentum\": "
               "0.5, \"ema_overwrite_frequency\": 2, "
               "\"gradient_accumulation_steps\": 2}",
               1);
    for (int i = 0; i < 8; i++) {
        near(step(&b, 1), w[i], 1e-6);
        near(slot(&b, "average"), average[i], 1e-6);
    }
    assert_int_equal(descent_optimizer_iterations(b.o), 8);
    assert_int_equal(descent_optimizer_updates(b.o), 4);
    close_bench(&b);
}

static void
s12_02_a_late_gradient_counts_from_the_optimizers_first_step(void **state)
{
    bench b;
    float other = 1, other_g = 1;

    (void)state;
    open_bench(&b, "adam", "{\"learning_rate\": 0.1}", 1);
    check_bind(b.o, "other", &other, &other_g, 1);
    ok(descent_optimizer_set_pointer(b.o, 0, DESCENT_POINTER_GRADIENT, NULL));
    check_step(b.o);
    assert_true(strstr(check_log, "1 tensors have no gradient") != NULL);
    ok(descent_optimizer_set_pointer(b.o, 0, DESCENT_POINTER_GRADIENT, b.g));
    near(step(&b, 1), 0.92559, 1e-5);
    close_bench(&b);
}

/* The clip table: gradients [A...] of one tensor and [0.5] of another. */
static void clip(const char *option, float a0, float a1, const float *expected)
{
    bench b;
    float other = 0, other_g = 0.5f;
    char json[128];

    snprintf(json, sizeof json, "{\"learning_rate\": 1, \"%s\": 1}", option);
    b.runtime = check_runtime();
    b.o = check_optimizer(b.runtime, "sgd", json);
    memset(b.w, 0, sizeof b.w);
    b.g[0] = a0;
    b.g[1] = a1;
    check_bind(b.o, "a", b.w, b.g, 2);
    check_bind(b.o, "b", &other, &other_g, 1);
    check_step(b.o);
    const float got[3] = {-b.w[0], -b.w[1], -other};
    for (int i = 0; i < 3; i++)
        if (!(fabsf(got[i] - expected[i]) <= 1e-7f * fabsf(expected[i]) ||
              (isnan(got[i]) && isnan(expected[i]))))
            fail_msg("%s of [%g, %g]: element %d is %g, expected %g", option,
                     a0, a1, i, got[i], expected[i]);
    close_bench(&b);
}

static void s12_04_clips_treat_special_values_as_written(void **state)
{
    static const struct {
        const char *option;
        float a[2], expected[3];
    } rows[] = {
        {"clipnorm", {0, 0}, {0, 0, 0.5f}},
        {"global_clipnorm", {0, 0}, {0, 0, 0.5f}},
        {"clipvalue", {0, 0}, {0, 0, 0.5f}},
        {"clipnorm", {INFINITY, 1}, {NAN, NAN, 0.5f}},
        {"global_clipnorm", {INFINITY, 1}, {NAN, NAN, NAN}},
        {"clipvalue", {INFINITY, 1}, {1, 1, 0.5f}},
        {"clipnorm", {NAN, 1}, {NAN, NAN, 0.5f}},
        {"global_clipnorm", {NAN, 1}, {NAN, NAN, NAN}},
        {"clipvalue", {NAN, 1}, {NAN, 1, 0.5f}},
        {"clipvalue", {1e30f, -1e30f}, {1, -1, 0.5f}},
        {"clipnorm", {1e-30f, 1e-30f}, {1e-30f, 1e-30f, 0.5f}},
        {"clipnorm", {3e30f, 4e30f}, {0.6f, 0.8f, 0.5f}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        clip(rows[i].option, rows[i].a[0], rows[i].a[1], rows[i].expected);
}

static void s12_04_below_the_limit_no_bit_changes(void **state)
{
    static const double limits[] = {41, 47, 55, 61, 82, 83, 94, 97, .1, .7};
    bench b;
    char json[128];

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const float g = (float)limits[i] * 0.999f;
        snprintf(json, sizeof json,
                 "{\"learning_rate\": 1, \"global_clipnorm\": %.17g}",
                 limits[i]);
        open_bench(&b, "sgd", json, 0);
        assert_true(step(&b, g) == -g);
        close_bench(&b);
    }
}

static void s12_04_norms_of_doubles_neither_overflow_nor_vanish(void **state)
{
    static const double sizes[] = {1e200, 1e-200};
    const int64_t n = 2;

    (void)state;
    for (int i = 0; i < 2; i++) {
        descent_runtime *runtime = check_runtime();
        descent_optimizer *o = check_optimizer(
            runtime, "sgd", "{\"learning_rate\": 1, \"clipnorm\": 1}");
        double w[2] = {0}, g[2] = {3 * sizes[i], 4 * sizes[i]};
        const descent_tensor t = {
            .struct_size = sizeof t,
            .dtype = DESCENT_DTYPE_F64,
            .name = "w",
            .ndim = 1,
            .shape = &n,
            .data = w,
            .gradient = g,
        };
        ok(descent_optimizer_add(o, &t, 1));
        near(check_step(o).grad_norm / (5 * sizes[i]), 1, 1e-12);
        near(w[1] / (i == 0 ? -0.8 : -4e-200), 1, 1e-12);
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

static void accumulation_takes_the_mean(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"gradient_accumulation_steps\": 3, "
               "\"loss_scale_factor\": 4}",
               0);
    assert_true(step(&b, 4) == 0);
    near(slot(&b, "gradient_accumulator"), 1, 0);
    assert_true(step(&b, 8) == 0);
    near(step(&b, 24), -3, 1e-6);
    near(slot(&b, "gradient_accumulator"), 0, 0);
    near(descent_optimizer_scale_loss(b.o, 2), 8, 0);
    close_bench(&b);
}

static void a_partial_sum_takes_part_in_the_update(void **state)
{
    bench b;
    float other = 0, other_g = 1;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 0.1, \"gradient_accumulation_steps\": 2}",
               1);
    check_bind(b.o, "other", &other, &other_g, 1);
    step(&b, 1);
    ok(descent_optimizer_set_pointer(b.o, 0, DESCENT_POINTER_GRADIENT, NULL));
    check_step(b.o);
    near(b.w[0], 1 - 0.1 * 0.5, 1e-7);
    close_bench(&b);
}

static void maximize_climbs(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.5, \"maximize\": true}", 1);
    near(step(&b, 1), 1.5, 0);
    close_bench(&b);
}

static void s12_06_centered_rmsprop_survives_a_constant_gradient(void **state)
{
    bench b;

    (void)state;
    for (float g = 1; g < 1000; g *= 1.37f) {
        open_bench(&b, "rmsprop", "{\"centered\": true, \"rho\": 0.95}", 0);
        for (int i = 0; i < 600; i++)
            step(&b, g);
        assert_true(isfinite(b.w[0]));
        close_bench(&b);
    }
}

static void s12_02_nothing_to_do_changes_no_counter(void **state)
{
    bench b;
    const size_t none = 0;
    descent_step_options subset = {.struct_size = sizeof subset,
                                   .tensors = &none};

    (void)state;
    b.runtime = check_runtime();
    b.o = check_optimizer(b.runtime, "adam", NULL);
    check_step(b.o);
    check_bind(b.o, "w", b.w, b.g, 1);
    ok(descent_optimizer_step(b.o, NULL, 0, &subset, NULL));
    assert_int_equal(descent_optimizer_iterations(b.o), 0);
    ok(descent_optimizer_set_pointer(b.o, 0, DESCENT_POINTER_GRADIENT, NULL));
    refused(descent_optimizer_step(b.o, NULL, 0, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "no gradient for any of 1 tensors");
    assert_int_equal(descent_optimizer_iterations(b.o), 0);
    close_bench(&b);
}

static void a_subset_is_updated_alone(void **state)
{
    bench b;
    float other = 1, other_g = 1;
    const size_t second = 1;
    descent_step_options subset = {
        .struct_size = sizeof subset, .tensors = &second, .tensor_count = 1};
    descent_gradient g = {.struct_size = sizeof g, .data = &other_g};

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.5}", 1);
    check_bind(b.o, "other", &other, NULL, 1);
    ok(descent_optimizer_step(b.o, &g, 1, &subset, NULL));
    near(b.w[0], 1, 0);
    near(other, 0.5, 0);
    refused(descent_optimizer_step(b.o, &g, 1, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "1 gradients for 2 tensors");
    close_bench(&b);
}

static void gradients_of_the_other_precision_are_converted(void **state)
{
    bench b;
    const double g = 0.25;
    descent_gradient gradient = {
        .struct_size = sizeof gradient, .dtype = DESCENT_DTYPE_F64, .data = &g};

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 1}", 1);
    ok(descent_optimizer_step(b.o, &gradient, 1, NULL, NULL));
    near(b.w[0], 0.75, 0);
    close_bench(&b);
}

static void averages_are_swapped_and_finalized(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"use_ema\": true, \"ema_momentum\": "
               "0.5}",
               0);
    step(&b, 1);
    near(step(&b, 1), -2, 0);
    ok(descent_optimizer_swap_average(b.o));
    near(b.w[0], -1.5, 0);
    refused(descent_optimizer_step(b.o, NULL, 0, NULL, NULL), DESCENT_ERR_STATE,
            "swap them back");
    ok(descent_optimizer_swap_average(b.o));
    near(b.w[0], -2, 0);
    ok(descent_optimizer_finalize(b.o));
    near(b.w[0], -1.5, 0);
    close_bench(&b);
}

static void
finalizing_while_swapped_makes_the_averages_the_weights(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 0.1, \"use_ema\": true, "
               "\"ema_momentum\": 0.5}",
               1);
    step(&b, 1);
    step(&b, 1);
    ok(descent_optimizer_swap_average(b.o));
    refused(descent_optimizer_remove(b.o, "w"), DESCENT_ERR_STATE,
            "before 'w' is removed");
    ok(descent_optimizer_finalize(b.o));
    near(b.w[0], 0.85, 1e-6);
    near(slot(&b, "average"), 0.85, 1e-6);
    near(step(&b, 0), 0.85, 1e-6);
    near(slot(&b, "average"), 0.85, 1e-6);
    close_bench(&b);
    /* Nor does it leave the swap behind when there is nothing to write. */
    open_bench(&b, "sgd", "{\"use_ema\": true}", 1);
    ok(descent_optimizer_swap_average(b.o));
    ok(descent_optimizer_finalize(b.o));
    step(&b, 1);
    close_bench(&b);
}

static void a_subset_leaves_what_others_have_accumulated(void **state)
{
    bench b;
    float other = 0, other_g = 1;
    const size_t first = 0;
    descent_step_options subset = {
        .struct_size = sizeof subset, .tensors = &first, .tensor_count = 1};

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"gradient_accumulation_steps\": 2}", 0);
    check_bind(b.o, "other", &other, &other_g, 1);
    step(&b, 1);
    ok(descent_optimizer_step(b.o, NULL, 0, &subset, NULL));
    near(b.w[0], -1, 0);
    near(other, 0, 0);
    step(&b, 1);
    step(&b, 1);
    near(other, -1.5, 0); /* three gradients over two */
    close_bench(&b);
}

static void a_refused_step_builds_no_state(void **state)
{
    static const int64_t two[] = {2};
    bench b;
    descent_gradient g = {
        .struct_size = sizeof g, .data = &b.g, .ndim = 1, .shape = two};

    (void)state;
    open_bench(&b, "adam", NULL, 1);
    refused(descent_optimizer_step(b.o, &g, 1, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "shape [2]");
    assert_int_equal(descent_optimizer_state_bytes(b.o), 0);
    close_bench(&b);
}

static void exclusion_goes_by_name_and_by_pattern(void **state)
{
    static const char *const names[] = {"first"};
    bench b;
    float first = 1, bias = 1, zero = 0;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 1, \"weight_decay\": 0.5}", 1);
    check_bind(b.o, "first", &first, &zero, 1);
    refused(descent_optimizer_exclude_from_weight_decay(b.o, names, 1, "("),
            DESCENT_ERR_ARGUMENT, "POSIX extended regular expression");
    ok(descent_optimizer_exclude_from_weight_decay(b.o, names, 1, "bi.s$"));
    check_bind(b.o, "dense.bias", &bias, &zero, 1);
    near(step(&b, 0), 0.5, 0);
    near(first, 1, 0);
    near(bias, 1, 0);
    refused(descent_optimizer_exclude_from_weight_decay(b.o, NULL, 0, NULL),
            DESCENT_ERR_STATE, "after the first step");
    close_bench(&b);
}

static void s12_15_empty_and_scalar_tensors_are_tensors(void **state)
{
    static const int64_t none[] = {0, 3};
    bench b;
    float scalar = 1, scalar_g = 1;
    descent_tensor t[2] = {
        {.struct_size = sizeof *t,
         .dtype = DESCENT_DTYPE_F32,
         .name = "empty",
         .ndim = 2,
         .shape = none},
        {.struct_size = sizeof *t,
         .dtype = DESCENT_DTYPE_F32,
         .name = "scalar",
         .data = &scalar,
         .gradient = &scalar_g},
    };

    (void)state;
    b.runtime = check_runtime();
    b.o = check_optimizer(b.runtime, "sgd",
                          "{\"learning_rate\": 0.5, \"momentum\": 0.5}");
    ok(descent_optimizer_add(b.o, t, 2));
    assert_int_equal(check_step(b.o).updated, 2);
    near(scalar, 0.5, 0);
    close_bench(&b);
}

/* It is the first of those that share scalars, and has no average itself. */
static void s12_15_an_empty_tensor_leaves_others_their_averages(void **state)
{
    static const int64_t none[] = {0};
    const descent_tensor empty = {.struct_size = sizeof empty,
                                  .dtype = DESCENT_DTYPE_F32,
                                  .name = "empty",
                                  .ndim = 1,
                                  .shape = none};
    bench b;
    float w = 1, g = 1;

    (void)state;
    b.runtime = check_runtime();
    b.o = check_optimizer(b.runtime, "sgd",
                          "{\"learning_rate\": 1, \"use_ema\": true, "
                          "\"ema_momentum\": 0.5}");
    ok(descent_optimizer_add(b.o, &empty, 1));
    check_bind(b.o, "w", &w, &g, 1);
    check_step(b.o);
    check_step(b.o);
    near(w, -1, 0);
    ok(descent_optimizer_swap_average(b.o));
    near(w, -0.5, 0);
    close_bench(&b);
}

static void a_rate_of_zero_moves_the_state_alone(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "adam", "{\"learning_rate\": 0}", 1);
    near(step(&b, 0.5f), 1, 0);
    near(slot(&b, "momentum"), 0.05, 1e-7);
    near(slot(&b, "velocity"), 0.00025, 1e-9);
    assert_int_equal(descent_optimizer_updates(b.o), 1);
    assert_int_equal(descent_optimizer_tensor_updates(b.o, 0), 1);
    close_bench(&b);
}

static void removing_a_tensor_keeps_the_others_state(void **state)
{
    bench b;
    float other = 1, other_g = 1;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 1, \"momentum\": 0.5}", 1);
    check_bind(b.o, "other", &other, &other_g, 1);
    step(&b, 1);
    ok(descent_optimizer_remove(b.o, "w"));
    assert_int_equal(descent_optimizer_tensor_count(b.o), 1);
    check_step(b.o);
    near(other, 0 - 1.5, 0); /* 1 - 1, then the velocity is -0.5 - 1 */
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_03_decay_is_not_clipped_and_not_in_the_moments),
        cmocka_unit_test(s12_03_l2_decay_is_added_after_clipping),
        cmocka_unit_test(s12_03_averages_on_iterations_follow_keras),
        cmocka_unit_test(s12_03_averages_on_updates_ignore_micro_steps),
        cmocka_unit_test(
            s12_02_a_late_gradient_counts_from_the_optimizers_first_step),
        cmocka_unit_test(s12_04_clips_treat_special_values_as_written),
        cmocka_unit_test(s12_04_below_the_limit_no_bit_changes),
        cmocka_unit_test(s12_04_norms_of_doubles_neither_overflow_nor_vanish),
        cmocka_unit_test(accumulation_takes_the_mean),
        cmocka_unit_test(a_partial_sum_takes_part_in_the_update),
        cmocka_unit_test(maximize_climbs),
        cmocka_unit_test(s12_06_centered_rmsprop_survives_a_constant_gradient),
        cmocka_unit_test(s12_02_nothing_to_do_changes_no_counter),
        cmocka_unit_test(a_subset_is_updated_alone),
        cmocka_unit_test(gradients_of_the_other_precision_are_converted),
        cmocka_unit_test(averages_are_swapped_and_finalized),
        cmocka_unit_test(
            finalizing_while_swapped_makes_the_averages_the_weights),
        cmocka_unit_test(a_subset_leaves_what_others_have_accumulated),
        cmocka_unit_test(a_refused_step_builds_no_state),
        cmocka_unit_test(exclusion_goes_by_name_and_by_pattern),
        cmocka_unit_test(s12_15_empty_and_scalar_tensors_are_tensors),
        cmocka_unit_test(s12_15_an_empty_tensor_leaves_others_their_averages),
        cmocka_unit_test(a_rate_of_zero_moves_the_state_alone),
        cmocka_unit_test(removing_a_tensor_keeps_the_others_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
