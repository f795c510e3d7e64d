/* SPDX-License-Identifier: MIT */
/* Reading and changing the options of a live optimizer. */
#include <math.h>

#include "engine/settings.h"
#include "schedule/schedule.h"

/* The step that schedules are asked for. */
static uint64_t schedule_step(const settings *s, uint64_t iterations,
                              uint64_t updates)
{
    const uint64_t n =
        s->number[OPTION_SCHEDULE_COUNTER] == SCHEDULE_COUNTER_UPDATES
            ? updates
            : iterations;

    return n + settings_count(s, OPTION_STEP_OFFSET) +
           settings_count(s, OPTION_BEGIN_NUM_UPDATE);
}

/* What an option's value, which is checked, becomes: the rate may decay as in
 * Keras 2.3, and be rounded, to infinity where f32 does not reach. */
static descent_status finish(const settings *s, size_t row, uint64_t iterations,
                             double *value)
{
    const double decay = s->number[OPTION_DECAY];
    const bool decays =
        !isnan(decay) && s->number[OPTION_FLAVOUR] == FLAVOUR_KERAS2;
    const bool rounds = s->number[OPTION_LEARNING_RATE_F32] != 0;

    if (row != OPTION_LEARNING_RATE || !(decays || rounds))
        return DESCENT_OK;
    if (decays)
        *value *= 1 / (1 + decay * (double)iterations);
    if (rounds)
        *value = (double)(float)*value;
    return option_check(&s->table, row, *value);
}

descent_status settings_value(const settings *s, size_t row, uint32_t group,
                              uint64_t iterations, uint64_t updates,
                              double *value)
{
    const settings *holder = settings_holder(s, row);
    const uint64_t n = schedule_step(s, iterations, updates);
    const char *name = s->table.rows[row]->name;
    const descent_schedule_context context = {
        sizeof context, holder == s ? group : 0, iterations, updates, name};
    double at = holder->number[row];
    descent_status status = DESCENT_OK;

    if (holder->schedule[row] != NULL) {
        status = schedule_value(holder->schedule[row], n, &context, &at);
        if (status == DESCENT_OK)
            status = option_check(&s->table, row, at);
    }
    if (status == DESCENT_OK)
        status = finish(s, row, iterations, &at);
    if (status == DESCENT_OK)
        *value = at;
    return status == DESCENT_OK || holder->schedule[row] == NULL
               ? status
               : status_prefix(status, "schedule of %s.%s at step %llu",
                               s->table.owner, name, (unsigned long long)n);
}

void settings_unsettle(settings *s)
{
    s->settled = false;
    for (settings *d = s->derived; d != NULL; d = d->next)
        d->settled = false;
}

/* List the rows that every step has to ask for; the others, which were checked
 * when they were set, stay until one is changed. */
static void settle(settings *s)
{
    s->asked_count = 0;
    for (size_t row = 0; row < s->table.count; row++) {
        const settings *holder = settings_holder(s, row);
        if (holder->schedule[row] != NULL || row == OPTION_LEARNING_RATE)
            s->asked[s->asked_count++] = row;
        else
            s->now[row] = holder->number[row];
    }
    s->settled = true;
}

descent_status settings_evaluate(settings *s, uint32_t group,
                                 uint64_t iterations, uint64_t updates)
{
    if (!s->settled)
        settle(s);
    for (size_t i = 0; i < s->asked_count; i++) {
        const size_t row = s->asked[i];
        if (settings_holder(s, row) != s)
            s->now[row] = s->base->now[row];
        else
            TRY(settings_value(s, row, group, iterations, updates,
                               &s->now[row]));
    }
    return DESCENT_OK;
}

/* Options that decide about the state may not change it later. */
static descent_status check_change(const settings *s, size_t row, double value)
{
    const descent_param *p = s->table.rows[row];
    const settings *base = s->base != NULL ? s->base : s;

    if ((p->flags & DESCENT_PARAM_STRUCTURAL) != 0)
        return status_fail(DESCENT_ERR_STATE,
                           "%s.%s is fixed when the optimizer is created",
                           s->table.owner, p->name);
    if ((p->flags & DESCENT_PARAM_SELECTS) != 0 && value != 0 &&
        base->selects[row - OPTION_COMMON] == 0)
        return status_fail(DESCENT_ERR_STATE,
                           "%s.%s was 0 when the optimizer was created, so it "
                           "has no state for it: create it with the value, or "
                           "with a schedule",
                           s->table.owner, p->name);
    return DESCENT_OK;
}

/* Put the value there, unless two options would be set that exclude each
 * other, in a group that takes it over as well. */
static descent_status replace(settings *s, size_t row, double value,
                              descent_schedule *schedule)
{
    const double number = s->number[row];
    descent_schedule *before = s->schedule[row];
    const bool own = s->base != NULL && s->own[row];
    descent_status status;

    settings_unsettle(s);
    s->number[row] = value;
    s->schedule[row] = schedule;
    if (s->base != NULL)
        s->own[row] = true;
    status = settings_check(s);
    if (status == DESCENT_OK) {
        descent_schedule_release(before);
        return DESCENT_OK;
    }
    s->number[row] = number;
    s->schedule[row] = before;
    if (s->base != NULL)
        s->own[row] = own;
    return status;
}

descent_status settings_set(settings *s, size_t row, double value)
{
    const char *name = s->table.rows[row]->name;
    const double before = settings_holder(s, row)->number[row];

    if (settings_holder(s, row)->schedule[row] != NULL)
        return status_fail(DESCENT_ERR_STATE,
                           "%s.%s follows a schedule: expected a schedule "
                           "(a number can be wrapped in one of kind \"hold\")",
                           s->table.owner, name);
    TRY(check_change(s, row, value));
    TRY(option_check(&s->table, row, value));
    TRY(replace(s, row, value, NULL));
    settings_warn_of_rare(s, row, before);
    return DESCENT_OK;
}

descent_status settings_set_schedule(settings *s, size_t row,
                                     descent_schedule *schedule)
{
    if (schedule == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s.%s: expected a schedule, got NULL",
                           s->table.owner, s->table.rows[row]->name);
    TRY(check_change(s, row, 1));
    descent_schedule_retain(schedule);
    descent_status status = replace(s, row, s->number[row], schedule);
    if (status != DESCENT_OK)
        descent_schedule_release(schedule);
    return status;
}
