/* SPDX-License-Identifier: MIT */
/* The conformance program notices every kind of disagreement, also the ones of
 * the case with itself: a program that cannot fail proves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/shell.h"

static const char GOOD[] =
    "{\"id\":\"case\",\"source\":\"keras 3.15.1\",\"optimizer\":\"SGD\","
    "\"config\":{\"learning_rate\":0.5,\"momentum\":0.5,\"use_ema\":true},"
    "\"dtype\":\"float64\",\"steps\":2,"
    "\"variables\":[{\"name\":\"w\",\"shape\":[2],\"init\":[1,2]}],"
    "\"gradients\":[[[1,2]],[[1,2]]],"
    "\"expected\":[{\"step\":1,\"learning_rate\":0.5,\"iterations\":1,"
    "\"variables\":[[0.5,1]],\"state\":{\"momentum\":[[-0.5,-1]]}}],"
    "\"expected_after_finalize\":[[0.4925,0.985]],"
    "\"tolerance\":{\"rtol\":1e-12,\"atol\":0,"
    "\"state\":{\"momentum\":{\"rtol\":1e-12,\"atol\":0}}}}\n";

static const char GOOD_SCHEDULE[] =
    "{\"id\":\"plan\",\"source\":\"keras 3.15.1\","
    "\"schedule\":\"InverseTimeDecay\",\"config\":{"
    "\"initial_learning_rate\":1,\"decay_steps\":1,\"decay_rate\":1},"
    "\"dtype\":\"float64\",\"steps\":[0,1,3],\"expected\":[1,0.5,0.25],"
    "\"tolerance\":{\"rtol\":1e-12,\"atol\":0}}\n";

/* Past the end of what was visited the peer says what it said last. */
static const char GOOD_MXNET[] = "{\"id\":\"mx\",\"source\":\"mxnet 1.9.1\","
                                 "\"schedule\":\"PolyScheduler\",\"config\":{"
                                 "\"max_update\":4,\"base_lr\":1,\"pwr\":1},"
                                 "\"steps\":[0,1,9],\"expected\":[1,0.75,0.75],"
                                 "\"tolerance\":{\"rtol\":1e-12,\"atol\":0}}\n";

static const char GOOD_TORCH[] =
    "{\"id\":\"one\",\"source\":\"torch 2.15.0\",\"base_lr\":1,"
    "\"schedule\":\"CyclicLR\",\"config\":{"
    "\"base_lr\":0.5,\"max_lr\":1,\"step_size_up\":1},"
    "\"optimizer_config\":{\"momentum\":0.75},"
    "\"steps\":[0,1],\"expected\":[0.5,1],"
    "\"expected_momentum\":[0.9,0.8],"
    "\"tolerance\":{\"rtol\":1e-12,\"atol\":0}}\n";

static const char GOOD_PLATEAU[] =
    "{\"id\":\"flat\",\"source\":\"torch 2.15.0\",\"base_lr\":2,"
    "\"schedule\":\"ReduceLROnPlateau\",\"config\":{\"patience\":0},"
    "\"steps\":[0,1,2],\"metrics\":[1,1,1],\"expected\":[2,2,0.2],"
    "\"tolerance\":{\"rtol\":1e-12,\"atol\":0}}\n";

/* A rate for each variable, a counter that begins elsewhere. */
static const char GOOD_MXNET_SGD[] =
    "{\"id\":\"sgd\",\"source\":\"mxnet 2.0.0b1\",\"optimizer\":\"SGD\","
    "\"config\":{\"learning_rate\":0.5,\"momentum\":0.5,\"wd\":0.5,"
    "\"clip_gradient\":1,\"rescale_grad\":0.5,\"begin_num_update\":3},"
    "\"dtype\":\"float64\",\"steps\":1,"
    "\"param_idx2name\":{\"0\":\"w_weight\",\"1\":\"w_bias\"},"
    "\"variables\":[{\"name\":\"w_weight\",\"shape\":[2],\"init\":[1,2]},"
    "{\"name\":\"w_bias\",\"shape\":[1],\"init\":[4]}],"
    "\"gradients\":[[[1,4],[-4]]],"
    "\"expected\":[{\"step\":1,\"num_update\":4,\"learning_rate\":[0.5,0.5],"
    "\"variables\":[[0.5,1],[3.5]],"
    "\"state\":{\"momentum\":[[-0.5,-1],[-0.5]]}}],"
    "\"tolerance\":{\"rtol\":1e-12,\"atol\":0,"
    "\"state\":{\"momentum\":{\"rtol\":1e-12,\"atol\":0}}}}\n";

/* The weights are stored in 16 bits; the numbers of the master are finer. */
static const char GOOD_MXNET_HALF[] =
    "{\"id\":\"half\",\"source\":\"mxnet 1.9.1\",\"optimizer\":\"SGD\","
    "\"config\":{\"multi_precision\":true},\"dtype\":\"float16\",\"steps\":1,"
    "\"param_idx2name\":{\"0\":\"w\"},"
    "\"variables\":[{\"name\":\"w\",\"shape\":[1],\"init\":[1]}],"
    "\"gradients\":[[[0.1]]],"
    "\"expected\":[{\"step\":1,\"num_update\":1,\"learning_rate\":[0.01],"
    "\"variables\":[[0.999023]],\"state\":{\"weight32\":[[0.99900024]]}}],"
    "\"tolerance\":{\"rtol\":1e-6,\"atol\":0,"
    "\"state\":{\"weight32\":{\"rtol\":1e-7,\"atol\":0}}}}\n";

static const shell_outcome *conform(const char *text)
{
    shell_write("case.jsonl", text);
    return sh("\"$B/tests/conform\" \"$S/case.jsonl\"");
}

static void agreement_passes(void **state)
{
    char both[4096];
    const shell_outcome *o;

    (void)state;
    snprintf(both, sizeof both, "%s%s", GOOD, GOOD_SCHEDULE);
    o = conform(both);
    assert_string_equal(o->out, "2 passed, 0 failed\n");
    assert_int_equal(o->status, 0);
    o = sh("\"$B/tests/conform\" --no-fused \"$S/case.jsonl\"");
    assert_string_equal(o->out, "2 passed, 0 failed\n");
    assert_int_equal(o->status, 0);
}

/* A good case with one place changed, and how the line of its failure begins.
 */
typedef struct change {
    const char *from, *to, *line;
} change;

static void expect_failures(const char *good, const change *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(good, rows[i].from);
        char text[4096];
        const shell_outcome *o;
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good,
                 rows[i].to, at + strlen(rows[i].from));
        o = conform(text);
        assert_contains(o->out, rows[i].line);
        assert_contains(o->out, "\n0 passed, 1 failed\n");
        assert_int_equal(o->status, 1);
    }
}

static void every_expected_number_is_compared(void **state)
{
    static const change rows[] = {
        {"[[0.5,1]]", "[[0.5,1.25]]",
         "FAILED case: step 1, weight w[1]: got 1, expected 1.25 (limit "
         "1.25e-12)"},
        {"[[-0.5,-1]]", "[[-0.75,-1]]",
         "FAILED case: step 1, momentum w[0]: got -0.5, expected -0.75 (limit "
         "7.5e-13)"},
        {"\"iterations\":1", "\"iterations\":2",
         "FAILED case: step 1, iterations: got 1, expected 2 (limit 0)"},
        {"{\"step\":1,\"learning_rate\":0.5",
         "{\"step\":1,\"learning_rate\":0.75",
         "FAILED case: step 1, learning_rate: got 0.5, expected 0.75 (limit "
         "7.5e-13)"},
        {"[[0.4925,0.985]]", "[[0.4925,0.5]]",
         "FAILED case: step 2, final weight w[1]: got 0.98"},
        {"\"step\":1", "\"step\":3",
         "FAILED case: expected[0] is no record of a later call"},
        {"[[0.5,1]]", "[[0.5]]",
         "FAILED case: weight w: expected a list of 2 numbers"},
        {"[[0.5,1]]", "[]",
         "FAILED case: step 1, weight: expected one list for each variable"},
        {"[[0.5,1]]", "[[0.5,null]]",
         "FAILED case: weight w[1]: expected a "
         "number"},
        {",\"state\":{\"momentum\":[[-0.5,-1]]}", "",
         "FAILED case: slot \"momentum\" was never compared"},
        {",\"state\":{\"momentum\":{\"rtol\":1e-12,\"atol\":0}}", "",
         "FAILED case: slot \"momentum\" has no tolerance"},
        {"\"expected\":[{", "\"expected\":[],\"more\":[{",
         "FAILED case: expected[0] is no record of a later call"},
    };
    static const change schedules[] = {
        {"0.25]", "0.375]",
         "FAILED plan: step 3, value: got 0.25, expected 0.375 (limit "
         "3.75e-13)"},
        {"0.25]", "0.25,1]",
         "FAILED plan: steps and expected differ in length, or are empty"},
    };

    (void)state;
    expect_failures(GOOD, rows, sizeof rows / sizeof *rows);
    expect_failures(GOOD_SCHEDULE, schedules,
                    sizeof schedules / sizeof *schedules);
}

static void schedules_of_other_systems_are_compared(void **state)
{
    static const change mxnet[] = {
        {"0.75,0.75]", "0.75,0]",
         "FAILED mx: step 9, value: got 0.75, expected 0 (limit 0)"},
        {"[0,1,9]", "[0,4,1]", "FAILED mx: step 4, value: got 0, "},
        {"[0,1,9]", "[1,0,9]", "FAILED mx: step 1, value: got 0.75, "},
        {"\"steps\"", "\"base_lr\":1,\"steps\"",
         "FAILED mx: case: \"base_lr\" is not understood, so not compared"},
        {"mxnet 1", "tensorflow 2",
         "FAILED mx: source \"tensorflow 2.9.1\": flavour not translated"},
    };
    static const change torch[] = {
        {"[0.9,0.8]", "[0.9,0.9]", "FAILED one: step 1, momentum: got 0.8"},
        {"[0.9,0.8]", "[0.9]", "FAILED one: steps and expected differ in"},
        {"0.5,\"max_lr\":1", "0.5,\"max_lr\":2",
         "FAILED one: step 1, value: got 2, "},
        {"\"max_lr\":1", "\"max_lr\":1,\"cycle_momentum\":false",
         "FAILED one: step 0, momentum: got 0.75, "},
        {"{\"momentum\"", "{\"beta_1\":1,\"momentum\"",
         "FAILED one: optimizer_config: \"beta_1\" is not understood"},
        {"\"base_lr\":1,", "", "FAILED one: \"base_lr\": expected a number"},
    };
    static const change plateau[] = {
        {"[1,1,1]", "[1,0,1]", "FAILED flat: step 2, value: got 2, "},
        {"[1,1,1]", "[1,1]", "FAILED flat: steps and expected differ in"},
        {"[1,1,1]", "[1,null,1]", "FAILED flat: metrics: expected numbers"},
        {"\"base_lr\":2", "\"base_lr\":1", "FAILED flat: step 0, value: got "},
    };
    char all[4096];
    const shell_outcome *o;

    (void)state;
    snprintf(all, sizeof all, "%s%s%s", GOOD_MXNET, GOOD_TORCH, GOOD_PLATEAU);
    o = conform(all);
    assert_string_equal(o->out, "3 passed, 0 failed\n");
    expect_failures(GOOD_MXNET, mxnet, sizeof mxnet / sizeof *mxnet);
    expect_failures(GOOD_TORCH, torch, sizeof torch / sizeof *torch);
    expect_failures(GOOD_PLATEAU, plateau, sizeof plateau / sizeof *plateau);
}

static void optimizers_of_mxnet_are_compared(void **state)
{
    static const change rows[] = {
        {"[3.5]", "[3.75]", "FAILED sgd: step 1, weight w_bias[0]: got 3.5, "},
        {"[-0.5]", "[0.5]", "FAILED sgd: step 1, momentum w_bias[0]: got -0.5"},
        {"\"num_update\":4", "\"num_update\":1",
         "FAILED sgd: step 1, num_update: got 4, expected 1 (limit 0)"},
        {"\"num_update\":4", "\"num_update\":[4]",
         "FAILED sgd: num_update: expected a number"},
        {"[0.5,0.5]", "[0.5,0.25]",
         "FAILED sgd: step 1, learning_rate[1]: got 0.5, expected 0.25"},
        {"[0.5,0.5]", "[0.5]",
         "FAILED sgd: learning_rate: expected one for each variable"},
        {"[0.5,0.5]", "[0.5,null]",
         "FAILED sgd: learning_rate[1]: expected a number"},
        {"\"1\":\"w_bias\"", "\"1\":\"bias\"",
         "FAILED sgd: param_idx2name: 1 is not \"w_bias\""},
        {"\"1\":", "\"2\":", "FAILED sgd: \"1\" is missing"},
        {"\"w_bias\"},", "\"w_bias\",\"2\":\"w\"},",
         "FAILED sgd: param_idx2name: \"2\" is not understood"},
        {"\"steps\"", "\"weight_storage\":\"csr\",\"steps\"",
         "FAILED sgd: weight_storage is not understood"},
        {"\"wd\":0.5", "\"wd\":0.5,\"use_fused_step\":0",
         "FAILED sgd: use_fused_step: expected a boolean"},
        {"\"wd\":0.5", "\"wd\":0.5,\"beta1\":0.5",
         "FAILED sgd: option \"beta1\" is not translated"},
        {"\"wd\":0.5", "\"wd\":0.25",
         "FAILED sgd: step 1, weight w_weight[0]: got 0.625, "},
        {"\"clip_gradient\":1", "\"clip_gradient\":0",
         "FAILED sgd: step 1, weight w_weight[1]: got 0.5, "},
        {"\"clip_gradient\":1", "\"clip_gradient\":0,\"use_fused_step\":false",
         "FAILED sgd: step 1, weight w_weight[0]: got 0.75, "},
        {"\"wd\":0.5", "\"wd\":0.5,\"lr_mult\":{\"w_bias\":2}",
         "FAILED sgd: step 1, learning_rate[1]: got 1, expected 0.5"},
        {"\"wd\":0.5", "\"wd\":0.5,\"wd_mult\":{\"w_weight\":0}",
         "FAILED sgd: step 1, weight w_weight[0]: got 0.75, "},
        {"\"wd\":0.5", "\"wd\":0.5,\"wd_mult\":{\"bias\":2}",
         "FAILED sgd: multiplier: "},
        {"\"wd\":0.5", "\"wd\":0.5,\"lr_mult\":{\"w_bias\":null}",
         "FAILED sgd: multiplier of w_bias: expected a number"},
        {"\"wd\":0.5", "\"wd\":0.5,\"lr_mult\":2",
         "FAILED sgd: multipliers: expected an object"},
        {"mxnet 2", "mxnet 1",
         "FAILED sgd: step 1, weight w_bias[0]: got 4.5, "},
        {"mxnet 2", "mxnet 3",
         "FAILED sgd: source \"mxnet 3.0.0b1\": flavour not translated"},
        {"\"SGD\"", "\"Adam\"",
         "FAILED sgd: optimizer \"Adam\" is not translated"},
    };
    static const change half[] = {
        {"0.999023", "0.998047", "FAILED half: step 1, weight w[0]: got 0.999"},
        {"0.99900024", "0.99902344", "FAILED half: step 1, master w[0]: got "},
        {"\"multi_precision\":true", "\"multi_precision\":false",
         "FAILED half: state: SGD: no state is called 'master'"},
        {"[0.01]", "[0.1]", "FAILED half: step 1, learning_rate[0]: got 0.01"},
        {"float16", "bfloat16",
         "FAILED half: dtype \"bfloat16\" is not translated"},
    };
    char both[4096];
    const shell_outcome *o;

    (void)state;
    snprintf(both, sizeof both, "%s%s", GOOD_MXNET_SGD, GOOD_MXNET_HALF);
    o = conform(both);
    assert_string_equal(o->out, "2 passed, 0 failed\n");
    expect_failures(GOOD_MXNET_SGD, rows, sizeof rows / sizeof *rows);
    expect_failures(GOOD_MXNET_HALF, half, sizeof half / sizeof *half);
}

static void what_is_not_understood_fails(void **state)
{
    static const change rows[] = {
        {"\"momentum\":0.5", "\"dampening\":0.5",
         "FAILED case: option \"dampening\" is not translated"},
        {"\"step\":1", "\"step\":1,\"updates\":1",
         "FAILED case: expected: \"updates\" is not understood, so not "
         "compared"},
        {"\"steps\"", "\"base_lr\":1,\"steps\"",
         "FAILED case: case: \"base_lr\" is not understood, so not compared"},
        {"\"atol\":0,", "\"atol\":0,\"ulp\":1,",
         "FAILED case: tolerance: \"ulp\" is not understood, so not compared"},
        {"\"shape\"", "\"lr_mult\":1,\"shape\"",
         "FAILED case: variable: \"lr_mult\" is not understood, so not "
         "compared"},
        {"\"momentum\":{", "\"exp_avg\":{",
         "FAILED case: slot \"exp_avg\" is not translated"},
        {"keras 3.15.1", "caffe 1.0",
         "FAILED case: source \"caffe 1.0\": flavour not translated"},
        {"\"SGD\"", "\"Lion\"",
         "FAILED case: optimizer \"Lion\" is not translated"},
        {"float64", "float8",
         "FAILED case: dtype \"float8\" is not translated"},
        {"\"optimizer\"", "\"optimiser\"",
         "FAILED case: neither an optimizer nor a schedule"},
        {"\"config\"", "\"configuration\"",
         "FAILED case: \"config\" is missing"},
        {"[[1,2]]]", "[{\"row_sparse\":{}}]]",
         "FAILED case: \"indices\" is missing"},
        {"[[1,2]]]", "[{\"row_sparse\":{\"indices\":[0,1,1],\"values\":[]}}]]",
         "FAILED case: w: more rows than there are"},
        {"[[1,2]]]", "[{\"row_sparse\":{\"indices\":[0.5],\"values\":[]}}]]",
         "FAILED case: w: row 0 is no integer"},
        {"[[1,2]]]", "[{\"row_sparse\":{\"indices\":[1],\"values\":[1,2]}}]]",
         "FAILED case: w: expected a list of 1 numbers"},
        {"[[1,2]]]", "[{\"row_sparse\":{\"indices\":[2],\"values\":[1]}}]]",
         "FAILED case: step: SGD: gradient of 'w': indices[0] = 2"},
        {"\"momentum\":0.5", "\"momentum\":5",
         "FAILED case: sgd: sgd.momentum = 5: expected 0 <= momentum <= 1"},
    };
    static const change schedules[] = {
        {"\"decay_rate\"", "\"rate\"",
         "FAILED plan: schedule: inverse_time_decay: unknown option 'rate'"},
        {"\"steps\"", "\"base_lr\":1,\"steps\"",
         "FAILED plan: case: \"base_lr\" is not understood, so not compared"},
    };

    (void)state;
    expect_failures(GOOD, rows, sizeof rows / sizeof *rows);
    expect_failures(GOOD_SCHEDULE, schedules,
                    sizeof schedules / sizeof *schedules);
}

static void files_without_cases_fail(void **state)
{
    const shell_outcome *o = conform("");

    (void)state;
    assert_contains(o->out, "case.jsonl: no cases\n0 passed, 1 failed\n");
    assert_int_equal(o->status, 1);
    o = sh("\"$B/tests/conform\" \"$S/absent.jsonl\" \"$S\"");
    assert_contains(o->out, "absent.jsonl: No such file or directory\n");
    assert_contains(o->out, ": Is a directory\n0 passed, 2 failed\n");
    assert_int_equal(o->status, 1);
}

static void bad_lines_fail(void **state)
{
    static const char *const lines[] = {
        "\n",           "{\n",      "[1]\n", "{\"id\":\"a\",\"id\":\"b\"}\n",
        "{\"id\":1}\n", "nonsense",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[4096];
        const shell_outcome *o;
        snprintf(text, sizeof text, "%s%s", GOOD, lines[i]);
        o = conform(text);
        assert_contains(o->out, "\n1 passed, 1 failed\n");
        assert_int_equal(o->status, 1);
    }
}

static void misuse_is_explained(void **state)
{
    const shell_outcome *o = sh("\"$B/tests/conform\"");

    (void)state;
    assert_int_equal(o->status, 2);
    assert_contains(o->err, "usage: ");
    o = sh("\"$B/tests/conform\" --fused x");
    assert_int_equal(o->status, 2);
    assert_string_equal(o->out, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreement_passes),
        cmocka_unit_test(every_expected_number_is_compared),
        cmocka_unit_test(schedules_of_other_systems_are_compared),
        cmocka_unit_test(optimizers_of_mxnet_are_compared),
        cmocka_unit_test(what_is_not_understood_fails),
        cmocka_unit_test(files_without_cases_fail),
        cmocka_unit_test(bad_lines_fail),
        cmocka_unit_test(misuse_is_explained),
    };

    return cmocka_run_group_tests_name("conform", tests, shell_setup,
                                       shell_teardown);
}
