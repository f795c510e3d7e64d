/* SPDX-License-Identifier: MIT */
/* PyTorch's schedulers that move the momentum against the rate: cyclic and
 * one_cycle, each with a twin, NAME_momentum, of the same options. */
#include "schedule/rows.h"
#include "schedule/schedule.h"

/* The twin is refused where the options say that the momentum stays. */
static descent_status check_momentum(const char *kind, double moves)
{
    return moves != 0
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_ARGUMENT,
                             "%s.cycle_momentum = false: expected true", kind);
}

/* ---- cyclic ---- */

enum {
    CYCLIC_BASE,
    CYCLIC_TOP,
    UP,
    DOWN,
    MODE,
    GAMMA,
    SCALE_FN,
    SCALE_MODE,
    CYCLIC_MOVES,
    CYCLIC_LOW,
    CYCLIC_HIGH
};
enum { TRIANGULAR, TRIANGULAR2, EXP_RANGE };
static const char *const modes[] = {"triangular", "triangular2", "exp_range",
                                    NULL};
static const char *const scale_modes[] = {"cycle", "iterations", NULL};

static const descent_param cyclic_options[] = {
    NEEDED_REAL("base_lr", "The rate at the begin and end of a cycle."),
    NEEDED_REAL("max_lr", "The rate at the top of the first cycle."),
    COUNT("step_size_up", 2000, 1, "Steps of the rise."),
    COUNT("step_size_down", NAN, 1, "Steps of the fall; as many by default."),
    WORD("mode", modes, TRIANGULAR, "How the height changes."),
    REAL("gamma", 1, "What each step scales the height by, in exp_range."),
    ROW(SCHEDULE_PART, 0, "scale_fn", NULL, NULL, 0, 0, 0,
        "The height by a function, instead of a mode."),
    WORD("scale_mode", scale_modes, 0,
         "What the function gets: the cycle, "
         "counted from 1, or the step."),
    SWITCH("cycle_momentum", 1, "Move the momentum against the rate."),
    REAL("base_momentum", 0.8, "The momentum at the top."),
    REAL("max_momentum", 0.9, "The momentum at the begin and end."),
};

static uint64_t cyclic_down(const schedule_argument *a)
{
    return (uint64_t)(isnan(a[DOWN].number) ? a[UP].number : a[DOWN].number);
}

/* The height at n, of 1 at the top of the first cycle. */
static descent_status height(const schedule_argument *a,
                             const schedule_question *q, double *out)
{
    const uint64_t up = (uint64_t)a[UP].number, down = cyclic_down(a);
    const uint64_t cycle = q->n / (up + down), at = q->n % (up + down);
    const double way = at <= up ? (double)at / (double)up
                                : (double)(up + down - at) / (double)down;
    double scale = 1;

    if (a[SCALE_FN].count > 0)
        TRY(schedule_value(a[SCALE_FN].parts[0],
                           a[SCALE_MODE].number != 0 ? q->n : cycle + 1,
                           q->context, &scale));
    else if (a[MODE].number == TRIANGULAR2)
        scale = number_pow(0.5, (double)cycle);
    else if (a[MODE].number == EXP_RANGE)
        scale = number_pow(a[GAMMA].number, (double)q->n);
    *out = way * scale;
    return DESCENT_OK;
}

static descent_status cyclic(const schedule_argument *a,
                             const schedule_question *q, double *value)
{
    const double base = a[CYCLIC_BASE].number;
    double h;

    TRY(height(a, q, &h));
    *value = base + (a[CYCLIC_TOP].number - base) * h;
    return DESCENT_OK;
}

static descent_status cyclic_momentum(const schedule_argument *a,
                                      const schedule_question *q, double *value)
{
    const double high = a[CYCLIC_HIGH].number;
    double h;

    TRY(height(a, q, &h));
    *value = high - (high - a[CYCLIC_LOW].number) * h;
    return DESCENT_OK;
}

static descent_status cyclic_momentum_check(const schedule_argument *a)
{
    return check_momentum("cyclic_momentum", a[CYCLIC_MOVES].number);
}

/* ---- one_cycle ---- */

enum {
    TOP,
    TOTAL_STEPS,
    EPOCHS,
    STEPS_PER_EPOCH,
    PCT_START,
    ANNEAL,
    MOVES,
    LOW,
    HIGH,
    DIV,
    FINAL_DIV,
    THREE_PHASE
};
static const char *const anneal_names[] = {"anneal_strategy", NULL};
static const char *const anneals[] = {"cos", "linear", NULL};

static const descent_param one_cycle_options[] = {
    NEEDED_REAL("max_lr", "The rate at the top."),
    COUNT("total_steps", NAN, 1, "Steps of the cycle."),
    COUNT("epochs", NAN, 1, "Or as many epochs ..."),
    COUNT("steps_per_epoch", NAN, 1, "... of so many steps."),
    REAL_WITHIN("pct_start", 0.3, 0, 1, "The part of the steps that rises."),
    ROW(DESCENT_PARAM_CHOICE, 0, "anneal", anneal_names, anneals, 0, 0,
        HUGE_VAL, "Along a cosine or a line."),
    SWITCH("cycle_momentum", 1, "Move the momentum against the rate."),
    REAL("base_momentum", 0.85, "The momentum at the top."),
    REAL("max_momentum", 0.95, "The momentum at the begin and end."),
    POSITIVE("div_factor", 25, "The top over the first rate."),
    POSITIVE("final_div_factor", 1e4, "The first rate over the last."),
    SWITCH("three_phase", 0, "Fall to the first rate, then to the last."),
};

static double one_cycle_total(const schedule_argument *a)
{
    return isnan(a[TOTAL_STEPS].number)
               ? a[EPOCHS].number * a[STEPS_PER_EPOCH].number
               : a[TOTAL_STEPS].number;
}

static descent_status check_total(const char *kind, const schedule_argument *a)
{
    const bool total = !isnan(a[TOTAL_STEPS].number);
    const bool epochs = !isnan(a[EPOCHS].number);
    const bool each = !isnan(a[STEPS_PER_EPOCH].number);

    if (total ? !epochs && !each : epochs && each)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s: expected either total_steps, or epochs and "
                       "steps_per_epoch",
                       kind);
}

static descent_status one_cycle_check(const schedule_argument *a)
{
    return check_total("one_cycle", a);
}

static descent_status one_cycle_momentum_check(const schedule_argument *a)
{
    TRY(check_total("one_cycle_momentum", a));
    return check_momentum("one_cycle_momentum", a[MOVES].number);
}

static uint64_t one_cycle_duration(const schedule_argument *a)
{
    return schedule_steps(one_cycle_total(a));
}

/* A course through `values`: the phases end at the moments that the options
 * tell, which need not be whole, and the last value stays. */
static double course(const schedule_argument *a, uint64_t n,
                     const double values[4])
{
    const bool three = a[THREE_PHASE].number != 0;
    const double total = one_cycle_total(a);
    const double rise = a[PCT_START].number * total;
    const double ends[] = {0, rise - 1, three ? 2 * rise - 2 : total - 1,
                           total - 1};
    const int phases = three ? 3 : 2;
    const double x = (double)n;
    int i = 0;

    if (x >= total - 1)
        return values[phases];
    while (i + 1 < phases && x > ends[i + 1])
        i++;
    const double length = ends[i + 1] - ends[i];
    const double way = length > 0 ? (x - ends[i]) / length : 1;
    if (a[ANNEAL].number != 0)
        return between(values[i], values[i + 1], way);
    return values[i + 1] + (values[i] - values[i + 1]) * half_cosine(way);
}

static double one_cycle(const schedule_argument *a, uint64_t n)
{
    const double top = a[TOP].number, first = top / a[DIV].number;
    const double last = first / a[FINAL_DIV].number;
    const bool three = a[THREE_PHASE].number != 0;
    const double values[] = {first, top, three ? first : last, last};

    return course(a, n, values);
}

static double one_cycle_momentum(const schedule_argument *a, uint64_t n)
{
    const double low = a[LOW].number, high = a[HIGH].number;
    const double values[] = {high, low, high, high};

    return course(a, n, values);
}

const schedule_kind schedule_cycles[] = {
    KIND("cyclic", "CyclicLR", cyclic_options, .evaluate = cyclic),
    KIND("cyclic_momentum", NULL, cyclic_options, .evaluate = cyclic_momentum,
         .check = cyclic_momentum_check),
    KIND("one_cycle", "OneCycleLR", one_cycle_options, .value = one_cycle,
         .check = one_cycle_check, .duration = one_cycle_duration),
    KIND("one_cycle_momentum", NULL, one_cycle_options,
         .value = one_cycle_momentum, .check = one_cycle_momentum_check,
         .duration = one_cycle_duration),
    {.name = NULL},
};
