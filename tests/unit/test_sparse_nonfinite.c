/* SPDX-License-Identifier: MIT */
/* Row-sparse gradients that are not finite. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

enum { ROWS = 2000, ROW = 3, COUNT = ROWS * ROW };

typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    float w[COUNT];
} bench;

static void open_bench(bench *b, const char *json)
{
    static const int64_t shape[] = {ROWS, ROW};
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = DESCENT_DTYPE_F32,
        .name = "table",
        .ndim = 2,
        .shape = shape,
        .data = b->w,
    };

    b->runtime = check_runtime();
    b->o = check_optimizer(b->runtime, "sgd", json);
    for (size_t i = 0; i < COUNT; i++)
        b->w[i] = 1;
    ok(descent_optimizer_add(b->o, &t, 1));
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

static void expect_ones(const bench *b)
{
    for (size_t i = 0; i < COUNT; i++)
        assert_true(b->w[i] == 1);
}

static descent_gradient rows(const float *values, const int64_t *indices,
                             int64_t n)
{
    return (descent_gradient){.struct_size = sizeof(descent_gradient),
                              .data = values,
                              .indices = indices,
                              .rows = n};
}

static void the_first_number_that_is_not_finite_is_named(void **state)
{
    static const int64_t indices[] = {1999, 4, 7, 4};
    static const struct {
        float values[4 * ROW];
        const char *text;
    } cases[] = {
        {{[1] = NAN},
         "SGD: gradient of 'table' is nan at index 5998 (the first is 0): "
         "expected finite numbers in f32"},
        {{[0] = INFINITY, [8] = -INFINITY}, "is -inf at index 23"},
        {{[5] = INFINITY, [11] = -INFINITY}, "is nan at index 14"},
        /* Each is finite, their sum is not. */
        {{[3] = FLT_MAX, [9] = FLT_MAX}, "is inf at index 12"},
    };
    static bench b;

    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const descent_gradient g = rows(cases[i / 2].values, indices, 4);
        open_bench(&b, i % 2 == 0 ? "{\"on_nonfinite\": \"error\"}"
                                  : "{\"on_nonfinite\": \"error\", "
                                    "\"lazy_update\": true}");
        refused(descent_optimizer_step(b.o, &g, 1, NULL, NULL),
                DESCENT_ERR_NUMERIC, cases[i / 2].text);
        expect_ones(&b);
        assert_int_equal(descent_optimizer_iterations(b.o), 0);
        close_bench(&b);
    }
}

static void finite_rows_and_no_rows_pass(void **state)
{
    static const int64_t indices[] = {5, 1};
    static const float values[2 * ROW] = {1, 1, 1, 1, 1, 1};
    static bench b;
    const descent_gradient g[] = {rows(values, indices, 2),
                                  rows(values, indices, 0),
                                  rows(NULL, indices, 0)};

    (void)state;
    open_bench(&b, "{\"on_nonfinite\": \"error\", \"sparse\": \"lazy\", "
                   "\"learning_rate\": 0.5}");
    for (size_t i = 0; i < 3; i++)
        ok(descent_optimizer_step(b.o, &g[i], 1, NULL, NULL));
    assert_true(b.w[5 * ROW] == .5f && b.w[ROW] == .5f && b.w[0] == 1);
    close_bench(&b);
}

/* A window's last step is skipped: what it listed is forgotten. */
static void a_skipped_step_leaves_its_rows_out_of_the_window(void **state)
{
    static const int64_t first[] = {5, 1}, last[] = {8, 1};
    static const float good[2 * ROW] = {1, 1, 1, 1, 1, 1},
                                bad[2 * ROW] = {1, NAN, 1, 1, 1, 1};
    static bench b;
    const descent_gradient g[] = {rows(good, first, 2), rows(bad, last, 2)};
    descent_step_report report = {.struct_size = sizeof report};
    descent_tensor marks = {.struct_size = sizeof marks};

    (void)state;
    open_bench(&b, "{\"on_nonfinite\": \"skip_step\", \"skip_counts\": true, "
                   "\"gradient_accumulation_steps\": 2, \"sparse\": \"lazy\", "
                   "\"weight_decay\": 0.5, \"learning_rate\": 0.5}");
    ok(descent_optimizer_step(b.o, &g[0], 1, NULL, NULL));
    ok(descent_optimizer_step(b.o, &g[1], 1, NULL, &report));
    assert_int_equal(report.skipped, 1);
    assert_int_equal(report.updated, 1);
    assert_true(b.w[5 * ROW] == .5f && b.w[ROW] == .5f);
    assert_true(b.w[8 * ROW] == 1 && b.w[0] == 1);
    ok(descent_optimizer_slot(b.o, 0, "gradient_accumulator_rows", &marks));
    assert_null(memchr(marks.data, 1, ROWS));
    close_bench(&b);
}

static void the_loss_scale_falls_for_rows_as_for_tensors(void **state)
{
    static const int64_t index = 3;
    static const float bad[ROW] = {INFINITY, 0, 0}, good[ROW] = {4, 4, 4};
    static bench b;
    descent_gradient g = rows(bad, &index, 1);
    descent_step_report report = {.struct_size = sizeof report};

    (void)state;
    open_bench(&b, "{\"loss_scale\": true, \"loss_scale.initial_scale\": 8, "
                   "\"sparse\": \"lazy\", \"learning_rate\": 0.5, "
                   "\"report_norm\": true}");
    ok(descent_optimizer_step(b.o, &g, 1, NULL, &report));
    assert_int_equal(report.skipped, 1);
    expect_ones(&b);
    assert_true(descent_optimizer_scale_loss(b.o, 1) == 4);
    g.data = good;
    ok(descent_optimizer_step(b.o, &g, 1, NULL, &report));
    assert_int_equal(report.skipped, 0);
    assert_true(report.grad_norm == sqrt(3));
    assert_true(b.w[3 * ROW] == .5f && b.w[0] == 1);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_number_that_is_not_finite_is_named),
        cmocka_unit_test(finite_rows_and_no_rows_pass),
        cmocka_unit_test(a_skipped_step_leaves_its_rows_out_of_the_window),
        cmocka_unit_test(the_loss_scale_falls_for_rows_as_for_tensors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
