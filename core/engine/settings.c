/* SPDX-License-Identifier: MIT */
#include "engine/settings.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "engine/loss_scale.h"
#include "plugin/type.h"
#include "schedule/schedule.h"

/* Rows of the type's own follow the common ones, without its learning rate. */
static descent_status fill_table(memory *m, const descent_optimizer_type *type,
                                 option_table *table)
{
    const descent_param *rate = NULL;
    size_t own = 0, row = OPTION_COMMON;

    for (size_t i = 0; i < type->param_count; i++) {
        if (strcmp(type_param(type, i)->name, "learning_rate") == 0)
            rate = type_param(type, i);
        else
            own++;
    }
    TRY(option_table_create(m, type->id, own, rate, table));
    for (size_t i = 0; i < type->param_count; i++)
        if (type_param(type, i) != rate)
            table->rows[row++] = type_param(type, i);
    return DESCENT_OK;
}

static descent_status take_item(settings *s, size_t row, const bag_item *item)
{
    const descent_param *p = s->table.rows[row];

    if (s->base != NULL && (p->flags & DESCENT_PARAM_STRUCTURAL) != 0)
        return option_refuse(&s->table, row, item,
                             "one value for all groups: it shapes the state");
    if (s->base != NULL)
        s->own[row] = true;
    if (item->kind == BAG_NONE) {
        if (!option_may_be_none(p))
            return option_refuse(&s->table, row, item, "a value");
        s->number[row] = NAN;
        return DESCENT_OK;
    }
    if (item->kind == BAG_SCHEDULE) {
        if ((p->flags & DESCENT_PARAM_STRUCTURAL) != 0)
            return option_refuse(&s->table, row, item,
                                 "a fixed value: it shapes the state");
        descent_schedule_retain(item->schedule);
        s->schedule[row] = item->schedule;
        return DESCENT_OK;
    }
    if (p->type == DESCENT_PARAM_TEXT) {
        if (item->kind != BAG_TEXT || !text_is_plain(item->text, 255) ||
            !text_is_utf8(item->text))
            return option_refuse(&s->table, row, item,
                                 "a string of 1 to 255 bytes of UTF-8 without "
                                 "control bytes");
        return memory_text(s->memory, item->text, &s->name);
    }
    TRY(option_read(&s->table, row, item, &s->number[row]));
    s->number[option_meant(row)] = s->number[row];
    return DESCENT_OK;
}

/* Take a preset that is for `whom`. */
static descent_status take_preset(settings *s, const descent_preset *p,
                                  const char *whom)
{
    size_t row;

    if (!text_equal_any_case(p->flavour, whom))
        return DESCENT_OK;
    TRY(option_find(&s->table, p->param, &row));
    TRY(option_check(&s->table, row, p->value));
    s->number[row] = p->value;
    return DESCENT_OK;
}

static void find_default(const settings *s, size_t row, const char *flavour,
                         const descent_preset *p, double *value)
{
    if (strcmp(p->flavour, flavour) == 0 &&
        strcmp(p->param, s->table.rows[row]->name) == 0)
        *value = p->value;
}

double settings_default(const settings *s, size_t row, const char *flavour)
{
    double value = s->table.rows[row]->initial;
    const descent_preset *p;

    for (size_t i = 0; (p = descent_common_preset(i)) != NULL; i++)
        find_default(s, row, flavour, p, &value);
    for (size_t i = 0; i < s->type->preset_count; i++)
        find_default(s, row, flavour, type_preset(s->type, i), &value);
    return value;
}

/* The flavour goes first: it sets what the other options replace. */
static descent_status take_flavour(settings *s, const char *kind,
                                   const descent_options *options)
{
    const char *const *names = s->table.rows[OPTION_FLAVOUR]->choices;
    const bag_item *item = bag_find(options, "flavour");
    char both[128] = ""; /* a class's own default in a flavour */
    const char *flavour;
    const descent_preset *p;

    if (item != NULL)
        TRY(take_item(s, OPTION_FLAVOUR, item));
    flavour = names[(int)s->number[OPTION_FLAVOUR]];
    s->table.advisory = s->number[OPTION_FLAVOUR] != FLAVOUR_KERAS3;
    text_append(both, sizeof both, "%s_%s", kind, flavour);
    const char *const whom[] = {flavour, kind, both};
    for (size_t i = 0; (p = descent_common_preset(i)) != NULL; i++)
        TRY(take_preset(s, p, flavour));
    for (size_t k = 0; k < sizeof whom / sizeof *whom; k++)
        for (size_t i = 0; i < s->type->preset_count; i++)
            TRY(take_preset(s, type_preset(s->type, i), whom[k]));
    return DESCENT_OK;
}

static descent_status take_options(settings *s, const descent_options *options)
{
    const size_t n = options == NULL ? 0 : options->count;
    const bag_item *given, *other;
    size_t row, other_row;

    for (size_t i = 0; i < n; i++) {
        given = &options->items[i];
        if (strcmp(given->name, OPTION_LR_SCHEDULER) == 0)
            continue;
        TRY(option_find(&s->table, given->name, &row));
        for (size_t j = 0; j < i; j++) {
            other = &options->items[j];
            if (strcmp(other->name, OPTION_LR_SCHEDULER) == 0)
                continue;
            TRY(option_find(&s->table, other->name, &other_row));
            if (option_meant(row) == option_meant(other_row))
                return status_fail(DESCENT_ERR_ARGUMENT,
                                   "%s: '%s' and '%s' are two names of one "
                                   "option: expected one of them",
                                   s->table.owner, other->name, given->name);
        }
        TRY(take_item(s, row, given));
    }
    return DESCENT_OK;
}

static descent_status select_variant(settings *s)
{
    const uint32_t chosen = settings_variant(s);

    if (chosen >= s->type->variant_count)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: the plugin chose variant %u of %u",
                           s->table.owner, chosen, s->type->variant_count);
    s->variant = chosen;
    return DESCENT_OK;
}

/* A scheduled option that selects a variant counts as not zero. */
static double selecting_value(const settings *s, size_t row)
{
    const bool selects =
        (s->table.rows[row]->flags & DESCENT_PARAM_SELECTS) != 0;

    return selects && s->schedule[row] != NULL ? 1 : s->number[row];
}

/* The id, but an acronym keeps its capitals: "adam", "SGD". */
static descent_status default_name(settings *s)
{
    const char *title = s->type->title;

    for (const char *c = title; *c != '\0'; c++)
        if (*c < 'A' || *c > 'Z')
            return memory_text(s->memory, s->type->id, &s->name);
    return memory_text(s->memory, title, &s->name);
}

static descent_status allocate(settings *s)
{
    memory *m = s->memory;

    TRY(memory_new(m, s->table.count + 1, sizeof *s->number, &s->number));
    TRY(memory_new(m, s->table.count, sizeof *s->schedule, &s->schedule));
    TRY(memory_new(m, s->table.count + 1, sizeof *s->now, &s->now));
    TRY(memory_new(m, s->table.count, sizeof *s->asked, &s->asked));
    /* A plugin that counts its rows wrong reads a NaN, not a stranger's number.
     */
    s->number[s->table.count] = s->now[s->table.count] = NAN;
    /* No step has used one. */
    s->now[OPTION_LEARNING_RATE] = NAN;
    return DESCENT_OK;
}

/* Values that the type itself does not want together. */
static descent_status check_type(const settings *s, const descent_host *host)
{
    const int flavour = (int)s->number[OPTION_FLAVOUR];
    const uint64_t before = status_failures();

    if (!DESCENT_HAS(s->type, check) || s->type->check == NULL)
        return DESCENT_OK;
    return status_foreign(
        s->type->check(s->type, host,
                       s->table.rows[OPTION_FLAVOUR]->choices[flavour],
                       s->selects),
        before, "check of", s->type->id);
}

static descent_status fill(settings *s, const descent_host *host,
                           const char *kind, const descent_options *options)
{
    memory *m = s->memory;

    TRY(fill_table(m, s->type, &s->table));
    TRY(allocate(s));
    TRY(memory_new(m, s->table.count - OPTION_COMMON + 1, sizeof *s->selects,
                   &s->selects));
    s->selects[s->table.count - OPTION_COMMON] = NAN;
    for (size_t row = 0; row < s->table.count; row++)
        s->number[row] = s->table.rows[row]->initial;
    TRY(take_flavour(s, kind, options));
    TRY(take_options(s, options));
    TRY(settings_take_scheduler(s, options));
    TRY(settings_check(s));
    TRY(loss_scale_settle(s, options));
    if (s->name == NULL)
        TRY(default_name(s));
    for (size_t row = OPTION_COMMON; row < s->table.count; row++)
        s->selects[row - OPTION_COMMON] = selecting_value(s, row);
    TRY(select_variant(s));
    TRY(check_type(s, host));
    settings_warn(s);
    return DESCENT_OK;
}

descent_status settings_create(memory *m, const log_sink *log,
                               const descent_host *host,
                               const descent_optimizer_type *type,
                               const char *kind, const descent_options *options,
                               settings *s)
{
    descent_status status;

    *s = (settings){.memory = m, .log = log, .type = type};
    status = fill(s, host, kind, options);
    if (status != DESCENT_OK)
        settings_free(s);
    return status;
}

/* Let the group's own values select a variant with what they need; undone by
 * the caller on failure. */
static descent_status select_for_group(settings *base, const settings *s,
                                       bool fixed)
{
    for (size_t row = OPTION_COMMON; row < s->table.count; row++) {
        const descent_param *p = s->table.rows[row];
        double *value = &base->selects[row - OPTION_COMMON];
        if (!s->own[row] || (p->flags & DESCENT_PARAM_SELECTS) == 0 ||
            *value != 0 || selecting_value(s, row) == 0)
            continue;
        if (fixed)
            return status_fail(DESCENT_ERR_STATE,
                               "%s.%s is 0 for the optimizer, so there is no "
                               "state for it: expected groups with another "
                               "value before the first step",
                               s->table.owner, p->name);
        *value = selecting_value(s, row);
    }
    return select_variant(base);
}

/* A group's own way of clipping takes the place of the optimizer's. */
static void replace_clipping(settings *s)
{
    static const size_t clips[] = {OPTION_CLIPNORM, OPTION_CLIPVALUE,
                                   OPTION_GLOBAL_CLIPNORM};
    bool any = false;

    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++)
        any = any || s->own[clips[i]];
    for (size_t i = 0; any && i < sizeof clips / sizeof *clips; i++) {
        if (!s->own[clips[i]])
            s->number[clips[i]] = NAN;
        s->own[clips[i]] = true;
    }
}

static descent_status derive(settings *s, const descent_options *options,
                             bool fixed)
{
    settings *base = s->base;
    const size_t own = s->table.count - OPTION_COMMON;
    double *before;
    descent_status status;

    TRY(allocate(s));
    TRY(memory_new(s->memory, s->table.count, sizeof *s->own, &s->own));
    memcpy(s->number, base->number, (s->table.count + 1) * sizeof *s->number);
    memcpy(s->now, base->now, (s->table.count + 1) * sizeof *s->now);
    TRY(take_options(s, options));
    TRY(settings_take_scheduler(s, options));
    replace_clipping(s);
    TRY(settings_check(s));
    TRY(memory_new(s->memory, own + 1, sizeof *before, &before));
    memcpy(before, base->selects, (own + 1) * sizeof *before);
    status = select_for_group(base, s, fixed);
    if (status != DESCENT_OK)
        memcpy(base->selects, before, (own + 1) * sizeof *before);
    memory_release(s->memory, before, own + 1, sizeof *before);
    if (status == DESCENT_OK)
        settings_warn(s);
    return status;
}

descent_status settings_derive(settings *base, const descent_options *options,
                               bool fixed, settings *s)
{
    settings **last = &base->derived;
    descent_status status;

    *s = (settings){.memory = base->memory,
                    .log = base->log,
                    .type = base->type,
                    .table = base->table,
                    .base = base};
    status = derive(s, options, fixed);
    if (status != DESCENT_OK) {
        settings_free(s);
        return status;
    }
    while (*last != NULL)
        last = &(*last)->next;
    *last = s;
    return DESCENT_OK;
}

/* Take a group's options out of its base's list. */
static void detach(settings *s)
{
    settings **at = &s->base->derived;

    while (*at != NULL && *at != s)
        at = &(*at)->next;
    if (*at == s)
        *at = s->next;
}

void settings_free(settings *s)
{
    const size_t n = s->table.count;

    if (s->base != NULL)
        detach(s);
    if (s->schedule != NULL)
        for (size_t row = 0; row < n; row++)
            descent_schedule_release(s->schedule[row]);
    memory_release_text(s->memory, s->name);
    if (s->selects != NULL)
        memory_release(s->memory, s->selects, n - OPTION_COMMON + 1,
                       sizeof *s->selects);
    memory_release(s->memory, s->own, n, sizeof *s->own);
    memory_release(s->memory, s->asked, n, sizeof *s->asked);
    memory_release(s->memory, s->now, n + 1, sizeof *s->now);
    memory_release(s->memory, s->schedule, n, sizeof(*s->schedule));
    memory_release(s->memory, s->number, n + 1, sizeof *s->number);
    if (s->base == NULL)
        option_table_free(s->memory, &s->table);
    *s = (settings){.memory = s->memory, .type = s->type};
}
