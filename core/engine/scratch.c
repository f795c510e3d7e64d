/* SPDX-License-Identifier: MIT */
/* Memory for rules of tensor scope: what a worker needs of the largest tensor,
 * allocated with the state, so that a step allocates nothing. */
#include "engine/slots.h"
#include "plugin/type.h"
#include "tensor/view.h"

/* Bytes that a worker needs for slot k of the largest tensor: where it is no
 * state, or state of another type. */
static size_t slot_need(const descent_optimizer *o, size_t k)
{
    const descent_slot *slot = type_slot(o->type, k);
    size_t most = 0;

    for (size_t i = 0; i < o->count; i++) {
        const entry *e = &o->entries[i];
        const size_t bytes =
            (size_t)slot_shaped_elements(slot, e) * dtype_size(e->compute);
        if (bytes > most &&
            (slot_is_scratch(slot) || e->state_dtype != e->compute))
            most = bytes;
    }
    return most;
}

/* The same for one of the WHOLE_ arrays. */
static size_t whole_need(const descent_optimizer *o, int which)
{
    size_t most = 0;

    for (size_t i = 0; i < o->count; i++) {
        const entry *e = &o->entries[i];
        const bool needed[WHOLES] = {
            [WHOLE_GRADIENT] = true,
            [WHOLE_WEIGHT] = entry_is_narrow(e),
            [WHOLE_AVERAGE] =
                e->average != NULL && e->state_dtype != e->compute,
        };
        const size_t bytes = (size_t)e->count * dtype_size(e->compute);
        most = needed[which] && bytes > most ? bytes : most;
    }
    return most;
}

descent_status scratch_build(descent_optimizer *o)
{
    const size_t slots = o->type->slot_count;
    descent_status status = DESCENT_OK;

    if (o->type->scope != DESCENT_SCOPE_TENSOR)
        return DESCENT_OK;
    for (size_t k = 0; k < slots && status == DESCENT_OK; k++) {
        const descent_slot *slot = type_slot(o->type, k);
        if (type_uses(slot, o->settings.variant))
            status = memory_grow(o->memory, &o->scratch[k],
                                 &o->scratch_bytes[k], slot_need(o, k), 1);
    }
    for (int k = 0; k < WHOLES && status == DESCENT_OK; k++)
        status = memory_grow(o->memory, &o->whole[k], &o->whole_bytes[k],
                             whole_need(o, k), 1);
    for (size_t i = 0; i < o->count; i++)
        for (size_t k = 0; k < slots; k++)
            if (slot_is_scratch(type_slot(o->type, k)))
                o->entries[i].slot[k] = o->scratch[k];
    return status;
}
