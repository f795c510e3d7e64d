/* SPDX-License-Identifier: MIT */
#include "engine/stage.h"

#include <string.h>

#include "base/random.h"
#include "engine/slots.h"
#include "engine/tile.h"
#include "plugin/type.h"
#include "tensor/convert.h"
#include "tensor/view.h"

void *stage_read(void *array, descent_dtype dtype, descent_dtype compute,
                 int64_t first, size_t n, void *buffer)
{
    void *from = dtype_at(array, dtype, first);

    if (dtype == compute)
        return from;
    convert(compute, buffer, dtype, from, n);
    return buffer;
}

void stage_write(void *array, descent_dtype dtype, descent_dtype compute,
                 int64_t first, size_t n, const void *from)
{
    void *to = dtype_at(array, dtype, first);

    if (from != to)
        convert(dtype, to, compute, from, n);
}

void *stage_weight(const entry *e, int64_t first, size_t n, void *buffer)
{
    if (e->master != NULL)
        return e->master + first;
    return stage_read(e->weight, e->dtype, e->compute, first, n, buffer);
}

/* The random bits of an element follow from the seed, the tensor's name, the
 * update and its index: threads, cuts and resuming do not matter. */
static void store_by_chance(const descent_optimizer *o, const entry *e,
                            int64_t first, size_t n, const float *updated)
{
    const uint64_t seed = (uint64_t)o->settings.number[OPTION_SEED];
    uint16_t *w = (uint16_t *)e->weight + first;
    uint32_t random[TILE];

    for (size_t at = 0; at < n; at += TILE) {
        const size_t run = n - at < TILE ? n - at : TILE;
        random_words(seed, e->id, o->updates + 1, (uint64_t)first + at, random,
                     run);
        convert_stochastic(e->dtype, w + at, updated + at, random, run);
    }
}

void stage_store_weight(const descent_optimizer *o, entry *e, int64_t first,
                        size_t n, const void *updated)
{
    if (!entry_is_narrow(e))
        return;
    switch (e->keeps) {
    case MASTER_KAHAN:
        convert_compensated(e->dtype, (uint16_t *)e->weight + first,
                            e->lost + first, updated, n);
        break;
    case MASTER_STOCHASTIC:
        store_by_chance(o, e, first, n, updated);
        break;
    default:
        stage_write(e->weight, e->dtype, e->compute, first, n, updated);
    }
}

/* Elements of slot k in a run of n. */
static size_t slot_run(const descent_optimizer *o, const entry *e, size_t k,
                       size_t n)
{
    return o->type->scope == DESCENT_SCOPE_ELEMENT
               ? n
               : (size_t)slot_elements(type_slot(o->type, k), e);
}

void stage_read_slots(const descent_optimizer *o, const entry *e, int64_t first,
                      size_t n, const stage *s, size_t used, void **slot)
{
    const size_t count = o->type->slot_count;

    if (e->state_dtype == e->compute) {
        for (size_t k = 0; k < count; k++)
            slot[k] = dtype_at(e->slot[k], e->compute, first);
        return;
    }
    for (size_t k = 0; k < count; k++) {
        slot[k] = e->slot[k];
        if (slot[k] != NULL && !slot_is_scratch(type_slot(o->type, k)))
            slot[k] = stage_read(e->slot[k], e->state_dtype, e->compute, first,
                                 slot_run(o, e, k, n), s->slot[k] + used);
    }
}

void stage_write_slots(const descent_optimizer *o, const entry *e,
                       int64_t first, size_t n, void *const *slot)
{
    const size_t count = e->state_dtype == e->compute ? 0 : o->type->slot_count;

    for (size_t k = 0; k < count; k++)
        if (slot[k] != NULL && !slot_is_scratch(type_slot(o->type, k)))
            stage_write(e->slot[k], e->state_dtype, e->compute, first,
                        slot_run(o, e, k, n), slot[k]);
}

void stage_replace_weight(entry *e, void *by, int64_t first, size_t n)
{
    const void *from = dtype_at(by, e->state_dtype, first);

    if (n == 0)
        return;
    convert(e->dtype, dtype_at(e->weight, e->dtype, first), e->state_dtype,
            from, n);
    if (e->master != NULL)
        convert(DESCENT_DTYPE_F32, e->master + first, e->state_dtype, from, n);
    if (e->lost != NULL)
        memset(e->lost + first, 0, n * sizeof *e->lost);
}
