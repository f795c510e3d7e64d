/* SPDX-License-Identifier: MIT */
/* A schedule again, with another base_lr. */
#include <string.h>

#include "option/bag.h"
#include "schedule/schedule.h"

/* Set an option of a schedule among `options`; kinds of settings and items are
 * in the same order. */
static descent_status copy(const descent_schedule_setting *v,
                           descent_options *options)
{
    const bag_item item = {
        .name = (char *)(uintptr_t)v->name,
        .kind = (bag_kind)v->type,
        .number = v->number,
        .text = (char *)(uintptr_t)v->text,
        .numbers = (double *)(uintptr_t)v->numbers,
        .schedule = v->schedules == NULL ? NULL : v->schedules[0],
        .schedules = (descent_schedule **)(uintptr_t)v->schedules,
        .count = v->count,
    };

    return bag_copy(&item, options);
}

static const char base[] = "base_lr";

static descent_status check(const descent_schedule *schedule)
{
    descent_schedule_setting v = {.struct_size = sizeof v};
    const char *kind = descent_schedule_name(schedule);

    if (descent_schedule_state_count(schedule) > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s has a state: expected its own base_lr, and no "
                           "learning_rate beside it",
                           kind);
    for (size_t i = 0; descent_schedule_option(schedule, i, &v); i++)
        if (strcmp(v.name, base) == 0)
            return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s has no base_lr that a learning_rate could replace: "
                       "expected one of the two",
                       kind == NULL ? "a function" : kind);
}

descent_status schedule_rebase(const descent_schedule *schedule, double base_lr,
                               descent_schedule **out)
{
    memory *m = schedule_memory_of(schedule);
    descent_schedule_setting v = {.struct_size = sizeof v};
    descent_options *options = NULL;
    descent_status status;

    TRY(check(schedule));
    TRY(bag_create(m, &options));
    status = DESCENT_OK;
    for (size_t i = 0;
         status == DESCENT_OK && descent_schedule_option(schedule, i, &v); i++)
        status = copy(&v, options);
    if (status == DESCENT_OK)
        status = descent_options_set_number(options, base, base_lr);
    if (status == DESCENT_OK)
        status =
            schedule_create(m, descent_schedule_name(schedule), options, out);
    descent_options_free(options);
    return status;
}
