/* SPDX-License-Identifier: MIT */
/* `descent bench`: what it can be asked for, what it tells, and that steps have
 * the bits of the plain loops.  No figure is judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/shell.h"

/* Run the bench as briefly as it can, and parse what it prints. */
static json_t *bench(const char *options)
{
    char line[512];
    const shell_outcome *o;
    json_t *value;

    snprintf(line, sizeof line, "\"$D\" bench --seconds 0.001 --json %s",
             options);
    o = sh(line);
    if (o->status != 0)
        fail_msg("%s", o->err);
    value = json_loads(o->out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    return value;
}

static const char *text(const json_t *figure, const char *key)
{
    const char *value = json_string_value(json_object_get(figure, key));

    if (value == NULL)
        fail_msg("no text %s", key);
    return value;
}

static double number(const json_t *figure, const char *key)
{
    const json_t *value = json_object_get(figure, key);

    if (!json_is_number(value))
        fail_msg("no number %s", key);
    return json_number_value(value);
}

static const char *scratch_plugins(void)
{
    static char path[64];

    snprintf(path, sizeof path, "%s/plugins", shell_scratch);
    return path;
}

static const char *const seven[] = {"sgd",      "adam",   "adagrad", "rmsprop",
                                    "adadelta", "adamax", "nadam"};

enum { SEVEN = sizeof seven / sizeof *seven };

static void json_begins_with_the_agreed_keys(void **state)
{
    static const char *const keys[] = {"case",
                                       "optimizer",
                                       "dtype",
                                       "threads",
                                       "parameters",
                                       "tensors",
                                       "ns_per_parameter",
                                       "limit_ns_per_parameter",
                                       "ratio",
                                       "spread"};
    json_t *list = bench("--case 1e3 --optimizer adam --threads 1");
    json_t *figure = json_array_get(list, 0);
    void *at = json_object_iter(figure);

    (void)state;
    assert_int_equal(json_array_size(list), 1);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_string_equal(json_object_iter_key(at), keys[i]);
        at = json_object_iter_next(figure, at);
    }
    assert_string_equal(text(figure, "case"), "1e3");
    assert_string_equal(text(figure, "optimizer"), "adam");
    assert_string_equal(text(figure, "dtype"), "f32");
    assert_true(number(figure, "threads") == 1);
    assert_true(number(figure, "parameters") == 1000);
    assert_true(number(figure, "tensors") == 1);
    assert_true(number(figure, "bytes_per_parameter") == 28);
    assert_true(number(figure, "rounds") >= 7);
    for (size_t i = 6; i < 9; i++)
        assert_true(number(figure, keys[i]) > 0);
    assert_true(number(figure, "spread") >= 0);
    json_decref(list);
}

static void every_case_that_names_none_has_the_seven(void **state)
{
    json_t *list = bench("--case 1e3,1e5 --threads 1,2");

    (void)state;
    assert_int_equal(json_array_size(list), 4 * SEVEN);
    for (size_t i = 0; i < 4 * SEVEN; i++) {
        const json_t *figure = json_array_get(list, i);

        assert_string_equal(text(figure, "case"),
                            i < 2 * SEVEN ? "1e3" : "1e5");
        assert_string_equal(text(figure, "optimizer"), seven[i / 2 % SEVEN]);
        assert_true(number(figure, "threads") == (double)(1 + i % 2));
        assert_true(json_is_true(json_object_get(figure, "same_bits")));
    }
    json_decref(list);
}

static void bytes_are_those_of_the_streams(void **state)
{
    static const double bytes[SEVEN] = {12, 28, 20, 20, 28, 28, 28};
    json_t *list = bench("--case 1e3 --threads 1");

    (void)state;
    for (size_t i = 0; i < SEVEN; i++)
        assert_true(number(json_array_get(list, i), "bytes_per_parameter") ==
                    bytes[i]);
    json_decref(list);
    list = bench("--case 1e3 --threads 1 --optimizer momentum");
    assert_true(number(json_array_get(list, 0), "bytes_per_parameter") == 20);
    json_decref(list);
}

static void many_tensors_and_rows_have_the_same_bits(void **state)
{
    json_t *list =
        bench("--case 10000x100,row_sparse --threads 2 --optimizer sgd");

    (void)state;
    assert_int_equal(json_array_size(list), 2);
    assert_true(number(json_array_get(list, 0), "tensors") == 10000);
    assert_true(number(json_array_get(list, 0), "parameters") == 1e6);
    assert_true(number(json_array_get(list, 1), "tensors") == 1);
    for (size_t i = 0; i < 2; i++)
        assert_true(json_is_true(
            json_object_get(json_array_get(list, i), "same_bits")));
    json_decref(list);
}

static void a_step_from_lua_is_held_against_one_from_c(void **state)
{
    json_t *list = bench("--case lua_step --threads 1,2");

    (void)state;
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(text(json_array_get(list, 0), "limit"), "C");
    assert_true(number(json_array_get(list, 0), "parameters") == 1);
    json_decref(list);
}

static void shapes_are_the_true_ones(void **state)
{
    static const struct {
        const char *name;
        size_t tensors;
        long long parameters;
    } lists[] = {{"gpt2", 148, 124439808},
                 {"resnet50", 161, 25557032},
                 {"efficientnet_b0", 213, 5288548},
                 {"10000x100", 10000, 1000000},
                 {"1e6", 1, 1000000}};
    json_t *all = json_loads(sh("\"$D\" bench --shapes")->out, 0, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *list = json_object_get(all, lists[i].name);
        long long sum = 0;

        assert_int_equal(json_array_size(list), lists[i].tensors);
        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *one = json_array_get(list, k);
            long long n = 1;

            for (size_t d = 0; d < json_array_size(one); d++)
                n *= json_integer_value(json_array_get(one, d));
            sum += n;
        }
        assert_int_equal(sum, lists[i].parameters);
    }
    json_decref(all);
}

static void the_table_has_a_line_for_each_figure(void **state)
{
    const shell_outcome *o =
        sh("\"$D\" bench --case 1e3 --threads 1 --seconds 0.001");

    (void)state;
    assert_int_equal(o->status, 0);
    assert_int_equal(strncmp(o->out, "CASE ", 5), 0);
    for (size_t i = 0; i < SEVEN; i++)
        assert_contains(o->out, seven[i]);
    assert_lacks(o->out, "momentum");
    assert_lacks(o->out, "MISSED");
    assert_string_equal(o->err, "");
}

static void help_lists_every_case(void **state)
{
    static const char *const cases[] = {
        "gpt2",        "resnet50",   "efficientnet_b0", "1e6",
        "1e5",         "1e3",        "10000x100",       "clip_decay_average",
        "bf16_master", "row_sparse", "lua_step"};
    const shell_outcome *o = sh("\"$D\" bench --help");

    (void)state;
    assert_int_equal(o->status, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_contains(o->out, cases[i]);
}

static void wrong_usage_is_told(void **state)
{
    static const struct {
        const char *options, *message;
    } wrong[] = {
        {"--case gtp2", "unknown case 'gtp2'; did you mean 'gpt2'?"},
        {"--case bicycle", "unknown case 'bicycle'"},
        {"--case 1e3,,1e5", "expected names between commas"},
        {"--case", "option '--case' needs a value"},
        {"--threads 0", "'0': expected numbers from 1 to 64"},
        {"--threads 1,65", "'65': expected numbers from 1 to 64"},
        {"--threads -1", "expected numbers from 1 to 64"},
        {"--seconds 0", "'0': expected a number above 0"},
        {"--seconds nan", "'nan': expected a number above 0"},
        {"--seconds 1s", "'1s': expected a number above 0"},
        {"--optimiser adam", "did you mean '--optimizer'?"},
        {"gpt2", "'gpt2': expected options only"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[256];
        const shell_outcome *o;

        snprintf(line, sizeof line, "\"$D\" bench %s", wrong[i].options);
        o = sh(line);
        assert_contains(o->err, "descent: bench: ");
        assert_contains(o->err, wrong[i].message);
        assert_string_equal(o->out, "");
        assert_int_equal(o->status, 2);
    }
}

static void an_unknown_optimizer_names_the_nearest(void **state)
{
    const shell_outcome *o = sh("\"$D\" bench --case 1e3 --optimizer adma");

    (void)state;
    assert_contains(o->err, "did you mean \"adam\"?");
    assert_string_equal(o->out, "");
    assert_int_equal(o->status, 1);
}

static void without_a_runtime_there_is_a_sentence(void **state)
{
    const shell_outcome *o = sh("DESCENT_THREADS=none \"$D\" bench --case 1e3");

    (void)state;
    assert_contains(o->err, "DESCENT_THREADS = \"none\": expected");
    assert_string_equal(o->out, "");
    assert_int_equal(o->status, 1);
}

static void a_third_party_s_optimizer_has_the_limit_of_its_streams(void **state)
{
    json_t *list;
    const json_t *figure;

    (void)state;
    if (sh("${CC:-cc} -O2 -ffp-contract=off -Icore/include -fPIC -shared "
           "tests/plugin/lion/lion.c -o \"$S/plugins/lion.so\" -lm")
            ->status != 0)
        fail_msg("%s", "lion does not compile");
    setenv("DESCENT_PLUGIN_PATH", scratch_plugins(), 1);
    list = bench("--case 1e3 --optimizer lion --threads 1");
    unsetenv("DESCENT_PLUGIN_PATH");
    figure = json_array_get(list, 0);
    assert_string_equal(text(figure, "optimizer"), "lion");
    assert_string_equal(text(figure, "limit"), "add");
    assert_true(number(figure, "bytes_per_parameter") == 20);
    assert_true(json_is_null(json_object_get(figure, "plain_ratio")));
    assert_true(json_is_false(json_object_get(figure, "same_bits")));
    json_decref(list);
}

#ifndef DESCENT_SANITIZED /* whose objects want more to be linked */
/* As if the command came from a machine with more features. */
static void limits_for_another_processor_are_refused(void **state)
{
    const shell_outcome *o;

    (void)state;
    if (sh("grep -q avx2 /proc/cpuinfo && ! grep -q avx512f /proc/cpuinfo")
            ->status != 0)
        skip();
    o = sh("${CC:-cc} -std=c11 -O1 -mavx512f -ffp-contract=off -Icore "
           "-Icore/include -c core/tool/bench/limits.c -o \"$S/limits.o\" && "
           "${CC:-cc} -o \"$S/moved\" \"$S/limits.o\" "
           "$(find \"$B/obj/core/tool\" -name '*.o' ! -name limits.o) "
           "-L\"$B\" -ldescent-lua -ldescent -ljansson -lm "
           "-Wl,-rpath,\"$B\" && \"$S/moved\" bench --case 1e3");
    assert_contains(o->err, "with avx512f, which this one has not got");
    assert_string_equal(o->out, "");
    assert_int_equal(o->status, 1);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_begins_with_the_agreed_keys),
        cmocka_unit_test(every_case_that_names_none_has_the_seven),
        cmocka_unit_test(bytes_are_those_of_the_streams),
        cmocka_unit_test(many_tensors_and_rows_have_the_same_bits),
        cmocka_unit_test(a_step_from_lua_is_held_against_one_from_c),
        cmocka_unit_test(shapes_are_the_true_ones),
        cmocka_unit_test(the_table_has_a_line_for_each_figure),
        cmocka_unit_test(help_lists_every_case),
        cmocka_unit_test(wrong_usage_is_told),
        cmocka_unit_test(an_unknown_optimizer_names_the_nearest),
        cmocka_unit_test(without_a_runtime_there_is_a_sentence),
        cmocka_unit_test(
            a_third_party_s_optimizer_has_the_limit_of_its_streams),
#ifndef DESCENT_SANITIZED
        cmocka_unit_test(limits_for_another_processor_are_refused),
#endif
    };

    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
