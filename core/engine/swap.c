/* SPDX-License-Identifier: MIT */
/* Averages in the place of the weights: for a while, or for good; and masters
 * made from the weights again. */
#include <string.h>

#include "engine/stage.h"
#include "tensor/convert.h"
#include "tensor/view.h"

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

/* Averages of the weights' own type change places with them. */
static void exchange(entry *e)
{
    unsigned char held[4096];
    unsigned char *w = e->weight, *a = e->average;
    const size_t bytes = (size_t)e->count * dtype_size(e->dtype);

    for (size_t at = 0; at < bytes; at += sizeof held) {
        const size_t n = bytes - at < sizeof held ? bytes - at : sizeof held;
        memcpy(held, w + at, n);
        memcpy(w + at, a + at, n);
        memcpy(a + at, held, n);
    }
}

/* Averages of a finer type stay where they are: the weights are put aside. */
static descent_status put_all_aside(descent_optimizer *o)
{
    descent_status status = DESCENT_OK;
    size_t i = 0;

    for (; i < o->count && status == DESCENT_OK; i++) {
        entry *e = &o->entries[i];
        if (e->average != NULL && e->state_dtype != e->dtype)
            status = memory_new(o->memory, (size_t)e->count, sizeof *e->aside,
                                &e->aside);
    }
    if (status == DESCENT_OK)
        return status;
    while (i-- > 0) {
        entry *e = &o->entries[i];
        memory_release(o->memory, e->aside, (size_t)e->count, sizeof *e->aside);
        e->aside = NULL;
    }
    return status;
}

static void put_average_in(entry *e)
{
    const size_t n = (size_t)e->count;

    if (e->average == NULL)
        return; /* no elements, or frozen */
    if (e->state_dtype == e->dtype) {
        exchange(e);
        return;
    }
    memcpy(e->aside, e->weight, n * sizeof *e->aside);
    convert(e->dtype, e->weight, e->state_dtype, e->average, n);
}

static void put_weight_back(descent_optimizer *o, entry *e)
{
    const size_t n = (size_t)e->count;

    if (e->average == NULL)
        return;
    if (e->state_dtype == e->dtype) {
        exchange(e);
        return;
    }
    if (e->aside == NULL)
        return; /* it was added after the exchange */
    memcpy(e->weight, e->aside, n * sizeof *e->aside);
    memory_release(o->memory, e->aside, n, sizeof *e->aside);
    e->aside = NULL;
}

/* Before the first update the averages are still empty: the weights stand for
 * them, and nothing moves. */
descent_status descent_optimizer_swap_average(descent_optimizer *o)
{
    const bool empty = o != NULL && o->updates == 0;

    TRY(check_averages(o));
    TRY(state_build_alone(o));
    if (!o->swapped && !empty)
        TRY(put_all_aside(o));
    for (size_t i = 0; i < o->count && !empty; i++) {
        if (o->swapped)
            put_weight_back(o, &o->entries[i]);
        else
            put_average_in(&o->entries[i]);
    }
    o->swapped = !o->swapped;
    return DESCENT_OK;
}

descent_status descent_optimizer_finalize(descent_optimizer *o)
{
    TRY(optimizer_enter(o));
    if (o->settings.number[OPTION_USE_EMA] == 0)
        return DESCENT_OK;
    TRY(state_build_alone(o));
    if (o->swapped)
        TRY(descent_optimizer_swap_average(o));
    for (size_t i = 0; i < o->count && o->updates > 0; i++)
        if (o->entries[i].average != NULL)
            stage_replace_weight(&o->entries[i], o->entries[i].average, 0,
                                 (size_t)o->entries[i].count);
    return DESCENT_OK;
}

descent_status descent_optimizer_reload_master(descent_optimizer *o)
{
    TRY(optimizer_enter(o));
    if (o->swapped)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: the averages stand in for the weights: swap "
                           "them back before reload_master",
                           o->settings.name);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        const size_t n = (size_t)e->count;
        if (e->master != NULL)
            convert(DESCENT_DTYPE_F32, e->master, e->dtype, e->weight, n);
        if (e->lost != NULL)
            memset(e->lost, 0, n * sizeof *e->lost);
    }
    return DESCENT_OK;
}
