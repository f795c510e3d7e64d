/* SPDX-License-Identifier: MIT */
/* Schedules: values at, before and after every boundary, and what is refused.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "option/bag.h"
#include "schedule/schedule.h"

static memory *m;

static int open_memory(void **state)
{
    (void)state;
    return memory_open(NULL, &m);
}

static int close_memory(void **state)
{
    (void)state;
    memory_close(m);
    return 0;
}

/* An option to set; the last of a list has no name. */
typedef struct setting {
    const char *name;
    double number;
} setting;

#define SET(...) ((const setting[]){__VA_ARGS__, {NULL, 0}})

static descent_options *bag_of(const setting *s)
{
    descent_options *bag;

    assert_int_equal(bag_create(m, &bag), DESCENT_OK);
    for (; s->name != NULL; s++) {
        const int is_switch =
            strcmp(s->name, "staircase") == 0 || strcmp(s->name, "cycle") == 0;
        assert_int_equal(
            is_switch
                ? descent_options_set_boolean(bag, s->name, s->number != 0)
                : descent_options_set_number(bag, s->name, s->number),
            DESCENT_OK);
    }
    return bag;
}

static descent_schedule *schedule_of(const char *kind, const setting *s)
{
    descent_options *bag = bag_of(s);
    descent_schedule *schedule = NULL;

    if (schedule_create(m, kind, bag, &schedule) != DESCENT_OK)
        fail_msg("%s", descent_error_message());
    descent_options_free(bag);
    return schedule;
}

static descent_schedule *piecewise_of(const double *boundaries, size_t n,
                                      const double *values, size_t k,
                                      descent_status *status)
{
    descent_options *bag;
    descent_schedule *schedule = NULL;

    assert_int_equal(bag_create(m, &bag), DESCENT_OK);
    assert_int_equal(
        descent_options_set_numbers(bag, "boundaries", boundaries, n), 0);
    assert_int_equal(descent_options_set_numbers(bag, "values", values, k), 0);
    *status = schedule_create(m, "piecewise_constant_decay", bag, &schedule);
    descent_options_free(bag);
    return schedule;
}

typedef struct point {
    uint64_t n;
    double value;
} point;

static double at(const descent_schedule *s, uint64_t n)
{
    double value = NAN;

    if (descent_schedule_at(s, n, &value) != DESCENT_OK)
        fail_msg("at %llu: %s", (unsigned long long)n, descent_error_message());
    return value;
}

/* Compare to a part in 10^15 of the value or of 1, and let the schedule go. */
static void expect(descent_schedule *s, const point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double got = at(s, points[i].n), right = points[i].value;
        if (!(fabs(got - right) <= 1e-15 * fmax(1, fabs(right))))
            fail_msg("at %llu: got %.17g, expected %.17g",
                     (unsigned long long)points[i].n, got, right);
    }
    descent_schedule_release(s);
}

#define EXPECT(schedule, ...)                                                  \
    do {                                                                       \
        const point points_[] = {__VA_ARGS__};                                 \
        expect(schedule, points_, sizeof points_ / sizeof *points_);           \
    } while (0)

static const uint64_t FAR = (uint64_t)1 << 40;

/* ---- Values ---- */

static void hold_stays(void **state)
{
    (void)state;
    EXPECT(schedule_of("hold", SET({"value", 0.25})), {0, 0.25}, {1, 0.25},
           {FAR, 0.25}, {UINT64_MAX, 0.25});
}

static void exponential_decay_decays(void **state)
{
    (void)state;
    EXPECT(schedule_of("exponential_decay",
                       SET({"initial_learning_rate", 0.1}, {"decay_steps", 10},
                           {"decay_rate", 0.5})),
           {0, 0.1}, {5, 0.1 * 0.70710678118654752}, {10, 0.05},
           {9, 0.1 * 0.53588673126814657}, {11, 0.1 * 0.46651649576840371},
           {100, 0.1 / 1024}, {FAR, 0});
}

/* An integer rate is not integer arithmetic: at 5 of 10 it has not become 0. */
static void whole_numbers_are_doubles(void **state)
{
    (void)state;
    EXPECT(schedule_of("exponential_decay",
                       SET({"initial_learning_rate", 1}, {"decay_steps", 10},
                           {"decay_rate", 0.5})),
           {5, 0.70710678118654752});
    EXPECT(schedule_of("cosine_decay",
                       SET({"initial_learning_rate", 1}, {"decay_steps", 10})),
           {5, 0.5});
}

static void staircases_jump_at_their_boundaries(void **state)
{
    (void)state;
    EXPECT(schedule_of("exponential_decay",
                       SET({"initial_learning_rate", 0.1}, {"decay_steps", 10},
                           {"decay_rate", 0.5}, {"staircase", 1})),
           {0, 0.1}, {9, 0.1}, {10, 0.05}, {11, 0.05}, {19, 0.05}, {20, 0.025},
           {100, 0.1 / 1024}, {FAR, 0});
    EXPECT(schedule_of("inverse_time_decay",
                       SET({"initial_learning_rate", 1}, {"decay_steps", 4},
                           {"decay_rate", 0.5}, {"staircase", 1})),
           {0, 1}, {3, 1}, {4, 1 / 1.5}, {7, 1 / 1.5}, {8, 0.5});
}

static void inverse_time_decay_decays(void **state)
{
    (void)state;
    EXPECT(schedule_of("inverse_time_decay",
                       SET({"initial_learning_rate", 0.1}, {"decay_steps", 10},
                           {"decay_rate", 0.5})),
           {0, 0.1}, {9, 0.1 / 1.45}, {10, 0.1 / 1.5}, {11, 0.1 / 1.55},
           {100, 0.1 / 6}, {FAR, 0.1 / (1 + 0.05 * 1099511627776.0)});
}

static void polynomial_decay_ends(void **state)
{
    (void)state;
    EXPECT(schedule_of("polynomial_decay",
                       SET({"initial_learning_rate", 1}, {"decay_steps", 10},
                           {"end_learning_rate", 0.1}, {"power", 2})),
           {0, 1}, {5, 0.325}, {9, 0.109}, {10, 0.1}, {11, 0.1}, {100, 0.1},
           {FAR, 0.1});
    EXPECT(schedule_of("polynomial_decay",
                       SET({"initial_learning_rate", 1}, {"decay_steps", 10})),
           {0, 1}, {5, 0.50005}, {10, 1e-4}, {100, 1e-4});
}

/* Measured: 9, 10, 11 give 0.19, 0.1, 0.505. */
static void polynomial_cycles_jump_after_their_end(void **state)
{
    (void)state;
    EXPECT(schedule_of("polynomial_decay",
                       SET({"initial_learning_rate", 1}, {"decay_steps", 10},
                           {"end_learning_rate", 0.1}, {"cycle", 1})),
           {0, 1}, {9, 0.19}, {10, 0.1}, {11, 0.505}, {20, 0.1}, {21, 0.37},
           {100, 0.1}, {FAR * 10, 0.1});
}

static void s12_10_boundaries_belong_to_the_left_piece(void **state)
{
    const double boundaries[] = {4, 7.5, 0x1p53, 0x1p54};
    const double values[] = {1, 0.5, 0.25, 0.125, 0.0625};
    const uint64_t two53 = (uint64_t)1 << 53, two54 = (uint64_t)1 << 54;
    descent_status status;

    (void)state;
    EXPECT(piecewise_of(boundaries, 4, values, 5, &status), {0, 1}, {3, 1},
           {4, 1}, {5, 0.5}, {7, 0.5}, {8, 0.25}, {FAR, 0.25}, {two53, 0.25},
           {two53 + 1, 0.125}, {two54, 0.125}, {two54 + 1, 0.0625},
           {UINT64_MAX, 0.0625});
    EXPECT(piecewise_of(NULL, 0, values, 1, &status), {0, 1}, {FAR, 1});
    EXPECT(piecewise_of((const double[]){-1, 0, 1e300}, 3, values, 4, &status),
           {0, 0.5}, {1, 0.25}, {UINT64_MAX, 0.25});
}

static void cosine_decay_decays(void **state)
{
    (void)state;
    EXPECT(
        schedule_of("cosine_decay", SET({"initial_learning_rate", 0.1},
                                        {"decay_steps", 10}, {"alpha", 0.1})),
        {0, 0.1}, {5, 0.055}, {9, 0.0122024567667180893}, {10, 0.01},
        {11, 0.01}, {100, 0.01}, {FAR, 0.01});
    /* Warmup steps without a target are no warmup. */
    EXPECT(schedule_of("cosine_decay",
                       SET({"initial_learning_rate", 0.1}, {"decay_steps", 10},
                           {"warmup_steps", 5})),
           {0, 0.1}, {5, 0.05}, {10, 0});
}

/* Measured: 0.1, 1.0, 0.55 at 0, 5, 10, and 0.1 from 15 on. */
static void cosine_decay_warms_up(void **state)
{
    (void)state;
    EXPECT(schedule_of("cosine_decay",
                       SET({"initial_learning_rate", 0.1}, {"decay_steps", 10},
                           {"alpha", 0.1}, {"warmup_target", 1},
                           {"warmup_steps", 5})),
           {0, 0.1}, {4, 0.82}, {5, 1}, {6, 0.977975432332819107}, {10, 0.55},
           {14, 0.122024567667180893}, {15, 0.1}, {16, 0.1}, {150, 0.1},
           {FAR, 0.1});
    EXPECT(schedule_of("cosine_decay",
                       SET({"initial_learning_rate", 0.1}, {"decay_steps", 10},
                           {"warmup_target", 1})),
           {0, 1}, {5, 0.5}, {10, 0});
}

/* Measured: the first step of every period is at the full rate of the period.
 */
static void restarts_begin_at_the_full_rate(void **state)
{
    static const uint64_t first[] = {0, 10, 30, 70, 150, 310, 630, 1270, 10230};
    descent_schedule *s =
        schedule_of("cosine_decay_restarts", SET({"initial_learning_rate", 1},
                                                 {"first_decay_steps", 10}));
    descent_schedule *halved =
        schedule_of("cosine_decay_restarts",
                    SET({"initial_learning_rate", 1}, {"first_decay_steps", 10},
                        {"m_mul", 0.5}, {"alpha", 0.2}));

    (void)state;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        const double period = i < 8 ? (double)i : 10;
        assert_true(at(s, first[i]) == 1);
        assert_true(at(s, first[i] + 1) < 1);
        assert_true(first[i] == 0 || at(s, first[i] - 1) < 0.03);
        assert_float_equal(at(halved, first[i]), 0.8 * pow(0.5, period) + 0.2,
                           1e-15);
    }
    assert_float_equal(at(s, 20), 0.5, 1e-15);
    assert_float_equal(at(s, 50), 0.5, 1e-15);
    descent_schedule_release(s);
    descent_schedule_release(halved);
}

/* The period of 2^40 is found without walking there, for every growth. */
static void restarts_reach_far_steps(void **state)
{
    (void)state;
    /* 10 (2^i - 1) <= 2^40 for i = 36: it began at 10 (2^36 - 1). */
    EXPECT(
        schedule_of("cosine_decay_restarts", SET({"initial_learning_rate", 1},
                                                 {"first_decay_steps", 10})),
        {FAR, 0.5 * (1 + cos(acos(-1) * (1099511627776.0 - 687194767350.0) /
                             687194767360.0))});
    EXPECT(schedule_of("cosine_decay_restarts",
                       SET({"initial_learning_rate", 1},
                           {"first_decay_steps", 16}, {"t_mul", 1})),
           {8, 0.5}, {15, 0.00960735979838477544}, {16, 1}, {32, 1}, {FAR, 1},
           {FAR + 8, 0.5}, {FAR + 15, 0.00960735979838477544});
    EXPECT(schedule_of("cosine_decay_restarts",
                       SET({"initial_learning_rate", 1},
                           {"first_decay_steps", 10}, {"t_mul", 1.5})),
           {9, 0.0244717418524232139}, {10, 1}, {24, 0.010926199633097181},
           {25, 1});
}

/* Growth a hair above 1 differs a hair from growth 1, however far one looks. */
static void restarts_are_continuous_in_their_growth(void **state)
{
    descent_schedule *one = schedule_of(
        "cosine_decay_restarts", SET({"initial_learning_rate", 1},
                                     {"first_decay_steps", 10}, {"t_mul", 1}));
    descent_schedule *hair =
        schedule_of("cosine_decay_restarts",
                    SET({"initial_learning_rate", 1}, {"first_decay_steps", 10},
                        {"t_mul", 1 + 1e-12}));

    (void)state;
    for (uint64_t n = 1; n < 20000; n++)
        if (n % 10 != 0) /* there the one has restarted, the other not yet */
            assert_float_equal(at(one, n), at(hair, n), 1e-4);
    descent_schedule_release(one);
    descent_schedule_release(hair);
}

/* ---- Names and errors ---- */

/* Known kinds complain about what is missing, by kind and name. */
static void every_kind_has_both_spellings(void **state)
{
    static const char *const names[][2] = {
        {"exponential_decay", "ExponentialDecay"},
        {"inverse_time_decay", "InverseTimeDecay"},
        {"polynomial_decay", "PolynomialDecay"},
        {"piecewise_constant_decay", "PiecewiseConstantDecay"},
        {"cosine_decay", "CosineDecay"},
        {"cosine_decay_restarts", "CosineDecayRestarts"},
        {"factor", "FactorScheduler"},
        {"multi_factor", "MultiFactorScheduler"},
        {"poly", "PolyScheduler"},
        {"cosine", "CosineScheduler"},
        {"cosine_mx", "CosineMx"},
        {"lambda", "LambdaLR"},
        {"multiplicative", "MultiplicativeLR"},
        {"step", "StepLR"},
        {"multi_step", "MultiStepLR"},
        {"exponential", "ExponentialLR"},
        {"cosine_annealing", "CosineAnnealingLR"},
        {"cosine_annealing_warm_restarts", "CosineAnnealingWarmRestarts"},
        {"cyclic", "CyclicLR"},
        {"cyclic_momentum", "CyclicMomentum"},
        {"one_cycle", "OneCycleLR"},
        {"one_cycle_momentum", "OneCycleMomentum"},
        {"sequential", "SequentialLR"},
        {"chained", "ChainedScheduler"},
        {"constant_with_warmup", "ConstantWithWarmup"},
        {"linear_with_warmup", "LinearWithWarmup"},
        {"cosine_with_warmup", "CosineWithWarmup"},
        {"cosine_hard_restarts_with_warmup", "CosineHardRestartsWithWarmup"},
        {"polynomial_with_warmup", "PolynomialWithWarmup"},
        {"inverse_sqrt", "InverseSqrt"},
        {"noam", "Noam"},
        {"wsd", "Wsd"},
        {"warmup_cosine_decay", "WarmupCosineDecay"},
        {"warmup_exponential_decay", "WarmupExponentialDecay"},
        {"join", "Join"},
        {"warmup", "Warmup"},
        {"hold", "Hold"},
        {"ramp", "Ramp"},
        {"then", "Then"},
        {"clamp", "Clamp"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t k = 0; k < 2; k++) {
            descent_schedule *s = NULL;
            assert_int_equal(schedule_create(m, names[i][k], NULL, &s),
                             DESCENT_ERR_ARGUMENT);
            assert_memory_equal(descent_error_message(), names[i][0],
                                strlen(names[i][0]));
            assert_true(strstr(descent_error_message(), "is missing") ||
                        strstr(descent_error_message(), "expected either"));
            assert_null(s);
        }
    }
}

/* PyTorch's that have a default for every option. */
static void some_kinds_need_no_options(void **state)
{
    static const char *const names[][2] = {
        {"constant", "ConstantLR"},
        {"linear", "LinearLR"},
        {"polynomial", "PolynomialLR"},
        {"reduce_on_plateau", "ReduceLROnPlateau"},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof names / sizeof *names; i++) {
        descent_schedule *s = NULL;
        assert_int_equal(schedule_create(m, names[i / 2][i % 2], NULL, &s),
                         DESCENT_OK);
        assert_string_equal(descent_schedule_name(s), names[i / 2][0]);
        descent_schedule_release(s);
    }
}

static void kinds_have_names_of_their_own(void **state)
{
    const char *name;
    size_t n = 0;

    (void)state;
    for (; (name = descent_schedule_kind(n)) != NULL; n++)
        for (size_t i = 0; i < n; i++)
            assert_string_not_equal(name, descent_schedule_kind(i));
    assert_int_equal(n, 53);
    assert_null(descent_schedule_kind(n + 1));
}

/* Keras writes the name into every configuration. */
static void keras_names_are_accepted_and_ignored(void **state)
{
    descent_options *bag = bag_of(SET({"value", 3}));
    descent_schedule *s = NULL;

    (void)state;
    assert_int_equal(descent_options_set_none(bag, "name"), DESCENT_OK);
    assert_int_equal(schedule_create(m, "hold", bag, &s), DESCENT_OK);
    descent_schedule_release(s);
    assert_int_equal(descent_options_set_text(bag, "name", "Hold"), DESCENT_OK);
    assert_int_equal(schedule_create(m, "hold", bag, &s), DESCENT_OK);
    EXPECT(s, {0, 3});
    assert_int_equal(descent_options_set_number(bag, "name", 3), DESCENT_OK);
    assert_int_equal(schedule_create(m, "hold", bag, &s), DESCENT_ERR_ARGUMENT);
    assert_string_equal(descent_error_message(),
                        "hold.name is a number: expected a string");
    descent_options_free(bag);
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *kind;
        setting set[6];
        const char *message;
    } rows[] = {
        {"cosine_decay",
         {{"initial_learning_rate", 1}, {"decay_steps", 0}},
         "cosine_decay.decay_steps = 0: expected a finite number > 0"},
        {"CosineDecay",
         {{"initial_learning_rate", 1}, {"decay_steps", -5}},
         "cosine_decay.decay_steps = -5: expected a finite number > 0"},
        {"exponential_decay",
         {{"initial_learning_rate", 1}, {"decay_steps", 0}, {"decay_rate", 1}},
         "exponential_decay.decay_steps = 0: expected a finite number > 0"},
        {"inverse_time_decay",
         {{"initial_learning_rate", 1}, {"decay_steps", 0}, {"decay_rate", 1}},
         "inverse_time_decay.decay_steps = 0: expected a finite number > 0"},
        {"polynomial_decay",
         {{"initial_learning_rate", 1}, {"decay_steps", 0}},
         "polynomial_decay.decay_steps = 0: expected a finite number > 0"},
        {"cosine_decay_restarts",
         {{"initial_learning_rate", 1}, {"first_decay_steps", 0}},
         "cosine_decay_restarts.first_decay_steps = 0: expected a finite "
         "number > 0"},
        {"cosine_decay_restarts",
         {{"initial_learning_rate", 1},
          {"first_decay_steps", 10},
          {"t_mul", 0.5}},
         "cosine_decay_restarts.t_mul = 0.5: expected a finite number >= 1"},
        {"cosine_decay",
         {{"initial_learning_rate", 1},
          {"decay_steps", 1},
          {"warmup_steps", -1}},
         "cosine_decay.warmup_steps = -1: expected a finite number >= 0"},
        {"cosine_decay",
         {{"initial_learning_rate", NAN}, {"decay_steps", 1}},
         "cosine_decay.initial_learning_rate = nan: expected a finite number"},
        {"cosine_decay",
         {{"initial_learning_rate", 1}, {"decay_steps", INFINITY}},
         "cosine_decay.decay_steps = inf: expected a finite number > 0"},
        {"cosine_decay",
         {{"initial_learning_rate", 1}, {"decay_step", 1}},
         "cosine_decay: unknown option 'decay_step'; did you mean "
         "'decay_steps'?"},
        {"cosine_decay",
         {{"initial_learning_rate", 1}, {"decay_steps", 1}, {"gamma", 1}},
         "cosine_decay: unknown option 'gamma'"},
        {"cosine_decay",
         {{"initial_learning_rate", 1}},
         "cosine_decay.decay_steps is missing: expected a finite number"},
        {"piecewise_constant_decay",
         {{"values", 1}},
         "piecewise_constant_decay.boundaries is missing: expected a list of "
         "finite numbers"},
        {"piecewise_constant_decay",
         {{"boundaries", 1}},
         "piecewise_constant_decay.boundaries = 1: expected a list of finite "
         "numbers"},
        {"cosin_decay",
         {{NULL, 0}},
         "unknown schedule 'cosin_decay'; did you mean 'cosine_decay'?"},
        {"CosineDekay",
         {{NULL, 0}},
         "unknown schedule 'CosineDekay'; did you mean 'cosine_decay'?"},
        {"sawtooth",
         {{NULL, 0}},
         "unknown schedule 'sawtooth': expected a kind such as cosine_decay, "
         "step, one_cycle or ramp"},
        {NULL, {{NULL, 0}}, "schedule: expected the name of a kind, got NULL"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_options *bag = bag_of(rows[i].set);
        descent_schedule *s = NULL;
        assert_int_equal(schedule_create(m, rows[i].kind, bag, &s),
                         DESCENT_ERR_ARGUMENT);
        assert_string_equal(descent_error_message(), rows[i].message);
        assert_int_equal(descent_error_code(), DESCENT_ERR_ARGUMENT);
        assert_null(s);
        descent_options_free(bag);
    }
}

static void wrong_types_are_named(void **state)
{
    descent_schedule *s = NULL;
    descent_options *bag = bag_of(SET({"initial_learning_rate", 1},
                                      {"decay_steps", 1}, {"decay_rate", 1}));

    (void)state;
    assert_int_equal(descent_options_set_number(bag, "staircase", 1), 0);
    assert_int_equal(schedule_create(m, "exponential_decay", bag, &s),
                     DESCENT_ERR_ARGUMENT);
    assert_string_equal(descent_error_message(),
                        "exponential_decay.staircase = 1: expected true or "
                        "false");
    assert_int_equal(descent_options_set_none(bag, "staircase"), 0);
    assert_int_equal(descent_options_set_boolean(bag, "decay_rate", 1), 0);
    assert_int_equal(schedule_create(m, "exponential_decay", bag, &s),
                     DESCENT_ERR_ARGUMENT);
    assert_string_equal(descent_error_message(),
                        "exponential_decay.decay_rate = true: expected a "
                        "finite number");
    assert_int_equal(descent_options_set_text(bag, "decay_rate", "half"), 0);
    assert_int_equal(schedule_create(m, "exponential_decay", bag, &s),
                     DESCENT_ERR_ARGUMENT);
    assert_string_equal(descent_error_message(),
                        "exponential_decay.decay_rate = \"half\": expected a "
                        "finite number");
    descent_options_free(bag);
}

static void pieces_must_fit_and_rise(void **state)
{
    static const struct {
        double boundaries[2], values[3];
        size_t count;
        const char *message;
    } rows[] = {
        {{1, 2},
         {1, 1, 1},
         2,
         "piecewise_constant_decay.values has 2 numbers: expected 3, one more "
         "than boundaries"},
        {{4, 2},
         {1, 1, 1},
         3,
         "piecewise_constant_decay.boundaries: 2 follows 4: expected strictly "
         "increasing numbers"},
        {{2, 2},
         {1, 1, 1},
         3,
         "piecewise_constant_decay.boundaries: 2 follows 2: expected strictly "
         "increasing numbers"},
        {{1, NAN},
         {1, 1, 1},
         3,
         "piecewise_constant_decay.boundaries[1] = nan: expected a finite "
         "number"},
        {{1, 2},
         {1, 1, INFINITY},
         3,
         "piecewise_constant_decay.values[2] = inf: expected a finite number"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_status status;
        assert_null(piecewise_of(rows[i].boundaries, 2, rows[i].values,
                                 rows[i].count, &status));
        assert_int_equal(status, DESCENT_ERR_ARGUMENT);
        assert_string_equal(descent_error_message(), rows[i].message);
    }
}

static void values_that_are_not_finite_are_errors(void **state)
{
    descent_schedule *s = schedule_of(
        "exponential_decay", SET({"initial_learning_rate", 1},
                                 {"decay_steps", 2}, {"decay_rate", -1}));
    double value = 7;

    (void)state;
    assert_true(at(s, 2) == -1);
    assert_int_equal(descent_schedule_at(s, 1, &value), DESCENT_ERR_NUMERIC);
    assert_string_equal(descent_error_message(),
                        "exponential_decay is nan at step 1: expected a finite "
                        "number");
    assert_true(value == 7);
    assert_int_equal(descent_schedule_at(NULL, 1, &value),
                     DESCENT_ERR_ARGUMENT);
    assert_int_equal(descent_schedule_at(s, 1, NULL), DESCENT_ERR_ARGUMENT);
    descent_schedule_release(s);
}

/* ---- Functions ---- */

typedef struct script {
    int calls, releases;
    double value;
    descent_status status;
    bool explains;
    const descent_schedule_context *context;
} script;

static descent_status run_script(void *user, uint64_t n,
                                 const descent_schedule_context *context,
                                 double *value)
{
    script *s = user;

    s->calls++;
    s->context = context;
    *value = s->value * (double)n;
    if (s->explains)
        return descent_error_set(s->status, "no rate today");
    return s->status;
}

static void release_script(void *user)
{
    ((script *)user)->releases++;
}

static void functions_are_asked_once_and_released_last(void **state)
{
    const descent_schedule_context context = {sizeof context, 0, 4, 2, "rho"};
    script data = {.value = 0.5};
    descent_schedule *s = NULL;
    double value = 0;

    (void)state;
    assert_int_equal(
        schedule_from_function(m, run_script, &data, release_script, &s), 0);
    assert_int_equal(schedule_value(s, 3, &context, &value), DESCENT_OK);
    assert_true(value == 1.5 && data.calls == 1 && data.context == &context);
    assert_int_equal(descent_schedule_at(s, 4, &value), DESCENT_OK);
    assert_true(value == 2 && data.calls == 2 && data.context == NULL);
    descent_schedule_retain(s);
    descent_schedule_release(s);
    assert_int_equal(data.releases, 0);
    descent_schedule_release(s);
    assert_int_equal(data.releases, 1);
    descent_schedule_retain(NULL);
    descent_schedule_release(NULL);
}

static void failing_functions_are_errors(void **state)
{
    script data = {.value = INFINITY};
    descent_schedule *s = NULL;
    double value = 9;

    (void)state;
    assert_int_equal(schedule_from_function(m, NULL, NULL, NULL, &s),
                     DESCENT_ERR_ARGUMENT);
    assert_int_equal(schedule_from_function(m, run_script, &data, NULL, &s), 0);
    assert_int_equal(descent_schedule_at(s, 3, &value), DESCENT_ERR_NUMERIC);
    assert_string_equal(descent_error_message(),
                        "a schedule's function is inf at step 3: expected a "
                        "finite number");
    data = (script){.status = DESCENT_ERR_STATE, .explains = true};
    assert_int_equal(descent_schedule_at(s, 3, &value), DESCENT_ERR_STATE);
    assert_string_equal(descent_error_message(), "no rate today");
    data = (script){.status = 17};
    assert_int_equal(descent_schedule_at(s, 3, &value), DESCENT_ERR_INTERNAL);
    assert_string_equal(descent_error_message(),
                        "the function of a schedule returned 17, which is no "
                        "status");
    assert_true(value == 9);
    descent_schedule_release(s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hold_stays),
        cmocka_unit_test(exponential_decay_decays),
        cmocka_unit_test(whole_numbers_are_doubles),
        cmocka_unit_test(staircases_jump_at_their_boundaries),
        cmocka_unit_test(inverse_time_decay_decays),
        cmocka_unit_test(polynomial_decay_ends),
        cmocka_unit_test(polynomial_cycles_jump_after_their_end),
        cmocka_unit_test(s12_10_boundaries_belong_to_the_left_piece),
        cmocka_unit_test(cosine_decay_decays),
        cmocka_unit_test(cosine_decay_warms_up),
        cmocka_unit_test(restarts_begin_at_the_full_rate),
        cmocka_unit_test(restarts_reach_far_steps),
        cmocka_unit_test(restarts_are_continuous_in_their_growth),
        cmocka_unit_test(every_kind_has_both_spellings),
        cmocka_unit_test(some_kinds_need_no_options),
        cmocka_unit_test(kinds_have_names_of_their_own),
        cmocka_unit_test(keras_names_are_accepted_and_ignored),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(pieces_must_fit_and_rise),
        cmocka_unit_test(values_that_are_not_finite_are_errors),
        cmocka_unit_test(functions_are_asked_once_and_released_last),
        cmocka_unit_test(failing_functions_are_errors),
    };

    return cmocka_run_group_tests_name("schedule", tests, open_memory,
                                       close_memory);
}
