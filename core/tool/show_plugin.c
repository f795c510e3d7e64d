/* SPDX-License-Identifier: MIT */
/* All about one plugin: see show.h. */
#include "tool/show.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tool/json.h"
#include "tool/table.h"
#include "tool/words.h"

enum { INDENT = 2, HELP = 6, CODE = 6 };

static void show_line(FILE *out, const char *label, const char *text)
{
    fprintf(out, "%-10s ", label);
    words_write(out, text, false);
    putc('\n', out);
}

static void print_names(FILE *out, const json_t *list, const char *between,
                        const char *none)
{
    const size_t count = json_array_size(list);

    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s", i > 0 ? between : "",
                json_string_value(json_array_get(list, i)));
    if (count == 0)
        fputs(none, out);
}

/* "Also as    adamw: weight_decay = 0.004, ..." */
static void show_class(FILE *out, const char *name, json_t *presets)
{
    const char *option, *between = "";
    char number[WORDS_NUMBER];
    json_t *value;

    fprintf(out, "%-10s %s: ", "Also as", name);
    json_object_foreach(presets, option, value)
    {
        const char *text = json_is_true(value) ? "true" : "false";
        if (json_is_number(value))
            text = words_number(json_number_value(value), number);
        else if (json_is_string(value))
            text = json_string_value(value);
        fprintf(out, "%s%s = %s", between, option, text);
        between = ", ";
    }
    putc('\n', out);
}

static void show_classes(FILE *out, json_t *classes)
{
    const char *name;
    json_t *presets;

    json_object_foreach(classes, name, presets) show_class(out, name, presets);
}

static void show_head(FILE *out, const json_t *plugin, size_t width)
{
    words_write(out, json_text(plugin, "title"), false);
    fprintf(out, " (%s %s)\n\n", json_text(plugin, "name"),
            json_text(plugin, "version"));
    words_wrap(out, json_text(plugin, "doc"), INDENT, width);
    putc('\n', out);
    show_line(out, "Reference", json_text(plugin, "cite"));
    show_line(out, "File", json_text(plugin, "path"));
    fprintf(out, "%-10s %s, by %s, in ", "Interface", json_text(plugin, "abi"),
            strcmp(json_text(plugin, "scope"), "tensor") == 0 ? "whole tensors"
                                                              : "elements");
    print_names(out, json_object_get(plugin, "runs"), " and ", "no precision");
    fprintf(out, "\n%-10s folds in ", "Fused step");
    print_names(out, json_object_get(plugin, "fuses"), ", ", "nothing");
    putc('\n', out);
    show_classes(out, json_object_get(plugin, "classes"));
}

static const json_t *variant_of(const json_t *plugin, size_t v)
{
    return json_array_get(json_object_get(plugin, "variants"), v);
}

/* What picks the variant: "by default", "with amsgrad = true". */
static void print_when(FILE *out, const json_t *plugin, size_t v)
{
    const json_t *when = json_object_get(variant_of(plugin, v), "when");

    if (!json_is_string(when))
        fprintf(out, "variant %zu", v);
    else if (json_string_length(when) == 0)
        fputs("by default", out);
    else
        fprintf(out, "with %s", json_string_value(when));
}

/* The slot's help, and which variants keep it where not all do. */
static void show_slot_help(FILE *out, const json_t *plugin, const json_t *slot,
                           size_t width)
{
    const json_t *users = json_object_get(slot, "variants");
    const size_t count = json_array_size(users);
    char *text = NULL;
    size_t length;
    FILE *help = open_memstream(&text, &length);

    if (help == NULL)
        return;
    fputs(json_text(slot, "help"), help);
    if (count < json_array_size(json_object_get(plugin, "variants")))
        for (size_t i = 0; i < count; i++) {
            fputs(i == 0 ? " Only " : ", or ", help);
            print_when(help, plugin,
                       (size_t)json_integer_value(json_array_get(users, i)));
            fputs(i + 1 == count ? "." : "", help);
        }
    if (fclose(help) == 0)
        words_wrap(out, text, HELP, width);
    free(text);
}

static void fill_slot(const json_t *slot, const char *cells[3], char name[80],
                      char initial[80])
{
    const json_t *value = json_object_get(slot, "initial");
    char number[WORDS_NUMBER];

    snprintf(name, 80, "  %s", json_text(slot, "name"));
    snprintf(initial, 80, "%s",
             json_is_string(value)
                 ? json_string_value(value)
                 : words_number(json_number_value(value), number));
    cells[0] = name;
    cells[1] = json_text(slot, "shape");
    cells[2] = initial;
}

static void show_slots(FILE *out, const json_t *plugin, size_t width)
{
    static const char *const header[] = {"Slots", "one for each", "starts as"};
    const json_t *slots = json_object_get(plugin, "slots");
    const size_t count = json_array_size(slots);
    table t = {.align = "lll"};
    const char *cells[3];
    char name[80], initial[80];

    table_measure(&t, header);
    for (size_t i = 0; i < count; i++) {
        fill_slot(json_array_get(slots, i), cells, name, initial);
        table_measure(&t, cells);
    }
    putc('\n', out);
    if (count == 0) {
        fputs("Slots: none, this optimizer keeps no state.\n", out);
        return;
    }
    table_row(out, &t, header);
    for (size_t i = 0; i < count; i++) {
        fill_slot(json_array_get(slots, i), cells, name, initial);
        table_row(out, &t, cells);
        show_slot_help(out, plugin, json_array_get(slots, i), width);
    }
}

/* One statement a line, without the outer braces. */
static void show_rule(FILE *out, const char *rule)
{
    const size_t length = strlen(rule);
    const bool braced = length > 1 && rule[0] == '{' && rule[length - 1] == '}';
    const char *at = rule + braced, *const end = rule + length - braced;
    int depth = 0;

    for (bool start = true; at < end; at++) {
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
        if (start && (*at == ' ' || *at == '\n'))
            continue;
        if (start)
            fprintf(out, "%*s", CODE, "");
        start = *at == '\n' || (*at == ';' && depth == 0);
        if (*at != '\n')
            putc(*at, out);
        if (start || at + 1 == end)
            putc('\n', out);
    }
}

static void show_variant(FILE *out, const json_t *plugin, size_t v)
{
    const json_t *variant = variant_of(plugin, v);
    const json_t *bytes = json_object_get(variant, "bytes_per_parameter");

    fprintf(out, "  %lld bytes a parameter in f32, %lld in f64, ",
            (long long)json_integer_value(json_object_get(bytes, "f32")),
            (long long)json_integer_value(json_object_get(bytes, "f64")));
    print_when(out, plugin, v);
    fputs(":\n", out);
    show_rule(out, json_text(variant, "rule"));
}

static void show_variants(FILE *out, const json_t *plugin)
{
    const size_t count = json_array_size(json_object_get(plugin, "variants"));

    fputs(
        "\nRules: w is the weight, g the gradient, s[] the slots, c[] numbers "
        "of the step\n",
        out);
    for (size_t v = 0; v < count; v++)
        show_variant(out, plugin, v);
}

void show_plugin(FILE *out, const json_t *plugin, size_t width)
{
    show_head(out, plugin, width);
    show_options(out, plugin, "params", "Options", width);
    show_slots(out, plugin, width);
    show_variants(out, plugin);
    show_options(out, plugin, "common", "Options of all optimizers", width);
}
