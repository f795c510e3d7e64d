/* SPDX-License-Identifier: MIT */
/* The pieces of a configuration: strings, numbers, schedules. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/config.h"
#include "schedule/schedule.h"

static descent_status put(config_text *t, const char *bytes, size_t n)
{
    TRY(memory_grow(t->memory, &t->at, &t->capacity, t->size + n + 1, 1));
    memcpy(t->at + t->size, bytes, n);
    t->size += n;
    t->at[t->size] = '\0';
    return DESCENT_OK;
}

descent_status config_put(config_text *t, const char *text)
{
    return put(t, text, strlen(text));
}

static descent_status put_escaped(config_text *t, const char *text)
{
    for (; *text != '\0'; text++) {
        char buffer[TEXT_ESCAPE];
        const char *escape = text_escape(*text, buffer);
        TRY(escape != NULL ? config_put(t, escape) : put(t, text, 1));
    }
    return DESCENT_OK;
}

descent_status config_put_string(config_text *t, const char *text)
{
    if (!text_is_utf8(text))
        return status_fail(DESCENT_ERR_SUPPORT,
                           "configuration: '%.64s' is not UTF-8, which JSON "
                           "cannot hold",
                           text);
    TRY(config_put(t, "\""));
    TRY(put_escaped(t, text));
    return config_put(t, "\"");
}

descent_status config_open(config_text *t, const char *bracket)
{
    t->between = "";
    return config_put(t, bracket);
}

descent_status config_close(config_text *t, const char *bracket)
{
    t->between = ", ";
    return config_put(t, bracket);
}

descent_status config_key(config_text *t, const char *key)
{
    TRY(config_put(t, t->between));
    t->between = ", ";
    TRY(config_put_string(t, key));
    return config_put(t, ": ");
}

/* A real number is never written as an integer, which Keras would refuse. */
static descent_status put_number(config_text *t, uint16_t type, double value)
{
    char number[TEXT_NUMBER];

    if (!isfinite(value))
        return config_put(t, "null");
    TRY(config_put(t, text_number(value, number)));
    return type == DESCENT_PARAM_INT || strpbrk(number, ".e") != NULL
               ? DESCENT_OK
               : config_put(t, ".0");
}

descent_status config_put_value(config_text *t, const descent_param *row,
                                double value)
{
    if (isnan(value))
        return config_put(t, "null");
    if (row->type == DESCENT_PARAM_BOOL)
        return config_put(t, value != 0 ? "true" : "false");
    if (row->type == DESCENT_PARAM_CHOICE)
        return config_put_string(t, row->choices[(size_t)value]);
    return put_number(t, row->type, value);
}

/* ---- Schedules ---- */

static descent_status put_parts(config_text *t, const schedule_argument *a,
                                bool keras)
{
    TRY(config_open(t, "["));
    for (size_t i = 0; i < a->count; i++) {
        TRY(config_put(t, i == 0 ? "" : ", "));
        TRY(config_put_schedule(t, a->parts[i], keras));
    }
    return config_close(t, "]");
}

static descent_status put_list(config_text *t, const schedule_argument *a)
{
    TRY(config_open(t, "["));
    for (size_t i = 0; i < a->count; i++) {
        TRY(config_put(t, i == 0 ? "" : ", "));
        TRY(put_number(t, DESCENT_PARAM_REAL, a->list[i]));
    }
    return config_close(t, "]");
}

static descent_status put_argument(config_text *t, const descent_param *row,
                                   const schedule_argument *a, bool keras)
{
    switch (row->type) {
    case SCHEDULE_LIST:
        return put_list(t, a);
    case SCHEDULE_PART:
        return config_put_schedule(t, a->parts[0], keras);
    case SCHEDULE_PARTS:
        return put_parts(t, a, keras);
    default:
        return config_put_value(t, row, a->number);
    }
}

/* Nothing is said of an option that has no value. */
static bool is_none(const descent_param *row, const schedule_argument *a)
{
    return row->type == SCHEDULE_PART
               ? a->count == 0
               : row->type < SCHEDULE_LIST && isnan(a->number);
}

static descent_status put_arguments(config_text *t, const descent_schedule *s,
                                    bool keras)
{
    const schedule_kind *kind = schedule_kind_of(s);
    const schedule_argument *a = schedule_arguments_of(s);

    TRY(config_open(t, "{"));
    for (size_t i = 0; i < kind->option_count; i++) {
        if (is_none(&kind->options[i], &a[i]))
            continue;
        TRY(config_key(t, kind->options[i].name));
        TRY(put_argument(t, &kind->options[i], &a[i], keras));
    }
    return config_close(t, "}");
}

descent_status config_put_schedule(config_text *t, const descent_schedule *s,
                                   bool keras)
{
    const schedule_kind *kind = schedule_kind_of(s);

    if (kind == NULL) {
        TRY(config_put(t, "\"<"));
        TRY(put_escaped(t, descent_schedule_label(s)));
        return config_put(t, ">\"");
    }
    TRY(config_open(t, "{"));
    if (keras) {
        TRY(config_key(t, "module"));
        TRY(config_put_string(t, "keras.optimizers.schedules"));
    }
    TRY(config_key(t, "class_name"));
    TRY(config_put_string(t, keras ? kind->class_name : kind->name));
    TRY(config_key(t, "config"));
    TRY(put_arguments(t, s, keras));
    if (keras) {
        TRY(config_key(t, "registered_name"));
        TRY(config_put(t, "null"));
    }
    return config_close(t, "}");
}

descent_status config_put_row(config_text *t, const settings *s, size_t row)
{
    if (row == OPTION_NAME)
        return config_put_string(t, s->name);
    return s->schedule[row] != NULL
               ? config_put_schedule(t, s->schedule[row], false)
               : config_put_value(t, s->table.rows[row], s->number[row]);
}
