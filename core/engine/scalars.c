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

/* The updates that a tensor took part in. */
static uint64_t counter(const descent_optimizer *o, const entry *e)
{
    return o->tensor_updates[e - o->entries];
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
    o->changed = true; /* spans point at the sets, which may move */
    return memory_grow(o->memory, &o->sets, &o->set_capacity,
                       2 * groups + (each ? tensors : 0), sizeof *o->sets);
}

/* ---- Which tensors share a set ---- */

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool may_share(const descent_optimizer *o, const entry *a,
                      const entry *b)
{
    return a->group == b->group && a->decays == b->decays &&
           is_same(a->lr_mult, b->lr_mult) && is_same(a->wd_mult, b->wd_mult) &&
           (!counts_per_tensor(o) || counter(o, a) == counter(o, b));
}

/* No set yet. */
static const size_t NO_SET = SIZE_MAX;

/* A set that was made for another tensor.  Of those that have multipliers or
 * counters of their own, one that was made long ago is made again rather than
 * looked for: there may be as many as tensors. */
static size_t find_set(const descent_optimizer *o, const entry *e)
{
    enum { LATELY = 16 };
    const size_t n = o->set_count, end = n > LATELY ? n - LATELY : 0;

    if (is_shared(o, e))
        return o->groups[e->group]->shared[e->decays];
    /* Scalar slots of its own make a set of its own. */
    for (size_t k = n; k-- > end && e->scalar == NULL;)
        if (may_share(o, e, &o->entries[o->sets[k].lead]))
            return k;
    return NO_SET;
}

static void add_set(descent_optimizer *o, size_t lead)
{
    entry *e = &o->entries[lead];

    e->set = o->set_count++;
    o->sets[e->set].lead = lead;
    if (is_shared(o, e))
        o->groups[e->group]->shared[e->decays] = e->set;
}

/* Which tensors share a set depends on who takes part, and on what changes
 * seldom: it is kept. */
static void make_sets(descent_optimizer *o)
{
    o->set_count = 0;
    for (size_t k = 0; k < o->group_count; k++)
        o->groups[k]->shared[0] = o->groups[k]->shared[1] = NO_SET;
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        e->set = e->active ? find_set(o, e) : NO_SET;
        if (e->active && e->set == NO_SET)
            add_set(o, i);
    }
    o->changed = false;
    o->aimed = false;
}

/* ---- What is in a set ---- */

/* What prepare is to know of a group's tensors. */
static descent_moment describe_moment(const descent_optimizer *o,
                                      const tensor_group *g, uint64_t updates)
{
    const settings *s = g->settings;

    return (descent_moment){
        .struct_size = sizeof(descent_moment),
        .param_count = (uint32_t)(s->table.count - OPTION_COMMON),
        .host = registry_host(o->runtime->plugins),
        .update = o->updates + 1,
        .t =
            settings_count(&o->settings, OPTION_BEGIN_NUM_UPDATE) + 1 + updates,
        .lr = settings_now(s, OPTION_LEARNING_RATE),
        .param = settings_own(s),
        .variant = o->settings.variant,
    };
}

/* From these scalar slots to their next values, and the coefficients. */
static descent_status ask(const descent_optimizer *o, descent_moment *moment,
                          const double *scalar, double *next, double *coef)
{
    static const double none[DESCENT_MAX_COEFS];
    const size_t count = o->scalar_count;
    const uint64_t before = status_failures();

    memcpy(next, scalar, count * sizeof *next);
    moment->scalar = next;
    memcpy(coef, none, sizeof none); /* memset starts slowly */
    return o->type->prepare == NULL
               ? DESCENT_OK
               : status_foreign(o->type->prepare(o->self, moment, coef), before,
                                "prepare of", o->type->id);
}

void scalars_fuse(const descent_optimizer *o, const entry *e, double scale,
                  descent_fuse *fuse)
{
    const settings *s = entry_settings(o, e);
    const double clip = settings_now(s, OPTION_CLIPVALUE);
    const bool l2 = settings_now(s, OPTION_WEIGHT_DECAY_MODE) == DECAY_L2;
    const bool owned = (o->type->flags & DESCENT_TYPE_OWNS_DECAY) != 0;
    const double wd = owned ? 0 : entry_decay(o, e);
    const ema average = average_moment(o, e);

    *fuse = (descent_fuse){
        .struct_size = sizeof *fuse,
        .grad_scale = scale,
        .clip = isnan(clip) ? 0 : clip,
        .l2 = l2 ? wd : 0,
        .decay = l2 ? 0 : entry_rate(o, e) * wd,
        .ema_keep = average.keep,
        .ema_take = average.take,
    };
    if (settings_now(s, OPTION_SCALARS) == SCALARS_F32) {
        fuse->grad_scale = (double)(float)fuse->grad_scale;
        fuse->clip = (double)(float)fuse->clip;
        fuse->l2 = (double)(float)fuse->l2;
    }
    fuse->mask = (fuse->grad_scale != 1 ? DESCENT_FUSE_SCALE : 0u) |
                 (fuse->clip > 0 ? DESCENT_FUSE_CLIP : 0u) |
                 (fuse->l2 > 0 ? DESCENT_FUSE_L2 : 0u) |
                 (fuse->decay > 0 ? DESCENT_FUSE_DECAY : 0u) |
                 (average.on ? DESCENT_FUSE_EMA : 0u);
}

static descent_status fill_set(descent_optimizer *o, scalars *set)
{
    const entry *e = &o->entries[set->lead];
    const bool owns = (o->type->flags & DESCENT_TYPE_OWNS_DECAY) != 0;
    const size_t count = o->scalar_count;
    tensor_group *g = o->groups[e->group];
    const bool rounds =
        settings_now(g->settings, OPTION_SCALARS) == SCALARS_F32;
    descent_moment moment = describe_moment(
        o, g, counts_per_tensor(o) ? counter(o, e) : o->updates);

    moment.lr = entry_rate(o, e);
    moment.weight_decay = owns ? entry_decay(o, e) : 0;
    g->asked = true;
    TRY(ask(o, &moment, e->scalar != NULL ? e->scalar : g->scalar,
            e->scalar != NULL ? e->scalar + count : g->scalar_next, set->f64));
    for (int i = 0; i < DESCENT_MAX_COEFS; i++) {
        set->f32[i] = (float)set->f64[i];
        set->f64[i] = rounds ? (double)set->f32[i] : set->f64[i];
    }
    scalars_fuse(o, e, g->scale * g->clip, &set->fuse);
    return DESCENT_OK;
}

/* Scalar slots that belong to the counter move on at every update, also those of
 * a group without a gradient. */
static descent_status move_group(descent_optimizer *o, tensor_group *g)
{
    descent_moment moment = describe_moment(o, g, o->updates);
    double unused[DESCENT_MAX_COEFS];

    return g->asked ? DESCENT_OK
                    : ask(o, &moment, g->scalar, g->scalar_next, unused);
}

descent_status scalars_prepare(descent_optimizer *o)
{
    const size_t count = o->scalar_count;

    if (o->changed)
        make_sets(o);
    for (size_t k = 0; k < o->group_count; k++)
        o->groups[k]->asked = false;
    for (size_t k = 0; k < o->set_count; k++)
        TRY(fill_set(o, &o->sets[k]));
    for (size_t k = 0; k < o->group_count && count > 0; k++)
        if (!counts_per_tensor(o))
            TRY(move_group(o, o->groups[k]));
    return DESCENT_OK;
}

void scalars_commit(descent_optimizer *o)
{
    const size_t count = o->scalar_count;
    const bool all = o->active == o->count;

    for (size_t k = 0; k < o->group_count && !counts_per_tensor(o); k++)
        memcpy(o->groups[k]->scalar, o->groups[k]->scalar_next,
               count * sizeof *o->groups[k]->scalar);
    for (size_t i = 0; i < o->count; i++)
        o->tensor_updates[i] += all || o->entries[i].active;
    for (size_t i = 0; i < o->count && counts_per_tensor(o) && count > 0; i++) {
        const entry *e = &o->entries[i];
        if (e->active)
            memcpy(e->scalar, e->scalar + count, count * sizeof *e->scalar);
    }
}
