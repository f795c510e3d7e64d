/* SPDX-License-Identifier: MIT */
/* Common courses that begin with a warmup: those of Transformers, noam
 * (arXiv:1706.03762), wsd (arXiv:2404.06395) and Optax' two. */
#include "base/text.h"
#include "schedule/rows.h"

/* The options of each begin with these; the end is TOTAL where it has one. */
enum { PEAK, WARMUP, TOTAL };
static const char *const peak_names[] = {"peak_lr", "base_lr", "learning_rate",
                                         "peak_value", NULL};
static const char *const warmup_names[] = {"num_warmup_steps", NULL};
static const char *const total_names[] = {"num_training_steps", NULL};
#define PEAK_OPTIONS                                                           \
    ROW(DESCENT_PARAM_REAL, SCHEDULE_NEEDED, "peak_learning_rate", peak_names, \
        NULL, 0, -HUGE_VAL, HUGE_VAL, "The rate after the warmup."),           \
        NEEDED_COUNT("warmup_steps", warmup_names, 0, "Steps of the warmup.")
#define TOTAL_OPTION                                                           \
    NEEDED_COUNT("total_steps", total_names, 1, "Steps, with the warmup.")

/* Where there is no warmup, there is no step before its end. */
static bool warms_up(const schedule_argument *a, uint64_t n, double *value)
{
    *value = a[PEAK].number * ((double)n / a[WARMUP].number);
    return (double)n < a[WARMUP].number;
}

/* The part of the way from the warmup to the end, at most 1. */
static double way(const schedule_argument *a, uint64_t n)
{
    return fmin(((double)n - a[WARMUP].number) /
                    fmax(1, a[TOTAL].number - a[WARMUP].number),
                1);
}

static uint64_t total_duration(const schedule_argument *a)
{
    return schedule_steps(fmax(a[WARMUP].number, a[TOTAL].number));
}

/* ---- Transformers ---- */

static const descent_param constant_options[] = {PEAK_OPTIONS};
static const descent_param linear_options[] = {PEAK_OPTIONS, TOTAL_OPTION};

static double constant_with_warmup(const schedule_argument *a, uint64_t n)
{
    double value;

    return warms_up(a, n, &value) ? value : a[PEAK].number;
}

static double linear_with_warmup(const schedule_argument *a, uint64_t n)
{
    double value;

    if (warms_up(a, n, &value))
        return value;
    return a[PEAK].number * (fmax(0, a[TOTAL].number - (double)n) /
                             fmax(1, a[TOTAL].number - a[WARMUP].number));
}

enum { CYCLES = TOTAL + 1, MIN_RATIO };
static const char *const ratio_names[] = {"min_lr_rate", NULL};
#define RATIO_OPTION                                                           \
    ROW(DESCENT_PARAM_REAL, 0, "min_ratio", ratio_names, NULL, 0, 0, 1,        \
        "The lowest rate, as a part of the highest.")
static const descent_param cosine_options[] = {
    PEAK_OPTIONS,
    TOTAL_OPTION,
    REAL("num_cycles", 0.5, "Turns of the cosine."),
    RATIO_OPTION,
};

static double cosine_with_warmup(const schedule_argument *a, uint64_t n)
{
    const double least = a[MIN_RATIO].number;
    double value;

    if (warms_up(a, n, &value))
        return value;
    return a[PEAK].number *
           (half_cosine(2 * a[CYCLES].number * way(a, n)) * (1 - least) +
            least);
}

static const descent_param restarts_options[] = {
    PEAK_OPTIONS,
    TOTAL_OPTION,
    REAL_WITHIN("num_cycles", 1, 0, HUGE_VAL, "Falls from the peak."),
};

static double cosine_hard_restarts(const schedule_argument *a, uint64_t n)
{
    const double turns = a[CYCLES].number * way(a, n);
    double value;

    if (warms_up(a, n, &value))
        return value;
    return way(a, n) >= 1 ? 0
                          : a[PEAK].number * half_cosine(turns - floor(turns));
}

enum { END = TOTAL + 1, POWER };
static const char *const end_names[] = {"lr_end", "end_value", NULL};
static const descent_param polynomial_options[] = {
    PEAK_OPTIONS,
    TOTAL_OPTION,
    ROW(DESCENT_PARAM_REAL, 0, "end_learning_rate", end_names, NULL, 1e-7,
        -HUGE_VAL, HUGE_VAL, "The rate at the end."),
    REAL("power", 1, "The exponent of what is left of the way."),
};

static descent_status polynomial_check(const schedule_argument *a)
{
    char peak[TEXT_NUMBER], end[TEXT_NUMBER];

    if (a[PEAK].number > a[END].number)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "polynomial_with_warmup.peak_learning_rate = %s: "
                       "expected more than end_learning_rate = %s",
                       text_number(a[PEAK].number, peak),
                       text_number(a[END].number, end));
}

static double polynomial_with_warmup(const schedule_argument *a, uint64_t n)
{
    const double end = a[END].number;
    double value;

    if (warms_up(a, n, &value))
        return value;
    if ((double)n >= a[TOTAL].number)
        return end;
    return (a[PEAK].number - end) * number_pow(1 - way(a, n), a[POWER].number) +
           end;
}

enum { TIMESCALE = WARMUP + 1 };
static const descent_param root_options[] = {
    PEAK_OPTIONS,
    POSITIVE("timescale", NAN, "Steps of the root; the warmup's, or 10000."),
};

static double inverse_sqrt(const schedule_argument *a, uint64_t n)
{
    const double warmup = a[WARMUP].number;
    const double scale = !isnan(a[TIMESCALE].number) ? a[TIMESCALE].number
                         : warmup > 0                ? warmup
                                                     : 10000;
    double value;

    if (warms_up(a, n, &value))
        return value;
    return a[PEAK].number / sqrt(((double)n + scale - warmup) / scale);
}

/* ---- noam ---- */

enum { D_MODEL, NOAM_WARMUP, SCALE };
static const descent_param noam_options[] = {
    NEEDED_COUNT("d_model", NULL, 1, "Width of the model."),
    NEEDED_COUNT("warmup_steps", warmup_names, 1, "Steps of the warmup."),
    REAL("scale", 1, "What the rate is multiplied by."),
};

static double noam(const schedule_argument *a, uint64_t n)
{
    const double k = (double)n + 1, warmup = a[NOAM_WARMUP].number;

    return a[SCALE].number / sqrt(a[D_MODEL].number) *
           fmin(1 / sqrt(k), k / (warmup * sqrt(warmup)));
}

/* ---- wsd: warmup, stable, decay ---- */

enum { STABLE = WARMUP + 1, DECAY, WSD_RATIO, RISE, FALL, WSD_CYCLES };
enum { LINEAR, COSINE, SQRT1 };
static const char *const shapes[] = {"linear", "cosine", "sqrt1", NULL};
static const char *const stable_names[] = {"num_stable_steps", NULL};
static const char *const decay_names[] = {"num_decay_steps", NULL};
static const descent_param wsd_options[] = {
    PEAK_OPTIONS,
    NEEDED_COUNT("stable_steps", stable_names, 0, "Steps at the peak."),
    NEEDED_COUNT("decay_steps", decay_names, 0, "Steps of the fall."),
    RATIO_OPTION,
    WORD("warmup_type", shapes, LINEAR, "The shape of the rise."),
    WORD("decay_type", shapes, LINEAR, "The shape of the fall."),
    REAL("num_cycles", 0.5, "Turns of the cosine of the fall."),
};

/* What is left at p of a fall from 1; a rise is the fall backwards. */
static double fall(double shape, double p, double cycles)
{
    if (shape == COSINE)
        return half_cosine(2 * cycles * p);
    return shape == SQRT1 ? 1 - sqrt(p) : 1 - p;
}

static double wsd(const schedule_argument *a, uint64_t n)
{
    const double least = a[WSD_RATIO].number, x = (double)n;
    const double end = a[WARMUP].number + a[STABLE].number;
    double part = 1;

    if (x < a[WARMUP].number)
        part = fall(a[RISE].number, 1 - x / a[WARMUP].number, 0.5);
    else if (x >= end + a[DECAY].number)
        part = 0;
    else if (x >= end)
        part = fall(a[FALL].number, (x - end) / a[DECAY].number,
                    a[WSD_CYCLES].number);
    return a[PEAK].number * (part * (1 - least) + least);
}

static uint64_t wsd_duration(const schedule_argument *a)
{
    return schedule_steps(a[WARMUP].number + a[STABLE].number +
                          a[DECAY].number);
}

/* ---- warmup_cosine_decay, warmup_exponential_decay ---- */

enum { INIT = TOTAL + 1, COSINE_END };
static const char *const init_names[] = {"init_value", NULL};
#define INIT_OPTION                                                            \
    ROW(DESCENT_PARAM_REAL, 0, "initial_learning_rate", init_names, NULL, 0,   \
        -HUGE_VAL, HUGE_VAL, "The rate at step 0.")
static const descent_param warmup_cosine_options[] = {
    PEAK_OPTIONS,
    NEEDED_COUNT("decay_steps", NULL, 1, "Steps to the end, with the warmup."),
    INIT_OPTION,
    ROW(DESCENT_PARAM_REAL, 0, "end_learning_rate", end_names, NULL, 0,
        -HUGE_VAL, HUGE_VAL, "The rate at the end."),
};

static descent_status warmup_cosine_check(const schedule_argument *a)
{
    char decay[TEXT_NUMBER], warmup[TEXT_NUMBER];

    if (a[TOTAL].number > a[WARMUP].number)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "warmup_cosine_decay.decay_steps = %s: expected more "
                       "than warmup_steps = %s",
                       text_number(a[TOTAL].number, decay),
                       text_number(a[WARMUP].number, warmup));
}

static double warmup_cosine_decay(const schedule_argument *a, uint64_t n)
{
    const double x = (double)n, end = a[COSINE_END].number;

    if (x < a[WARMUP].number)
        return between(a[INIT].number, a[PEAK].number, x / a[WARMUP].number);
    if (x >= a[TOTAL].number)
        return end;
    return end + (a[PEAK].number - end) * half_cosine(way(a, n));
}

enum {
    TRANSITION = WARMUP + 1,
    RATE,
    EXPONENTIAL_INIT,
    BEGIN,
    STAIRCASE,
    BOUND
};
static const descent_param warmup_exponential_options[] = {
    PEAK_OPTIONS,
    NEEDED_COUNT("transition_steps", NULL, 1, "Steps of one decay."),
    NEEDED_POSITIVE("decay_rate", "What one decay multiplies by."),
    INIT_OPTION,
    COUNT("transition_begin", 0, 0, "Steps at the peak before the decay."),
    SWITCH("staircase", 0, "Decay in jumps, once every transition_steps."),
    ROW(DESCENT_PARAM_REAL, 0, "end_learning_rate", end_names, NULL, NAN,
        -HUGE_VAL, HUGE_VAL, "The rate that the decay stops at."),
};

static double warmup_exponential_decay(const schedule_argument *a, uint64_t n)
{
    const double begin = a[WARMUP].number + a[BEGIN].number;
    const double rate = a[RATE].number, bound = a[BOUND].number;
    const double x = (double)n;
    double decays = fmax(x - begin, 0) / a[TRANSITION].number, value;

    if (x < a[WARMUP].number)
        return between(a[EXPONENTIAL_INIT].number, a[PEAK].number,
                       x / a[WARMUP].number);
    if (a[STAIRCASE].number != 0)
        decays = floor(decays);
    value = a[PEAK].number * number_pow(rate, decays);
    if (isnan(bound))
        return value;
    return rate < 1 ? fmax(value, bound) : fmin(value, bound);
}

const schedule_kind schedule_warmups[] = {
    KIND("constant_with_warmup", NULL, constant_options,
         .value = constant_with_warmup),
    KIND("linear_with_warmup", NULL, linear_options,
         .value = linear_with_warmup, .duration = total_duration),
    KIND("cosine_with_warmup", NULL, cosine_options,
         .value = cosine_with_warmup, .duration = total_duration),
    KIND("cosine_hard_restarts_with_warmup", NULL, restarts_options,
         .value = cosine_hard_restarts, .duration = total_duration),
    KIND("polynomial_with_warmup", NULL, polynomial_options,
         .value = polynomial_with_warmup, .check = polynomial_check,
         .duration = total_duration),
    KIND("inverse_sqrt", NULL, root_options, .value = inverse_sqrt),
    KIND("noam", NULL, noam_options, .value = noam),
    KIND("wsd", NULL, wsd_options, .value = wsd, .duration = wsd_duration),
    KIND("warmup_cosine_decay", NULL, warmup_cosine_options,
         .value = warmup_cosine_decay, .check = warmup_cosine_check,
         .duration = total_duration),
    KIND("warmup_exponential_decay", NULL, warmup_exponential_options,
         .value = warmup_exponential_decay),
    {.name = NULL},
};
