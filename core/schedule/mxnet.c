/* SPDX-License-Identifier: MIT */
/* The schedulers of MXNet (mxnet.lr_scheduler) as closed forms of the number of
 * updates N = n + step_offset.  An optimizer there asks with N = 1 first. */
#include "base/text.h"
#include "schedule/rows.h"

/* The first option says when; then come those that all have. */
enum {
    WHEN,
    BASE_LR,
    WARMUP_STEPS,
    WARMUP_BEGIN_LR,
    WARMUP_FINAL_LR,
    WARMUP_MODE,
    STEP_OFFSET,
    OWN
};
static const char *const warmup_modes[] = {"linear", "constant", NULL};

#define BASE_OPTIONS                                                           \
    REAL("base_lr", 0.01, "The rate after the warmup."),                       \
        COUNT("warmup_steps", 0, 0, "Steps of the warmup."),                   \
        REAL("warmup_begin_lr", 0, "The rate at the begin of the warmup."),    \
        REAL("warmup_final_lr", NAN, "The rate at its end; none: base_lr."),   \
        WORD("warmup_mode", warmup_modes, 0, "Rise to base_lr, or wait."),     \
        COUNT("step_offset", 0, 0, "Added to the step: 1 for MXNet's count.")

static uint64_t updates(const schedule_argument *a, uint64_t n)
{
    return schedule_steps_add(n, (uint64_t)a[STEP_OFFSET].number);
}

/* MXNet's keep the base that they were made with, when the optimizer's rate
 * replaces it. */
static double warmup_final(const schedule_argument *a)
{
    return isnan(a[WARMUP_FINAL_LR].number) ? a[BASE_LR].number
                                            : a[WARMUP_FINAL_LR].number;
}

static bool warms_up(const schedule_argument *a, uint64_t n, double *value)
{
    const double begin = a[WARMUP_BEGIN_LR].number;
    const double x = (double)updates(a, n);

    if (x >= a[WARMUP_STEPS].number)
        return false;
    *value =
        a[WARMUP_MODE].number != 0
            ? begin
            : begin + (warmup_final(a) - begin) * x / a[WARMUP_STEPS].number;
    return true;
}

static descent_status check_warmup(const char *kind, const schedule_argument *a)
{
    const bool own = !isnan(a[WARMUP_FINAL_LR].number);
    char begin[TEXT_NUMBER], end[TEXT_NUMBER];

    if (a[WARMUP_BEGIN_LR].number <= warmup_final(a))
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s.warmup_begin_lr = %s: expected at most %s = %s",
                       kind, text_number(a[WARMUP_BEGIN_LR].number, begin),
                       own ? "warmup_final_lr" : "base_lr",
                       text_number(warmup_final(a), end));
}

/* ---- factor, multi_factor ---- */

enum { FACTOR = OWN, STOP_FACTOR_LR };
static const descent_param factor_options[] = {
    NEEDED_COUNT("step", NULL, 1, "Updates between two drops."),
    BASE_OPTIONS,
    REAL_WITHIN("factor", 1, -HUGE_VAL, 1, "What a drop multiplies by."),
    REAL("stop_factor_lr", 1e-8, "The rate that no drop goes below."),
};
static const descent_param multi_factor_options[] = {
    NEEDED_LIST("step", "The updates that the drops follow."),
    BASE_OPTIONS,
    REAL_WITHIN("factor", 1, -HUGE_VAL, 1, "What a drop multiplies by."),
};

static descent_status factor_check(const schedule_argument *a)
{
    return check_warmup("factor", a);
}

/* The drop for update k * step shows at the update after it. */
static double factor(const schedule_argument *a, uint64_t n)
{
    const uint64_t now = updates(a, n);
    const uint64_t drops = now > 0 ? (now - 1) / (uint64_t)a[WHEN].number : 0;
    double value;

    if (warms_up(a, n, &value))
        return value;
    value = a[BASE_LR].number;
    if (drops > 0)
        value = fmax(value * number_pow(a[FACTOR].number, (double)drops),
                     a[STOP_FACTOR_LR].number);
    return value;
}

static descent_status multi_factor_check(const schedule_argument *a)
{
    TRY(schedule_check_whole("multi_factor", "step", &a[WHEN], 1));
    TRY(schedule_check_rising("multi_factor", "step", &a[WHEN]));
    return check_warmup("multi_factor", a);
}

static double multi_factor(const schedule_argument *a, uint64_t n)
{
    size_t drops = 0;
    double value;

    if (warms_up(a, n, &value))
        return value;
    while (drops < a[WHEN].count &&
           schedule_passes(updates(a, n), a[WHEN].list[drops]))
        drops++;
    return a[BASE_LR].number * number_pow(a[FACTOR].number, (double)drops);
}

/* ---- poly, cosine ---- */

static const descent_param cosine_options[] = {
    NEEDED_COUNT("max_update", NULL, 1, "The update that ends the decay."),
    BASE_OPTIONS,
    REAL("final_lr", 0, "The rate from then on."),
};
static const descent_param poly_options[] = {
    NEEDED_COUNT("max_update", NULL, 1, "The update that ends the decay."),
    BASE_OPTIONS,
    REAL("final_lr", 0, "The rate from then on."),
    REAL("pwr", 2, "The exponent of what is left of the way."),
};
enum { FINAL_LR = OWN, PWR };

static descent_status check_decay(const char *kind, const schedule_argument *a)
{
    char end[TEXT_NUMBER], warmup[TEXT_NUMBER];

    TRY(check_warmup(kind, a));
    if (a[WHEN].number > a[WARMUP_STEPS].number)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s.max_update = %s: expected more than warmup_steps "
                       "= %s",
                       kind, text_number(a[WHEN].number, end),
                       text_number(a[WARMUP_STEPS].number, warmup));
}

static uint64_t decay_duration(const schedule_argument *a)
{
    return schedule_steps(a[WHEN].number - a[STEP_OFFSET].number);
}

/* What is left of the way from the warmup to the end, in (0, 1], or false. */
static bool decays(const schedule_argument *a, uint64_t n, double *way)
{
    const uint64_t now = updates(a, n), end = (uint64_t)a[WHEN].number;
    const double steps = a[WHEN].number - a[WARMUP_STEPS].number;

    *way = now < end ? ((double)now - a[WARMUP_STEPS].number) / steps : 1;
    return now < end;
}

static descent_status poly_check(const schedule_argument *a)
{
    return check_decay("poly", a);
}

static double poly(const schedule_argument *a, uint64_t n)
{
    const double last = a[FINAL_LR].number;
    double value, way;

    if (warms_up(a, n, &value))
        return value;
    if (!decays(a, n, &way))
        return last;
    return last +
           (a[BASE_LR].number - last) * number_pow(1 - way, a[PWR].number);
}

static descent_status cosine_check(const schedule_argument *a)
{
    return check_decay("cosine", a);
}

static double cosine(const schedule_argument *a, uint64_t n)
{
    const double last = a[FINAL_LR].number;
    double value, way;

    if (warms_up(a, n, &value))
        return value;
    if (!decays(a, n, &way))
        return last;
    return last + (a[BASE_LR].number - last) * half_cosine(way);
}

#define COSINE(name, class)                                                    \
    KIND(name, class, cosine_options, .value = cosine, .check = cosine_check,  \
         .duration = decay_duration)

const schedule_kind schedule_mxnet[] = {
    KIND("factor", "FactorScheduler", factor_options, .value = factor,
         .check = factor_check),
    KIND("multi_factor", "MultiFactorScheduler", multi_factor_options,
         .value = multi_factor, .check = multi_factor_check),
    KIND("poly", "PolyScheduler", poly_options, .value = poly,
         .check = poly_check, .duration = decay_duration),
    COSINE("cosine", "CosineScheduler"),
    COSINE("cosine_mx", NULL),
    {.name = NULL},
};
