/* SPDX-License-Identifier: MIT */
/* Moving averages of the weights (use_ema). */
#include <math.h>
#include <string.h>

#include "engine/optimizer.h"
#include "engine/tile.h"
#include "tensor/view.h"

ema average_moment(const descent_optimizer *o)
{
    const settings *s = &o->settings;
    const double m = settings_now(s, OPTION_EMA_MOMENTUM);
    const bool first = o->updates == 0;

    return (ema){
        .on = settings_now(s, OPTION_USE_EMA) != 0,
        .keep = first ? 0 : m,
        .take = first ? 1 : 1 - m,
    };
}

void average_update(entry *e, ema m)
{
    if (e->count > 0)
        tile_average(e->dtype, (size_t)e->count, m.keep, m.take, e->weight,
                     e->average);
}

/* Every so many updates the averages become the weights; asked after the
 * counter of updates would have grown. */
void average_overwrite(descent_optimizer *o)
{
    const double frequency =
        settings_now(&o->settings, OPTION_EMA_OVERWRITE_FREQUENCY);

    if (isnan(frequency) || fmod((double)(o->updates + 1), frequency) != 0)
        return;
    for (size_t i = 0; i < o->count; i++) {
        const entry *e = &o->entries[i];
        if (e->count > 0)
            memcpy(e->weight, e->average,
                   (size_t)e->count * dtype_size(e->dtype));
    }
}

static descent_status check_averages(const descent_optimizer *o)
{
    TRY(optimizer_enter(o));
    return o->settings.number[OPTION_USE_EMA] != 0
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_STATE,
                             "%s: there are no averages: create the optimizer "
                             "with use_ema = true",
                             o->settings.name);
}

/* Before the first update the averages are still empty: the weights stand for
 * them. */
static void exchange(entry *e, bool empty)
{
    unsigned char held[4096];
    unsigned char *w = e->weight, *a = e->average;
    const size_t bytes = (size_t)e->count * dtype_size(e->dtype);

    for (size_t at = 0; at < bytes && !empty; at += sizeof held) {
        const size_t n = bytes - at < sizeof held ? bytes - at : sizeof held;
        memcpy(held, w + at, n);
        memcpy(w + at, a + at, n);
        memcpy(a + at, held, n);
    }
}

descent_status descent_optimizer_swap_average(descent_optimizer *o)
{
    TRY(check_averages(o));
    TRY(state_build_alone(o));
    for (size_t i = 0; i < o->count; i++)
        exchange(&o->entries[i], o->updates == 0);
    o->swapped = !o->swapped;
    return DESCENT_OK;
}

descent_status descent_optimizer_finalize(descent_optimizer *o)
{
    TRY(optimizer_enter(o));
    if (o->settings.number[OPTION_USE_EMA] == 0)
        return DESCENT_OK;
    TRY(state_build_alone(o));
    for (size_t i = 0; i < o->count && o->updates > 0; i++) {
        const entry *e = &o->entries[i];
        /* While swapped the averages stand in the weights already. */
        if (e->count > 0)
            memcpy(o->swapped ? e->average : e->weight,
                   o->swapped ? e->weight : e->average,
                   (size_t)e->count * dtype_size(e->dtype));
    }
    o->swapped = false;
    return DESCENT_OK;
}
