/* SPDX-License-Identifier: MIT */
#include "support/fingerprint.h"

#include "support/bits.h"
#include "support/check.h"
#include "tensor/view.h"

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *byte = data;

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

static size_t count_of(const descent_tensor *t)
{
    size_t n = 1;

    for (uint32_t i = 0; i < t->ndim; i++)
        n *= (size_t)t->shape[i];
    return n;
}

static uint64_t mix_tensor(uint64_t hash, const descent_tensor *t)
{
    return mix(hash, t->data, count_of(t) * dtype_size(t->dtype));
}

static uint64_t mix_option(uint64_t hash, descent_optimizer *o,
                           const descent_param *row)
{
    double value;

    for (size_t k = 0; k < descent_optimizer_group_count(o); k++) {
        if (row->type == DESCENT_PARAM_TEXT)
            continue;
        ok(descent_optimizer_group_get(o, k, row->name, &value));
        hash = mix(hash, &value, sizeof value);
    }
    return hash;
}

uint64_t fingerprint(descent_optimizer *o)
{
    const descent_optimizer_type *type = descent_optimizer_get_type(o);
    const uint64_t counters[] = {descent_optimizer_iterations(o),
                                 descent_optimizer_updates(o)};
    uint64_t hash = mix(0xcbf29ce484222325u, counters, sizeof counters);
    const descent_param *row;
    const char *slot;

    for (size_t i = 0; i < descent_optimizer_tensor_count(o); i++) {
        const uint64_t updates = descent_optimizer_tensor_updates(o, i);
        descent_tensor view = {.struct_size = sizeof view};
        ok(descent_optimizer_tensor(o, i, &view));
        hash = mix(mix_tensor(hash, &view), &updates, sizeof updates);
        for (size_t k = 0; (slot = descent_optimizer_slot_name(o, k)) != NULL;
             k++) {
            ok(descent_optimizer_slot(o, i, slot, &view));
            hash = mix_tensor(hash, &view);
        }
    }
    for (size_t i = 0; (row = descent_common_option(i)) != NULL; i++)
        hash = mix_option(hash, o, row);
    for (size_t i = 0; (row = descent_type_option(type, i)) != NULL; i++)
        hash = mix_option(hash, o, row);
    return hash;
}

uint64_t fingerprint_slots(const descent_optimizer *o, uint64_t hash)
{
    const char *slot;

    for (size_t k = 0; (slot = descent_optimizer_slot_name(o, k)) != NULL; k++)
        for (size_t i = 0; i < descent_optimizer_tensor_count(o); i++) {
            descent_tensor view = {.struct_size = sizeof view};
            ok(descent_optimizer_slot(o, i, slot, &view));
            hash = bits_hash(hash, view.dtype, view.data, count_of(&view));
        }
    return hash;
}
