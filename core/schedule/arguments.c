/* SPDX-License-Identifier: MIT */
/* From names and options, as people write them, to a kind and its arguments. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "option/table.h"
#include "schedule/kinds.h"

enum { LONGEST_NAME = 64, LIST_OF_KINDS = 512 };

/* "CosineDecay" to "cosine_decay"; snake_case stays as it is. */
static void to_snake_case(const char *name, char out[LONGEST_NAME])
{
    size_t n = 0;

    for (size_t i = 0; name[i] != '\0' && n + 2 < LONGEST_NAME; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z' && i > 0 && name[i - 1] != '_')
            out[n++] = '_';
        out[n++] = name[i];
    }
    out[n] = '\0';
    text_lower(out, LONGEST_NAME, out);
}

descent_status schedule_kind_find(const char *name, const schedule_kind **out)
{
    char snake[LONGEST_NAME], all[LIST_OF_KINDS] = "";
    text_nearest search = {.wanted = snake};
    const schedule_kind *kind;

    if (name == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "schedule: expected the name of a kind, got NULL");
    to_snake_case(name, snake);
    for (size_t i = 0; (kind = schedule_kind_at(i)) != NULL; i++) {
        if (strcmp(kind->name, snake) == 0) {
            *out = kind;
            return DESCENT_OK;
        }
        text_nearest_offer(&search, kind->name);
        text_append(all, sizeof all, "%s%s", i == 0 ? "" : ", ", kind->name);
    }
    if (search.best != NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "unknown schedule '%.64s'; did you mean '%s'?", name,
                           search.best);
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "unknown schedule '%.64s': expected one of %s", name,
                       all);
}

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
            known = strcmp(table->rows[j]->name, item->name) == 0;
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

descent_status schedule_arguments_read(memory *m, const schedule_kind *kind,
                                       const descent_options *options,
                                       schedule_argument *arguments)
{
    const descent_param *rows[SCHEDULE_OPTIONS];
    const option_table table = {kind->name, rows, kind->option_count};

    for (size_t i = 0; i < kind->option_count; i++)
        rows[i] = &kind->options[i];
    TRY(check_names(&table, options));
    for (size_t i = 0; i < kind->option_count; i++) {
        const bag_item *item = bag_find(options, rows[i]->name);
        if (item == NULL || item->kind == BAG_NONE) {
            if (i < kind->required)
                return status_fail(
                    DESCENT_ERR_ARGUMENT, "%s.%s is missing: expected %s",
                    kind->name, rows[i]->name,
                    rows[i]->type == SCHEDULE_LIST ? "a list of finite numbers"
                                                   : "a finite number");
            arguments[i].number = rows[i]->initial;
        } else if (rows[i]->type == SCHEDULE_LIST) {
            TRY(read_list(m, &table, i, item, &arguments[i]));
        } else {
            TRY(option_read(&table, i, item, &arguments[i].number));
        }
    }
    return kind->check == NULL ? DESCENT_OK : kind->check(arguments);
}

void schedule_arguments_free(memory *m, schedule_argument *arguments)
{
    for (size_t i = 0; i < SCHEDULE_OPTIONS; i++)
        memory_release(m, arguments[i].list, arguments[i].count,
                       sizeof *arguments[i].list);
}
