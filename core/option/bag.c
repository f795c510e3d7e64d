/* SPDX-License-Identifier: MIT */
#include "option/bag.h"

#include <string.h>

enum { LONGEST_NAME = 1 << 10, LONGEST_TEXT = 1 << 16 };

const char *bag_kind_name(bag_kind kind)
{
    static const char *const names[] = {
        "none",   "a number",   "a boolean",           "a string",
        "a list", "a schedule", "a list of schedules",
    };
    return names[kind];
}

static void empty_item(memory *m, bag_item *item)
{
    memory_release_text(m, item->text);
    memory_release(m, item->numbers, item->count, sizeof *item->numbers);
    descent_schedule_release(item->schedule);
    for (size_t i = 0; item->schedules != NULL && i < item->count; i++)
        descent_schedule_release(item->schedules[i]);
    memory_release(m, item->schedules, item->count, sizeof(*item->schedules));
    *item = (bag_item){.name = item->name};
}

descent_status bag_create(memory *m, descent_options **out)
{
    descent_options *made;

    TRY(memory_new(m, 1, sizeof *made, &made));
    made->memory = memory_retain(m);
    *out = made;
    return DESCENT_OK;
}

void descent_options_free(descent_options *options)
{
    memory *m;

    if (options == NULL)
        return;
    m = options->memory;
    for (size_t i = 0; i < options->count; i++) {
        empty_item(m, &options->items[i]);
        memory_release_text(m, options->items[i].name);
    }
    memory_release(m, options->items, options->capacity,
                   sizeof *options->items);
    memory_release(m, options, 1, sizeof *options);
    memory_close(m);
}

const bag_item *bag_find(const descent_options *options, const char *name)
{
    if (options != NULL)
        for (size_t i = 0; i < options->count; i++)
            if (strcmp(options->items[i].name, name) == 0)
                return &options->items[i];
    return NULL;
}

/* Put `value` under `name`, taking over what it owns, also on failure. */
static descent_status put(descent_options *options, const char *name,
                          bag_item value)
{
    memory *m = options->memory;
    bag_item *item;
    descent_status status;

    if (name == NULL || strnlen(name, LONGEST_NAME) >= LONGEST_NAME ||
        name[0] == '\0') {
        status = status_fail(DESCENT_ERR_ARGUMENT,
                             "option name: expected 1 to %d bytes",
                             LONGEST_NAME - 1);
        goto fail;
    }
    for (size_t i = 0; i < options->count; i++) {
        item = &options->items[i];
        if (strcmp(item->name, name) == 0) {
            value.name = item->name;
            empty_item(m, item);
            *item = value;
            return DESCENT_OK;
        }
    }
    status = memory_grow(m, &options->items, &options->capacity,
                         options->count + 1, sizeof *item);
    if (status == DESCENT_OK)
        status = memory_text(m, name, &value.name);
    if (status != DESCENT_OK)
        goto fail;
    options->items[options->count++] = value;
    return DESCENT_OK;
fail:
    empty_item(m, &value);
    return status;
}

static descent_status check(const descent_options *options)
{
    return options != NULL
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_ARGUMENT, "options: expected a set "
                                                   "of options, got NULL");
}

descent_status descent_options_set_none(descent_options *options,
                                        const char *name)
{
    TRY(check(options));
    return put(options, name, (bag_item){.kind = BAG_NONE});
}

descent_status descent_options_set_number(descent_options *options,
                                          const char *name, double value)
{
    TRY(check(options));
    return put(options, name, (bag_item){.kind = BAG_NUMBER, .number = value});
}

descent_status descent_options_set_boolean(descent_options *options,
                                           const char *name, int value)
{
    TRY(check(options));
    return put(options, name,
               (bag_item){.kind = BAG_BOOLEAN, .number = value != 0});
}

descent_status descent_options_set_text(descent_options *options,
                                        const char *name, const char *value)
{
    bag_item item = {.kind = BAG_TEXT};

    TRY(check(options));
    if (value == NULL || strnlen(value, LONGEST_TEXT) >= LONGEST_TEXT)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "option %.64s: expected a string of less than %d "
                           "bytes",
                           name == NULL ? "" : name, LONGEST_TEXT);
    TRY(memory_text(options->memory, value, &item.text));
    return put(options, name, item);
}

descent_status descent_options_set_numbers(descent_options *options,
                                           const char *name,
                                           const double *values, size_t count)
{
    bag_item item = {.kind = BAG_NUMBERS, .count = count};

    TRY(check(options));
    if (values == NULL && count > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "option %.64s: %zu values, but the list is NULL",
                           name == NULL ? "" : name, count);
    TRY(memory_new(options->memory, count, sizeof *values, &item.numbers));
    if (count > 0)
        memcpy(item.numbers, values, count * sizeof *values);
    return put(options, name, item);
}

descent_status descent_options_set_schedule(descent_options *options,
                                            const char *name,
                                            descent_schedule *schedule)
{
    TRY(check(options));
    if (schedule == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "option %.64s: expected a schedule, got NULL",
                           name == NULL ? "" : name);
    descent_schedule_retain(schedule);
    return put(options, name,
               (bag_item){.kind = BAG_SCHEDULE, .schedule = schedule});
}

descent_status descent_options_set_schedules(descent_options *options,
                                             const char *name,
                                             descent_schedule *const *schedules,
                                             size_t count)
{
    bag_item item = {.kind = BAG_SCHEDULES, .count = count};

    TRY(check(options));
    for (size_t i = 0; i < count; i++)
        if (schedules == NULL || schedules[i] == NULL)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "option %.64s: expected %zu schedules, got NULL",
                               name == NULL ? "" : name, count);
    TRY(memory_new(options->memory, count, sizeof(*item.schedules),
                   &item.schedules));
    for (size_t i = 0; i < count; i++) {
        item.schedules[i] = schedules[i];
        descent_schedule_retain(schedules[i]);
    }
    return put(options, name, item);
}

descent_status bag_copy(const bag_item *item, descent_options *options)
{
    switch (item->kind) {
    case BAG_NUMBER:
        return descent_options_set_number(options, item->name, item->number);
    case BAG_BOOLEAN:
        return descent_options_set_boolean(options, item->name,
                                           item->number != 0);
    case BAG_TEXT:
        return descent_options_set_text(options, item->name, item->text);
    case BAG_NUMBERS:
        return descent_options_set_numbers(options, item->name, item->numbers,
                                           item->count);
    case BAG_SCHEDULE:
        return descent_options_set_schedule(options, item->name,
                                            item->schedule);
    case BAG_SCHEDULES:
        return descent_options_set_schedules(options, item->name,
                                             item->schedules, item->count);
    default:
        return descent_options_set_none(options, item->name);
    }
}
