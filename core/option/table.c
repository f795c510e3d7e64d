/* SPDX-License-Identifier: MIT */
#include "option/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { RANGE_SIZE = 320 };

bool option_answers_to(const descent_param *row, const char *name)
{
    if (strcmp(row->name, name) == 0)
        return true;
    for (const char *const *alias = row->aliases;
         alias != NULL && *alias != NULL; alias++)
        if (strcmp(*alias, name) == 0)
            return true;
    return false;
}

/* Words of other systems that are no options of their own, and why not. */
static const struct {
    const char *name, *why;
} words[] = {
    {OPTION_LR_SCHEDULER, "it is the learning rate's schedule, given when the "
                          "optimizer is created"},
    {"update_on_kvstore", "there is no key-value store, updates are always "
                          "local"},
};

bool option_is_common(const char *name)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < OPTION_COMMON; i++)
        if (option_answers_to(descent_common_option(i), name))
            return true;
    return false;
}

descent_status option_table_create(memory *m, const char *owner, size_t own,
                                   const descent_param *learning_rate,
                                   option_table *table)
{
    table->owner = owner;
    table->count = OPTION_COMMON + own;
    TRY(memory_new(m, table->count, sizeof *table->rows, &table->rows));
    for (size_t i = 0; i < OPTION_COMMON; i++)
        table->rows[i] = descent_common_option(i);
    if (learning_rate != NULL)
        table->rows[OPTION_LEARNING_RATE] = learning_rate;
    return DESCENT_OK;
}

void option_table_free(memory *m, option_table *table)
{
    memory_release(m, table->rows, table->count, sizeof *table->rows);
    table->rows = NULL;
}

static void offer_names(text_nearest *search, const descent_param *row)
{
    text_nearest_offer(search, row->name);
    for (const char *const *alias = row->aliases;
         alias != NULL && *alias != NULL; alias++)
        text_nearest_offer(search, *alias);
}

/* Say that no option is called so, and which is most like it: only then are all
 * names compared letter by letter. */
static descent_status unknown(const option_table *table, const char *name)
{
    text_nearest search = {.wanted = name};

    for (size_t i = 0; i < table->count; i++) {
        offer_names(&search, table->rows[i]);
        if (i < OPTION_COMMON)
            offer_names(&search, descent_common_option(i));
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].name, name) == 0)
            return status_fail(DESCENT_ERR_ARGUMENT, "%s.%s: %s", table->owner,
                               name, words[i].why);
        text_nearest_offer(&search, words[i].name);
    }
    if (search.best != NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: unknown option '%.64s'; did you mean '%s'?",
                           table->owner, name, search.best);
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s: unknown option '%.64s' (`descent plugins %s` lists "
                       "the options)",
                       table->owner, name, table->owner);
}

descent_status option_find(const option_table *table, const char *name,
                           size_t *row)
{
    /* A type's own learning_rate row need not repeat the common aliases. */
    for (size_t i = 0; i < table->count; i++) {
        if (option_answers_to(table->rows[i], name) ||
            (i < OPTION_COMMON &&
             option_answers_to(descent_common_option(i), name))) {
            *row = i;
            return DESCENT_OK;
        }
    }
    return unknown(table, name);
}

bool option_may_be_none(const descent_param *row)
{
    return isnan(row->initial);
}

static void describe_choices(const descent_param *row, char text[RANGE_SIZE])
{
    for (const char *const *word = row->choices; *word != NULL; word++)
        text_append(text, RANGE_SIZE, "%s\"%s\"",
                    word == row->choices ? ""
                    : word[1] == NULL    ? " or "
                                         : ", ",
                    *word);
}

/* The largest value of a row, which flavours may take for advice. */
static double most_of(const option_table *table, const descent_param *row)
{
    return table->advisory && (row->flags & DESCENT_PARAM_WARN_ABOVE) != 0
               ? HUGE_VAL
               : row->maximum;
}

/* What a row accepts, as it reads after "expected". */
static void describe_range(const option_table *table, const descent_param *row,
                           char text[RANGE_SIZE])
{
    const double most = most_of(table, row);
    const bool whole = row->type == DESCENT_PARAM_INT;
    const bool min_open = (row->flags & DESCENT_PARAM_MIN_OPEN) != 0;
    const bool max_open = (row->flags & DESCENT_PARAM_MAX_OPEN) != 0;
    char low[TEXT_NUMBER], high[TEXT_NUMBER];
    const char *kind = whole ? "an integer" : "a finite number";

    text[0] = '\0';
    text_number(row->minimum, low);
    text_number(most, high);
    if (row->type == DESCENT_PARAM_TEXT)
        text_append(text, RANGE_SIZE, "a string");
    else if (row->type == DESCENT_PARAM_BOOL)
        text_append(text, RANGE_SIZE, "true or false");
    else if (row->type == DESCENT_PARAM_CHOICE)
        describe_choices(row, text);
    else if (isinf(row->minimum) && isinf(most))
        text_append(text, RANGE_SIZE, "%s", kind);
    else if (isinf(most))
        text_append(text, RANGE_SIZE, "%s %s %s", kind,
                    min_open ? ">" : ">=", low);
    else if (isinf(row->minimum))
        text_append(text, RANGE_SIZE, "%s %s %s", kind,
                    max_open ? "<" : "<=", high);
    else
        text_append(
            text, RANGE_SIZE, "%s%s %s %s %s %s", whole ? "an integer, " : "",
            low, min_open ? "<" : "<=", row->name, max_open ? "<" : "<=", high);
    if ((row->flags & DESCENT_PARAM_INFINITE) != 0)
        text_append(text, RANGE_SIZE, " or infinite");
}

/* What every number must be, whatever the range. */
static bool is_sound(const descent_param *row, double value)
{
    return isfinite(value) ||
           (value == HUGE_VAL && (row->flags & DESCENT_PARAM_INFINITE) != 0);
}

static bool in_range(const option_table *table, const descent_param *row,
                     double value)
{
    const double most = most_of(table, row);
    const bool whole = row->type != DESCENT_PARAM_REAL;

    if (!is_sound(row, value) || (whole && value != floor(value)))
        return false;
    if (value < row->minimum || value > most)
        return false;
    if (value == row->minimum && (row->flags & DESCENT_PARAM_MIN_OPEN) != 0)
        return false;
    return value != most || (row->flags & DESCENT_PARAM_MAX_OPEN) == 0;
}

descent_status option_check(const option_table *table, size_t i, double value)
{
    const descent_param *row = table->rows[i];
    char range[RANGE_SIZE], number[TEXT_NUMBER];

    if (isnan(value) ? option_may_be_none(row) : in_range(table, row, value))
        return DESCENT_OK;
    describe_range(table, row, range);
    return status_fail(DESCENT_ERR_ARGUMENT, "%s.%s = %s: expected %s%s",
                       table->owner, row->name, text_number(value, number),
                       range,
                       strcmp(row->name, "learning_rate") == 0 && value < 0
                           ? " (to climb, set maximize = true)"
                           : "");
}

/* What configurations show in the place of a function. */
static bool is_function(const char *text)
{
    const size_t n = strlen(text);

    return n > 2 && text[0] == '<' && text[n - 1] == '>';
}

bool option_is_rare(const option_table *table, size_t i, double value,
                    char why[OPTION_WHY])
{
    const descent_param *row = table->rows[i];
    const bool zero = value == 0 && (row->flags & DESCENT_PARAM_WARN_ZERO) != 0;
    const bool above =
        value > row->maximum && (row->flags & DESCENT_PARAM_WARN_ABOVE) != 0;
    char number[TEXT_NUMBER], most[TEXT_NUMBER];

    if (why != NULL && (zero || above))
        snprintf(why, OPTION_WHY, "%s.%s = %s: %s%s", table->owner, row->name,
                 text_number(value, number),
                 zero ? "a zero gradient can divide by zero" : "more than ",
                 zero ? "" : text_number(row->maximum, most));
    return zero || above;
}

descent_status option_refuse(const option_table *table, size_t i,
                             const bag_item *item, const char *expected)
{
    const char *name = table->rows[i]->name;
    char number[TEXT_NUMBER];

    switch (item->kind) {
    case BAG_NUMBER:
        return status_fail(DESCENT_ERR_ARGUMENT, "%s.%s = %s: expected %s",
                           table->owner, name,
                           text_number(item->number, number), expected);
    case BAG_BOOLEAN:
        return status_fail(DESCENT_ERR_ARGUMENT, "%s.%s = %s: expected %s",
                           table->owner, name,
                           item->number != 0 ? "true" : "false", expected);
    case BAG_TEXT:
        if (is_function(item->text))
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s.%s = \"%.64s\": a configuration cannot hold "
                               "a function: give it again among the options",
                               table->owner, name, item->text);
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s.%s = \"%.64s\": expected %s", table->owner, name,
                           item->text, expected);
    default:
        return status_fail(DESCENT_ERR_ARGUMENT, "%s.%s is %s: expected %s",
                           table->owner, name, bag_kind_name(item->kind),
                           expected);
    }
}

descent_status option_read(const option_table *table, size_t i,
                           const bag_item *item, double *value)
{
    static const bag_kind kind_of[] = {
        [DESCENT_PARAM_REAL] = BAG_NUMBER,  [DESCENT_PARAM_INT] = BAG_NUMBER,
        [DESCENT_PARAM_BOOL] = BAG_BOOLEAN, [DESCENT_PARAM_CHOICE] = BAG_TEXT,
        [DESCENT_PARAM_TEXT] = BAG_TEXT,
    };
    const descent_param *row = table->rows[i];
    char range[RANGE_SIZE];

    describe_range(table, row, range);
    if (item->kind != kind_of[row->type] ||
        (item->kind == BAG_NUMBER && !is_sound(row, item->number)))
        return option_refuse(table, i, item, range);
    if (row->type == DESCENT_PARAM_CHOICE) {
        for (int k = 0; row->choices[k] != NULL; k++) {
            if (strcmp(row->choices[k], item->text) == 0) {
                *value = k;
                return DESCENT_OK;
            }
        }
        return option_refuse(table, i, item, range);
    }
    TRY(option_check(table, i, item->number));
    *value = item->number;
    return DESCENT_OK;
}
