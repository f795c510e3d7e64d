/* SPDX-License-Identifier: MIT */
/* The scalars of an update: what prepare computes, asked once for all tensors
 * that share the counter, the decay and the scalar slots. */
#include <math.h>
#include <string.h>

#include "engine/optimizer.h"
#include "engine/slots.h"

static bool counts_per_tensor(const descent_optimizer *o)
{
    return o->settings.number[OPTION_COUNTER] == COUNTER_PER_TENSOR;
}

/* Tensors that share a counter share scalars, unless they have multipliers of
 * their own: at most two sets a group then, and one for a group that only moves
 * its scalar slots on. */
static bool is_shared(const descent_optimizer *o, const entry *e)
{
    return !counts_per_tensor(o) && isnan(e->lr_mult) && isnan(e->wd_mult);
}

descent_status scalars_reserve(descent_optimizer *o, size_t tensors,
                               size_t groups)
{
    bool each = counts_per_tensor(o);

    if (2 * groups + tensors <= o->set_capacity)
        return DESCENT_OK;
    for (size_t i = 0; i < o->count && !each; i++)
        each = !is_shared(o, &o->entries[i]);
    return memory_grow(o->memory, &o->sets, &o->set_capacity,
                       2 * groups + (each ? tensors : 0), sizeof *o->sets);
}

static void round_to_f32(double *coef)
{
    for (int i = 0; i < DESCENT_MAX_COEFS; i++)
        coef[i] = (double)(float)coef[i];
}

static descent_status ask(descent_optimizer *o, scalars *set, double *scalar)
{
    const settings *s = o->groups[set->group]->settings;
    const descent_moment moment = {
        .struct_size = sizeof moment,
        .param_count = (uint32_t)(s->table.count - OPTION_COMMON),
        .host = registry_host(o->runtime->plugins),
        .update = o->updates + 1,
        .t = set->t,
        .lr = set->lr,
        .weight_decay = set->weight_decay,
        .param = settings_own(s),
        .scalar = scalar,
        .variant = o->settings.variant,
    };
    const uint64_t before = status_failures();

    memset(set->f64, 0, sizeof set->f64);
    if (o->type->prepare != NULL)
        TRY(status_foreign(o->type->prepare(o->self, &moment, set->f64), before,
                           "prepare of", o->type->id));
    if (settings_now(s, OPTION_SCALARS) == SCALARS_F32)
        round_to_f32(set->f64);
    for (int i = 0; i < DESCENT_MAX_COEFS; i++)
        set->f32[i] = (float)set->f64[i];
    return DESCENT_OK;
}

/* No set yet. */
static const size_t NO_SET = SIZE_MAX;

/* A set that was made lately for another tensor.  One that was made long ago is
 * made again rather than looked for: there may be as many as tensors. */
static size_t find_set(const descent_optimizer *o, const scalars *wanted)
{
    enum { LATELY = 8 };
    const size_t n = o->set_count, end = n > LATELY ? n - LATELY : 0;

    for (size_t i = n; i-- > end;)
        if (o->sets[i].group == wanted->group && o->sets[i].t == wanted->t &&
            o->sets[i].lr == wanted->lr &&
            o->sets[i].weight_decay == wanted->weight_decay)
            return i;
    return NO_SET;
}

static uint64_t counter_after(const descent_optimizer *o, uint64_t updates)
{
    return settings_count(&o->settings, OPTION_BEGIN_NUM_UPDATE) + 1 + updates;
}

/* A set more, from these scalar slots to their next values. */
static descent_status add_set(descent_optimizer *o, scalars wanted,
                              const double *scalar, double *next)
{
    const size_t count = slot_scalar_index(o->type, o->type->slot_count);

    memcpy(next, scalar, count * sizeof *next);
    o->sets[o->set_count] = wanted;
    TRY(ask(o, &o->sets[o->set_count], next));
    o->set_count++;
    return DESCENT_OK;
}

static descent_status prepare_entry(descent_optimizer *o, entry *e)
{
    const bool owns = (o->type->flags & DESCENT_TYPE_OWNS_DECAY) != 0;
    const size_t count = slot_scalar_index(o->type, o->type->slot_count);
    tensor_group *g = o->groups[e->group];
    const scalars wanted = {
        .group = e->group,
        .t = counter_after(o, counts_per_tensor(o) ? e->updates : o->updates),
        .lr = entry_rate(o, e),
        .weight_decay = owns ? entry_decay(o, e) : 0,
    };

    /* Scalar slots of its own make a set of its own. */
    if (e->scalar != NULL) {
        e->set = o->set_count;
        return add_set(o, wanted, e->scalar, e->scalar + count);
    }
    size_t *shared =
        is_shared(o, e) ? &g->shared[wanted.weight_decay > 0] : NULL;
    e->set = shared != NULL ? *shared : find_set(o, &wanted);
    if (e->set == NO_SET) {
        e->set = o->set_count;
        TRY(add_set(o, wanted, g->scalar, g->scalar_next));
    }
    if (shared != NULL)
        *shared = e->set;
    g->asked = true;
    return DESCENT_OK;
}

/* Scalar slots that belong to the counter move on at every update, also those of
 * a group without a gradient. */
static descent_status prepare_group(descent_optimizer *o, size_t k)
{
    tensor_group *g = o->groups[k];
    const scalars wanted = {
        .group = k,
        .t = counter_after(o, o->updates),
        .lr = settings_now(g->settings, OPTION_LEARNING_RATE),
    };

    return g->asked ? DESCENT_OK
                    : add_set(o, wanted, g->scalar, g->scalar_next);
}

descent_status scalars_prepare(descent_optimizer *o)
{
    const size_t count = slot_scalar_index(o->type, o->type->slot_count);

    o->set_count = 0;
    for (size_t k = 0; k < o->group_count; k++) {
        o->groups[k]->asked = false;
        o->groups[k]->shared[0] = o->groups[k]->shared[1] = NO_SET;
    }
    for (size_t i = 0; i < o->count; i++)
        if (o->entries[i].active)
            TRY(prepare_entry(o, &o->entries[i]));
    for (size_t k = 0; k < o->group_count && count > 0; k++)
        if (!counts_per_tensor(o))
            TRY(prepare_group(o, k));
    return DESCENT_OK;
}

void scalars_commit(descent_optimizer *o)
{
    const size_t count = slot_scalar_index(o->type, o->type->slot_count);

    for (size_t k = 0; k < o->group_count && !counts_per_tensor(o); k++)
        memcpy(o->groups[k]->scalar, o->groups[k]->scalar_next,
               count * sizeof *o->groups[k]->scalar);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (!e->active)
            continue;
        e->updates++;
        if (e->scalar != NULL)
            memcpy(e->scalar, e->scalar + count, count * sizeof *e->scalar);
    }
}
