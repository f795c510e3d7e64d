/* SPDX-License-Identifier: MIT */
/* The words of other systems: names of options and classes, MXNet's
 * lr_scheduler, aggregate_num and update_on_kvstore. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

static const char *const kinds[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};

/* ---- Names of options ---- */

/* What the constructors of the four systems take and that means something
 * here; "" ends a list. */
static const struct {
    const char *kind;
    const char *names[16];
} signatures[] = {
    {"sgd",
     {"learning_rate", "momentum", "nesterov", "weight_decay", "clipnorm",
      "clipvalue", "global_clipnorm", "use_ema", "ema_momentum",
      "ema_overwrite_frequency", "loss_scale_factor",
      "gradient_accumulation_steps", "name"}},
    {"sgd", {"lr", "decay", "momentum", "nesterov", "clipnorm"}},
    {"sgd",
     {"learning_rate", "momentum", "wd", "rescale_grad", "clip_gradient",
      "begin_num_update", "multi_precision", "use_fused_step", "lazy_update",
      "aggregate_num"}},
    {"sgd",
     {"lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"}},
    {"adam", {"learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad"}},
    {"adam", {"lr", "beta_1", "beta_2", "epsilon", "decay", "amsgrad"}},
    {"adam", {"learning_rate", "beta1", "beta2", "epsilon", "wd"}},
    {"adam", {"lr", "eps", "weight_decay", "amsgrad", "maximize"}},
    {"adagrad", {"learning_rate", "initial_accumulator_value", "epsilon"}},
    {"adagrad", {"lr", "epsilon", "decay"}},
    {"adagrad", {"learning_rate", "eps", "wd"}},
    {"adagrad",
     {"lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"}},
    {"rmsprop", {"learning_rate", "rho", "momentum", "epsilon", "centered"}},
    {"rmsprop", {"lr", "rho", "epsilon", "decay"}},
    {"rmsprop", {"learning_rate", "gamma1", "gamma2", "epsilon", "centered"}},
    {"rmsprop", {"lr", "alpha", "eps", "weight_decay", "momentum", "centered"}},
    {"adadelta", {"learning_rate", "rho", "epsilon"}},
    {"adadelta", {"lr", "rho", "eps", "weight_decay"}},
    {"adamax", {"learning_rate", "beta_1", "beta_2", "epsilon"}},
    {"adamax", {"learning_rate", "beta1", "beta2"}},
    {"adamax", {"lr", "eps", "weight_decay", "maximize"}},
    {"nadam", {"learning_rate", "beta_1", "beta_2", "epsilon"}},
    {"nadam", {"lr", "beta_1", "beta_2", "epsilon", "schedule_decay"}},
    {"nadam", {"beta1", "beta2", "epsilon", "schedule_decay"}},
    {"nadam", {"lr", "eps", "weight_decay", "momentum_decay"}},
};

static void the_names_of_the_four_systems_are_known(void **state)
{
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        descent_optimizer *o =
            check_optimizer(runtime, signatures[i].kind, NULL);
        for (size_t k = 0; k < 16 && signatures[i].names[k] != NULL; k++) {
            const char *name = signatures[i].names[k];
            double value;
            if (strcmp(name, "name") != 0)
                ok(descent_optimizer_get(o, name, &value));
        }
        descent_optimizer_free(o);
    }
    descent_runtime_free(runtime);
}

/* Both names with values that are alright by themselves. */
static void refuse_both(descent_runtime *runtime, const char *kind,
                        const descent_param *p, const char *a, const char *b)
{
    const double value = isnan(p->initial) ? 1 : p->initial;
    descent_options *options = NULL;
    descent_optimizer *o = NULL;
    char expected[160];

    ok(descent_options_create(runtime, &options));
    ok(descent_options_set_number(options, a, value));
    ok(descent_options_set_number(options, b, value));
    snprintf(expected, sizeof expected,
             "%s: '%s' and '%s' are two names of one option", kind, a, b);
    refused(descent_optimizer_create(runtime, kind, options, &o),
            DESCENT_ERR_ARGUMENT, expected);
    descent_options_free(options);
}

static int refuse_pairs(descent_runtime *runtime, const char *kind,
                        const descent_param *p)
{
    int pairs = 0;

    for (size_t i = 0; p->aliases != NULL && p->aliases[i] != NULL; i++) {
        refuse_both(runtime, kind, p, p->name, p->aliases[i]);
        refuse_both(runtime, kind, p, p->aliases[i], p->name);
        pairs++;
        for (size_t k = 0; k < i; k++, pairs++)
            refuse_both(runtime, kind, p, p->aliases[k], p->aliases[i]);
    }
    return pairs;
}

static void two_names_of_one_option_are_an_error(void **state)
{
    descent_runtime *runtime = check_runtime();
    const descent_param *p;
    int pairs = 0;

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        descent_plugin_info info = {.struct_size = sizeof info};
        ok(descent_runtime_find(runtime, kinds[k], &info));
        for (size_t i = 0; (p = descent_common_option(i)) != NULL; i++)
            pairs += refuse_pairs(runtime, kinds[k], p);
        for (size_t i = 0; (p = descent_type_option(info.type, i)) != NULL; i++)
            pairs += refuse_pairs(runtime, kinds[k], p);
    }
    assert_true(pairs > 7 * 3);
    descent_runtime_free(runtime);
}

/* ---- Names of classes ---- */

static double value_of(descent_optimizer *o, const char *option)
{
    double value = 0;

    ok(descent_optimizer_get(o, option, &value));
    return value;
}

static void adamw_is_adam_that_decays(void **state)
{
    static const char *const names[] = {"AdamW", "adamw", "ADAMW"};
    descent_runtime *runtime = check_runtime();
    descent_plugin_info info = {.struct_size = sizeof info};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        descent_optimizer *o = check_optimizer(runtime, names[i], NULL);
        assert_string_equal(descent_optimizer_get_type(o)->id, "adam");
        assert_true(value_of(o, "weight_decay") == 0.004);
        descent_optimizer_free(o);
    }
    /* Its decay is decoupled in every flavour; what is given wins. */
    descent_optimizer *o = check_optimizer(
        runtime, "AdamW", "{\"flavour\": \"torch\", \"weight_decay\": 0.02}");
    assert_true(value_of(o, "weight_decay") == 0.02);
    assert_true(value_of(o, "weight_decay_mode") == 0);
    assert_true(value_of(o, "epsilon") == 1e-8);
    descent_optimizer_free(o);
    o = check_optimizer(runtime, "adam", NULL);
    assert_true(isnan(value_of(o, "weight_decay")));
    descent_optimizer_free(o);
    /* PyTorch's default is another one. */
    o = check_optimizer(runtime, "AdamW", "{\"flavour\": \"torch\"}");
    assert_true(value_of(o, "weight_decay") == 0.01);
    descent_optimizer_free(o);
    ok(descent_runtime_find(runtime, "AdamW", &info));
    assert_string_equal(info.type->id, "adam");
    /* No other name gets through to a rule that begins it. */
    refused(descent_runtime_find(runtime, "adamx", NULL), DESCENT_ERR_ARGUMENT,
            "optimizer \"adamx\": no file adamx.so");
    refused(descent_runtime_find(runtime, "sgdw", NULL), DESCENT_ERR_ARGUMENT,
            "optimizer \"sgdw\": no file sgdw.so");
    descent_runtime_free(runtime);
}

/* ---- Words without an option ---- */

static void updates_are_always_local(void **state)
{
    static const char *const values[] = {"true", "false", "null"};
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;
    char json[64];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(json, sizeof json, "{\"update_on_kvstore\": %s}", values[i]);
        refused(check_optimizer_status(runtime, "sgd", json, &o),
                DESCENT_ERR_ARGUMENT,
                "sgd.update_on_kvstore: there is no key-value store, updates "
                "are always local");
    }
    descent_runtime_free(runtime);
}

/* ---- lr_scheduler ---- */

#define FACTOR                                                                 \
    "{\"class_name\": \"FactorScheduler\", \"config\": {\"step\": 1, "         \
    "\"factor\": 0.5, \"base_lr\": 0.5, \"step_offset\": 1}}"

static void rates_are(const char *json, double first, double second)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(runtime, "sgd", json);
    float w = 0, g = 1;

    check_bind(o, "w", &w, &g, 1);
    if (check_step(o).learning_rate != first ||
        check_step(o).learning_rate != second)
        fail_msg("%s: second rate %.17g", json, value_of(o, "learning_rate"));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void lr_scheduler_is_the_rates_schedule(void **state)
{
    (void)state;
    rates_are("{\"lr_scheduler\": " FACTOR "}", 0.5, 0.25);
    /* A rate beside it becomes its base, by whichever name, before or after. */
    rates_are("{\"lr_scheduler\": " FACTOR ", \"learning_rate\": 2}", 2, 1);
    rates_are("{\"lr\": 2, \"lr_scheduler\": " FACTOR "}", 2, 1);
    rates_are("{\"lr_scheduler\": {\"class_name\": \"step\", \"config\": "
              "{\"step_size\": 1, \"gamma\": 0.5}}, \"lr\": 4}",
              4, 2);
    rates_are("{\"lr_scheduler\": {\"class_name\": \"multi_factor\", "
              "\"config\": {\"step\": [1], \"factor\": 0.5}}, \"lr\": 4, "
              "\"flavour\": \"mxnet\"}",
              4, 2);
    rates_are("{\"lr_scheduler\": null, \"lr\": 4}", 4, 4);
}

static void an_lr_scheduler_that_cannot_be_used_is_refused(void **state)
{
    static const struct {
        const char *json, *message;
    } rows[] = {
        {"{\"lr_scheduler\": 0.1}",
         "sgd.lr_scheduler is a number: expected a schedule"},
        {"{\"lr_scheduler\": " FACTOR ", \"learning_rate\": " FACTOR "}",
         "sgd: learning_rate and lr_scheduler are both schedules"},
        {"{\"lr_scheduler\": " FACTOR ", \"learning_rate\": -1}",
         "sgd.learning_rate = -1"},
        {"{\"lr\": 1, \"lr_scheduler\": {\"class_name\": \"CosineDecay\", "
         "\"config\": {\"initial_learning_rate\": 1, \"decay_steps\": 4}}}",
         "sgd.lr_scheduler: cosine_decay has no base_lr that a learning_rate "
         "could replace"},
        {"{\"lr\": 1, \"lr_scheduler\": {\"class_name\": "
         "\"reduce_on_plateau\", \"config\": {}}}",
         "sgd.lr_scheduler: reduce_on_plateau has a state: expected its own "
         "base_lr"},
        {"{\"lr\": 0.5, \"lr_scheduler\": {\"class_name\": \"factor\", "
         "\"config\": {\"step\": 1, \"base_lr\": 2, \"warmup_begin_lr\": 1}}}",
         "sgd.lr_scheduler: factor.warmup_begin_lr = 1: expected at most "
         "base_lr = 0.5"},
        {"{\"lr_schedule\": 1}", "did you mean 'lr_scheduler'?"},
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;
    double value;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(check_optimizer_status(runtime, "sgd", rows[i].json, &o),
                DESCENT_ERR_ARGUMENT, rows[i].message);
    o = check_optimizer(runtime, "sgd", "{\"lr_scheduler\": " FACTOR "}");
    refused(descent_optimizer_get(o, "lr_scheduler", &value),
            DESCENT_ERR_ARGUMENT,
            "sgd.lr_scheduler: it is the learning rate's schedule");
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void a_warmup_may_keep_its_own_target(void **state)
{
    /* As MXNet's does when the optimizer's rate replaces the base. */
    (void)state;
    rates_are("{\"flavour\": \"mxnet\", \"lr\": 4, \"lr_scheduler\": "
              "{\"class_name\": \"factor\", \"config\": {\"step\": 9, "
              "\"warmup_steps\": 2, \"warmup_final_lr\": 1}}}",
              0.5, 4);
}

/* ---- aggregate_num ---- */

enum { TENSORS = 5 };

/* Calls of the plugin in one step over TENSORS tensors, and their weights. */
static uint64_t calls(double most, float w[TENSORS])
{
    static const float g[TENSORS] = {1, 2, 3, 4, 5};
    descent_runtime *runtime = check_runtime();
    descent_options *options = NULL;
    descent_optimizer *o = NULL;
    descent_step_report report;
    char name[2] = "a";

    ok(descent_options_create(runtime, &options));
    if (!isnan(most))
        ok(descent_options_set_number(options, "aggregate_num", most));
    ok(descent_optimizer_create(runtime, "adam", options, &o));
    for (int i = 0; i < TENSORS; i++, name[0]++) {
        w[i] = (float)i;
        check_bind(o, name, &w[i], &g[i], 1);
    }
    report = check_step(o);
    assert_int_equal(report.updated, TENSORS);
    descent_options_free(options);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    return report.step_calls + report.fused_calls;
}

static void aggregate_num_bounds_a_call_and_changes_no_bit(void **state)
{
    static const struct {
        double most;
        uint64_t calls;
    } rows[] = {{NAN, 1}, {1, 5}, {2, 3},       {3, 2},
                {4, 2},   {5, 1}, {HUGE_VAL, 1}};
    float first[TENSORS], w[TENSORS];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(calls(rows[i].most, i == 0 ? first : w),
                         rows[i].calls);
        if (i > 0)
            assert_memory_equal(first, w, sizeof w);
    }
}

static void aggregate_num_is_an_integer_or_infinite(void **state)
{
    static const double bad[] = {0, -1, 1.5, -HUGE_VAL, NAN};
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        descent_options *options = NULL;
        ok(descent_options_create(runtime, &options));
        ok(descent_options_set_number(options, "aggregate_num", bad[i]));
        refused(descent_optimizer_create(runtime, "sgd", options, &o),
                DESCENT_ERR_ARGUMENT, ": expected an integer >= 1 or infinite");
        descent_options_free(options);
    }
    descent_runtime_free(runtime);
}

/* ---- learning_rate_f32 ---- */

static void a_rate_may_be_rounded_as_keras_does(void **state)
{
    (void)state;
    rates_are("{\"learning_rate\": 0.001, \"learning_rate_f32\": true}",
              0.0010000000474974513, 0.0010000000474974513);
    rates_are("{\"learning_rate\": 0.001}", 0.001, 0.001);
    rates_are("{\"learning_rate_f32\": true, \"learning_rate\": "
              "{\"class_name\": \"hold\", \"config\": {\"value\": 0.1}}}",
              (double)0.1f, (double)0.1f);
}

/* What f32 cannot hold is no rate, wherever it comes from. */
static void a_rate_that_rounds_to_infinity_is_refused(void **state)
{
    static const char text[] = "sgd.learning_rate = inf: expected a finite "
                               "number >= 0";
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;
    float w = 1, g = 1;

    (void)state;
    refused(check_optimizer_status(
                runtime, "sgd",
                "{\"learning_rate\": 1e300, \"learning_rate_f32\": true}", &o),
            DESCENT_ERR_ARGUMENT, text);
    assert_null(o);
    o = check_optimizer(runtime, "sgd", "{\"learning_rate_f32\": true}");
    refused(descent_optimizer_set(o, "learning_rate", 1e300),
            DESCENT_ERR_ARGUMENT, text);
    check_bind(o, "w", &w, &g, 1);
    check_step(o);
    assert_true(w == 1 - (float)0.01);
    descent_optimizer_free(o);

    w = 1;
    o = check_optimizer(
        runtime, "sgd",
        "{\"learning_rate_f32\": true, \"lr_mult\": 0, \"learning_rate\": "
        "{\"class_name\": \"hold\", \"config\": {\"value\": 1e300}}}");
    check_bind(o, "w", &w, &g, 1);
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL),
            DESCENT_ERR_ARGUMENT, text);
    assert_true(w == 1);
    assert_int_equal(descent_optimizer_iterations(o), 0);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_of_the_four_systems_are_known),
        cmocka_unit_test(two_names_of_one_option_are_an_error),
        cmocka_unit_test(adamw_is_adam_that_decays),
        cmocka_unit_test(updates_are_always_local),
        cmocka_unit_test(lr_scheduler_is_the_rates_schedule),
        cmocka_unit_test(an_lr_scheduler_that_cannot_be_used_is_refused),
        cmocka_unit_test(a_warmup_may_keep_its_own_target),
        cmocka_unit_test(aggregate_num_bounds_a_call_and_changes_no_bit),
        cmocka_unit_test(aggregate_num_is_an_integer_or_infinite),
        cmocka_unit_test(a_rate_may_be_rounded_as_keras_does),
        cmocka_unit_test(a_rate_that_rounds_to_infinity_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
