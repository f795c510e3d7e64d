/* SPDX-License-Identifier: MIT */
/* What a schedule is, as its maker gave it. */
#include <math.h>

#include "schedule/schedule.h"

const char *descent_schedule_kind(size_t i)
{
    const schedule_kind *kind = schedule_kind_at(i);

    return kind == NULL ? NULL : kind->name;
}

const char *descent_schedule_name(const descent_schedule *schedule)
{
    const schedule_kind *kind =
        schedule == NULL ? NULL : schedule_kind_of(schedule);

    return kind == NULL ? NULL : kind->name;
}

static descent_setting_type type_of(const descent_param *row,
                                    const schedule_argument *a)
{
    static const descent_setting_type own[] = {
        DESCENT_SETTING_NUMBERS, /* SCHEDULE_LIST, ... */
        DESCENT_SETTING_SCHEDULE,
        DESCENT_SETTING_SCHEDULES,
    };

    if (row->type >= SCHEDULE_LIST)
        return row->type == SCHEDULE_PART && a->count == 0
                   ? DESCENT_SETTING_NONE
                   : own[row->type - SCHEDULE_LIST];
    if (isnan(a->number))
        return DESCENT_SETTING_NONE;
    if (row->type == DESCENT_PARAM_BOOL)
        return DESCENT_SETTING_BOOLEAN;
    return row->type == DESCENT_PARAM_CHOICE ? DESCENT_SETTING_TEXT
                                             : DESCENT_SETTING_NUMBER;
}

int descent_schedule_option(const descent_schedule *schedule, size_t i,
                            descent_schedule_setting *setting)
{
    const schedule_kind *kind =
        schedule == NULL ? NULL : schedule_kind_of(schedule);
    const schedule_argument *a;
    const descent_param *row;

    if (kind == NULL || setting == NULL || i >= kind->option_count ||
        setting->struct_size < sizeof *setting)
        return 0;
    a = &schedule_arguments_of(schedule)[i];
    row = &kind->options[i];
    setting->type = type_of(row, a);
    setting->name = row->name;
    setting->number = a->number;
    setting->text = setting->type == DESCENT_SETTING_TEXT
                        ? row->choices[(size_t)a->number]
                        : NULL;
    setting->numbers = a->list;
    setting->schedules = a->parts;
    setting->count = a->count;
    return 1;
}

descent_status descent_schedule_duration(const descent_schedule *schedule,
                                         uint64_t *steps)
{
    if (schedule == NULL || steps == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_schedule_duration: expected a schedule and "
                           "a place for the steps, got NULL");
    *steps = schedule_duration(schedule);
    return DESCENT_OK;
}
