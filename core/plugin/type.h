/* SPDX-License-Identifier: MIT */
/* Reading a plugin's tables: rows are stepped through with the size that the
 * plugin was compiled with. */
#ifndef DESCENT_PLUGIN_TYPE_H
#define DESCENT_PLUGIN_TYPE_H

#include <descent/descent.h>

/* Row i, which must exist. */
static inline const descent_param *type_param(const descent_optimizer_type *t,
                                              size_t i)
{
    return (const void *)((const char *)t->params + i * t->param_size);
}

static inline const descent_slot *type_slot(const descent_optimizer_type *t,
                                            size_t i)
{
    return (const void *)((const char *)t->slots + i * t->slot_size);
}

static inline const descent_preset *type_preset(const descent_optimizer_type *t,
                                                size_t i)
{
    return (const void *)((const char *)t->presets + i * t->preset_size);
}

/* True when `variant` keeps `slot`. */
static inline int type_uses(const descent_slot *slot, uint32_t variant)
{
    return slot->variants == 0 || (slot->variants >> variant & 1) != 0;
}

#endif
