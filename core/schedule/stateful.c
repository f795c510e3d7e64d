/* SPDX-License-Identifier: MIT */
/* The two schedules with a state: multiplicative, whose state is how far its
 * product has been formed, and reduce_on_plateau, which is told a metric. */
#include <inttypes.h>

#include "schedule/rows.h"
#include "schedule/schedule.h"

static bool is_count(double x)
{
    return x >= 0 && x <= 0x1p53 && x == floor(x);
}

/* ---- multiplicative ---- */

enum { FUNCTION, FACTOR_BASE };
enum { REACHED, PRODUCT, MULTIPLICATIVE_STATE };
enum { LONGEST_WALK = 1 << 24 };
static const char *const function_names[] = {"lr_lambda", NULL};
static const descent_param multiplicative_options[] = {
    NEEDED_PART("f", function_names, "What each step from 1 on multiplies by."),
    BASE_LR_OPTION,
};

static void multiplicative_start(const schedule_argument *a, double *state)
{
    state[REACHED] = 0;
    state[PRODUCT] = a[FACTOR_BASE].number;
}

static bool multiplicative_sound(const schedule_argument *a,
                                 const double *state)
{
    (void)a;
    return is_count(state[REACHED]) && isfinite(state[PRODUCT]);
}

/* The product is formed from step 1 up, so that its bits do not depend on which
 * steps were asked for before. */
static descent_status multiplicative(const schedule_argument *a,
                                     const schedule_question *q, double *value)
{
    uint64_t at = (uint64_t)q->state[REACHED];
    double product = q->state[PRODUCT], factor;

    if (q->n < at) {
        at = 0;
        product = a[FACTOR_BASE].number;
    }
    if (q->n - at > LONGEST_WALK)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "multiplicative at step %" PRIu64
                           ": expected at most %d steps after step %" PRIu64
                           ", which its state has reached",
                           q->n, (int)LONGEST_WALK, at);
    while (at < q->n) {
        TRY(schedule_value(a[FUNCTION].parts[0], ++at, q->context, &factor));
        product *= factor;
    }
    if (isfinite(product)) {
        q->state[REACHED] = (double)at;
        q->state[PRODUCT] = product;
    }
    *value = product;
    return DESCENT_OK;
}

static const schedule_memory multiplicative_memory = {
    MULTIPLICATIVE_STATE, multiplicative_start, multiplicative_sound, NULL};

/* ---- reduce_on_plateau ---- */

enum {
    BASE_LR,
    MODE,
    FACTOR,
    PATIENCE,
    THRESHOLD,
    THRESHOLD_MODE,
    COOLDOWN,
    MIN_LR,
    EPS,
    RULE
};
enum { REL, ABS };
enum { TORCH, KERAS };
enum { RATE, BEST, BAD, RESTING, PLATEAU_STATE };
static const char *const modes[] = {"min", "max", NULL};
static const char *const threshold_modes[] = {"rel", "abs", NULL};
static const char *const threshold_names[] = {"min_delta", NULL};
static const char *const rules[] = {"torch", "keras", NULL};

static const descent_param plateau_options[] = {
    BASE_LR_OPTION,
    WORD("mode", modes, 0, "What is better: less or more."),
    ROW(DESCENT_PARAM_REAL, DESCENT_PARAM_MAX_OPEN, "factor", NULL, NULL, 0.1,
        0, 1, "What a reduction multiplies by."),
    COUNT("patience", 10, 0, "Metrics in a row that may be no better."),
    ROW(DESCENT_PARAM_REAL, 0, "threshold", threshold_names, NULL, 1e-4, 0,
        HUGE_VAL, "How much better counts as better."),
    WORD("threshold_mode", threshold_modes, NAN,
         "A part of the best metric or not; rel, but abs in the rule keras."),
    COUNT("cooldown", 0, 0, "Metrics that do not count after a reduction."),
    REAL_WITHIN("min_lr", 0, 0, HUGE_VAL, "The rate not to go below."),
    REAL_WITHIN("eps", 1e-8, 0, HUGE_VAL,
                "A reduction by no more is left out, in the rule torch."),
    WORD("rule", rules, TORCH,
         "Reduce after patience + 1 metrics that are no better, or patience."),
};

/* The best is kept so that less is better. */
static void plateau_start(const schedule_argument *a, double *state)
{
    state[RATE] = a[BASE_LR].number;
    state[BEST] = HUGE_VAL;
    state[BAD] = 0;
    state[RESTING] = 0;
}

static bool plateau_sound(const schedule_argument *a, const double *state)
{
    (void)a;
    return isfinite(state[RATE]) && !isnan(state[BEST]) &&
           is_count(state[BAD]) && is_count(state[RESTING]);
}

static bool is_better(const schedule_argument *a, double metric, double best)
{
    const double rule = a[RULE].number == KERAS ? ABS : REL;
    const double mode =
        isnan(a[THRESHOLD_MODE].number) ? rule : a[THRESHOLD_MODE].number;
    const double margin = a[THRESHOLD].number * (mode == REL ? fabs(best) : 1);

    return isinf(best) ? metric < best : metric < best - margin;
}

static double reduced(const schedule_argument *a, const double *state)
{
    return fmax(state[RATE] * a[FACTOR].number, a[MIN_LR].number);
}

static void rest(const schedule_argument *a, double *state)
{
    state[RESTING] = a[COOLDOWN].number;
    state[BAD] = 0;
}

static void observe_torch(const schedule_argument *a, bool better,
                          double *state)
{
    state[BAD] = better ? 0 : state[BAD] + 1;
    if (state[RESTING] > 0) {
        state[RESTING]--;
        state[BAD] = 0;
    }
    if (state[BAD] <= a[PATIENCE].number)
        return;
    if (state[RATE] - reduced(a, state) > a[EPS].number)
        state[RATE] = reduced(a, state);
    rest(a, state);
}

static void observe_keras(const schedule_argument *a, bool better,
                          double *state)
{
    if (state[RESTING] > 0) {
        state[RESTING]--;
        state[BAD] = 0;
    }
    if (better) {
        state[BAD] = 0;
        return;
    }
    if (state[RESTING] > 0)
        return;
    state[BAD]++;
    if (state[BAD] < a[PATIENCE].number || state[RATE] <= a[MIN_LR].number)
        return;
    state[RATE] = reduced(a, state);
    rest(a, state);
}

static void plateau_observe(const schedule_argument *a, double metric,
                            double *state)
{
    const double cost = a[MODE].number != 0 ? -metric : metric;
    const bool better = is_better(a, cost, state[BEST]);

    if (better)
        state[BEST] = cost;
    if (a[RULE].number == KERAS)
        observe_keras(a, better, state);
    else
        observe_torch(a, better, state);
}

static descent_status plateau(const schedule_argument *a,
                              const schedule_question *q, double *value)
{
    (void)a;
    *value = q->state[RATE];
    return DESCENT_OK;
}

static const schedule_memory plateau_memory = {PLATEAU_STATE, plateau_start,
                                               plateau_sound, plateau_observe};

const schedule_kind schedule_stateful[] = {
    KIND("multiplicative", "MultiplicativeLR", multiplicative_options,
         .evaluate = multiplicative, .memory = &multiplicative_memory),
    KIND("reduce_on_plateau", "ReduceLROnPlateau", plateau_options,
         .evaluate = plateau, .memory = &plateau_memory),
    {.name = NULL},
};
