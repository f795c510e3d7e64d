/* SPDX-License-Identifier: MIT */
/* Flavours: the defaults of four systems, and the choices that differ. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

/* ---- Defaults, from the constructors' signatures ---- */

enum { KERAS3, KERAS2, MXNET, TORCH, FLAVOURS };
static const char *const flavours[] = {"keras3", "keras2", "mxnet", "torch"};

static void defaults_are_those_of_the_constructors(void **state)
{
    static const struct {
        const char *kind, *option;
        double value[FLAVOURS];
    } rows[] = {
        {"sgd", "learning_rate", {0.01, 0.01, 0.1, 0.001}},
        {"sgd", "momentum", {0, 0, 0, 0}},
        {"sgd", "nesterov", {0, 0, 0, 0}},
        {"sgd", "dampening", {0, 0, 0, 0}},
        {"adam", "learning_rate", {1e-3, 1e-3, 1e-3, 1e-3}},
        {"adam", "beta_1", {0.9, 0.9, 0.9, 0.9}},
        {"adam", "beta_2", {0.999, 0.999, 0.999, 0.999}},
        {"adam", "epsilon", {1e-7, 1e-7, 1e-8, 1e-8}},
        {"adam", "amsgrad", {0, 0, 0, 0}},
        {"adagrad", "learning_rate", {1e-3, 0.01, 0.01, 0.01}},
        {"adagrad", "initial_accumulator_value", {0.1, 0, 0, 0}},
        {"adagrad", "epsilon", {1e-7, 1e-7, 1e-6, 1e-10}},
        {"adagrad", "lr_decay", {0, 0, 0, 0}},
        {"rmsprop", "learning_rate", {1e-3, 1e-3, 1e-3, 1e-2}},
        {"rmsprop", "rho", {0.9, 0.9, 0.9, 0.99}},
        {"rmsprop", "epsilon", {1e-7, 1e-7, 1e-8, 1e-8}},
        {"rmsprop", "momentum", {0, 0, 0.9, 0}},
        {"rmsprop", "centered", {0, 0, 0, 0}},
        {"adadelta", "learning_rate", {1e-3, 1, 1, 1}},
        {"adadelta", "rho", {0.95, 0.95, 0.9, 0.9}},
        {"adadelta", "epsilon", {1e-7, 1e-7, 1e-6, 1e-6}},
        {"adamax", "learning_rate", {1e-3, 2e-3, 2e-3, 2e-3}},
        {"adamax", "beta_1", {0.9, 0.9, 0.9, 0.9}},
        {"adamax", "beta_2", {0.999, 0.999, 0.999, 0.999}},
        {"adamax", "epsilon", {1e-7, 1e-7, 1e-8, 1e-8}},
        {"nadam", "learning_rate", {1e-3, 2e-3, 1e-3, 2e-3}},
        {"nadam", "beta_1", {0.9, 0.9, 0.9, 0.9}},
        {"nadam", "beta_2", {0.999, 0.999, 0.999, 0.999}},
        {"nadam", "epsilon", {1e-7, 1e-7, 1e-8, 1e-8}},
        {"nadam", "nadam_psi", {1, 0.004, 0.004, 0.004}},
    };
    descent_runtime *runtime = check_runtime();
    char json[64];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int f = 0; f < FLAVOURS; f++) {
            double value = 0;
            snprintf(json, sizeof json, "{\"flavour\": \"%s\"}", flavours[f]);
            descent_optimizer *o = check_optimizer(runtime, rows[i].kind, json);
            ok(descent_optimizer_get(o, rows[i].option, &value));
            if (value != rows[i].value[f])
                fail_msg("%s.%s in %s is %g", rows[i].kind, rows[i].option,
                         flavours[f], value);
            descent_optimizer_free(o);
        }
    }
    descent_runtime_free(runtime);
}

static void what_is_given_wins_over_the_flavour(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(
        runtime, "rmsprop",
        "{\"rho\": 0.5, \"epsilon_mode\": \"in_sqrt\", \"flavour\": "
        "\"torch\"}");
    double value;

    (void)state;
    ok(descent_optimizer_get(o, "rho", &value));
    assert_true(value == 0.5);
    ok(descent_optimizer_get(o, "epsilon_mode", &value));
    assert_true(value == 0);
    ok(descent_optimizer_get(o, "learning_rate", &value));
    assert_true(value == 0.01);
    descent_optimizer_free(o);
    refused(
        check_optimizer_status(runtime, "sgd", "{\"flavour\": \"caffe\"}", &o),
        DESCENT_ERR_ARGUMENT,
        "expected \"keras3\", \"keras2\", \"mxnet\" or \"torch\"");
    descent_runtime_free(runtime);
}

/* ---- One weight ---- */

static descent_runtime *runtime;
static descent_optimizer *o;
static float w, g;

static void open_one(const char *kind, const char *json, float from)
{
    runtime = check_runtime();
    o = check_optimizer(runtime, kind, json);
    w = from;
    check_bind(o, "w", &w, &g, 1);
}

static float step(float gradient)
{
    g = gradient;
    check_step(o);
    return w;
}

static void close_one(void)
{
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

static void s12_02_a_late_gradient_may_count_for_itself(void **state)
{
    static const double expected[] = {0.92559, 0.9};
    static const char *const counters[] = {"global", "per_tensor"};
    float late = 1, late_g = 1;
    char json[96];

    (void)state;
    for (int i = 0; i < 2; i++) {
        snprintf(json, sizeof json,
                 "{\"learning_rate\": 0.1, \"counter\": \"%s\"}", counters[i]);
        open_one("adam", json, 1);
        late = 1;
        check_bind(o, "late", &late, NULL, 1);
        step(1);
        assert_int_equal(descent_optimizer_tensor_updates(o, 1), 0);
        ok(descent_optimizer_set_pointer(o, 1, DESCENT_POINTER_GRADIENT,
                                         &late_g));
        step(1);
        near(late, expected[i], 1e-5);
        assert_int_equal(descent_optimizer_tensor_updates(o, 0), 2);
        assert_int_equal(descent_optimizer_tensor_updates(o, 1), 1);
        close_one();
    }
}

static void s12_07_nadams_product_belongs_to_the_counter(void **state)
{
    descent_tensor view = {.struct_size = sizeof view};
    float twin = 1, late = 1, late_g = 1;
    double first;

    (void)state;
    open_one("nadam", "{\"flavour\": \"mxnet\"}", 1);
    check_bind(o, "twin", &twin, &g, 1);
    check_bind(o, "late", &late, NULL, 1);
    for (int i = 0; i < 3; i++)
        step(0.1f * (float)(i + 1));
    /* Two tensors with the same data stay the same, and the third waits. */
    assert_true(w == twin);
    ok(descent_optimizer_slot(o, 0, "u_product", &view));
    first = *(const double *)view.data;
    ok(descent_optimizer_slot(o, 1, "u_product", &view));
    assert_true(*(const double *)view.data == first && first < 0.3);
    ok(descent_optimizer_slot(o, 2, "u_product", &view));
    assert_true(*(const double *)view.data == 1);
    ok(descent_optimizer_set_pointer(o, 2, DESCENT_POINTER_GRADIENT, &late_g));
    step(1);
    ok(descent_optimizer_slot(o, 2, "u_product", &view));
    assert_true(*(const double *)view.data < 1);
    close_one();
}

static void legacy_decay_divides_the_rate(void **state)
{
    (void)state;
    open_one("sgd",
             "{\"flavour\": \"keras2\", \"decay\": 0.5, \"learning_rate\": 1}",
             0);
    near(step(1), -1, 0);
    near(step(1), -1 - 1 / 1.5, 1e-6);
    close_one();
    open_one("sgd", "{\"decay\": 0.5, \"learning_rate\": 1}", 0);
    assert_non_null(strstr(check_log, "flavour = \"keras2\" applies it"));
    step(1);
    near(step(1), -2, 0);
    close_one();
}

static void legacy_clipping_is_by_all_and_then_by_value(void **state)
{
    float other = 0, other_g = 4;

    (void)state;
    open_one("sgd",
             "{\"flavour\": \"keras2\", \"learning_rate\": 1, \"clipnorm\": "
             "2.5, \"clipvalue\": 1.75}",
             0);
    check_bind(o, "other", &other, &other_g, 1);
    near(step(3), -1.5, 1e-6);
    near(other, -1.75, 0);
    close_one();
}

static int asked_for;

static descent_status note(void *user, uint64_t n,
                           const descent_schedule_context *context,
                           double *value)
{
    (void)user;
    (void)context;
    asked_for = (int)n;
    *value = 1;
    return DESCENT_OK;
}

static void s12_02_schedules_may_count_from_elsewhere(void **state)
{
    static const struct {
        const char *json;
        int first, second;
    } rows[] = {
        {"{}", 0, 1},
        {"{\"gradient_accumulation_steps\": 2}", 0, 1},
        {"{\"flavour\": \"mxnet\"}", 1, 2},
        {"{\"flavour\": \"mxnet\", \"begin_num_update\": 5}", 6, 7},
        {"{\"gradient_accumulation_steps\": 2, \"schedule_counter\": "
         "\"updates\"}",
         0, 0},
    };
    descent_schedule *schedule = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_one("sgd", rows[i].json, 0);
        ok(descent_schedule_from_function(runtime, note, NULL, NULL,
                                          &schedule));
        ok(descent_optimizer_set_schedule(o, "learning_rate", schedule));
        descent_schedule_release(schedule);
        step(1);
        assert_int_equal(asked_for, rows[i].first);
        step(1);
        assert_int_equal(asked_for, rows[i].second);
        close_one();
    }
}

static void gradients_are_rescaled_before_clipping(void **state)
{
    (void)state;
    open_one("sgd",
             "{\"learning_rate\": 1, \"rescale_grad\": 0.5, \"clipvalue\": "
             "2}",
             0);
    near(step(3), -1.5, 0);
    near(step(8), -3.5, 0);
    close_one();
}

/* With k = 2 the rates that count are those of steps 1, 3, 5, ... */
static void s12_02_micro_steps_count_for_schedules(void **state)
{
    static const double expected[] = {0, -2, -2, -6, -6, -12};

    (void)state;
    open_one("sgd",
             "{\"gradient_accumulation_steps\": 2, \"learning_rate\": "
             "{\"class_name\": \"ramp\", \"config\": {\"from\": 1, \"to\": 11, "
             "\"steps\": 10}}}",
             0);
    for (int i = 0; i < 6; i++)
        near(step(1), expected[i], 0);
    close_one();
}

/* A first step with a gradient of 1e-5: a factor of 97. */
static void s12_05_rmsprops_epsilon_makes_a_factor_of_97(void **state)
{
    (void)state;
    open_one("rmsprop", "{}", 0);
    const double inside = step(1e-5f);
    near(inside, -3.16e-5, 1e-7);
    close_one();
    open_one("rmsprop", "{\"flavour\": \"keras2\"}", 0);
    near(step(1e-5f), -3.07e-3, 1e-5);
    near(w / inside, 97, 0.5);
    close_one();
}

/* Adam with all gradients 1 and epsilon 1: the plain step over that of the hat at
 * update t, where the plain epsilon is the other times the root of 1 - 0.999^t. */
static void s12_05_adams_plain_epsilon_is_the_hats_times_a_root(void **state)
{
    static const int updates[] = {1, 10, 1000};
    static const char *const modes[] = {"hat", "plain"};
    double moved[2][3];

    (void)state;
    for (int m = 0; m < 2; m++) {
        for (int i = 0; i < 3; i++) {
            char json[128];
            snprintf(json, sizeof json,
                     "{\"learning_rate\": 0, \"epsilon\": 1, "
                     "\"epsilon_mode\": \"%s\"}",
                     modes[m]);
            open_one("adam", json, 0);
            for (int t = 1; t < updates[i]; t++)
                step(1);
            ok(descent_optimizer_set(o, "learning_rate", 1));
            moved[m][i] = step(1);
            close_one();
        }
    }
    for (int i = 0; i < 3; i++) {
        const double root = sqrt(1 - pow(0.999, updates[i]));
        near(moved[1][i] / moved[0][i], (1 + 1 / root) / 2, 1e-3);
    }
    near(sqrt(1 - pow(0.999, 1)) * 31.6, 1, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_constructors),
        cmocka_unit_test(what_is_given_wins_over_the_flavour),
        cmocka_unit_test(s12_02_a_late_gradient_may_count_for_itself),
        cmocka_unit_test(s12_07_nadams_product_belongs_to_the_counter),
        cmocka_unit_test(legacy_decay_divides_the_rate),
        cmocka_unit_test(legacy_clipping_is_by_all_and_then_by_value),
        cmocka_unit_test(s12_02_schedules_may_count_from_elsewhere),
        cmocka_unit_test(gradients_are_rescaled_before_clipping),
        cmocka_unit_test(s12_02_micro_steps_count_for_schedules),
        cmocka_unit_test(s12_05_rmsprops_epsilon_makes_a_factor_of_97),
        cmocka_unit_test(s12_05_adams_plain_epsilon_is_the_hats_times_a_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
