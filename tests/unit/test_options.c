/* SPDX-License-Identifier: MIT */
/* Options: names, types, conflicts, schedules, changes.  The declared bounds are
 * tried by test_bad_values.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

static const char *const optimizers[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};

static void messages_say_name_value_and_range(void **state)
{
    static const struct {
        const char *kind, *json, *message;
    } rows[] = {
        {"adam", "{\"beta_2\": 1.2}",
         "adam.beta_2 = 1.2: expected 0 <= beta_2 < 1"},
        {"adam", "{\"lr\": -1}",
         "adam.learning_rate = -1: expected a finite number >= 0 (to climb, "
         "set "
         "maximize = true)"},
        {"sgd", "{\"nesterov\": 1}",
         "sgd.nesterov = 1: expected true or false"},
        {"sgd", "{\"momentum\": \"0.1\"}",
         "sgd.momentum = \"0.1\": expected 0 <= momentum <= 1"},
        {"sgd", "{\"momentum_mode\": \"inside\"}",
         "expected \"lr_inside\" or \"lr_outside\""},
        {"sgd", "{\"gradient_accumulation_steps\": 2.5}",
         "sgd.gradient_accumulation_steps = 2.5: expected an integer >= 1"},
        {"sgd", "{\"clipnorm\": 0}",
         "sgd.clipnorm = 0: expected a finite number > 0"},
        {"adam", "{\"beta1\": 0.5, \"beta_1\": 0.5}",
         "'beta1' and 'beta_1' are two names of one option"},
        {"adam", "{\"clipnorm\": 1, \"global_clipnorm\": 1}",
         "clipnorm and global_clipnorm are both set"},
        {"adam", "{\"learning_rte\": 1}",
         "unknown option 'learning_rte'; did you mean 'learning_rate'?"},
        {"adam", "{\"momentum\": 1}", "adam: unknown option 'momentum'"},
        {"adam", "{\"learning_rate\": null}", "expected a value"},
        {"adam", "{\"name\": \"\"}", "expected a string of 1 to 255 bytes"},
        {"adam",
         "{\"amsgrad\": {\"class_name\": \"hold\", \"config\": {\"value\": "
         "1}}}",
         "adam.amsgrad is a schedule: expected a fixed value"},
        {"adam", "{\"boundaries\": [1, 2]}", "unknown option 'boundaries'"},
        {"sgd", "{\"momentum\": [1, 2]}", "sgd.momentum is a list"},
        {"adm", "{}", "did you mean \"adam\"?"},
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const descent_status status =
            check_optimizer_status(runtime, rows[i].kind, rows[i].json, &o);
        assert_true(status != DESCENT_OK);
        refused(status, status, rows[i].message);
    }
    descent_runtime_free(runtime);
}

static void json_that_is_no_set_of_options_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "1",
        "{",
        "{\"a\": 1, \"a\": 2}",
        "{\"a\": [1, \"b\"]}",
        "{\"a\": {\"b\": 1}}",
        "{\"a\": {\"class_name\": \"x\", \"config\": {}}}",
        "{\"a\": 1e999}",
        "{\"\": 1}",
        "{} {}",
        "nul",
    };
    descent_runtime *runtime = check_runtime();
    descent_options *options = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refused(descent_options_from_json(runtime, rows[i], strlen(rows[i]),
                                          &options),
                DESCENT_ERR_ARGUMENT, "");
        assert_null(options);
    }
    descent_runtime_free(runtime);
}

static void rarely_meant_values_warn_once(void **state)
{
    descent_runtime *runtime = check_runtime();

    (void)state;
    descent_optimizer_free(
        check_optimizer(runtime, "sgd", "{\"nesterov\": true}"));
    assert_string_equal(check_log,
                        "2: sgd.nesterov = true has no effect with these "
                        "options\n");
    check_log[0] = '\0';
    descent_optimizer_free(check_optimizer(
        runtime, "rmsprop", "{\"epsilon\": 0, \"centered\": true}"));
    assert_string_equal(check_log, "2: rmsprop.epsilon = 0: a zero gradient "
                                   "can divide by zero\n");
    check_log[0] = '\0';
    descent_optimizer_free(check_optimizer(
        runtime, "sgd", "{\"nesterov\": true, \"momentum\": 0.9}"));
    assert_string_equal(check_log, "");
    descent_runtime_free(runtime);
}

static const char *const flavours[] = {"keras3", "keras2", "mxnet", "torch"};

static void
momentum_above_one_is_an_error_in_keras3_and_else_a_warning(void **state)
{
    static const char *const kinds[] = {"sgd", "rmsprop"};
    char json[96], said[96];
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;

    (void)state;
    for (int k = 0; k < 2; k++) {
        for (int f = 0; f < 4; f++) {
            check_log[0] = '\0';
            snprintf(json, sizeof json,
                     "{\"flavour\": \"%s\", \"momentum\": 1.5}", flavours[f]);
            snprintf(said, sizeof said, "%s.momentum = 1.5: %s", kinds[k],
                     f == 0 ? "expected 0 <= momentum <= 1" : "more than 1");
            if (f == 0) {
                refused(check_optimizer_status(runtime, kinds[k], json, &o),
                        DESCENT_ERR_ARGUMENT, said);
                continue;
            }
            o = check_optimizer(runtime, kinds[k], json);
            assert_non_null(strstr(check_log, said));
            check_log[0] = '\0';
            /* It is said again only when the value was one to be expected. */
            ok(descent_optimizer_set(o, "momentum", 2));
            assert_string_equal(check_log, "");
            ok(descent_optimizer_set(o, "momentum", 1));
            assert_string_equal(check_log, "");
            ok(descent_optimizer_set(o, "momentum", 1.5));
            assert_non_null(strstr(check_log, said));
            refused(descent_optimizer_set(o, "momentum", -1),
                    DESCENT_ERR_ARGUMENT,
                    "momentum = -1: expected a finite "
                    "number >= 0");
            descent_optimizer_free(o);
        }
    }
    descent_runtime_free(runtime);
}

static void nesterov_alone_is_an_error_in_torch_and_else_a_warning(void **state)
{
    static const char *const wrong[] = {
        "", ", \"momentum\": 0", ", \"momentum\": 0.9, \"dampening\": 1"};
    char json[128];
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;

    (void)state;
    for (int f = 0; f < 4; f++) {
        for (int i = 0; i < 3; i++) {
            check_log[0] = '\0';
            snprintf(json, sizeof json,
                     "{\"flavour\": \"%s\", \"nesterov\": true%s}", flavours[f],
                     wrong[i]);
            const descent_status status =
                check_optimizer_status(runtime, "sgd", json, &o);
            if (f == 3) {
                refused(status, DESCENT_ERR_ARGUMENT,
                        "sgd.nesterov = true: expected momentum > 0 and "
                        "dampening = 0");
                assert_string_equal(check_log, "");
                continue;
            }
            ok(status);
            assert_int_equal(strstr(check_log, "nesterov = true has no "
                                               "effect") != NULL,
                             i < 2);
            descent_optimizer_free(o);
        }
    }
    /* A momentum that follows a schedule is one. */
    descent_optimizer_free(check_optimizer(
        runtime, "sgd",
        "{\"flavour\": \"torch\", \"nesterov\": true, \"momentum\": "
        "{\"class_name\": \"hold\", \"config\": {\"value\": 0.5}}}"));
    descent_runtime_free(runtime);
}

static void a_value_that_becomes_rare_is_warned_of(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(runtime, "adam", NULL);

    (void)state;
    ok(descent_optimizer_set(o, "epsilon", 0));
    assert_string_equal(check_log, "2: adam.epsilon = 0: a zero gradient can "
                                   "divide by zero\n");
    ok(descent_optimizer_set(o, "epsilon", 0));
    assert_true(strlen(check_log) < 64);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* ---- Schedules ---- */

typedef struct asked {
    int times;
    uint64_t last;
    double values[4];
    char option[32];
    descent_optimizer *re_enter;
} asked;

static descent_status answer(void *user, uint64_t n,
                             const descent_schedule_context *context,
                             double *value)
{
    asked *a = user;

    a->times++;
    a->last = n;
    snprintf(a->option, sizeof a->option, "%s",
             context == NULL ? "" : context->option);
    *value = a->values[n % 4];
    if (a->re_enter != NULL)
        return descent_optimizer_step(a->re_enter, NULL, 0, NULL, NULL);
    return n == 3 ? descent_error_set(DESCENT_ERR_SCRIPT, "out of ideas")
                  : DESCENT_OK;
}

static int released;

static void release(void *user)
{
    (void)user;
    released++;
}

static descent_optimizer *scheduled(descent_runtime *runtime, const char *kind,
                                    const char *option, asked *a)
{
    descent_options *options = NULL;
    descent_schedule *schedule = NULL;
    descent_optimizer *o = NULL;

    ok(descent_options_create(runtime, &options));
    ok(descent_schedule_from_function(runtime, answer, a, release, &schedule));
    ok(descent_options_set_schedule(options, option, schedule));
    descent_schedule_release(schedule);
    ok(descent_optimizer_create(runtime, kind, options, &o));
    descent_options_free(options);
    return o;
}

static void a_function_is_asked_once_a_step(void **state)
{
    descent_runtime *runtime = check_runtime();
    asked a = {.values = {0.5, 0.25, 0.125, 0}};
    descent_optimizer *o = scheduled(runtime, "sgd", "learning_rate", &a);
    float w[2] = {0}, g[2] = {1, 1};

    (void)state;
    check_bind(o, "a", w, g, 1);
    check_bind(o, "b", w + 1, g, 1);
    for (int i = 0; i < 3; i++)
        check_step(o);
    assert_int_equal(a.times, 3);
    assert_int_equal(a.last, 2);
    assert_string_equal(a.option, "learning_rate");
    assert_true(w[0] == -0.875f && w[1] == -0.875f);
    /* Its failure abandons the step before anything changed. */
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL), DESCENT_ERR_SCRIPT,
            "SGD: schedule of sgd.learning_rate at step 3: out of ideas");
    assert_true(w[0] == -0.875f);
    assert_int_equal(descent_optimizer_iterations(o), 3);
    assert_int_equal(released, 0);
    descent_optimizer_free(o);
    assert_int_equal(released, 1);
    descent_runtime_free(runtime);
}

static void scheduled_values_are_checked(void **state)
{
    static const double bad[] = {-1, NAN, INFINITY};
    static const int code[] = {DESCENT_ERR_ARGUMENT, DESCENT_ERR_NUMERIC,
                               DESCENT_ERR_NUMERIC};
    descent_runtime *runtime = check_runtime();
    float w = 1, g = 1;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        asked a = {.values = {bad[i]}};
        descent_optimizer *o = scheduled(runtime, "sgd", "learning_rate", &a);
        check_bind(o, "w", &w, &g, 1);
        refused(descent_optimizer_step(o, NULL, 0, NULL, NULL), code[i],
                "schedule of sgd.learning_rate at step 0");
        assert_true(w == 1);
        descent_optimizer_free(o);
    }
    descent_runtime_free(runtime);
}

static void a_schedule_may_not_step_its_optimizer(void **state)
{
    descent_runtime *runtime = check_runtime();
    asked a = {.values = {1}};
    descent_optimizer *o = scheduled(runtime, "sgd", "learning_rate", &a);
    float w = 1, g = 1;

    (void)state;
    check_bind(o, "w", &w, &g, 1);
    a.re_enter = o;
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL), DESCENT_ERR_STATE,
            "not allowed inside a step or a schedule");
    assert_true(w == 1);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void a_scheduled_momentum_keeps_its_slot_at_zero(void **state)
{
    descent_runtime *runtime = check_runtime();
    asked a = {.values = {0, 0, 0.5, 0}};
    descent_optimizer *o = scheduled(runtime, "sgd", "momentum", &a);
    float w = 0, g = 1;
    descent_tensor view = {.struct_size = sizeof view};

    (void)state;
    ok(descent_optimizer_set(o, "learning_rate", 1));
    check_bind(o, "w", &w, &g, 1);
    for (int i = 0; i < 3; i++)
        check_step(o);
    /* Velocities -1, -1, -1.5. */
    assert_true(w == -3.5f);
    ok(descent_optimizer_slot(o, 0, "momentum", &view));
    assert_true(*(const float *)view.data == -1.5f);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void a_buffer_of_gradients_survives_a_momentum_of_zero(void **state)
{
    static const char *const kinds[] = {"sgd", "rmsprop"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        descent_runtime *runtime = check_runtime();
        asked a = {.values = {0, 0.9}};
        descent_options *options = NULL;
        descent_schedule *schedule = NULL;
        descent_optimizer *o = NULL;
        float w = 0, g = 1;
        descent_tensor view = {.struct_size = sizeof view};
        ok(descent_options_create(runtime, &options));
        ok(descent_schedule_from_function(runtime, answer, &a, NULL,
                                          &schedule));
        ok(descent_options_set_schedule(options, "momentum", schedule));
        ok(descent_options_set_text(options, "momentum_mode", "lr_outside"));
        ok(descent_options_set_number(options, "learning_rate", 0.1));
        if (i == 1)
            ok(descent_options_set_number(options, "rho", 0));
        ok(descent_optimizer_create(runtime, kinds[i], options, &o));
        check_bind(o, "w", &w, &g, 1);
        check_step(o);
        check_step(o);
        /* Buffers 1, then 0.9 + 1, times the rate. */
        ok(descent_optimizer_slot(o, 0, "momentum", &view));
        assert_true(fabsf(*(const float *)view.data - 1.9f) < 1e-5f);
        assert_true(fabsf(w + 0.29f) < 1e-5f);
        descent_schedule_release(schedule);
        descent_options_free(options);
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

static descent_optimizer *meddled;

static descent_status meddle(void *user, uint64_t n,
                             const descent_schedule_context *context,
                             double *value)
{
    (void)n;
    (void)context;
    *value = 1;
    return descent_optimizer_set_schedule(meddled, "learning_rate",
                                          *(descent_schedule **)user);
}

static void a_schedule_may_not_replace_itself(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_schedule *schedule = NULL;
    double value;

    (void)state;
    meddled = check_optimizer(runtime, "sgd", NULL);
    ok(descent_schedule_from_function(runtime, meddle, &schedule, NULL,
                                      &schedule));
    ok(descent_optimizer_set_schedule(meddled, "learning_rate", schedule));
    descent_schedule_release(schedule);
    refused(descent_optimizer_get(meddled, "learning_rate", &value),
            DESCENT_ERR_STATE, "not allowed inside");
    descent_optimizer_free(meddled);
    descent_runtime_free(runtime);
}

static descent_status speechless(void *user, uint64_t n,
                                 const descent_schedule_context *context,
                                 double *value)
{
    (void)n;
    (void)context;
    (void)value;
    return *(descent_status *)user;
}

static void a_silent_failure_gets_words_of_its_own(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_schedule *schedule = NULL;
    descent_status code = DESCENT_ERR_SCRIPT;
    double value;

    (void)state;
    ok(descent_schedule_from_function(runtime, speechless, &code, NULL,
                                      &schedule));
    descent_error_set(DESCENT_ERR_SCRIPT, "line 3 of an old script");
    refused(descent_schedule_at(schedule, 0, &value), DESCENT_ERR_SCRIPT,
            "failed and did not say why");
    code = 7;
    refused(descent_schedule_at(schedule, 0, &value), DESCENT_ERR_INTERNAL,
            "returned 7, which is no status");
    descent_schedule_release(schedule);
    descent_runtime_free(runtime);
}

/* ---- Changes ---- */

static void options_change_between_steps(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o =
        check_optimizer(runtime, "SGD", "{\"lr\": 0.5, \"name\": \"mine\"}");
    descent_schedule *hold = NULL;
    descent_options *options = NULL;
    double value = 0;

    (void)state;
    assert_string_equal(descent_optimizer_name(o), "mine");
    ok(descent_optimizer_get(o, "lr", &value));
    assert_true(value == 0.5);
    ok(descent_optimizer_set(o, "learning_rate", 0.25));
    ok(descent_optimizer_get(o, "learning_rate", &value));
    assert_true(value == 0.25);
    ok(descent_optimizer_get(o, "clipnorm", &value));
    assert_true(isnan(value));
    ok(descent_optimizer_set(o, "clipnorm", 2));
    refused(descent_optimizer_set(o, "clipvalue", 2), DESCENT_ERR_ARGUMENT,
            "clipnorm and clipvalue are both set");
    ok(descent_optimizer_set(o, "clipnorm", NAN));
    ok(descent_optimizer_set(o, "clipvalue", 2));
    refused(descent_optimizer_set(o, "nesterov", 1), DESCENT_ERR_STATE,
            "fixed when the optimizer is created");
    refused(descent_optimizer_set(o, "momentum", 0.9), DESCENT_ERR_STATE,
            "sgd.momentum was 0 when the optimizer was created");
    refused(descent_optimizer_set(o, "learning_rate", -1), DESCENT_ERR_ARGUMENT,
            "maximize");
    ok(descent_options_create(runtime, &options));
    ok(descent_options_set_number(options, "value", 0.125));
    ok(descent_schedule_create(runtime, "hold", options, &hold));
    ok(descent_optimizer_set_schedule(o, "learning_rate", hold));
    ok(descent_optimizer_get(o, "learning_rate", &value));
    assert_true(value == 0.125);
    refused(descent_optimizer_set(o, "learning_rate", 1), DESCENT_ERR_STATE,
            "follows a schedule");
    descent_options_free(options);
    descent_schedule_release(hold);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void default_names_are_keras(void **state)
{
    static const char *const names[] = {
        "SGD", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam"};
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        descent_optimizer *o = check_optimizer(runtime, optimizers[i], NULL);
        assert_string_equal(descent_optimizer_name(o), names[i]);
        descent_optimizer_free(o);
    }
    descent_runtime_free(runtime);
}

/* Scripts set options by their page. */
static void every_common_option_is_on_the_page_of_the_scripts(void **state)
{
    static char page[1 << 17];
    const descent_param *p;
    FILE *file = fopen("scripts/lib/descent/README.md", "r");
    char cell[64];

    (void)state;
    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    for (size_t i = 0; (p = descent_common_option(i)) != NULL; i++) {
        snprintf(cell, sizeof cell, "`%s`", p->name);
        if (strchr(p->name, '.') == NULL && strstr(page, cell) == NULL)
            fail_msg("%s is not on the page", p->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_common_option_is_on_the_page_of_the_scripts),
        cmocka_unit_test(messages_say_name_value_and_range),
        cmocka_unit_test(json_that_is_no_set_of_options_is_refused),
        cmocka_unit_test(rarely_meant_values_warn_once),
        cmocka_unit_test(
            momentum_above_one_is_an_error_in_keras3_and_else_a_warning),
        cmocka_unit_test(
            nesterov_alone_is_an_error_in_torch_and_else_a_warning),
        cmocka_unit_test(a_value_that_becomes_rare_is_warned_of),
        cmocka_unit_test(a_function_is_asked_once_a_step),
        cmocka_unit_test(scheduled_values_are_checked),
        cmocka_unit_test(a_schedule_may_not_step_its_optimizer),
        cmocka_unit_test(a_scheduled_momentum_keeps_its_slot_at_zero),
        cmocka_unit_test(a_buffer_of_gradients_survives_a_momentum_of_zero),
        cmocka_unit_test(a_schedule_may_not_replace_itself),
        cmocka_unit_test(a_silent_failure_gets_words_of_its_own),
        cmocka_unit_test(options_change_between_steps),
        cmocka_unit_test(default_names_are_keras),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
