/* SPDX-License-Identifier: MIT */
/* The configuration of an optimizer in Descent's own words: its name, flavour
 * and rate, all options of its rule, and of the common ones those that differ
 * from the flavour's. */
#include <math.h>
#include <string.h>

#include "engine/config.h"

static const char *flavour_of(const settings *s)
{
    return s->table.rows[OPTION_FLAVOUR]
        ->choices[(size_t)s->number[OPTION_FLAVOUR]];
}

static bool differs(const settings *s, size_t row)
{
    const double usual = settings_default(s, row, flavour_of(s));
    const double value = s->number[row];

    return s->schedule[row] != NULL ||
           (isnan(usual) ? !isnan(value) : value != usual);
}

static descent_status put_option(config_text *t, const settings *s, size_t row)
{
    TRY(config_key(t, s->table.rows[row]->name));
    return config_put_row(t, s, row);
}

/* MXNet's default, though here none means as many as there are. */
static descent_status put_aggregate_num(config_text *t, const settings *s)
{
    if (s->number[OPTION_FLAVOUR] != FLAVOUR_MXNET ||
        !isnan(s->number[OPTION_AGGREGATE_NUM]))
        return DESCENT_OK;
    TRY(config_key(t, s->table.rows[OPTION_AGGREGATE_NUM]->name));
    return config_put(t, "1");
}

static descent_status put_options(config_text *t, const settings *s)
{
    static const size_t first[] = {OPTION_NAME, OPTION_FLAVOUR,
                                   OPTION_LEARNING_RATE};

    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        TRY(put_option(t, s, first[i]));
    for (size_t row = OPTION_COMMON; row < s->table.count; row++)
        TRY(put_option(t, s, row));
    for (size_t row = 0; row < OPTION_COMMON; row++) {
        bool said = option_meant(row) != row;
        for (size_t i = 0; i < sizeof first / sizeof *first; i++)
            said = said || first[i] == row;
        if (!said && differs(s, row))
            TRY(put_option(t, s, row));
    }
    return put_aggregate_num(t, s);
}

static descent_status write_own(const descent_optimizer *o, config_text *t)
{
    TRY(config_open(t, "{"));
    TRY(config_key(t, "class_name"));
    TRY(config_put_string(t, o->type->id));
    TRY(config_key(t, "config"));
    TRY(config_open(t, "{"));
    TRY(put_options(t, &o->settings));
    TRY(config_put_groups(t, o));
    TRY(config_close(t, "}"));
    return config_close(t, "}");
}

static const struct {
    const char *name;
    descent_status (*write)(const descent_optimizer *o, config_text *t);
} dialects[] = {
    {"descent", write_own},
    {"keras3", config_write_keras},
};

descent_status descent_optimizer_config(descent_optimizer *o,
                                        const char *dialect, const char **text)
{
    const size_t n = sizeof dialects / sizeof *dialects;
    config_text t = {.between = ""};
    descent_status status;
    size_t i = 0;

    TRY(optimizer_enter(o));
    while (i < n && (dialect == NULL || strcmp(dialects[i].name, dialect) != 0))
        i++;
    if (i == n)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: dialect = \"%.64s\": expected \"descent\" or "
                           "\"keras3\"",
                           o->settings.name, dialect == NULL ? "" : dialect);
    if (text == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: text is NULL: expected a place for the "
                           "configuration",
                           o->settings.name);
    t.memory = o->memory;
    status = dialects[i].write(o, &t);
    if (status != DESCENT_OK) {
        memory_release(o->memory, t.at, t.capacity, 1);
        return status;
    }
    memory_release(o->memory, o->config, o->config_capacity, 1);
    o->config = t.at;
    o->config_capacity = t.capacity;
    *text = o->config;
    return DESCENT_OK;
}
