/* SPDX-License-Identifier: MIT */
/* `descent plugins`: the list, one plugin, JSON, and files that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/shell.h"

/* Build tests/tool/trap.c as $S/plugins/NAME.so. */
static void build_trap(const char *name, const char *trap)
{
    char line[1024];

    snprintf(line, sizeof line,
             "${CC:-cc} -Icore/include '-DTRAP=%s' -fPIC -shared "
             "tests/tool/trap.c -o \"$S/plugins/%s.so\"",
             trap, name);
    if (sh(line)->status != 0)
        fail_msg("%s", sh(line)->err);
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (value == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    return value;
}

static const char *const shipped[] = {"adadelta", "adagrad", "adam", "adamax",
                                      "nadam",    "rmsprop", "sgd"};

enum { SHIPPED = sizeof shipped / sizeof *shipped };

static void the_list_is_by_name_with_bytes_and_path(void **state)
{
    const shell_outcome *o = sh("\"$D\" plugins");
    const char *at = o->out;

    (void)state;
    assert_int_equal(o->status, 0);
    assert_int_equal(strncmp(at, "NAME ", 5), 0);
    for (size_t i = 0; i < SHIPPED; i++) {
        at = strchr(at, '\n');
        assert_non_null(at++);
        assert_int_equal(strncmp(at, shipped[i], strlen(shipped[i])), 0);
    }
    assert_contains(o->out, " 8-12 ");
    assert_contains(o->out, "/plugins/adam.so\n");
    assert_lacks(o->out, "Refused");
}

static void one_plugin_is_described(void **state)
{
    static const char *const pieces[] = {
        "Adam (adam 1.0.0)",
        "arxiv.org/abs/1412.6980",
        "/adam.so",
        "keras3",
        "torch",
        "beta_1",
        "[0, 1)",
        "0.999",
        "1e-7",
        "1e-8",
        "One of hat, plain.",
        "velocity_hat",
        "with amsgrad = true",
        "8 bytes a parameter in f32, 16 in f64, by default",
        "12 bytes a parameter in f32, 24 in f64, with amsgrad = true",
        "      s[V_MAX] = MAX(s[V_MAX], s[V]);\n",
        "folds in scale, clip, l2, decay, ema",
        "Also as    adamw: weight_decay = 0.004, weight_decay_mode = decoupled",
        "global_clipnorm",
        "none",
    };
    const shell_outcome *o = sh("\"$D\" plugins ADAM");

    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        assert_contains(o->out, pieces[i]);
    assert_int_equal(o->status, 0);
    for (const char *line = o->out, *end; (end = strchr(line, '\n')) != NULL;
         line = end + 1)
        if (strncmp(line, "File ", 5) != 0 && end - line > 100)
            fail_msg("wider than 100 columns: %.*s", (int)(end - line), line);
}

static void json_tells_the_same(void **state)
{
    json_t *list = parse(sh("\"$D\" plugins --json")->out), *plugin, *option;

    (void)state;
    assert_int_equal(json_array_size(list), SHIPPED);
    for (size_t i = 0; i < SHIPPED; i++) {
        static const char *const keys[] = {
            "name",  "title",  "doc",    "cite",   "path",     "version",
            "abi",   "params", "common", "slots",  "variants", "flavours",
            "fuses", "runs",   "scope",  "classes"};

        plugin = json_array_get(list, i);
        assert_string_equal(json_string_value(json_object_get(plugin, "name")),
                            shipped[i]);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (json_object_get(plugin, keys[k]) == NULL)
                fail_msg("%s lacks %s", shipped[i], keys[k]);
    }
    plugin = json_array_get(list, 2);
    option = json_array_get(json_object_get(plugin, "params"), 1);
    assert_string_equal(json_string_value(json_object_get(option, "name")),
                        "beta_1");
    assert_true(json_number_value(json_object_get(option, "default")) == 0.9);
    assert_true(json_number_value(json_object_get(option, "min")) == 0);
    assert_true(json_number_value(json_object_get(option, "below")) == 1);
    option = json_array_get(json_object_get(plugin, "params"), 3);
    option = json_object_get(option, "defaults");
    assert_true(json_number_value(json_object_get(option, "keras3")) == 1e-7);
    assert_true(json_number_value(json_object_get(option, "torch")) == 1e-8);
    json_decref(list);
}

static void json_of_one_is_a_list_of_one(void **state)
{
    json_t *list = parse(sh("\"$D\" plugins sgd --json")->out);

    (void)state;
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
}

static void an_unknown_plugin_names_the_nearest(void **state)
{
    const shell_outcome *o = sh("\"$D\" plugins adma");

    (void)state;
    assert_contains(o->err, "descent: ");
    assert_contains(o->err, "adma");
    assert_contains(o->err, "did you mean \"adam\"?");
    assert_string_equal(o->out, "");
    assert_int_equal(o->status, 1);
}

static void a_plugin_that_misbehaves_is_refused(void **state)
{
    static const struct {
        const char *name, *trap, *reason;
    } cases[] = {
        {"abort", "abort()", "crashed while it was loaded, signal 6"},
        {"ends", "_exit(0)", "ended the process that loaded it, exit status 0"},
        {"hangs", "for (;;) pause()", "was not loaded within"},
        {"stops", "raise(SIGSTOP)", "was not loaded within"},
        {"shuts", "closefrom(0)",
         "ended the process that loaded it, exit "
         "status 1"},
        {"noisy", "puts(\"noise\"); fflush(stdout)", "/noisy.so"},
    };
    const shell_outcome *o;
    json_t *list, *refusal;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        build_trap(cases[i].name, cases[i].trap);
    shell_write("plugins/text.so", "this is no shared object\n");
    o = sh("export DESCENT_PLUGIN_PATH=\"$S/plugins\"; "
           "\"$D\" plugins | tr -s ' \\n' ' '");
    assert_int_equal(o->status, 0);
    assert_contains(o->out, "adam 1.0.0 Adam 8-12 ");
    assert_contains(o->out, "Refused: ");
    assert_contains(o->out, "/text.so ");
    assert_lacks(o->out, " noise");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_contains(o->out, cases[i].reason);

    o = sh("DESCENT_PLUGIN_PATH=\"$S/plugins\" \"$D\" plugins ends");
    assert_contains(o->err, "ends.so");
    assert_contains(o->err, cases[1].reason);
    assert_string_equal(o->out, "");
    assert_int_equal(o->status, 1);

    o = sh("\"$D\" plugins --json \"$S/plugins/abort.so\"");
    assert_int_equal(o->status, 1);
    list = parse(o->out);
    refusal = json_array_get(list, 0);
    assert_int_equal(json_object_size(refusal), 2);
    assert_contains(json_string_value(json_object_get(refusal, "path")),
                    "/abort.so");
    assert_contains(json_string_value(json_object_get(refusal, "error")),
                    cases[0].reason);
    json_decref(list);
}

static void a_wrong_environment_variable_is_named(void **state)
{
    const shell_outcome *o = sh("DESCENT_ISA=quick \"$D\" plugins");

    (void)state;
    assert_contains(o->err, "DESCENT_ISA");
    assert_int_equal(o->status, 1);
    o = sh("DESCENT_PLUGIN_PATH=here \"$D\" plugins");
    assert_contains(o->err, "DESCENT_PLUGIN_PATH");
    assert_int_equal(o->status, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_by_name_with_bytes_and_path),
        cmocka_unit_test(one_plugin_is_described),
        cmocka_unit_test(json_tells_the_same),
        cmocka_unit_test(json_of_one_is_a_list_of_one),
        cmocka_unit_test(an_unknown_plugin_names_the_nearest),
        cmocka_unit_test(a_plugin_that_misbehaves_is_refused),
        cmocka_unit_test(a_wrong_environment_variable_is_named),
    };

    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
