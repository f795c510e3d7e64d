/* SPDX-License-Identifier: MIT */
/* What other systems make of schedules: PyTorch's lambda, sequential and
 * chained, Optax' join, and a warmup before any schedule. */
#include "base/text.h"
#include "schedule/rows.h"
#include "schedule/schedule.h"

/* ---- lambda ---- */

enum { FUNCTION, BASE_LR };
static const char *const function_names[] = {"lr_lambda", NULL};
static const descent_param lambda_options[] = {
    NEEDED_PART("f", function_names, "The factor at a step."),
    BASE_LR_OPTION,
};

static descent_status lambda(const schedule_argument *a,
                             const schedule_question *q, double *value)
{
    double factor;

    TRY(schedule_value(a[FUNCTION].parts[0], q->n, q->context, &factor));
    *value = a[BASE_LR].number * factor;
    return DESCENT_OK;
}

/* ---- sequential, join ---- */

enum { PARTS, MOMENTS };
static const char *const schedule_names[] = {"schedulers", NULL};
static const descent_param sequential_options[] = {
    NEEDED_PARTS("schedules", schedule_names, "One after the other."),
    NEEDED_LIST("milestones", "The steps at which the next one begins."),
};
static const descent_param join_options[] = {
    NEEDED_PARTS("schedules", NULL, "One after the other."),
    NEEDED_LIST("boundaries", "The steps at which the next one begins."),
};

static descent_status check_moments(const char *kind, const char *option,
                                    const schedule_argument *a)
{
    if (a[MOMENTS].count + 1 != a[PARTS].count)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s.%s has %zu numbers: expected %zu, one less than "
                           "schedules",
                           kind, option, a[MOMENTS].count, a[PARTS].count - 1);
    TRY(schedule_check_whole(kind, option, &a[MOMENTS], 0));
    return schedule_check_rising(kind, option, &a[MOMENTS]);
}

static descent_status sequential_check(const schedule_argument *a)
{
    return check_moments("sequential", "milestones", a);
}

static descent_status join_check(const schedule_argument *a)
{
    return check_moments("join", "boundaries", a);
}

static descent_status in_turn(const schedule_argument *a,
                              const schedule_question *q, double *value)
{
    uint64_t begin = 0;
    size_t i = 0;

    for (; i < a[MOMENTS].count && q->n >= (uint64_t)a[MOMENTS].list[i]; i++)
        begin = (uint64_t)a[MOMENTS].list[i];
    return schedule_value(a[PARTS].parts[i], q->n - begin, q->context, value);
}

static uint64_t in_turn_duration(const schedule_argument *a)
{
    const size_t last = a[MOMENTS].count;
    const uint64_t steps = schedule_duration(a[PARTS].parts[last]);

    return last == 0
               ? steps
               : schedule_steps_add((uint64_t)a[MOMENTS].list[last - 1], steps);
}

/* ---- chained ---- */

static const descent_param chained_options[] = {
    NEEDED_PARTS("schedules", schedule_names,
                 "All at once, as factors of the "
                 "rate."),
    BASE_LR_OPTION,
};

static descent_status chained_check(const schedule_argument *a)
{
    return a[BASE_LR].number != 0
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_ARGUMENT,
                             "chained.base_lr = 0: expected a finite number "
                             "but 0");
}

static descent_status chained(const schedule_argument *a,
                              const schedule_question *q, double *value)
{
    double product = a[BASE_LR].number, part;

    for (size_t i = 0; i < a[PARTS].count; i++) {
        TRY(schedule_value(a[PARTS].parts[i], q->n, q->context, &part));
        product *= part / a[BASE_LR].number;
    }
    *value = product;
    return DESCENT_OK;
}

static uint64_t chained_duration(const schedule_argument *a)
{
    uint64_t longest = 0;

    for (size_t i = 0; i < a[PARTS].count; i++) {
        const uint64_t steps = schedule_duration(a[PARTS].parts[i]);
        longest = steps > longest ? steps : longest;
    }
    return longest;
}

/* ---- warmup ---- */

enum { SCHEDULE, STEPS, FROM, MODE, SHIFT };
enum { LINEAR, CONSTANT, EXPONENTIAL };
static const char *const modes[] = {"linear", "constant", "exponential", NULL};
static const descent_param warmup_options[] = {
    NEEDED_PART("schedule", NULL, "What follows, or what runs meanwhile."),
    NEEDED_COUNT("warmup_steps", NULL, 0, "Steps of the warmup."),
    REAL("from", 0, "The value at step 0."),
    WORD("mode", modes, LINEAR, "Rise along a line, wait, or in equal ratios."),
    SWITCH("shift", 0, "Let the schedule begin after the warmup."),
};

static descent_status warmup_check(const schedule_argument *a)
{
    char from[TEXT_NUMBER];

    if (a[MODE].number != EXPONENTIAL || a[FROM].number > 0)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "warmup.from = %s: expected a finite number > 0 with "
                       "mode = \"exponential\"",
                       text_number(a[FROM].number, from));
}

static descent_status warmup(const schedule_argument *a,
                             const schedule_question *q, double *value)
{
    const uint64_t steps = (uint64_t)a[STEPS].number;
    const uint64_t begin = a[SHIFT].number != 0 ? steps : 0;
    const double from = a[FROM].number, way = (double)q->n / a[STEPS].number;
    const uint64_t now = q->n < steps ? steps : q->n;
    double to;

    TRY(schedule_value(a[SCHEDULE].parts[0], now - begin, q->context, &to));
    if (q->n >= steps)
        *value = to;
    else if (a[MODE].number == CONSTANT)
        *value = from;
    else if (a[MODE].number == EXPONENTIAL)
        *value = from * number_pow(to / from, way);
    else
        *value = between(from, to, way);
    return DESCENT_OK;
}

static uint64_t warmup_duration(const schedule_argument *a)
{
    const uint64_t steps = (uint64_t)a[STEPS].number;
    const uint64_t part = schedule_duration(a[SCHEDULE].parts[0]);

    if (a[SHIFT].number != 0)
        return schedule_steps_add(part, steps);
    return part > steps ? part : steps;
}

const schedule_kind schedule_wrappers[] = {
    KIND("lambda", "LambdaLR", lambda_options, .evaluate = lambda),
    KIND("sequential", "SequentialLR", sequential_options, .evaluate = in_turn,
         .check = sequential_check, .duration = in_turn_duration),
    KIND("join", NULL, join_options, .evaluate = in_turn, .check = join_check,
         .duration = in_turn_duration),
    KIND("chained", "ChainedScheduler", chained_options, .evaluate = chained,
         .check = chained_check, .duration = chained_duration),
    KIND("warmup", NULL, warmup_options, .evaluate = warmup,
         .check = warmup_check, .duration = warmup_duration),
    {.name = NULL},
};
