/* SPDX-License-Identifier: MIT */
/* The options of a live optimizer, and of its groups, from outside. */
#include "engine/optimizer.h"

/* A numeric option by name, of a group of an optimizer that is not in a step. */
static descent_status find(const descent_optimizer *o, size_t group,
                           const char *option, size_t *row)
{
    TRY(optimizer_enter(o));
    if (option == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT, "%s: option is NULL",
                           o->settings.name);
    if (group >= o->group_count)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: group = %zu, expected less than %zu",
                           o->settings.name, group, o->group_count);
    TRY(option_find(&o->settings.table, option, row));
    if (*row == OPTION_NAME)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s.name is text: see descent_optimizer_name",
                           o->settings.table.owner);
    return DESCENT_OK;
}

descent_status descent_optimizer_group_get(descent_optimizer *o, size_t group,
                                           const char *option, double *value)
{
    size_t row;

    TRY(find(o, group, option, &row));
    if (value == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT, "%s: value is NULL",
                           o->settings.name);
    /* A schedule that is asked must not be replaced under itself. */
    o->busy = true;
    const descent_status status =
        settings_value(o->groups[group]->settings, row, (uint32_t)group,
                       o->iterations, o->updates, value);
    o->busy = false;
    return status;
}

descent_status descent_optimizer_group_set(descent_optimizer *o, size_t group,
                                           const char *option, double value)
{
    size_t row;

    TRY(find(o, group, option, &row));
    return settings_set(o->groups[group]->settings, row, value);
}

descent_status descent_optimizer_group_set_schedule(descent_optimizer *o,
                                                    size_t group,
                                                    const char *option,
                                                    descent_schedule *schedule)
{
    size_t row;

    TRY(find(o, group, option, &row));
    return settings_set_schedule(o->groups[group]->settings, row, schedule);
}

descent_status descent_optimizer_get(descent_optimizer *o, const char *option,
                                     double *value)
{
    return descent_optimizer_group_get(o, 0, option, value);
}

descent_status descent_optimizer_set(descent_optimizer *o, const char *option,
                                     double value)
{
    return descent_optimizer_group_set(o, 0, option, value);
}

descent_status descent_optimizer_set_schedule(descent_optimizer *o,
                                              const char *option,
                                              descent_schedule *schedule)
{
    return descent_optimizer_group_set_schedule(o, 0, option, schedule);
}
