/* SPDX-License-Identifier: MIT */
/* Schedules made of schedules. */
#include "base/text.h"
#include "schedule/rows.h"
#include "schedule/schedule.h"

enum { FIRST, SECOND };
enum { PART, BY, HIGH };

static descent_status ask(const schedule_argument *part, uint64_t n,
                          const schedule_question *q, double *value)
{
    return schedule_value(part->parts[0], n, q->context, value);
}

static uint64_t lasts(const schedule_argument *part)
{
    return schedule_duration(part->parts[0]);
}

/* Only what ends, and not at once, can be followed or repeated. */
static descent_status check_ends(const char *kind, const char *option,
                                 const schedule_argument *part, bool may_be_0)
{
    const uint64_t steps = lasts(part);

    if (steps != DESCENT_ENDLESS && (steps > 0 || may_be_0))
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s.%s is %s: expected a schedule with a duration", kind,
                       option, steps == 0 ? "over at once" : "endless");
}

/* ---- then ---- */

static const descent_param then_options[] = {
    NEEDED_PART("first", NULL, "For its duration."),
    NEEDED_PART("second", NULL, "From then on, from its own step 0."),
};

static descent_status then_check(const schedule_argument *a)
{
    return check_ends("then", "first", &a[FIRST], true);
}

static descent_status then(const schedule_argument *a,
                           const schedule_question *q, double *value)
{
    const uint64_t first = lasts(&a[FIRST]);

    return q->n < first ? ask(&a[FIRST], q->n, q, value)
                        : ask(&a[SECOND], q->n - first, q, value);
}

static uint64_t then_duration(const schedule_argument *a)
{
    return schedule_steps_add(lasts(&a[FIRST]), lasts(&a[SECOND]));
}

/* ---- multiply, add, max, min ---- */

static const descent_param pair_options[] = {
    NEEDED_PART("first", NULL, "One of the two."),
    NEEDED_PART("second", NULL, "The other."),
};

static descent_status both(const schedule_argument *a,
                           const schedule_question *q, double *x, double *y)
{
    TRY(ask(&a[FIRST], q->n, q, x));
    return ask(&a[SECOND], q->n, q, y);
}

static descent_status multiply(const schedule_argument *a,
                               const schedule_question *q, double *value)
{
    double x, y;

    TRY(both(a, q, &x, &y));
    *value = x * y;
    return DESCENT_OK;
}

static descent_status add(const schedule_argument *a,
                          const schedule_question *q, double *value)
{
    double x, y;

    TRY(both(a, q, &x, &y));
    *value = x + y;
    return DESCENT_OK;
}

static descent_status maximum(const schedule_argument *a,
                              const schedule_question *q, double *value)
{
    double x, y;

    TRY(both(a, q, &x, &y));
    *value = y > x ? y : x;
    return DESCENT_OK;
}

static descent_status minimum(const schedule_argument *a,
                              const schedule_question *q, double *value)
{
    double x, y;

    TRY(both(a, q, &x, &y));
    *value = y < x ? y : x;
    return DESCENT_OK;
}

static uint64_t longer(const schedule_argument *a)
{
    const uint64_t first = lasts(&a[FIRST]), second = lasts(&a[SECOND]);

    return first > second ? first : second;
}

/* ---- clamp, last: the same steps ---- */

static const descent_param clamp_options[] = {
    NEEDED_PART("schedule", NULL, "What is kept within bounds."),
    NEEDED_REAL("low", "The least value."),
    NEEDED_REAL("high", "The greatest value."),
};

static descent_status clamp_check(const schedule_argument *a)
{
    char low[TEXT_NUMBER], high[TEXT_NUMBER];

    if (a[BY].number <= a[HIGH].number)
        return DESCENT_OK;
    return status_fail(
        DESCENT_ERR_ARGUMENT, "clamp.low = %s: expected at most high = %s",
        text_number(a[BY].number, low), text_number(a[HIGH].number, high));
}

static descent_status clamp(const schedule_argument *a,
                            const schedule_question *q, double *value)
{
    double x;

    TRY(ask(&a[PART], q->n, q, &x));
    *value = x < a[BY].number     ? a[BY].number
             : x > a[HIGH].number ? a[HIGH].number
                                  : x;
    return DESCENT_OK;
}

static uint64_t same_duration(const schedule_argument *a)
{
    return lasts(&a[PART]);
}

static const descent_param last_options[] = {
    NEEDED_PART("schedule", NULL, "What is given another duration."),
    NEEDED_COUNT("steps", NULL, 0, "The duration; no value changes."),
};

static descent_status last(const schedule_argument *a,
                           const schedule_question *q, double *value)
{
    return ask(&a[PART], q->n, q, value);
}

static uint64_t last_duration(const schedule_argument *a)
{
    return schedule_steps(a[BY].number);
}

/* ---- delay, stretch, cycle, repeat: other steps ---- */

static const descent_param delay_options[] = {
    NEEDED_PART("schedule", NULL, "What begins later."),
    NEEDED_COUNT("steps", NULL, 0, "Steps at its first value before."),
};

static descent_status delay(const schedule_argument *a,
                            const schedule_question *q, double *value)
{
    const uint64_t steps = (uint64_t)a[BY].number;

    return ask(&a[PART], q->n > steps ? q->n - steps : 0, q, value);
}

static uint64_t delay_duration(const schedule_argument *a)
{
    return schedule_steps_add(lasts(&a[PART]), (uint64_t)a[BY].number);
}

static const descent_param stretch_options[] = {
    NEEDED_PART("schedule", NULL, "What is slowed down."),
    NEEDED_POSITIVE("by", "Steps that one of its steps takes."),
};

/* floor(n / by), exactly where `by` is an integer. */
static uint64_t stretched(double by, uint64_t n)
{
    double steps;

    if (by == floor(by) && by < 0x1p64)
        return n / (uint64_t)by;
    steps = floor((double)n / by);
    return steps < 0x1p64 ? (uint64_t)steps : UINT64_MAX;
}

static descent_status stretch(const schedule_argument *a,
                              const schedule_question *q, double *value)
{
    return ask(&a[PART], stretched(a[BY].number, q->n), q, value);
}

/* The first step that is stretched to the part's end. */
static uint64_t stretch_duration(const schedule_argument *a)
{
    const uint64_t steps = lasts(&a[PART]);
    const double by = a[BY].number;

    if (steps == DESCENT_ENDLESS)
        return steps;
    if (by == floor(by) && by < 0x1p64)
        return schedule_steps_multiply(steps, (uint64_t)by);
    return schedule_steps((double)steps * by);
}

static const descent_param cycle_options[] = {
    NEEDED_PART("schedule", NULL, "What begins again whenever it is over."),
};

static descent_status cycle_check(const schedule_argument *a)
{
    return check_ends("cycle", "schedule", &a[PART], false);
}

static descent_status cycle(const schedule_argument *a,
                            const schedule_question *q, double *value)
{
    return ask(&a[PART], q->n % lasts(&a[PART]), q, value);
}

static const descent_param repeat_options[] = {
    NEEDED_PART("schedule", NULL, "What runs several times."),
    NEEDED_COUNT("times", NULL, 1, "How often; the last run goes on."),
};

static descent_status repeat_check(const schedule_argument *a)
{
    return check_ends("repeat", "schedule", &a[PART], false);
}

static descent_status repeat(const schedule_argument *a,
                             const schedule_question *q, double *value)
{
    const uint64_t steps = lasts(&a[PART]), run = q->n / steps;
    const uint64_t final = (uint64_t)a[BY].number - 1;

    return ask(&a[PART], q->n - (run < final ? run : final) * steps, q, value);
}

static uint64_t repeat_duration(const schedule_argument *a)
{
    return schedule_steps_multiply(lasts(&a[PART]), (uint64_t)a[BY].number);
}

const schedule_kind schedule_algebra[] = {
    KIND("then", NULL, then_options, .evaluate = then, .check = then_check,
         .duration = then_duration),
    KIND("multiply", NULL, pair_options, .evaluate = multiply,
         .duration = longer),
    KIND("add", NULL, pair_options, .evaluate = add, .duration = longer),
    KIND("max", NULL, pair_options, .evaluate = maximum, .duration = longer),
    KIND("min", NULL, pair_options, .evaluate = minimum, .duration = longer),
    KIND("clamp", NULL, clamp_options, .evaluate = clamp, .check = clamp_check,
         .duration = same_duration),
    KIND("last", NULL, last_options, .evaluate = last,
         .duration = last_duration),
    KIND("delay", NULL, delay_options, .evaluate = delay,
         .duration = delay_duration),
    KIND("stretch", NULL, stretch_options, .evaluate = stretch,
         .duration = stretch_duration),
    KIND("cycle", NULL, cycle_options, .evaluate = cycle, .check = cycle_check),
    KIND("repeat", NULL, repeat_options, .evaluate = repeat,
         .check = repeat_check, .duration = repeat_duration),
    {.name = NULL},
};
