/* SPDX-License-Identifier: MIT */
/* From options, as people write them, to the arguments of a kind. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "option/table.h"
#include "schedule/kinds.h"

/* Every given option must be declared, but "name", which Keras writes into
 * every configuration. */
static descent_status check_names(const option_table *table,
                                  const descent_options *options)
{
    for (size_t i = 0; options != NULL && i < options->count; i++) {
        const bag_item *item = &options->items[i];
        text_nearest search = {.wanted = item->name};
        bool known = strcmp(item->name, "name") == 0;

        if (known && item->kind != BAG_TEXT && item->kind != BAG_NONE)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s.name is %s: expected a string", table->owner,
                               bag_kind_name(item->kind));
        for (size_t j = 0; j < table->count && !known; j++) {
            known = option_answers_to(table->rows[j], item->name);
            text_nearest_offer(&search, table->rows[j]->name);
        }
        if (known)
            continue;
        if (search.best != NULL)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s: unknown option '%.64s'; did you mean '%s'?",
                               table->owner, item->name, search.best);
        return status_fail(DESCENT_ERR_ARGUMENT, "%s: unknown option '%.64s'",
                           table->owner, item->name);
    }
    return DESCENT_OK;
}

static descent_status read_list(memory *m, const option_table *table,
                                size_t row, const bag_item *item,
                                schedule_argument *argument)
{
    char number[TEXT_NUMBER];

    if (item->kind != BAG_NUMBERS)
        return option_refuse(table, row, item, "a list of finite numbers");
    for (size_t i = 0; i < item->count; i++)
        if (!isfinite(item->numbers[i]))
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s.%s[%zu] = %s: expected a finite number",
                               table->owner, table->rows[row]->name, i,
                               text_number(item->numbers[i], number));
    TRY(memory_new(m, item->count, sizeof *argument->list, &argument->list));
    argument->count = item->count;
    if (item->count > 0)
        memcpy(argument->list, item->numbers,
               item->count * sizeof *argument->list);
    return DESCENT_OK;
}

static descent_status read_parts(memory *m, const option_table *table,
                                 size_t row, const bag_item *item,
                                 schedule_argument *argument)
{
    const bool many = table->rows[row]->type == SCHEDULE_PARTS;
    const size_t n = many ? item->count : 1;

    if (item->kind != (many ? BAG_SCHEDULES : BAG_SCHEDULE))
        return option_refuse(table, row, item,
                             many ? "a list of schedules" : "a schedule");
    if (n == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s.%s is empty: expected at least one schedule",
                           table->owner, table->rows[row]->name);
    TRY(memory_new(m, n, sizeof(*argument->parts), &argument->parts));
    argument->count = n;
    for (size_t i = 0; i < n; i++) {
        argument->parts[i] = many ? item->schedules[i] : item->schedule;
        descent_schedule_retain(argument->parts[i]);
    }
    return DESCENT_OK;
}

static descent_status read_number(memory *m, const option_table *table,
                                  size_t row, const bag_item *item,
                                  schedule_argument *argument)
{
    (void)m;
    return option_read(table, row, item, &argument->number);
}

/* How to read what is no number, and what it is called. */
static const struct {
    descent_status (*read)(memory *m, const option_table *table, size_t row,
                           const bag_item *item, schedule_argument *argument);
    const char *expected;
} types[] = {
    {read_number, "a finite number"},
    {read_list, "a list of finite numbers"},
    {read_parts, "a schedule"},
    {read_parts, "a list of schedules"},
};

static size_t type_of(const descent_param *row)
{
    return row->type < SCHEDULE_LIST ? 0
                                     : (size_t)(row->type - SCHEDULE_LIST + 1);
}

/* The item that gives the row's value, under the only one of its names. */
static descent_status find(const descent_options *options,
                           const option_table *table, size_t row,
                           const bag_item **out)
{
    *out = NULL;
    for (size_t i = 0; options != NULL && i < options->count; i++) {
        const bag_item *item = &options->items[i];
        if (item->kind == BAG_NONE ||
            !option_answers_to(table->rows[row], item->name))
            continue;
        if (*out != NULL)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s: '%.64s' and '%.64s' are the same option: "
                               "expected one of them",
                               table->owner, (*out)->name, item->name);
        *out = item;
    }
    return DESCENT_OK;
}

descent_status schedule_arguments_read(memory *m, const schedule_kind *kind,
                                       const descent_options *options,
                                       schedule_argument *arguments)
{
    const descent_param *rows[SCHEDULE_OPTIONS];
    const option_table table = {kind->name, rows, kind->option_count, false};

    for (size_t i = 0; i < kind->option_count; i++)
        rows[i] = &kind->options[i];
    TRY(check_names(&table, options));
    for (size_t i = 0; i < kind->option_count; i++) {
        const size_t type = type_of(rows[i]);
        const bag_item *item;
        TRY(find(options, &table, i, &item));
        arguments[i].number = rows[i]->initial;
        if (item != NULL)
            TRY(types[type].read(m, &table, i, item, &arguments[i]));
        else if ((rows[i]->flags & SCHEDULE_NEEDED) != 0)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s.%s is missing: expected %s", kind->name,
                               rows[i]->name, types[type].expected);
    }
    return kind->check == NULL ? DESCENT_OK : kind->check(arguments);
}

void schedule_arguments_free(memory *m, schedule_argument *arguments)
{
    for (size_t i = 0; i < SCHEDULE_OPTIONS; i++) {
        schedule_argument *a = &arguments[i];
        for (size_t k = 0; a->parts != NULL && k < a->count; k++)
            descent_schedule_release(a->parts[k]);
        memory_release(m, a->parts, a->count, sizeof(*a->parts));
        memory_release(m, a->list, a->count, sizeof *a->list);
    }
}
