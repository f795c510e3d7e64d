/* SPDX-License-Identifier: MIT */
/* MXNet's lr_scheduler: the rate's schedule, whose base a rate beside it
 * replaces. */
#include "engine/settings.h"
#include "schedule/schedule.h"

descent_status settings_take_scheduler(settings *s,
                                       const descent_options *options)
{
    const bag_item *item = bag_find(options, OPTION_LR_SCHEDULER);
    descent_schedule **rate = &s->schedule[OPTION_LEARNING_RATE];
    descent_status status;
    size_t row;

    if (item == NULL || item->kind == BAG_NONE)
        return DESCENT_OK;
    if (item->kind != BAG_SCHEDULE)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s.lr_scheduler is %s: expected a schedule",
                           s->table.owner, bag_kind_name(item->kind));
    if (s->base != NULL)
        s->own[OPTION_LEARNING_RATE] = true;
    if (*rate != NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: learning_rate and lr_scheduler are both "
                           "schedules: expected one of them",
                           s->table.owner);
    for (size_t i = 0; i < options->count; i++) {
        const bag_item *other = &options->items[i];
        if (other == item || other->kind != BAG_NUMBER)
            continue;
        TRY(option_find(&s->table, other->name, &row));
        if (row != OPTION_LEARNING_RATE)
            continue;
        status = schedule_rebase(item->schedule, other->number, rate);
        return status == DESCENT_OK
                   ? status
                   : status_prefix(status, "%s.lr_scheduler", s->table.owner);
    }
    descent_schedule_retain(item->schedule);
    *rate = item->schedule;
    return DESCENT_OK;
}
