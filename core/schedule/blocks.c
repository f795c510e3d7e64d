/* SPDX-License-Identifier: MIT */
/* The neutral building blocks: a number, and a way from one to another. */
#include "base/text.h"
#include "schedule/rows.h"

/* ---- hold ---- */

enum { VALUE, HOLD_STEPS };
static const descent_param hold_options[] = {
    NEEDED_REAL("value", "The value at every step."),
    COUNT("steps", NAN, 0, "How long it is held; endless by default."),
};

static double hold(const schedule_argument *a, uint64_t n)
{
    (void)n;
    return a[VALUE].number;
}

static uint64_t hold_duration(const schedule_argument *a)
{
    return isnan(a[HOLD_STEPS].number) ? DESCENT_ENDLESS
                                       : schedule_steps(a[HOLD_STEPS].number);
}

/* ---- ramp ---- */

enum { FROM, TO, STEPS, SHAPE };
enum { LINEAR, COSINE, EXPONENTIAL, SQRT1 };
static const char *const shapes[] = {"linear", "cosine", "exponential", "sqrt1",
                                     NULL};

static const descent_param ramp_options[] = {
    NEEDED_REAL("from", "The value at step 0."),
    NEEDED_REAL("to", "The value at the end, and after it."),
    NEEDED_COUNT("steps", NULL, 0, "Steps to the end."),
    WORD("shape", shapes, LINEAR,
         "The way: a line, half a cosine, equal "
         "ratios, or as a square root."),
};

static descent_status ramp_check(const schedule_argument *a)
{
    char from[TEXT_NUMBER], to[TEXT_NUMBER];

    if (a[SHAPE].number != EXPONENTIAL ||
        (a[FROM].number > 0 && a[TO].number > 0) ||
        (a[FROM].number < 0 && a[TO].number < 0))
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "ramp.shape = \"exponential\": expected from and to "
                       "of one sign and not 0, got %s and %s",
                       text_number(a[FROM].number, from),
                       text_number(a[TO].number, to));
}

static double ramp(const schedule_argument *a, uint64_t n)
{
    const double from = a[FROM].number, to = a[TO].number;
    const double x = (double)n / a[STEPS].number;

    if ((double)n >= a[STEPS].number)
        return to;
    if (n == 0)
        return from;
    switch ((int)a[SHAPE].number) {
    case COSINE:
        return between(from, to, 1 - half_cosine(x));
    case EXPONENTIAL:
        return from * number_pow(to / from, x);
    case SQRT1:
        return between(from, to, sqrt(x));
    default:
        return between(from, to, x);
    }
}

static uint64_t ramp_duration(const schedule_argument *a)
{
    return schedule_steps(a[STEPS].number);
}

const schedule_kind schedule_blocks[] = {
    KIND("hold", NULL, hold_options, .value = hold, .duration = hold_duration),
    KIND("ramp", NULL, ramp_options, .value = ramp, .check = ramp_check,
         .duration = ramp_duration),
    {.name = NULL},
};
