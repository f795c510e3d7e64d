/* SPDX-License-Identifier: MIT */
/* Groups: which tensors belong to one, and what differs there. */
#include <math.h>
#include <string.h>

#include "engine/optimizer.h"

static void free_group(descent_optimizer *o, tensor_group *g)
{
    if (g == NULL)
        return;
    if (g->settings == &g->own)
        settings_free(&g->own);
    if (g->has_pattern)
        regfree(&g->pattern);
    memory_release_text(o->memory, g->match);
    name_list_free(o->memory, &g->names);
    memory_release(o->memory, g, 1, sizeof *g);
}

void groups_free(descent_optimizer *o)
{
    while (o->group_count > 0)
        free_group(o, o->groups[--o->group_count]);
    memory_release(o->memory, o->groups, o->group_capacity, sizeof(*o->groups));
}

descent_status groups_open(descent_optimizer *o)
{
    TRY(memory_grow(o->memory, &o->groups, &o->group_capacity, 1,
                    sizeof(*o->groups)));
    TRY(memory_new(o->memory, 1, sizeof **o->groups, &o->groups[0]));
    o->groups[0]->settings = &o->settings;
    o->groups[0]->checked = true;
    o->group_count = 1;
    state_first_scalars(o, o->groups[0]->scalar);
    return DESCENT_OK;
}

/* ---- Which tensors ---- */

static descent_status belongs(const tensor_group *g, const descent_tensor *t,
                              bool *answer)
{
    *answer = name_list_has(&g->names, t->name) ||
              (g->has_pattern && pattern_finds(&g->pattern, t->name));
    if (*answer || g->where == NULL)
        return DESCENT_OK;
    const uint64_t before = status_failures();
    const int32_t said = g->where(g->user, t);
    if (said < 0)
        return status_foreign(said, before, "where of a group, about", t->name);
    *answer = said > 0;
    return DESCENT_OK;
}

descent_status groups_choose(const descent_optimizer *o,
                             const descent_tensor *t, size_t *number)
{
    bool found = false;

    *number = 0;
    for (size_t k = 1; k < o->group_count && !found; k++) {
        TRY(belongs(o->groups[k], t, &found));
        if (found)
            *number = k;
    }
    return DESCENT_OK;
}

descent_status groups_check(descent_optimizer *o)
{
    for (size_t k = 0; k < o->group_count; k++) {
        tensor_group *g = o->groups[k];
        size_t members = 0, index;
        if (g->checked)
            continue;
        for (size_t i = 0; i < g->names.count; i++)
            TRY(status_prefix(tensors_find(o, g->names.names[i], &index),
                              "group %zu", k));
        for (size_t i = 0; i < o->count; i++)
            members += o->entries[i].group == k;
        if (members == 0)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "group %zu matches no tensor that an earlier "
                               "group does not have: expected at least one of "
                               "%zu",
                               k, o->count);
        g->checked = true;
    }
    return DESCENT_OK;
}

descent_status descent_optimizer_check_groups(descent_optimizer *o)
{
    TRY(optimizer_enter(o));
    return status_prefix(groups_check(o), "%s", o->settings.name);
}

/* ---- Adding one ---- */

static descent_status check_group(const descent_optimizer *o,
                                  const descent_group *d)
{
    if (d == NULL || !DESCENT_HAS(d, options) || d->reserved != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: group: struct_size = %u, expected %zu, and 0 "
                           "in reserved",
                           o->settings.name, d == NULL ? 0 : d->struct_size,
                           sizeof *d);
    if (d->match == NULL && d->where == NULL &&
        (d->names == NULL || d->name_count == 0))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: group %zu: expected match, names or where",
                           o->settings.name, o->group_count);
    for (size_t i = 0; d->names != NULL && i < d->name_count; i++)
        if (d->names[i] == NULL)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s: group %zu: name %zu is NULL",
                               o->settings.name, o->group_count, i);
    return DESCENT_OK;
}

static descent_status fill_selector(descent_optimizer *o, tensor_group *g,
                                    const descent_group *d)
{
    g->where = d->where;
    g->user = d->user;
    if (d->match != NULL) {
        TRY(pattern_compile(o->settings.name, d->match, &g->pattern));
        g->has_pattern = true;
        TRY(memory_text(o->memory, d->match, &g->match));
    }
    if (d->names != NULL)
        TRY(name_list_take(o->memory, d->names, d->name_count, &g->names));
    /* A group that joins a run goes on from where the others are. */
    memcpy(g->scalar, o->groups[0]->scalar, sizeof g->scalar);
    return DESCENT_OK;
}

/* Whether tensors that no group has belong to the new one. */
static descent_status ask_all(descent_optimizer *o, const tensor_group *g)
{
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        descent_tensor t = {.struct_size = sizeof t};
        e->joins = false;
        if (e->group != 0)
            continue;
        TRY(descent_optimizer_tensor(o, i, &t));
        TRY(belongs(g, &t, &e->joins));
    }
    return DESCENT_OK;
}

static descent_status add_group(descent_optimizer *o, const descent_group *d)
{
    const size_t number = o->group_count;
    tensor_group *g = NULL;
    descent_status status;

    TRY(check_group(o, d));
    TRY(memory_grow(o->memory, &o->groups, &o->group_capacity, number + 1,
                    sizeof(*o->groups)));
    TRY(memory_new(o->memory, 1, sizeof *g, &g));
    status = status_prefix(fill_selector(o, g, d), "group %zu", number);
    if (status == DESCENT_OK)
        status = ask_all(o, g);
    if (status == DESCENT_OK)
        status = scalars_reserve(o, o->count, number + 1);
    /* Last, because it may change which state there will be. */
    if (status == DESCENT_OK)
        status = status_prefix(settings_derive(&o->settings, d->options,
                                               o->unbuilt < o->count, &g->own),
                               "group %zu", number);
    if (status != DESCENT_OK) {
        free_group(o, g);
        return status;
    }
    g->settings = &g->own;
    o->groups[o->group_count++] = g;
    for (size_t i = 0; i < o->count; i++)
        if (o->entries[i].joins)
            o->entries[i].group = number;
    o->changed = true;
    return DESCENT_OK;
}

descent_status descent_optimizer_add_group(descent_optimizer *o,
                                           const descent_group *group,
                                           size_t *number)
{
    descent_status status;

    TRY(optimizer_enter(o));
    o->busy = true; /* `where` must not change what it is asked about */
    status = add_group(o, group);
    o->busy = false;
    if (status == DESCENT_OK && number != NULL)
        *number = o->group_count - 1;
    return status;
}

/* ---- Values ---- */

descent_status groups_evaluate(descent_optimizer *o)
{
    for (size_t k = 0; k < o->group_count; k++)
        TRY(settings_evaluate(o->groups[k]->settings, (uint32_t)k,
                              o->iterations, o->updates));
    return DESCENT_OK;
}

bool entry_is_frozen(const descent_optimizer *o, const entry *e)
{
    const settings *holder =
        settings_holder(entry_settings(o, e), OPTION_FREEZE);

    return (holder->schedule[OPTION_FREEZE] != NULL
                ? holder->now[OPTION_FREEZE]
                : holder->number[OPTION_FREEZE]) != 0;
}

static double multiplied(const settings *s, size_t row, size_t factor,
                         double own)
{
    return settings_now(s, row) * (isnan(own) ? settings_now(s, factor) : own);
}

double entry_rate(const descent_optimizer *o, const entry *e)
{
    return multiplied(entry_settings(o, e), OPTION_LEARNING_RATE,
                      OPTION_LR_MULT, e->lr_mult);
}

double entry_decay(const descent_optimizer *o, const entry *e)
{
    const double wd = multiplied(entry_settings(o, e), OPTION_WEIGHT_DECAY,
                                 OPTION_WD_MULT, e->wd_mult);

    return wd > 0 && e->decays ? wd : 0;
}

/* ---- Readers, multipliers ---- */

size_t descent_optimizer_group_count(const descent_optimizer *o)
{
    return o->group_count;
}

size_t descent_optimizer_tensor_group(const descent_optimizer *o, size_t index)
{
    return index < o->count ? o->entries[index].group : 0;
}

double descent_optimizer_tensor_rate(const descent_optimizer *o, size_t index)
{
    return index < o->count && o->iterations > 0
               ? entry_rate(o, &o->entries[index])
               : (double)NAN;
}

/* Put a multiplier where `at` points into entry `index`. */
static descent_status set_mult(descent_optimizer *o, size_t index, size_t row,
                               double multiplier)
{
    descent_tensor t = {.struct_size = sizeof t};

    TRY(optimizer_enter(o));
    TRY(descent_optimizer_tensor(o, index, &t));
    if (!isnan(multiplier))
        TRY(option_check(&o->settings.table, row, multiplier));
    entry *e = &o->entries[index];
    double *at = row == OPTION_LR_MULT ? &e->lr_mult : &e->wd_mult;
    const double before = *at;
    *at = multiplier;
    o->changed = true;
    const descent_status status = scalars_reserve(o, o->count, o->group_count);
    if (status != DESCENT_OK)
        *at = before;
    return status;
}

descent_status descent_optimizer_set_lr_mult(descent_optimizer *o, size_t index,
                                             double multiplier)
{
    return set_mult(o, index, OPTION_LR_MULT, multiplier);
}

descent_status descent_optimizer_set_wd_mult(descent_optimizer *o, size_t index,
                                             double multiplier)
{
    return set_mult(o, index, OPTION_WD_MULT, multiplier);
}

double descent_optimizer_lr_mult(const descent_optimizer *o, size_t index)
{
    return index < o->count ? o->entries[index].lr_mult : (double)NAN;
}

double descent_optimizer_wd_mult(const descent_optimizer *o, size_t index)
{
    return index < o->count ? o->entries[index].wd_mult : (double)NAN;
}
