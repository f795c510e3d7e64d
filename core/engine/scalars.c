/* SPDX-License-Identifier: MIT */
/* The scalars of an update: what prepare computes, asked once for all tensors
 * that share the counter, the decay and the scalar slots. */
#include <string.h>

#include "engine/optimizer.h"
#include "engine/slots.h"

static bool counts_per_tensor(const descent_optimizer *o)
{
    return o->settings.number[OPTION_COUNTER] == COUNTER_PER_TENSOR;
}

static void round_to_f32(double *coef)
{
    for (int i = 0; i < DESCENT_MAX_COEFS; i++)
        coef[i] = (double)(float)coef[i];
}

static descent_status ask(descent_optimizer *o, scalars *set, double *scalar)
{
    const settings *s = &o->settings;
    const descent_moment moment = {
        .struct_size = sizeof moment,
        .param_count = (uint32_t)(s->table.count - OPTION_COMMON),
        .host = registry_host(o->runtime->plugins),
        .update = o->updates + 1,
        .t = set->t,
        .lr = settings_now(s, OPTION_LEARNING_RATE),
        .weight_decay = set->weight_decay,
        .param = settings_own(s),
        .scalar = scalar,
        .variant = s->variant,
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

/* A set that other tensors made already, or the count of sets. */
static size_t find_set(const descent_optimizer *o, const scalars *wanted)
{
    size_t i = o->set_count;

    /* The last one is the likely one. */
    while (i-- > 0)
        if (o->sets[i].t == wanted->t &&
            o->sets[i].weight_decay == wanted->weight_decay)
            return i;
    return o->set_count;
}

static descent_status prepare_entry(descent_optimizer *o, entry *e, double wd)
{
    const uint64_t begin =
        settings_count(&o->settings, OPTION_BEGIN_NUM_UPDATE);
    const size_t count = slot_scalar_index(o->type, o->type->slot_count);
    const scalars wanted = {
        .t = begin + 1 + (counts_per_tensor(o) ? e->updates : o->updates),
        .weight_decay = e->decays ? wd : 0,
    };
    /* Scalar slots of its own make a set of its own. */
    const bool own = e->scalar != NULL;
    double *next = own ? e->scalar + count : o->scalar_next;

    e->set = own ? o->set_count : find_set(o, &wanted);
    if (e->set < o->set_count)
        return DESCENT_OK;
    memcpy(next, own ? e->scalar : o->scalar, count * sizeof *next);
    o->sets[o->set_count] = wanted;
    TRY(ask(o, &o->sets[o->set_count], next));
    o->set_count++;
    return DESCENT_OK;
}

descent_status scalars_prepare(descent_optimizer *o)
{
    const bool owns = (o->type->flags & DESCENT_TYPE_OWNS_DECAY) != 0;
    const double wd = settings_now(&o->settings, OPTION_WEIGHT_DECAY);

    o->set_count = 0;
    for (size_t i = 0; i < o->count; i++)
        if (o->entries[i].active)
            TRY(prepare_entry(o, &o->entries[i], owns && wd > 0 ? wd : 0));
    return DESCENT_OK;
}

void scalars_commit(descent_optimizer *o)
{
    const size_t count = slot_scalar_index(o->type, o->type->slot_count);

    if (!counts_per_tensor(o))
        memcpy(o->scalar, o->scalar_next, sizeof o->scalar);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (!e->active)
            continue;
        e->updates++;
        if (e->scalar != NULL)
            memcpy(e->scalar, e->scalar + count, count * sizeof *e->scalar);
    }
}
