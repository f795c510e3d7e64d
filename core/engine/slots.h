/* SPDX-License-Identifier: MIT */
/* What a declared slot means for a tensor. */
#ifndef DESCENT_ENGINE_SLOTS_H
#define DESCENT_ENGINE_SLOTS_H

#include "engine/optimizer.h"

/* A worker's, not kept. */
static inline bool slot_is_scratch(const descent_slot *slot)
{
    return (slot->flags & DESCENT_SLOT_SCRATCH) != 0;
}

/* Elements of a slot for a tensor; 0 for scalars. */
int64_t slot_shaped_elements(const descent_slot *slot, const entry *e);

/* The same, but 0 for scratch: what is kept. */
int64_t slot_elements(const descent_slot *slot, const entry *e);

/* Describe the state array `name`, as descent_optimizer_slot_name gives it, of a
 * tensor: everything but the tensor's own description, which is there already.
 * The pointer to the elements is good once the state is built.  False where the
 * tensor has no such array. */
bool slot_describe(const descent_optimizer *o, const entry *e, const char *name,
                   descent_tensor *view);

/* True for a scalar that belongs to the optimizer and to no tensor. */
bool slot_is_shared(const descent_optimizer *o, const char *name);

/* Where the scalar in row k stands among the scalars, as plugins see them. */
size_t slot_scalar_index(const descent_optimizer_type *type, size_t k);

#endif
