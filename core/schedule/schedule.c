/* SPDX-License-Identifier: MIT */
/* The schedule object: a kind with its arguments, or the application's
 * function. */
#include "schedule/schedule.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>

#include "base/text.h"
#include "schedule/kinds.h"

struct descent_schedule {
    memory *memory; /* retained */
    atomic_uint references;
    const schedule_kind *kind; /* NULL for a function */
    schedule_argument arguments[SCHEDULE_OPTIONS];
    descent_schedule_function function;
    void *user;
    void (*release)(void *user);
};

static descent_status create(memory *m, descent_schedule **out)
{
    TRY(memory_new(m, 1, sizeof **out, out));
    (*out)->memory = memory_retain(m);
    atomic_init(&(*out)->references, 1);
    return DESCENT_OK;
}

descent_status schedule_create(memory *m, const char *kind,
                               const descent_options *options,
                               descent_schedule **out)
{
    descent_schedule *schedule;
    const schedule_kind *found = NULL;
    descent_status status;

    TRY(schedule_kind_find(kind, &found));
    TRY(create(m, &schedule));
    schedule->kind = found;
    status = schedule_arguments_read(m, found, options, schedule->arguments);
    if (status == DESCENT_OK)
        *out = schedule;
    else
        descent_schedule_release(schedule);
    return status;
}

descent_status schedule_from_function(memory *m,
                                      descent_schedule_function function,
                                      void *user, void (*release)(void *user),
                                      descent_schedule **out)
{
    descent_schedule *schedule;

    if (function == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "schedule: expected a function, got NULL");
    TRY(create(m, &schedule));
    schedule->function = function;
    schedule->user = user;
    schedule->release = release;
    *out = schedule;
    return DESCENT_OK;
}

descent_status schedule_value(const descent_schedule *schedule, uint64_t n,
                              const descent_schedule_context *context,
                              double *value)
{
    const uint64_t before = status_failures();
    double result = NAN;
    char number[TEXT_NUMBER];

    if (schedule->kind != NULL)
        result = schedule->kind->value(schedule->arguments, n);
    else
        TRY(status_foreign(
            schedule->function(schedule->user, n, context, &result), before,
            "the function of", "a schedule"));
    if (!isfinite(result))
        return status_fail(DESCENT_ERR_NUMERIC,
                           "%s is %s at step %" PRIu64
                           ": expected a finite number",
                           schedule->kind != NULL ? schedule->kind->name
                                                  : "a schedule's function",
                           text_number(result, number), n);
    *value = result;
    return DESCENT_OK;
}

const char *descent_schedule_kind(size_t i)
{
    const schedule_kind *kind = schedule_kind_at(i);

    return kind == NULL ? NULL : kind->name;
}

void descent_schedule_retain(descent_schedule *schedule)
{
    if (schedule != NULL)
        atomic_fetch_add_explicit(&schedule->references, 1,
                                  memory_order_relaxed);
}

void descent_schedule_release(descent_schedule *schedule)
{
    memory *m;

    if (schedule == NULL ||
        atomic_fetch_sub_explicit(&schedule->references, 1,
                                  memory_order_acq_rel) != 1)
        return;
    if (schedule->release != NULL)
        schedule->release(schedule->user);
    m = schedule->memory;
    schedule_arguments_free(m, schedule->arguments);
    memory_release(m, schedule, 1, sizeof *schedule);
    memory_close(m);
}

descent_status descent_schedule_at(const descent_schedule *schedule, uint64_t n,
                                   double *value)
{
    if (schedule == NULL || value == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_schedule_at: expected a schedule and a "
                           "place for the value, got NULL");
    return schedule_value(schedule, n, NULL, value);
}
