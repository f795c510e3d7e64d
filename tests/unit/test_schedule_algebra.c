/* SPDX-License-Identifier: MIT */
/* Schedules made of schedules: the laws of the algebra, to the bit; and the
 * schedules with a state. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "support/schedules.h"

static const uint64_t STEPS[] = {0,
                                 1,
                                 2,
                                 3,
                                 4,
                                 5,
                                 6,
                                 7,
                                 8,
                                 9,
                                 10,
                                 11,
                                 12,
                                 13,
                                 14,
                                 15,
                                 16,
                                 29,
                                 30,
                                 31,
                                 99,
                                 100,
                                 (uint64_t)1 << 40};

static void expect_same(const descent_schedule *a, const descent_schedule *b)
{
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        const double x = schedule_at(a, STEPS[i]), y = schedule_at(b, STEPS[i]);
        if (memcmp(&x, &y, sizeof x) != 0)
            fail_msg("at %llu: %.17g and %.17g", (unsigned long long)STEPS[i],
                     x, y);
    }
}

static uint64_t duration(const descent_schedule *s)
{
    uint64_t steps = 77;

    ok(descent_schedule_duration(s, &steps));
    return steps;
}

static descent_schedule *ramp(double from, double to, int steps)
{
    char json[128];

    snprintf(json, sizeof json, "{\"from\": %g, \"to\": %g, \"steps\": %d}",
             from, to, steps);
    return schedule_made("ramp", json);
}

static descent_schedule *hold(double value)
{
    char json[64];

    snprintf(json, sizeof json, "{\"value\": %g}", value);
    return schedule_made("hold", json);
}

typedef descent_status combine(descent_schedule *, descent_schedule *,
                               descent_schedule **);

/* The combination, which takes over both references. */
static descent_schedule *of(combine *f, descent_schedule *a,
                            descent_schedule *b)
{
    descent_schedule *s = NULL;

    ok(f(a, b, &s));
    descent_schedule_release(a);
    descent_schedule_release(b);
    return s;
}

static void release(descent_schedule *a, descent_schedule *b)
{
    descent_schedule_release(a);
    descent_schedule_release(b);
}

/* ---- Laws ---- */

static void the_second_begins_after_the_first(void **state)
{
    descent_schedule *a = ramp(0, 1, 5), *b = ramp(3, 7, 9), *ab = NULL;

    (void)state;
    ok(descent_schedule_then(a, b, &ab));
    assert_int_equal(duration(ab), 14);
    for (uint64_t n = 0; n < 30; n++)
        assert_true(schedule_at(ab, n) ==
                    (n < 5 ? schedule_at(a, n) : schedule_at(b, n - 5)));
    release(a, b);
    descent_schedule_release(ab);
}

static void then_is_associative(void **state)
{
    descent_schedule *left =
        of(descent_schedule_then,
           of(descent_schedule_then, ramp(0, 1, 5), ramp(3, 7, 9)), hold(2));
    descent_schedule *right =
        of(descent_schedule_then, ramp(0, 1, 5),
           of(descent_schedule_then, ramp(3, 7, 9), hold(2)));

    (void)state;
    expect_same(left, right);
    assert_true(duration(left) == DESCENT_ENDLESS);
    assert_true(duration(right) == DESCENT_ENDLESS);
    release(left, right);
}

static void pairs_commute_and_last_as_the_longer(void **state)
{
    static combine *const rows[] = {descent_schedule_multiply,
                                    descent_schedule_add, descent_schedule_max,
                                    descent_schedule_min};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_schedule *ab = of(rows[i], ramp(0, 1, 5), ramp(3, -7, 12));
        descent_schedule *ba = of(rows[i], ramp(3, -7, 12), ramp(0, 1, 5));
        expect_same(ab, ba);
        assert_int_equal(duration(ab), 12);
        release(ab, ba);
    }
}

static void one_and_zero_are_neutral(void **state)
{
    descent_schedule *a = ramp(0.1, 0.7, 13);
    descent_schedule *product =
        of(descent_schedule_multiply, ramp(0.1, 0.7, 13), hold(1));
    descent_schedule *sum =
        of(descent_schedule_add, hold(0), ramp(0.1, 0.7, 13));

    (void)state;
    expect_same(a, product);
    expect_same(a, sum);
    descent_schedule_release(a);
    release(product, sum);
}

static void pairs_are_pointwise(void **state)
{
    static const struct {
        combine *f;
        double at_5;
    } rows[] = {{descent_schedule_multiply, 21},
                {descent_schedule_add, 10},
                {descent_schedule_max, 7},
                {descent_schedule_min, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        SCHEDULE_EXPECT(of(rows[i].f, ramp(2, 7, 5), hold(3)),
                        {5, rows[i].at_5}, {SCHEDULE_FAR, rows[i].at_5});
}

static void changes_of_one_schedule(void **state)
{
    descent_schedule *a = ramp(0, 10, 10), *s;

    (void)state;
    ok(descent_schedule_clamp(a, 2, 8, &s));
    assert_int_equal(duration(s), 10);
    SCHEDULE_EXPECT(s, {0, 2}, {2, 2}, {3, 3}, {8, 8}, {9, 8});
    ok(descent_schedule_delay(a, 3, &s));
    assert_int_equal(duration(s), 13);
    SCHEDULE_EXPECT(s, {0, 0}, {3, 0}, {4, 1}, {13, 10}, {14, 10});
    ok(descent_schedule_stretch(a, 3, &s));
    assert_int_equal(duration(s), 30);
    SCHEDULE_EXPECT(s, {0, 0}, {2, 0}, {3, 1}, {29, 9}, {30, 10});
    ok(descent_schedule_stretch(a, 0.5, &s));
    assert_int_equal(duration(s), 5);
    SCHEDULE_EXPECT(s, {0, 0}, {1, 2}, {4, 8}, {5, 10}, {UINT64_MAX, 10});
    ok(descent_schedule_cycle(a, &s));
    assert_true(duration(s) == DESCENT_ENDLESS);
    SCHEDULE_EXPECT(s, {0, 0}, {9, 9}, {10, 0}, {11, 1},
                    {SCHEDULE_FAR, 1099511627776 % 10});
    ok(descent_schedule_repeat(a, 2, &s));
    assert_int_equal(duration(s), 20);
    SCHEDULE_EXPECT(s, {9, 9}, {10, 0}, {19, 9}, {20, 10}, {SCHEDULE_FAR, 10});
    ok(descent_schedule_last(a, 4, &s));
    assert_int_equal(duration(s), 4);
    SCHEDULE_EXPECT(s, {3, 3}, {4, 4}, {10, 10});
    descent_schedule_release(a);
}

static void trivial_changes_change_nothing(void **state)
{
    descent_schedule *a = ramp(0.1, 0.7, 13), *s[4], *two = NULL;

    (void)state;
    ok(descent_schedule_delay(a, 0, &s[0]));
    ok(descent_schedule_stretch(a, 1, &s[1]));
    ok(descent_schedule_repeat(a, 1, &s[2]));
    ok(descent_schedule_clamp(a, -1e300, 1e300, &s[3]));
    for (int i = 0; i < 4; i++) {
        expect_same(a, s[i]);
        assert_int_equal(duration(s[i]), 13);
        descent_schedule_release(s[i]);
    }
    ok(descent_schedule_repeat(a, 2, &s[0]));
    ok(descent_schedule_then(a, a, &two));
    expect_same(s[0], two);
    release(s[0], two);
    descent_schedule_release(a);
}

static void what_cannot_be_made_is_refused(void **state)
{
    descent_schedule *a = hold(1), *b = ramp(0, 1, 0), *s = NULL;
    uint64_t steps;

    (void)state;
    refused(descent_schedule_then(a, b, &s), DESCENT_ERR_ARGUMENT,
            "then.first is endless: expected a schedule with a duration");
    refused(descent_schedule_cycle(a, &s), DESCENT_ERR_ARGUMENT,
            "cycle.schedule is endless: expected a schedule with a duration");
    refused(descent_schedule_repeat(b, 2, &s), DESCENT_ERR_ARGUMENT,
            "repeat.schedule is over at once");
    refused(descent_schedule_repeat(b, 0, &s), DESCENT_ERR_ARGUMENT,
            "repeat.times = 0: expected an integer");
    refused(descent_schedule_clamp(a, 2, 1, &s), DESCENT_ERR_ARGUMENT,
            "clamp.low = 2: expected at most high = 1");
    refused(descent_schedule_clamp(a, (double)NAN, 1, &s), DESCENT_ERR_ARGUMENT,
            "clamp.low = nan: expected a finite number");
    refused(descent_schedule_stretch(a, 0, &s), DESCENT_ERR_ARGUMENT,
            "stretch.by = 0: expected a finite number > 0");
    refused(descent_schedule_multiply(a, NULL, &s), DESCENT_ERR_ARGUMENT,
            "descent_schedule_multiply: expected schedules");
    refused(descent_schedule_add(NULL, a, &s), DESCENT_ERR_ARGUMENT,
            "descent_schedule_add: expected schedules");
    refused(descent_schedule_max(a, b, NULL), DESCENT_ERR_ARGUMENT,
            "descent_schedule_max: expected schedules");
    refused(descent_schedule_duration(NULL, &steps), DESCENT_ERR_ARGUMENT,
            "descent_schedule_duration: expected");
    assert_null(s);
    release(a, b);
}

/* Depth and number of parts have bounds, so that evaluation has. */
static void bottomless_schedules_are_refused(void **state)
{
    descent_schedule *s = hold(1), *next = NULL;
    descent_status status = DESCENT_OK;
    int levels = 0;

    (void)state;
    for (; status == DESCENT_OK && levels < 5000; levels++) {
        status = descent_schedule_delay(s, 1, &next);
        if (status == DESCENT_OK) {
            descent_schedule_release(s);
            s = next;
        }
    }
    assert_int_equal(levels, 1000);
    assert_true(schedule_at(s, 5) == 1);
    refused(status, DESCENT_ERR_ARGUMENT, "at most 1000 schedules in each");
    descent_schedule_release(s);
    s = hold(1);
    status = DESCENT_OK;
    for (levels = 0; status == DESCENT_OK && levels < 100; levels++) {
        status = descent_schedule_multiply(s, s, &next);
        if (status == DESCENT_OK) {
            descent_schedule_release(s);
            s = next;
        }
    }
    refused(status, DESCENT_ERR_ARGUMENT, "1048576 in all");
    assert_int_equal(levels, 20);
    descent_schedule_release(s);
}

/* ---- Functions and multiplicative ---- */

typedef struct counter {
    unsigned long calls;
    bool fails;
} counter;

static descent_status shrink(void *user, uint64_t n,
                             const descent_schedule_context *context,
                             double *value)
{
    counter *c = user;

    (void)context;
    c->calls++;
    *value = n % 2 == 0 ? 0.5 : 0.75;
    return c->fails ? descent_error_set(DESCENT_ERR_STATE, "no factor")
                    : DESCENT_OK;
}

static descent_schedule *with_function(const char *kind, counter *c)
{
    descent_options *options = NULL;
    descent_schedule *f = NULL, *s = NULL;

    ok(descent_schedule_from_function(schedules_runtime, shrink, c, NULL, &f));
    ok(descent_options_create(schedules_runtime, &options));
    ok(descent_options_set_schedule(options, "lr_lambda", f));
    ok(descent_options_set_number(options, "base_lr", 2));
    ok(descent_schedule_create(schedules_runtime, kind, options, &s));
    descent_options_free(options);
    descent_schedule_release(f);
    return s;
}

static void lambda_asks_its_function_once(void **state)
{
    counter c = {0, false};
    descent_schedule *s = with_function("lambda", &c);

    (void)state;
    assert_true(schedule_at(s, SCHEDULE_FAR) == 1);
    assert_true(schedule_at(s, 3) == 1.5);
    assert_int_equal(c.calls, 2);
    descent_schedule_release(s);
}

static void products_do_not_depend_on_what_was_asked(void **state)
{
    counter c = {0, false};
    descent_schedule *s = with_function("multiplicative", &c);
    double kept[2] = {0, 0}, value = 9;

    (void)state;
    assert_true(schedule_at(s, 0) == 2);
    assert_int_equal(c.calls, 0);
    assert_true(schedule_at(s, 3) == 2 * 0.75 * 0.5 * 0.75);
    assert_true(schedule_at(s, 4) == 2 * 0.75 * 0.5 * 0.75 * 0.5);
    assert_int_equal(c.calls, 4);
    assert_int_equal(descent_schedule_state_count(s), 2);
    ok(descent_schedule_state(s, kept, 2));
    assert_true(kept[0] == 4 && kept[1] == 0.28125);
    assert_true(schedule_at(s, 1) == 1.5); /* from the start again */
    ok(descent_schedule_load(s, kept, 2));
    c.calls = 0;
    assert_true(schedule_at(s, 4) == 0.28125);
    assert_int_equal(c.calls, 0);
    refused(descent_schedule_at(s, SCHEDULE_FAR, &value), DESCENT_ERR_ARGUMENT,
            "multiplicative at step 1099511627776: expected at most 16777216 "
            "steps after step 4");
    c.fails = true;
    refused(descent_schedule_at(s, 5, &value), DESCENT_ERR_STATE, "no factor");
    assert_true(value == 9);
    c.fails = false;
    assert_true(schedule_at(s, 5) == 0.28125 * 0.75);
    descent_schedule_release(s);
}

/* ---- reduce_on_plateau ---- */

static int reduction_after_bad(descent_schedule *s)
{
    int bad = 0;

    ok(descent_schedule_observe(s, 1));
    while (schedule_at(s, 0) == 1 && bad < 100) {
        ok(descent_schedule_observe(s, 1));
        bad++;
    }
    assert_true(schedule_at(s, 0) == 0.1);
    assert_true(schedule_at(s, SCHEDULE_FAR) == 0.1);
    descent_schedule_release(s);
    return bad;
}

static void s12_10_the_rules_reduce_at_the_10th_and_11th_bad_epoch(void **state)
{
    (void)state;
    assert_int_equal(
        reduction_after_bad(schedule_made("reduce_on_plateau", "{}")), 11);
    assert_int_equal(reduction_after_bad(schedule_made(
                         "reduce_on_plateau", "{\"rule\": \"keras\"}")),
                     10);
}

/* Metrics, and the rate after each. */
typedef struct course {
    const char *json;
    double metrics[8], rates[8];
} course;

static void plateaus_follow_their_rules(void **state)
{
    static const course rows[] = {
        /* NaN is bad; less than the threshold is no better */
        {"{\"patience\": 1, \"factor\": 0.5}",
         {1, NAN, 0.99995, 0.5, NAN, NAN, 0.4, 0.3},
         {1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25}},
        /* a negative best: 0.1 better than -1 in parts of |-1| */
        {"{\"patience\": 0, \"factor\": 0.5, \"threshold\": 0.1}",
         {-1, -1.05, -1.2, -1.2, -2, -2.1, -2.3, -2.3},
         {1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625}},
        /* PyTorch: the last epoch of the cooldown does not count */
        {"{\"patience\": 0, \"factor\": 0.5, \"cooldown\": 2}",
         {1, 1, 1, 1, 1, 1, 1, 1},
         {1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125}},
        /* Keras: it does */
        {"{\"patience\": 1, \"factor\": 0.5, \"cooldown\": 2, \"rule\": "
         "\"keras\"}",
         {1, 1, 1, 1, 1, 1, 1, 1},
         {1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625}},
        /* more is better, and a floor */
        {"{\"patience\": 0, \"factor\": 0.5, \"mode\": \"max\", \"min_lr\": "
         "0.3}",
         {1, 2, 2, 2, 2, 3, 3, 3},
         {1, 1, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3}},
        /* a reduction by no more than eps is left out */
        {"{\"patience\": 0, \"factor\": 0.5, \"eps\": 0.3}",
         {1, 1, 1, 1, 1, 1, 1, 1},
         {1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}},
        /* Keras' min_delta is not a part of the best */
        {"{\"patience\": 1, \"factor\": 0.5, \"rule\": \"keras\", "
         "\"min_delta\": 0.5}",
         {10, 9.75, 9.25, 9, 8.5, 8.25, 7.5, 7.5},
         {1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_schedule *s = schedule_made("reduce_on_plateau", rows[i].json);
        for (int k = 0; k < 8; k++) {
            ok(descent_schedule_observe(s, rows[i].metrics[k]));
            if (schedule_at(s, 3) != rows[i].rates[k])
                fail_msg("row %zu, metric %d: got %g, expected %g", i, k,
                         schedule_at(s, 3), rows[i].rates[k]);
        }
        descent_schedule_release(s);
    }
}

/* Also inside of others, where one that is there twice hears a metric once. */
static void a_metric_reaches_every_part_once(void **state)
{
    descent_schedule *s = schedule_made("reduce_on_plateau",
                                        "{\"patience\": 1, \"factor\": 0.5}");
    descent_schedule *twice = NULL, *plain = hold(1);

    (void)state;
    ok(descent_schedule_multiply(s, s, &twice));
    ok(descent_schedule_observe(twice, 1));
    ok(descent_schedule_observe(twice, 1));
    assert_true(schedule_at(twice, 0) == 1);
    ok(descent_schedule_observe(twice, 1));
    assert_true(schedule_at(twice, 0) == 0.25);
    assert_true(schedule_at(s, 0) == 0.5);
    refused(descent_schedule_observe(plain, 1), DESCENT_ERR_ARGUMENT,
            "no part of the schedule takes a metric");
    refused(descent_schedule_observe(NULL, 1), DESCENT_ERR_ARGUMENT, "NULL");
    release(s, twice);
    descent_schedule_release(plain);
}

/* Saved and loaded at every metric, it goes on as if nothing had happened. */
static void s12_09_states_survive(void **state)
{
    static const char json[] =
        "{\"patience\": 1, \"factor\": 0.5, \"cooldown\": 1}";
    static const double metrics[] = {3, 2, 2, 2, 1, 1, 1, 1, 1, 0, 0, 0};
    enum { COUNT = sizeof metrics / sizeof *metrics };
    double rates[COUNT], kept[4];
    descent_schedule *s = schedule_made("reduce_on_plateau", json);

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        ok(descent_schedule_observe(s, metrics[i]));
        rates[i] = schedule_at(s, 0);
    }
    descent_schedule_release(s);
    assert_true(rates[COUNT - 1] < 0.2);
    for (int cut = 0; cut < COUNT; cut++) {
        s = schedule_made("reduce_on_plateau", json);
        for (int i = 0; i < COUNT; i++) {
            if (i == cut) {
                assert_int_equal(descent_schedule_state_count(s), 4);
                ok(descent_schedule_state(s, kept, 4));
                descent_schedule_release(s);
                s = schedule_made("reduce_on_plateau", json);
                ok(descent_schedule_load(s, kept, 4));
            }
            ok(descent_schedule_observe(s, metrics[i]));
            assert_true(schedule_at(s, 0) == rates[i]);
        }
        descent_schedule_release(s);
    }
}

static void what_is_no_state_is_refused(void **state)
{
    static const double rows[][4] = {{NAN, 1, 0, 0},
                                     {1, NAN, 0, 0},
                                     {1, 1, -1, 0},
                                     {1, 1, 0.5, 0},
                                     {1, 1, 0, INFINITY}};
    descent_schedule *s = schedule_made("reduce_on_plateau", "{}");
    descent_schedule *plain = hold(1);
    double kept[4], after[4];

    (void)state;
    ok(descent_schedule_observe(s, 3));
    ok(descent_schedule_state(s, kept, 4));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refused(descent_schedule_load(s, rows[i], 4), DESCENT_ERR_ARGUMENT,
                "no state of a reduce_on_plateau");
        ok(descent_schedule_state(s, after, 4));
        assert_memory_equal(kept, after, sizeof kept);
    }
    refused(descent_schedule_load(s, kept, 3), DESCENT_ERR_ARGUMENT,
            "got 3 values: expected 4");
    refused(descent_schedule_state(NULL, kept, 0), DESCENT_ERR_ARGUMENT,
            "NULL");
    assert_int_equal(descent_schedule_state_count(plain), 0);
    ok(descent_schedule_state(plain, NULL, 0));
    ok(descent_schedule_load(plain, NULL, 0));
    release(s, plain);
}

/* ---- What a schedule was made with ---- */

static void settings_can_be_read_back(void **state)
{
    descent_schedule *s =
        schedule_made("cosine_decay", "{\"initial_learning_rate\": 0.5, "
                                      "\"decay_steps\": 7}");
    descent_schedule *a = ramp(0, 1, 2), *both = NULL;
    descent_schedule_setting v = {.struct_size = sizeof v};

    (void)state;
    assert_string_equal(descent_schedule_name(s), "cosine_decay");
    assert_true(descent_schedule_option(s, 0, &v));
    assert_string_equal(v.name, "initial_learning_rate");
    assert_true(v.type == DESCENT_SETTING_NUMBER && v.number == 0.5);
    assert_true(descent_schedule_option(s, 3, &v));
    assert_true(v.type == DESCENT_SETTING_NONE);
    assert_false(descent_schedule_option(s, 5, &v));
    assert_true(descent_schedule_option(a, 3, &v));
    assert_string_equal(v.text, "linear");
    ok(descent_schedule_then(a, s, &both));
    assert_true(descent_schedule_option(both, 1, &v));
    assert_true(v.type == DESCENT_SETTING_SCHEDULE && v.schedules[0] == s);
    assert_null(descent_schedule_name(NULL));
    assert_false(descent_schedule_option(NULL, 0, &v));
    release(s, a);
    descent_schedule_release(both);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_begins_after_the_first),
        cmocka_unit_test(then_is_associative),
        cmocka_unit_test(pairs_commute_and_last_as_the_longer),
        cmocka_unit_test(one_and_zero_are_neutral),
        cmocka_unit_test(pairs_are_pointwise),
        cmocka_unit_test(changes_of_one_schedule),
        cmocka_unit_test(trivial_changes_change_nothing),
        cmocka_unit_test(what_cannot_be_made_is_refused),
        cmocka_unit_test(bottomless_schedules_are_refused),
        cmocka_unit_test(lambda_asks_its_function_once),
        cmocka_unit_test(products_do_not_depend_on_what_was_asked),
        cmocka_unit_test(
            s12_10_the_rules_reduce_at_the_10th_and_11th_bad_epoch),
        cmocka_unit_test(plateaus_follow_their_rules),
        cmocka_unit_test(a_metric_reaches_every_part_once),
        cmocka_unit_test(s12_09_states_survive),
        cmocka_unit_test(what_is_no_state_is_refused),
        cmocka_unit_test(settings_can_be_read_back),
    };

    return cmocka_run_group_tests_name("schedule algebra", tests,
                                       schedules_setup, schedules_teardown);
}
