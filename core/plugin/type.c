/* SPDX-License-Identifier: MIT */
/* The public view of a type's tables. */
#include "plugin/type.h"

#include "tensor/view.h"

const descent_param *descent_type_option(const descent_optimizer_type *type,
                                         size_t i)
{
    return i < type->param_count ? type_param(type, i) : NULL;
}

const descent_preset *descent_type_preset(const descent_optimizer_type *type,
                                          size_t i)
{
    return i < type->preset_count ? type_preset(type, i) : NULL;
}

const descent_slot *descent_type_slot(const descent_optimizer_type *type,
                                      size_t i)
{
    return i < type->slot_count ? type_slot(type, i) : NULL;
}

size_t descent_type_state_bytes(const descent_optimizer_type *type,
                                uint32_t variant, descent_dtype dtype)
{
    size_t bytes = 0;

    if (variant >= type->variant_count || dtype_size(dtype) == 0)
        return 0;
    for (uint32_t i = 0; i < type->slot_count; i++) {
        const descent_slot *slot = type_slot(type, i);
        if (slot->shape == DESCENT_SLOT_LIKE_WEIGHT &&
            (slot->flags & DESCENT_SLOT_SCRATCH) == 0 &&
            type_uses(slot, variant))
            bytes += dtype_size(dtype_compute(dtype));
    }
    return bytes;
}
