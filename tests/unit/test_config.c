/* SPDX-License-Identifier: MIT */
/* Configurations: of Keras 3 and 2.3 in, Descent's own and Keras 3's out. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static descent_status create(descent_runtime *runtime, const char *text,
                             const descent_options *options,
                             descent_optimizer **out)
{
    return descent_optimizer_create_from_config(runtime, text, strlen(text),
                                                options, out);
}

static descent_optimizer *made(descent_runtime *runtime, const char *text)
{
    descent_optimizer *o = NULL;
    const descent_status status = create(runtime, text, NULL, &o);

    if (status != DESCENT_OK)
        fail_msg("%s: %s", text, descent_error_message());
    return o;
}

static double value_of(descent_optimizer *o, const char *option)
{
    double value = 0;

    ok(descent_optimizer_get(o, option, &value));
    return value;
}

static const char *config(descent_optimizer *o, const char *dialect)
{
    const char *text = NULL;

    ok(descent_optimizer_config(o, dialect, &text));
    return text;
}

/* ---- Keras 3 ---- */

/* What keras.optimizers.serialize and get_config give, with all their keys. */
#define BASE(name, rate)                                                       \
    "\"name\": \"" name "\", \"learning_rate\": " rate                         \
    ", \"weight_decay\": null, \"clipnorm\": null, \"global_clipnorm\": "      \
    "null, "                                                                   \
    "\"clipvalue\": null, \"use_ema\": false, \"ema_momentum\": 0.99, "        \
    "\"ema_overwrite_frequency\": null, \"loss_scale_factor\": null, "         \
    "\"gradient_accumulation_steps\": null, "
#define CLASS(class, config)                                                   \
    "{\"module\": \"keras.optimizers\", \"class_name\": \"" class              \
        "\", \"config\": {" config "}, \"registered_name\": null}"
#define ADAM                                                                   \
    "\"beta_1\": 0.5, \"beta_2\": 0.999, \"epsilon\": 1e-07, "                 \
    "\"amsgrad\": false"

static void keras3_configurations_build_optimizers(void **state)
{
    static const struct {
        const char *text, *id, *option;
        double value;
    } rows[] = {
        {CLASS("SGD", BASE("sgd", "0.009999999776482582") "\"momentum\": 0.25, "
                                                          "\"nesterov\": true"),
         "sgd", "momentum", 0.25},
        {CLASS("Adam", BASE("adam", "0.5") ADAM), "adam", "learning_rate", 0.5},
        {CLASS("adam", BASE("adam_1", "0.5") ADAM), "adam", "beta_1", 0.5},
        {CLASS("Adagrad",
               BASE("adagrad", "0.5") "\"initial_accumulator_value\": 0.25, "
                                      "\"epsilon\": 1e-07"),
         "adagrad", "initial_accumulator_value", 0.25},
        {CLASS(
             "RMSprop",
             BASE(
                 "rm_sprop",
                 "0.5") "\"rho\": 0.75, \"momentum\": 0.0, \"epsilon\": 1e-07, "
                        "\"centered\": false"),
         "rmsprop", "rho", 0.75},
        {CLASS("Adadelta",
               BASE("adadelta", "0.5") "\"rho\": 0.75, \"epsilon\": 1e-07"),
         "adadelta", "rho", 0.75},
        {CLASS("Adamax", BASE("adamax", "0.5") "\"beta_1\": 0.5, \"beta_2\": "
                                               "0.999, \"epsilon\": 1e-07"),
         "adamax", "beta_1", 0.5},
        {CLASS("Nadam", BASE("nadam", "0.5") "\"beta_1\": 0.5, \"beta_2\": "
                                             "0.999, \"epsilon\": 1e-07"),
         "nadam", "beta_1", 0.5},
        /* With the shapes it was built for. */
        {"{\"module\": \"keras.optimizers\", \"class_name\": \"Adam\", "
         "\"config\": {\"learning_rate\": 0.5}, \"registered_name\": null, "
         "\"build_config\": {\"shapes\": [[1, 2]]}}",
         "adam", "learning_rate", 0.5},
        /* The configuration alone. */
        {"{" BASE("adam", "0.5") ADAM "}", "adam", "beta_1", 0.5},
        {"{" BASE("adam_12", "0.5") ADAM "}", "adam", "beta_1", 0.5},
        {"{" BASE("ADAM", "0.5") ADAM "}", "adam", "beta_1", 0.5},
        {"{\"name\": \"rm_sprop\", \"rho\": 0.75}", "rmsprop", "rho", 0.75},
        {"{\"name\": \"rm_sprop_3\", \"rho\": 0.75}", "rmsprop", "rho", 0.75},
        {"{\"name\": \"SGD\", \"learning_rate\": 1}", "sgd", "learning_rate",
         1},
        /* AdamW, which has a default of its own. */
        {CLASS("AdamW", ""), "adam", "weight_decay", 0.004},
        {CLASS("AdamW", "\"weight_decay\": 0.5"), "adam", "weight_decay", 0.5},
        {"{\"name\": \"adam_w_1\"}", "adam", "weight_decay", 0.004},
    };
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_optimizer *o = made(runtime, rows[i].text);
        assert_string_equal(descent_optimizer_get_type(o)->id, rows[i].id);
        if (value_of(o, rows[i].option) != rows[i].value)
            fail_msg("%s: %s = %g", rows[i].text, rows[i].option,
                     value_of(o, rows[i].option));
        descent_optimizer_free(o);
    }
    assert_string_equal(check_log, "");
    descent_runtime_free(runtime);
}

static void keras_schedules_are_read(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = made(
        runtime,
        CLASS(
            "SGD",
            "\"learning_rate\": {\"module\": \"keras.optimizers.schedules\", "
            "\"class_name\": \"PiecewiseConstantDecay\", \"config\": "
            "{\"boundaries\": [0, 1], \"values\": [1.0, 0.5, 0.25], \"name\": "
            "\"PiecewiseConstant\"}, \"registered_name\": null}"));
    float w = 0, g = 1;

    (void)state;
    check_bind(o, "w", &w, &g, 1);
    assert_true(check_step(o).learning_rate == 1);
    assert_true(check_step(o).learning_rate == 0.5);
    assert_true(check_step(o).learning_rate == 0.25);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

#define WRAPPED(keys)                                                          \
    CLASS("LossScaleOptimizer",                                                \
          "\"name\": \"loss_scale_optimizer\", "                               \
          "\"inner_optimizer\": " CLASS("Adam", BASE("adam", "0.5") ADAM)      \
              keys)

static void a_wrapper_scales_the_loss_of_its_optimizer(void **state)
{
    static const char text[] =
        WRAPPED(", \"initial_scale\": 8.0, \"dynamic_growth_steps\": 2");
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = made(runtime, text);
    float w = 1, g = 8;

    (void)state;
    assert_string_equal(descent_optimizer_get_type(o)->id, "adam");
    assert_string_equal(descent_optimizer_name(o), "adam");
    assert_true(value_of(o, "learning_rate") == 0.5);
    assert_true(value_of(o, "loss_scale") == 1);
    assert_string_equal(config(o, "keras3"), text);
    check_bind(o, "w", &w, &g, 1);
    assert_true(check_step(o).loss_scale == 8);
    check_step(o);
    assert_true(descent_optimizer_scale_loss(o, 1) == 16);
    descent_optimizer_free(o);
    /* Also by its configuration alone, with defaults, and around a fixed scale,
     * which it replaces. */
    o = made(runtime, "{\"name\": \"loss_scale_optimizer\", "
                      "\"inner_optimizer\": {\"name\": \"sgd\", "
                      "\"loss_scale_factor\": 4.0}}");
    assert_true(value_of(o, "loss_scale.initial_scale") == 32768);
    assert_true(isnan(value_of(o, "loss_scale_factor")));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* Early releases of Keras 3 wrote the options of every optimizer there. */
static void a_wrapper_may_have_options_that_do_nothing(void **state)
{
    static const char text[] =
        WRAPPED(", \"weight_decay\": null, \"clipnorm\": null, "
                "\"global_clipnorm\": null, \"clipvalue\": null, "
                "\"use_ema\": false, \"ema_momentum\": 0.99, "
                "\"ema_overwrite_frequency\": null, \"loss_scale_factor\": "
                "null, \"gradient_accumulation_steps\": null, "
                "\"initial_scale\": 8.0");
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = made(runtime, text);

    (void)state;
    assert_true(value_of(o, "loss_scale.initial_scale") == 8);
    assert_true(value_of(o, "learning_rate") == 0.5);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void a_wrapper_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {CLASS("LossScaleOptimizer", "\"initial_scale\": 8"),
         "LossScaleOptimizer.inner_optimizer: expected the configuration"},
        {CLASS("LossScaleOptimizer", "\"inner_optimizer\": \"adam\""),
         "LossScaleOptimizer.inner_optimizer: expected the configuration"},
        {CLASS("LossScaleOptimizer", "\"inner_optimizer\": " WRAPPED("")),
         "LossScaleOptimizer.inner_optimizer is a wrapper itself"},
        {WRAPPED(", \"dynamic\": false"),
         "LossScaleOptimizer.dynamic: expected true; a fixed scale is "
         "loss_scale_factor"},
        {WRAPPED(", \"clipnorm\": 1.0"),
         "LossScaleOptimizer.clipnorm: expected null, because it does nothing "
         "there: set it in inner_optimizer"},
        {WRAPPED(", \"use_ema\": null"),
         "LossScaleOptimizer.use_ema: expected false"},
        {WRAPPED(", \"ema_momentum\": 0.5"),
         "LossScaleOptimizer.ema_momentum: expected 0.99"},
        {WRAPPED(", \"clipnrm\": 1.0"),
         "LossScaleOptimizer: unknown key 'clipnrm'; did you mean 'clipnorm'?"},
        {WRAPPED(", \"initial_scale\": -1"),
         "adam.loss_scale.initial_scale = -1"},
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refused(create(runtime, rows[i].text, NULL, &o), DESCENT_ERR_ARGUMENT,
                rows[i].message);
        assert_null(o);
    }
    descent_runtime_free(runtime);
}

/* ---- Keras 2.3 ---- */

#define LEGACY                                                                 \
    "\"learning_rate\": 1.0, \"momentum\": 0.0, \"decay\": 0.5, "              \
    "\"nesterov\": false"

static void legacy_configurations_need_their_flavour(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_options *options = NULL;
    descent_optimizer *o;
    float w = 0, g = 1;

    (void)state;
    o = made(runtime, "{\"class_name\": \"SGD\", \"config\": {" LEGACY
                      ", \"flavour\": \"keras2\", \"clipnorm\": 4.0}}");
    check_bind(o, "w", &w, &g, 1);
    assert_true(check_step(o).learning_rate == 1);
    assert_true(check_step(o).learning_rate == 1 / 1.5);
    assert_true(value_of(o, "clip_scope") == 1);
    descent_optimizer_free(o);
    assert_string_equal(check_log, "");

    ok(descent_options_create(runtime, &options));
    ok(descent_options_set_text(options, "flavour", "keras2"));
    ok(create(runtime,
              "{\"class_name\": \"nadam\", \"config\": {\"learning_rate\": "
              "0.002, \"beta_1\": 0.9, \"beta_2\": 0.999, \"epsilon\": 1e-07, "
              "\"schedule_decay\": 0.25}}",
              options, &o));
    assert_true(value_of(o, "nadam_psi") == 0.25);
    assert_true(value_of(o, "flavour") == 1);
    descent_optimizer_free(o);
    descent_options_free(options);

    /* Without it, it is one of Keras 3, which ignores decay. */
    o = made(runtime, "{\"class_name\": \"SGD\", \"config\": {" LEGACY "}}");
    assert_non_null(strstr(check_log, "sgd.decay is ignored: flavour = "
                                      "\"keras2\" applies it"));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* ---- What is given beside ---- */

static void options_replace_what_the_text_says(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_options *options = NULL;
    descent_optimizer *o = NULL;

    (void)state;
    ok(descent_options_create(runtime, &options));
    ok(descent_options_set_number(options, "lr", 2));
    ok(descent_options_set_number(options, "beta1", 0.25));
    ok(descent_options_set_number(options, "clipnorm", 3));
    ok(create(runtime,
              "{\"class_name\": \"adam\", \"config\": {\"learning_rate\": "
              "\"<function>\", \"beta_1\": 0.5, \"beta_2\": 0.5}}",
              options, &o));
    assert_true(value_of(o, "learning_rate") == 2);
    assert_true(value_of(o, "beta_1") == 0.25);
    assert_true(value_of(o, "beta_2") == 0.5);
    assert_true(value_of(o, "clipnorm") == 3);
    descent_optimizer_free(o);
    descent_options_free(options);
    descent_runtime_free(runtime);
}

/* ---- Refusals ---- */

static void what_is_no_configuration_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "configuration: line 1"},
        {"[]", "configuration: expected a JSON object {...}"},
        {"{}", "configuration: expected \"class_name\" and \"config\""},
        {"{\"class_name\": \"Adam\"}",
         "expected \"class_name\", a string of less than 64 bytes, and "
         "\"config\", an object"},
        {"{\"class_name\": 3, \"config\": {}}", "expected \"class_name\""},
        {"{\"class_name\": \"Adam\", \"config\": []}",
         "expected \"class_name\""},
        {"{\"class_name\": \"Adam\", \"configg\": {}}",
         "configuration: unknown key 'configg'; did you mean 'config'?"},
        {"{\"class_name\": \"Adam\", \"config\": {}, \"state\": 1}",
         "configuration: unknown key 'state'"},
        {"{\"class_name\": \"Adm\", \"config\": {}}",
         "optimizer \"adm\": no file adm.so"},
        {"{\"class_name\": \"../adam\", \"config\": {}}",
         "optimizer \"../adam\": expected a letter"},
        {"{\"name\": \"my_own\", \"learning_rate\": 1}",
         "configuration: name = \"my_own\" is not that of an optimizer"},
        {"{\"class_name\": \"Adam\", \"config\": {\"beta_3\": 1}}",
         "adam: unknown option 'beta_3'; did you mean 'beta_1'?"},
        {"{\"class_name\": \"Adam\", \"config\": {\"jit_compile\": true}}",
         "adam: unknown option 'jit_compile'"},
        {"{\"class_name\": \"Adam\", \"config\": {\"beta_1\": 2}}",
         "adam.beta_1 = 2: expected 0 <= beta_1 < 1"},
        {"{\"class_name\": \"Adam\", \"config\": {\"learning_rate\": "
         "\"<lua function a.lua:1>\"}}",
         "adam.learning_rate = \"<lua function a.lua:1>\": a configuration "
         "cannot hold a function: give it again among the options"},
        {"{\"class_name\": \"Adam\", \"config\": {\"learning_rate\": "
         "{\"class_name\": \"Ftrl\", \"config\": {}}}}",
         "unknown schedule 'Ftrl'"},
        {"{\"class_name\": \"Adam\", \"config\": {\"learning_rate\": "
         "{\"class_name\": \"lambda\", \"config\": {\"f\": \"<function>\"}}}}",
         "lambda.f = \"<function>\": a configuration cannot hold a function"},
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refused(create(runtime, rows[i].text, NULL, &o), DESCENT_ERR_ARGUMENT,
                rows[i].message);
        assert_null(o);
    }
    refused(descent_optimizer_create_from_config(runtime, NULL, 0, NULL, &o),
            DESCENT_ERR_ARGUMENT, "configuration: expected JSON text");
    descent_runtime_free(runtime);
}

static void dialects_are_two(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(runtime, "adam", NULL);
    const char *text = NULL;

    (void)state;
    refused(descent_optimizer_config(o, "keras2", &text), DESCENT_ERR_ARGUMENT,
            "adam: dialect = \"keras2\": expected \"descent\" or \"keras3\"");
    refused(descent_optimizer_config(o, NULL, &text), DESCENT_ERR_ARGUMENT,
            "adam: dialect = \"\": expected \"descent\" or \"keras3\"");
    refused(descent_optimizer_config(o, "descent", NULL), DESCENT_ERR_ARGUMENT,
            "adam: text is NULL: expected a place for the configuration");
    assert_null(text);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* ---- Out and in again ---- */

static const struct {
    const char *kind, *json;
} setups[] = {
    {"sgd", "{}"},
    {"sgd", "{\"momentum\": 0.9, \"nesterov\": true, \"flavour\": \"torch\"}"},
    {"sgd", "{\"flavour\": \"mxnet\", \"wd\": 0.1, \"aggregate_num\": 3}"},
    {"sgd", "{\"flavour\": \"mxnet\", \"lr_scheduler\": {\"class_name\": "
            "\"FactorScheduler\", \"config\": {\"step\": 2, \"factor\": 0.5}}, "
            "\"begin_num_update\": 7}"},
    {"adam",
     "{\"name\": \"a \\\"quoted\\\" \\u20ac name\", \"use_ema\": true}"},
    {"adam", "{\"lr\": 0.1000000000000001, \"epsilon\": 1e-300, \"amsgrad\": "
             "true, \"multi_precision\": true}"},
    {"AdamW", "{\"flavour\": \"torch\", \"beta1\": {\"class_name\": \"ramp\", "
              "\"config\": {\"from\": 0.5, \"to\": 0.9, \"steps\": 4}}}"},
    {"rmsprop", "{\"momentum\": 0.5, \"centered\": true, \"clipnorm\": 1}"},
    {"adagrad", "{\"flavour\": \"keras2\", \"decay\": 0.1, \"clipvalue\": 1}"},
    {"adadelta", "{\"gradient_accumulation_steps\": 2, \"maximize\": true}"},
    {"sgd", "{\"loss_scale\": {\"initial_scale\": 4, \"min\": 1}, "
            "\"on_nonfinite\": \"propagate\"}"},
    {"adamax", "{\"learning_rate\": {\"class_name\": \"sequential\", "
               "\"config\": {\"schedules\": [{\"class_name\": \"hold\", "
               "\"config\": {\"value\": 1}}, {\"class_name\": \"CosineDecay\", "
               "\"config\": {\"initial_learning_rate\": 1, \"decay_steps\": "
               "3}}], \"milestones\": [2]}}}"},
    {"nadam", "{\"flavour\": \"torch\", \"global_clipnorm\": 0.1, "
              "\"loss_scale_factor\": 4}"},
};
enum { SETUPS = sizeof setups / sizeof *setups, LENGTH = 8, STEPS = 6 };

static void run(descent_optimizer *o, float w[LENGTH])
{
    float g[LENGTH] = {0};

    for (int i = 0; i < LENGTH; i++)
        w[i] = (float)(i + 1) / 4;
    check_bind(o, "w", w, g, LENGTH);
    for (int n = 0; n < STEPS; n++) {
        for (int i = 0; i < LENGTH; i++)
            g[i] = (float)((i * 7 + n * 3) % 11 - 5) / 8;
        check_step(o);
    }
}

static void a_configuration_makes_the_same_optimizer(void **state)
{
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t i = 0; i < SETUPS; i++) {
        float one[LENGTH], two[LENGTH];
        descent_optimizer *a =
            check_optimizer(runtime, setups[i].kind, setups[i].json);
        descent_optimizer *b = made(runtime, config(a, "descent"));
        char *text = strdup(config(a, "descent"));
        if (strcmp(text, config(b, "descent")) != 0)
            fail_msg("%s\n%s", text, config(b, "descent"));
        run(a, one);
        run(b, two);
        if (memcmp(one, two, sizeof one) != 0)
            fail_msg("%s: other weights", text);
        /* The state is no part of it. */
        assert_string_equal(text, config(a, "descent"));
        free(text);
        descent_optimizer_free(a);
        descent_optimizer_free(b);
    }
    descent_runtime_free(runtime);
}

static void the_text_says_what_was_chosen(void **state)
{
    static const struct {
        const char *kind, *json, *text;
    } rows[] = {
        {"adadelta", "{}",
         "{\"class_name\": \"adadelta\", \"config\": {\"name\": \"adadelta\", "
         "\"flavour\": \"keras3\", \"learning_rate\": 0.001, \"rho\": 0.95, "
         "\"epsilon\": 1e-07}}"},
        {"adadelta", "{\"flavour\": \"mxnet\"}",
         "{\"class_name\": \"adadelta\", \"config\": {\"name\": \"adadelta\", "
         "\"flavour\": \"mxnet\", \"learning_rate\": 1.0, \"rho\": 0.9, "
         "\"epsilon\": 1e-06, \"aggregate_num\": 1}}"},
        {"adadelta",
         "{\"flavour\": \"mxnet\", \"scalars\": \"compute\", "
         "\"clip_gradient\": 2, \"rho\": {\"class_name\": \"hold\", "
         "\"config\": {\"value\": 1}}, \"aggregate_num\": 4}",
         "{\"class_name\": \"adadelta\", \"config\": {\"name\": \"adadelta\", "
         "\"flavour\": \"mxnet\", \"learning_rate\": 1.0, \"rho\": "
         "{\"class_name\": \"hold\", \"config\": {\"value\": 1.0}}, "
         "\"epsilon\": 1e-06, \"clipvalue\": 2.0, \"scalars\": \"compute\", "
         "\"aggregate_num\": 4}}"},
    };
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_optimizer *o =
            check_optimizer(runtime, rows[i].kind, rows[i].json);
        assert_string_equal(config(o, "descent"), rows[i].text);
        descent_optimizer_free(o);
    }
    descent_runtime_free(runtime);
}

/* A schedule of schedules, deep in each other. */
static void deep_schedules_come_back(void **state)
{
    enum { DEEP = 400 };
    descent_runtime *runtime = check_runtime();
    descent_schedule *s = NULL, *outer = NULL;
    descent_options *options = NULL;
    descent_optimizer *o = NULL, *again;

    (void)state;
    ok(descent_options_create(runtime, &options));
    ok(descent_options_set_number(options, "value", 0.5));
    ok(descent_schedule_create(runtime, "hold", options, &s));
    for (int i = 0; i < DEEP; i++) {
        ok(descent_schedule_delay(s, 1, &outer));
        descent_schedule_release(s);
        s = outer;
    }
    ok(descent_options_set_none(options, "value"));
    descent_options_free(options);
    o = check_optimizer(runtime, "sgd", NULL);
    ok(descent_optimizer_set_schedule(o, "learning_rate", s));
    descent_schedule_release(s);
    again = made(runtime, config(o, "descent"));
    assert_string_equal(config(o, "descent"), config(again, "descent"));
    descent_optimizer_free(o);
    descent_optimizer_free(again);
    descent_runtime_free(runtime);
}

static descent_status half(void *user, uint64_t n,
                           const descent_schedule_context *context,
                           double *value)
{
    (void)user, (void)n, (void)context;
    *value = 0.5;
    return DESCENT_OK;
}

static void functions_appear_by_their_labels(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(runtime, "sgd", NULL);
    descent_schedule *f = NULL, *hold = NULL;

    (void)state;
    ok(descent_schedule_from_function(runtime, half, NULL, NULL, &f));
    ok(descent_optimizer_set_schedule(o, "learning_rate", f));
    assert_string_equal(descent_schedule_label(f), "function");
    assert_non_null(
        strstr(config(o, "descent"), "\"learning_rate\": \"<function>\""));
    ok(descent_schedule_set_label(f, "half \"of\" it"));
    assert_non_null(strstr(config(o, "descent"),
                           "\"learning_rate\": \"<half \\\"of\\\" it>\""));
    refused(descent_schedule_set_label(f, ""), DESCENT_ERR_ARGUMENT,
            "expected UTF-8 text of 1 to 511 bytes");
    refused(descent_schedule_set_label(f, "a\nb"), DESCENT_ERR_ARGUMENT,
            "without control bytes");
    ok(descent_schedule_delay(f, 1, &hold));
    refused(descent_schedule_set_label(hold, "x"), DESCENT_ERR_ARGUMENT,
            "expected a function as a schedule");
    assert_null(descent_schedule_label(hold));
    descent_schedule_release(hold);
    descent_schedule_release(f);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* ---- Groups ---- */

static void groups_come_back(void **state)
{
    static const char text[] =
        "{\"class_name\": \"sgd\", \"config\": {\"name\": \"SGD\", "
        "\"flavour\": \"keras3\", \"learning_rate\": 1.0, \"momentum\": 0.0, "
        "\"nesterov\": false, \"momentum_mode\": \"lr_inside\", "
        "\"dampening\": 0.0, \"momentum_start\": \"zero\", "
        "\"momentum_slot\": \"when_used\", \"groups\": [{\"match\": "
        "\"^b\", \"learning_rate\": 0.5}, {\"names\": [\"a\\\"\", \"c\"], "
        "\"weight_decay\": 0.25, \"lr_mult\": 2.0, \"freeze\": false}]}}";
    descent_runtime *runtime = check_runtime();
    descent_options *options = NULL;
    descent_optimizer *o = made(runtime, text);
    float w[4] = {0}, g[4] = {1, 1, 1, 1};

    (void)state;
    assert_string_equal(config(o, "descent"), text);
    check_bind(o, "w", &w[0], &g[0], 1);
    check_bind(o, "bias", &w[1], &g[1], 1);
    check_bind(o, "a\"", &w[2], &g[2], 1);
    check_bind(o, "c", &w[3], &g[3], 1);
    check_step(o);
    assert_true(w[0] == -1 && w[1] == -0.5f && w[2] == -2 && w[3] == -2);
    assert_string_equal(config(o, "descent"), text);
    descent_optimizer_free(o);

    /* The application's own may take their place. */
    ok(descent_options_create(runtime, &options));
    ok(descent_options_set_none(options, "groups"));
    ok(create(runtime, text, options, &o));
    assert_int_equal(descent_optimizer_group_count(o), 1);
    descent_optimizer_free(o);
    o = NULL;
    ok(descent_options_set_number(options, "groups", 1));
    refused(create(runtime, text, options, &o), DESCENT_ERR_ARGUMENT,
            "groups among the options is a number: expected none");
    assert_null(o);
    descent_options_free(options);
    descent_runtime_free(runtime);
}

static int32_t never(void *user, const descent_tensor *tensor)
{
    (void)user, (void)tensor;
    return 0;
}

static void functions_of_groups_appear_as_such(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(runtime, "adam", NULL);
    descent_optimizer *again = NULL;
    const descent_group group = {.struct_size = sizeof group, .where = never};
    const char *text = NULL;

    (void)state;
    ok(descent_optimizer_add_group(o, &group, NULL));
    assert_non_null(strstr(config(o, "descent"),
                           "\"groups\": [{\"where\": \"<function>\"}]"));
    refused(
        create(runtime, config(o, "descent"), NULL, &again),
        DESCENT_ERR_ARGUMENT,
        "adam: groups[1]: where is a function, which a configuration cannot "
        "hold");
    refused(descent_optimizer_config(o, "keras3", &text), DESCENT_ERR_SUPPORT,
            "adam.groups: Keras 3 has no groups of tensors");
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void groups_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *groups, *message;
    } rows[] = {
        {"1", "SGD: groups: expected a list"},
        {"{}", "SGD: groups: expected a list"},
        {"[1]", "SGD: groups[1]: expected {\"match\": ..., and options}"},
        {"[{}]", "group 1: expected match, names or where"},
        {"[{\"match\": 1}]", "SGD: groups[1]: expected a string for match"},
        {"[{\"match\": \"(\"}]", "expected a POSIX extended regular"},
        {"[{\"names\": \"w\"}]", "groups[1]: expected a list of strings"},
        {"[{\"names\": [1]}]", "groups[1]: expected strings in names"},
        {"[{\"match\": \"w\", \"lr\": -1}]", "sgd.learning_rate = -1"},
        {"[{\"match\": \"w\", \"mtch\": 1}]", "unknown option 'mtch'"},
        {"[{\"match\": \"w\", \"nesterov\": true}]",
         "sgd.nesterov = true: expected one value for all groups"},
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text,
                 "{\"class_name\": \"sgd\", \"config\": {\"groups\": %s}}",
                 rows[i].groups);
        refused(create(runtime, text, NULL, &o), DESCENT_ERR_ARGUMENT,
                rows[i].message);
        assert_null(o);
    }
    descent_runtime_free(runtime);
}

/* ---- For Keras 3 ---- */

static void keras3_gets_the_keys_of_its_classes(void **state)
{
    static const struct {
        const char *kind, *json, *text;
    } rows[] = {
        {"sgd", "{\"learning_rate\": 1, \"momentum\": 0}",
         CLASS("SGD",
               BASE("SGD", "1.0") "\"momentum\": 0.0, \"nesterov\": false")},
        {"adam", "{\"learning_rate\": 0.25, \"beta_1\": 0.5}",
         CLASS("Adam", BASE("adam", "0.25") ADAM)},
        {"adagrad", NULL,
         CLASS("Adagrad",
               BASE("adagrad", "0.001") "\"initial_accumulator_value\": 0.1, "
                                        "\"epsilon\": 1e-07")},
        {"rmsprop", NULL,
         CLASS("RMSprop",
               BASE("rmsprop", "0.001") "\"rho\": 0.9, \"momentum\": 0.0, "
                                        "\"epsilon\": 1e-07, "
                                        "\"centered\": false")},
        {"adadelta", NULL,
         CLASS("Adadelta",
               BASE("adadelta", "0.001") "\"rho\": 0.95, \"epsilon\": 1e-07")},
        {"adamax", NULL,
         CLASS("Adamax", BASE("adamax", "0.001") "\"beta_1\": 0.9, \"beta_2\": "
                                                 "0.999, \"epsilon\": 1e-07")},
        {"nadam", "{\"gradient_accumulation_steps\": 1, \"seed\": 3}",
         CLASS("Nadam", BASE("nadam", "0.001") "\"beta_1\": 0.9, \"beta_2\": "
                                               "0.999, \"epsilon\": 1e-07")},
    };
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_optimizer *o =
            check_optimizer(runtime, rows[i].kind, rows[i].json);
        assert_string_equal(config(o, "keras3"), rows[i].text);
        descent_optimizer *again = made(runtime, rows[i].text);
        assert_string_equal(config(again, "keras3"), rows[i].text);
        descent_optimizer_free(o);
        descent_optimizer_free(again);
    }
    descent_runtime_free(runtime);
}

static void legacy_norms_become_global_ones(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(
        runtime, "adam", "{\"flavour\": \"keras2\", \"clipnorm\": 2}");

    (void)state;
    assert_non_null(strstr(config(o, "keras3"),
                           "\"clipnorm\": null, \"global_clipnorm\": 2.0, "
                           "\"clipvalue\": null"));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void keras3_need_not_know_what_nothing_uses(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(
        runtime, "adagrad", "{\"clip_epsilon\": 1e-6, \"clipvalue\": 2}");

    (void)state;
    assert_non_null(strstr(config(o, "keras3"), "\"clipvalue\": 2.0"));
    descent_optimizer_free(o);
    /* Every configuration of Keras 2.3 has a decay. */
    o = check_optimizer(runtime, "adam",
                        "{\"flavour\": \"keras2\", \"decay\": 0}");
    assert_non_null(strstr(config(o, "keras3"), "\"class_name\": \"Adam\""));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void what_keras3_has_not_got_is_refused(void **state)
{
    static const struct {
        const char *kind, *json, *message;
    } rows[] = {
        {"adam", "{\"epsilon_mode\": \"plain\"}",
         "adam.epsilon_mode = plain: Keras 3 has no such option"},
        {"sgd", "{\"flavour\": \"mxnet\"}",
         "sgd.counter = per_tensor: Keras 3 has no such option"},
        {"sgd", "{\"flavour\": \"torch\", \"clipnorm\": 1}",
         "sgd.clip_epsilon = 1e-06: Keras 3 has no such option, and does as "
         "with 0"},
        {"sgd", "{\"flavour\": \"keras2\"}",
         "sgd.momentum_slot = always: Keras 3 has no such option, and does as "
         "with when_used"},
        {"sgd", "{\"flavour\": \"keras2\", \"decay\": 0.25}",
         "sgd.decay = 0.25: Keras 3 has no such option, and does as with "
         "none"},
        {"sgd", "{\"maximize\": true}",
         "sgd.maximize = true: Keras 3 has no such option"},
        {"sgd", "{\"rescale_grad\": 0.5}",
         "sgd.rescale_grad = 0.5: Keras 3 has no such option"},
        {"sgd",
         "{\"rescale_grad\": {\"class_name\": \"hold\", \"config\": "
         "{\"value\": 1}}}",
         "sgd.rescale_grad = a schedule: Keras 3 has no such option"},
        {"sgd", "{\"flavour\": \"keras2\", \"decay\": 0.5}",
         "sgd.decay = 0.5: Keras 3 has no such option"},
        {"adam",
         "{\"flavour\": \"keras2\", \"clipnorm\": 1, \"clipvalue\": "
         "1}",
         "adam: clipnorm and clipvalue are both set: Keras 3 takes one"},
        {"nadam", "{\"schedule_decay\": 0.004}",
         "nadam.nadam_psi = 0.004: Keras 3 has no such option"},
        {"adam", "{\"weight_decay\": 0.1, \"weight_decay_mode\": \"l2\"}",
         "adam.weight_decay_mode = l2: Keras 3 has no such option"},
        {"adam",
         "{\"beta_1\": {\"class_name\": \"hold\", \"config\": "
         "{\"value\": 0.5}}}",
         "adam.beta_1 follows a schedule: Keras 3 has schedules for the "
         "learning rate alone"},
        {"adam",
         "{\"learning_rate\": {\"class_name\": \"one_cycle\", "
         "\"config\": {\"max_lr\": 1, \"total_steps\": 9}}}",
         "adam.learning_rate follows a schedule of kind one_cycle: Keras 3 has "
         "no such schedule"},
        {"adam", "{\"loss_scale\": {\"growth_factor\": 4}}",
         "adam.loss_scale.growth_factor = 4: Keras 3 has no such option"},
        {"adam", "{\"on_nonfinite\": \"error\"}",
         "adam.on_nonfinite = error: Keras 3 has no such option"},
        {"adam", "{\"multi_precision\": true}",
         "adam.master = f32: Keras 3 has no such option"},
    };
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_optimizer *o =
            check_optimizer(runtime, rows[i].kind, rows[i].json);
        const char *text = NULL;
        refused(descent_optimizer_config(o, "keras3", &text),
                DESCENT_ERR_SUPPORT, rows[i].message);
        assert_null(text);
        descent_optimizer_free(o);
    }
    descent_runtime_free(runtime);
}

/* ---- The recorded configurations ---- */

/* Every line's "optimizer" and "config" build an optimizer that says the same of
 * each option. */
static void check_recorded(descent_runtime *runtime, const char *line,
                           const char *flavour)
{
    json_t *json = json_loads(line, 0, NULL);
    json_t *options = json_object_get(json, "config");
    json_t *whole;
    descent_optimizer *o = NULL;
    const char *key;
    json_t *value;
    char *text;

    assert_non_null(json);
    json_object_set_new(options, "flavour", json_string(flavour));
    whole = json_pack("{s:O, s:O}", "class_name",
                      json_object_get(json, "optimizer"), "config", options);
    text = json_dumps(whole, JSON_REAL_PRECISION(17));
    ok(create(runtime, text, NULL, &o));
    json_object_foreach(options, key, value)
    {
        if (json_is_number(value))
            assert_true(value_of(o, key) == json_number_value(value));
    }
    (void)config(o, "descent");
    free(text);
    json_decref(whole);
    json_decref(json);
    descent_optimizer_free(o);
}

static void recorded_configurations_are_read(void **state)
{
    static const char *const files[][2] = {
        {"keras3_sgd", "keras3"},      {"keras3_adam", "keras3"},
        {"keras3_adagrad", "keras3"},  {"keras3_rmsprop", "keras3"},
        {"keras3_adadelta", "keras3"}, {"keras3_adamax", "keras3"},
        {"keras3_nadam", "keras3"},    {"keras2_legacy", "keras2"},
    };
    descent_runtime *runtime = check_runtime();
    size_t capacity = 0, cases = 0;
    char *line = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "tests/data/golden/%s.jsonl", files[i][0]);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        for (; getline(&line, &capacity, file) > 0; cases++)
            check_recorded(runtime, line, files[i][1]);
        fclose(file);
    }
    free(line);
    assert_int_equal(cases, 342 + 126);
    descent_runtime_free(runtime);
}

/* The number that the text has for MXNet's sake changes nothing here. */
static void aggregate_num_of_mxnet_is_only_printed(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(
        runtime, "sgd", "{\"flavour\": \"mxnet\", \"seed\": 3}");
    descent_optimizer *again = made(runtime, config(o, "descent"));

    (void)state;
    assert_non_null(strstr(config(o, "descent"), "\"aggregate_num\": 1"));
    assert_true(isnan(value_of(o, "aggregate_num")));
    assert_true(isnan(value_of(again, "aggregate_num")));
    assert_string_equal(config(o, "descent"), config(again, "descent"));
    descent_optimizer_free(o);
    descent_optimizer_free(again);
    again = made(runtime, "{\"class_name\": \"sgd\", \"config\": {\"flavour\": "
                          "\"mxnet\", \"aggregate_num\": 4}}");
    assert_true(value_of(again, "aggregate_num") == 4);
    descent_optimizer_free(again);
    descent_runtime_free(runtime);
}

/* JSON is UTF-8, and so are the texts of checkpoints. */
static void texts_are_utf8(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;
    descent_options *options = NULL;
    const descent_group group = {.struct_size = sizeof group, .match = "a\xff"};
    const char *text = "before";

    (void)state;
    ok(descent_options_create(runtime, &options));
    ok(descent_options_set_text(options, "name", "a\xff"));
    refused(descent_optimizer_create(runtime, "adam", options, &o),
            DESCENT_ERR_ARGUMENT, "255 bytes of UTF-8 without control bytes");
    assert_null(o);
    descent_options_free(options);
    o = check_optimizer(runtime, "adam", NULL);
    ok(descent_optimizer_add_group(o, &group, NULL));
    refused(descent_optimizer_config(o, "descent", &text), DESCENT_ERR_SUPPORT,
            "is not UTF-8, which JSON cannot hold");
    assert_string_equal(text, "before");
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keras3_configurations_build_optimizers),
        cmocka_unit_test(keras_schedules_are_read),
        cmocka_unit_test(a_wrapper_scales_the_loss_of_its_optimizer),
        cmocka_unit_test(a_wrapper_may_have_options_that_do_nothing),
        cmocka_unit_test(a_wrapper_that_is_none_is_refused),
        cmocka_unit_test(legacy_configurations_need_their_flavour),
        cmocka_unit_test(options_replace_what_the_text_says),
        cmocka_unit_test(what_is_no_configuration_is_refused),
        cmocka_unit_test(dialects_are_two),
        cmocka_unit_test(a_configuration_makes_the_same_optimizer),
        cmocka_unit_test(the_text_says_what_was_chosen),
        cmocka_unit_test(deep_schedules_come_back),
        cmocka_unit_test(functions_appear_by_their_labels),
        cmocka_unit_test(groups_come_back),
        cmocka_unit_test(functions_of_groups_appear_as_such),
        cmocka_unit_test(groups_that_are_none_are_refused),
        cmocka_unit_test(keras3_gets_the_keys_of_its_classes),
        cmocka_unit_test(legacy_norms_become_global_ones),
        cmocka_unit_test(keras3_need_not_know_what_nothing_uses),
        cmocka_unit_test(what_keras3_has_not_got_is_refused),
        cmocka_unit_test(recorded_configurations_are_read),
        cmocka_unit_test(aggregate_num_of_mxnet_is_only_printed),
        cmocka_unit_test(texts_are_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
