/* SPDX-License-Identifier: MIT */
/* The state of a schedule: that of all its parts, in their order. */
#include <string.h>

#include "schedule/schedule.h"

/* Called for every part with a state; `at` counts the numbers before it. */
typedef void visitor(const descent_schedule *s, size_t at, void *user);

/* Visit what has a state in `s`, itself first; returns the numbers so far. */
static size_t walk(const descent_schedule *s, size_t at, visitor *visit,
                   void *user)
{
    const schedule_kind *kind = schedule_kind_of(s);
    const schedule_argument *a = schedule_arguments_of(s);

    if (kind == NULL)
        return at;
    if (kind->memory != NULL) {
        visit(s, at, user);
        at += kind->memory->count;
    }
    for (size_t i = 0; i < kind->option_count; i++)
        for (size_t k = 0; a[i].parts != NULL && k < a[i].count; k++)
            at = walk(a[i].parts[k], at, visit, user);
    return at;
}

static void pass(const descent_schedule *s, size_t at, void *user)
{
    (void)s;
    (void)at;
    (void)user;
}

size_t descent_schedule_state_count(const descent_schedule *schedule)
{
    return schedule == NULL ? 0 : walk(schedule, 0, pass, NULL);
}

static void copy_out(const descent_schedule *s, size_t at, void *user)
{
    memcpy((double *)user + at, schedule_state_of(s),
           schedule_kind_of(s)->memory->count * sizeof(double));
}

static void copy_in(const descent_schedule *s, size_t at, void *user)
{
    memcpy(schedule_state_of(s), (double *)user + at,
           schedule_kind_of(s)->memory->count * sizeof(double));
}

static descent_status check_count(const char *function,
                                  const descent_schedule *schedule,
                                  const double *values, size_t n)
{
    const size_t count = descent_schedule_state_count(schedule);

    if (schedule == NULL || (values == NULL && n > 0))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: expected a schedule and values, got NULL",
                           function);
    if (n != count)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: got %zu values: expected %zu", function, n,
                           count);
    return DESCENT_OK;
}

descent_status descent_schedule_state(const descent_schedule *schedule,
                                      double *values, size_t n)
{
    TRY(check_count("descent_schedule_state", schedule, values, n));
    walk(schedule, 0, copy_out, values);
    return DESCENT_OK;
}

typedef struct verdict {
    const double *values;
    const schedule_kind *unsound; /* the first, or NULL */
} verdict;

static void judge(const descent_schedule *s, size_t at, void *user)
{
    verdict *v = user;
    const schedule_kind *kind = schedule_kind_of(s);

    if (v->unsound == NULL &&
        !kind->memory->sound(schedule_arguments_of(s), v->values + at))
        v->unsound = kind;
}

descent_status schedule_judge(const descent_schedule *schedule,
                              const double *values, size_t n)
{
    verdict v = {values, NULL};

    TRY(check_count("descent_schedule_load", schedule, values, n));
    walk(schedule, 0, judge, &v);
    if (v.unsound != NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_schedule_load: the values are no state of "
                           "a %s",
                           v.unsound->name);
    return DESCENT_OK;
}

descent_status descent_schedule_load(descent_schedule *schedule,
                                     const double *values, size_t n)
{
    TRY(schedule_judge(schedule, values, n));
    walk(schedule, 0, copy_in, (void *)(uintptr_t)values);
    return DESCENT_OK;
}

/* ---- Metrics ---- */

typedef struct metric {
    double value;
    size_t listeners;
} metric;

/* A part that is there several times must hear a metric once. */
static void mark(const descent_schedule *s, size_t at, void *user)
{
    metric *m = user;

    (void)at;
    if (schedule_kind_of(s)->memory->observe == NULL)
        return;
    *schedule_mark_of(s) = true;
    m->listeners++;
}

static void tell(const descent_schedule *s, size_t at, void *user)
{
    const metric *m = user;

    (void)at;
    if (!*schedule_mark_of(s))
        return;
    *schedule_mark_of(s) = false;
    schedule_kind_of(s)->memory->observe(schedule_arguments_of(s), m->value,
                                         schedule_state_of(s));
}

descent_status descent_schedule_observe(descent_schedule *schedule,
                                        double value)
{
    metric m = {value, 0};

    if (schedule == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_schedule_observe: expected a schedule, got "
                           "NULL");
    walk(schedule, 0, mark, &m);
    if (m.listeners == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "no part of the schedule takes a metric: expected "
                           "one of kind reduce_on_plateau");
    walk(schedule, 0, tell, &m);
    return DESCENT_OK;
}
