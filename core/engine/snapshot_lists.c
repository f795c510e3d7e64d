/* SPDX-License-Identifier: MIT */
/* Numbers that belong to no tensor: scalars, and the states of schedules. */
#include "base/text.h"
#include "engine/slots.h"
#include "engine/snapshot.h"
#include "plugin/type.h"

/* A list of numbers of the whole optimizer.  The items move while they grow:
 * shapes that point into them are set at the end. */
static descent_status add(snapshot *s, snapshot_item item, size_t n)
{
    item.length = (int64_t)n;
    item.tensor = SNAPSHOT_WHOLE;
    item.dtype = DESCENT_DTYPE_F64;
    item.ndim = 1;
    item.shape = &item.length;
    item.data = s->numbers + s->number_count;
    s->number_count += n;
    return snapshot_add(s, item);
}

/* One number a group. */
static descent_status add_shared_scalars(snapshot *s)
{
    const descent_optimizer *o = s->o;

    for (size_t k = 0; k < o->type->slot_count; k++) {
        const descent_slot *slot = type_slot(o->type, k);
        const size_t at = slot_scalar_index(o->type, k);
        if (!type_uses(slot, o->settings.variant) ||
            !slot_is_shared(o, slot->name))
            continue;
        for (size_t group = 0; group < o->group_count; group++)
            s->numbers[s->number_count + group] = o->groups[group]->scalar[at];
        TRY(add(s,
                (snapshot_item){.section = SNAPSHOT_SLOTS,
                                .part = slot->name,
                                .scalar = slot,
                                .scalar_index = at},
                o->group_count));
    }
    return DESCENT_OK;
}

/* The schedule that belongs to a group itself, or NULL. */
static descent_schedule *own_schedule(const descent_optimizer *o, size_t row,
                                      size_t group)
{
    const settings *s = o->groups[group]->settings;

    return settings_holder(s, row) == s ? s->schedule[row] : NULL;
}

const char *snapshot_option(const option_table *table, size_t row, size_t group,
                            char text[SNAPSHOT_PART])
{
    text[0] = '\0';
    if (group > 0)
        text_append(text, SNAPSHOT_PART, "%zu.", group);
    text_append(text, SNAPSHOT_PART, "%s", table->rows[row]->name);
    return text;
}

static descent_status add_schedule(snapshot *s, size_t row, size_t group)
{
    descent_schedule *schedule = own_schedule(s->o, row, group);
    const size_t n = descent_schedule_state_count(schedule);
    char part[SNAPSHOT_PART];

    if (n == 0)
        return DESCENT_OK;
    TRY(descent_schedule_state(schedule, s->numbers + s->number_count, n));
    return add(s,
               (snapshot_item){.section = SNAPSHOT_SCHEDULES,
                               .part = snapshot_option(&s->o->settings.table,
                                                       row, group, part),
                               .schedule = schedule},
               n);
}

/* Room for the numbers of all lists: they are pointed into. */
static descent_status make_numbers(snapshot *s)
{
    const descent_optimizer *o = s->o;
    size_t total = o->group_count * DESCENT_MAX_SLOTS;

    for (size_t group = 0; group < o->group_count; group++)
        for (size_t row = 0; row < o->settings.table.count; row++)
            total += descent_schedule_state_count(own_schedule(o, row, group));
    TRY(memory_new(s->memory, total, sizeof *s->numbers, &s->numbers));
    s->number_room = total;
    return DESCENT_OK;
}

descent_status snapshot_add_lists(snapshot *s)
{
    const descent_optimizer *o = s->o;

    TRY(make_numbers(s));
    TRY(add_shared_scalars(s));
    for (size_t group = 0; group < o->group_count; group++)
        for (size_t row = 0; row < o->settings.table.count; row++)
            TRY(add_schedule(s, row, group));
    return DESCENT_OK;
}
