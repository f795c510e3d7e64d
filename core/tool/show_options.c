/* SPDX-License-Identifier: MIT */
/* The table of options, a help line below each row: see show.h. */
#include "tool/show.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tool/json.h"
#include "tool/table.h"
#include "tool/words.h"

enum {
    FIXED = 3,
    FLAVOURS = TABLE_COLUMNS - FIXED,
    CELL = 80,
    HELP = 6,
    DIGITS = 8
};

/* What one table is made of. */
typedef struct options_table {
    const json_t *options, *flavours;
    size_t columns; /* flavours shown; 1 where all are alike */
    table layout;
    char align[TABLE_COLUMNS + 1];
    char cell[TABLE_COLUMNS][CELL];
    const char *cells[TABLE_COLUMNS];
} options_table;

/* A number as text: a power of two as such where its digits would widen the
 * table. */
static void print_number(double value, char text[CELL])
{
    char number[WORDS_NUMBER];
    int exponent;

    words_number(value, number);
    if (frexp(value, &exponent) == 0.5 && strlen(number) > DIGITS)
        snprintf(text, CELL, "2^%d", exponent - 1);
    else
        snprintf(text, CELL, "%s", number);
}

/* A value as text; none stands for null. */
static void print_value(const json_t *value, char text[CELL])
{
    if (json_is_number(value))
        print_number(json_number_value(value), text);
    else if (json_is_string(value))
        snprintf(text, CELL, "%s", json_string_value(value));
    else
        snprintf(text, CELL, "%s",
                 json_is_true(value)    ? "true"
                 : json_is_false(value) ? "false"
                                        : "none");
}

static void print_range(const json_t *option, char text[CELL])
{
    const json_t *above = json_object_get(option, "above");
    const json_t *below = json_object_get(option, "below");
    const json_t *low = above != NULL ? above : json_object_get(option, "min");
    const json_t *high = below != NULL ? below : json_object_get(option, "max");
    const char *type = json_text(option, "type");
    char from[CELL], to[CELL];

    print_value(low, from);
    print_value(high, to);
    if (json_number_value(high) == 0x1p53 - 1) /* the 16 digits widen a table */
        snprintf(to, sizeof to, "2^53-1");
    if (strcmp(type, "real") != 0 && strcmp(type, "integer") != 0)
        text[0] = '\0';
    else if (low != NULL && high != NULL)
        snprintf(text, CELL, "%c%.30s, %.30s%c", above != NULL ? '(' : '[',
                 from, to, below != NULL ? ')' : ']');
    else if (low != NULL)
        snprintf(text, CELL, "%s %.60s", above != NULL ? ">" : ">=", from);
    else if (high != NULL)
        snprintf(text, CELL, "%s %.60s", below != NULL ? "<" : "<=", to);
    else
        snprintf(text, CELL, "any");
}

static void fill_row(options_table *t, const json_t *option)
{
    const json_t *defaults = json_object_get(option, "defaults");
    const char *name = json_text(option, "name"), *part = strchr(name, '.');

    /* Parts of an option follow it: "loss_scale", then ".min". */
    snprintf(t->cell[0], CELL, "  %s%s", part != NULL ? "  " : "",
             part != NULL ? part : name);
    t->cells[0] = t->cell[0];
    t->cells[1] = json_text(option, "type");
    print_range(option, t->cell[2]);
    t->cells[2] = t->cell[2];
    for (size_t i = 0; i < t->columns; i++) {
        const char *flavour = json_string_value(json_array_get(t->flavours, i));

        print_value(json_object_get(defaults, flavour), t->cell[FIXED + i]);
        t->cells[FIXED + i] = t->cell[FIXED + i];
    }
}

static void fill_header(options_table *t, const char *title)
{
    t->cells[0] = title;
    t->cells[1] = t->cells[2] = "";
    for (size_t i = 0; i < t->columns; i++)
        t->cells[FIXED + i] =
            t->columns == 1 ? "default"
                            : json_string_value(json_array_get(t->flavours, i));
}

/* True when no flavour has a default of its own. */
static bool all_alike(const options_table *t)
{
    for (size_t i = 0; i < json_array_size(t->options); i++) {
        const json_t *option = json_array_get(t->options, i);
        const json_t *defaults = json_object_get(option, "defaults");

        for (size_t k = 0; k < json_array_size(t->flavours); k++) {
            json_t *name = json_array_get(t->flavours, k);

            if (!json_equal(json_object_get(defaults, json_string_value(name)),
                            json_object_get(option, "default")))
                return false;
        }
    }
    return true;
}

static void print_list(FILE *out, const char *before, const json_t *list)
{
    fputs(before, out);
    for (size_t i = 0; i < json_array_size(list); i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "",
                json_string_value(json_array_get(list, i)));
    putc('.', out);
}

static void show_help(FILE *out, const json_t *option, size_t width)
{
    const json_t *choices = json_object_get(option, "choices");
    const json_t *aliases = json_object_get(option, "aliases");
    char *text = NULL;
    size_t length;
    FILE *help = open_memstream(&text, &length);

    if (help == NULL)
        return;
    fputs(json_text(option, "help"), help);
    if (json_array_size(choices) > 0)
        print_list(help, " One of ", choices);
    if (json_object_get(option, "structural") != NULL)
        fputs(" Fixed at creation.", help);
    if (json_array_size(aliases) > 0)
        print_list(help, " Also called ", aliases);
    if (fclose(help) == 0)
        words_wrap(out, text, HELP, width);
    free(text);
}

static void lay_out(options_table *t)
{
    const size_t flavours = json_array_size(t->flavours);

    t->columns = flavours < FLAVOURS ? flavours : FLAVOURS;
    if (all_alike(t))
        t->columns = 1;
    memset(t->align, 'l', FIXED);
    memset(t->align + FIXED, 'r', t->columns);
    t->layout.align = t->align;
}

void show_options(FILE *out, const json_t *plugin, const char *key,
                  const char *title, size_t width)
{
    options_table t = {.options = json_object_get(plugin, key),
                       .flavours = json_object_get(plugin, "flavours")};
    const size_t count = json_array_size(t.options);

    if (count == 0)
        return;
    lay_out(&t);
    fill_header(&t, title);
    table_measure(&t.layout, t.cells);
    for (size_t i = 0; i < count; i++) {
        fill_row(&t, json_array_get(t.options, i));
        table_measure(&t.layout, t.cells);
    }
    putc('\n', out);
    fill_header(&t, title);
    table_row(out, &t.layout, t.cells);
    for (size_t i = 0; i < count; i++) {
        fill_row(&t, json_array_get(t.options, i));
        table_row(out, &t.layout, t.cells);
        show_help(out, json_array_get(t.options, i), width);
    }
}
