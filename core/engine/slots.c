/* SPDX-License-Identifier: MIT */
/* Slots: their sizes, and the application's view of state by name. */
#include "engine/slots.h"

#include <string.h>

#include "engine/rows.h"
#include "plugin/type.h"
#include "tensor/view.h"

int64_t slot_shaped_elements(const descent_slot *slot, const entry *e)
{
    const int64_t rows = e->ndim > 0 ? e->shape[0] : 1;

    switch (slot->shape) {
    case DESCENT_SLOT_LIKE_WEIGHT:
        return e->count;
    case DESCENT_SLOT_PER_ROW:
        return e->count == 0 ? 0 : rows;
    case DESCENT_SLOT_PER_COLUMN:
        return e->count == 0 ? 0 : e->count / rows;
    default:
        return 0;
    }
}

int64_t slot_elements(const descent_slot *slot, const entry *e)
{
    return slot_is_scratch(slot) ? 0 : slot_shaped_elements(slot, e);
}

size_t slot_scalar_index(const descent_optimizer_type *type, size_t k)
{
    size_t index = 0;

    for (size_t i = 0; i < k; i++)
        index += type_slot(type, i)->shape == DESCENT_SLOT_SCALAR;
    return index;
}

/* The core's own state arrays, which follow the slots. */
static const char *const own_names[] = {"average", "gradient_accumulator",
                                        "gradient_accumulator_rows", "master",
                                        "compensation"};
enum {
    OWN_AVERAGE,
    OWN_ACCUMULATOR,
    OWN_MARKS,
    OWN_MASTER,
    OWN_COMPENSATION,
    OWN_ARRAYS
};

static bool has_own(const settings *s, int which)
{
    const double *option = s->number;
    const bool accumulates = option[OPTION_GRADIENT_ACCUMULATION_STEPS] > 1;
    const bool used[OWN_ARRAYS] = {
        [OWN_AVERAGE] = option[OPTION_USE_EMA] != 0,
        [OWN_ACCUMULATOR] = accumulates,
        [OWN_MARKS] = accumulates && option[OPTION_SPARSE] == SPARSE_LAZY,
        [OWN_MASTER] = option[OPTION_MASTER] == MASTER_F32,
        [OWN_COMPENSATION] = option[OPTION_MASTER] == MASTER_KAHAN,
    };

    return used[which];
}

/* State array i: slots in use, then the core's. */
static const char *name_at(const descent_optimizer *o, size_t i)
{
    const settings *s = &o->settings;

    for (size_t k = 0; k < o->type->slot_count; k++) {
        const descent_slot *slot = type_slot(o->type, k);
        if (type_uses(slot, s->variant) && !slot_is_scratch(slot) && i-- == 0)
            return slot->name;
    }
    for (int which = 0; which < OWN_ARRAYS; which++)
        if (has_own(s, which) && i-- == 0)
            return own_names[which];
    return NULL;
}

const char *descent_optimizer_slot_name(const descent_optimizer *o, size_t i)
{
    return o == NULL ? NULL : name_at(o, i);
}

/* The shape of an array that has no elements. */
static void view_nothing(descent_tensor *view)
{
    static const int64_t none = 0;

    view->ndim = 1;
    view->shape = &none;
}

static void view_slot(const descent_optimizer *o, const entry *e, size_t k,
                      descent_tensor *view)
{
    const descent_slot *slot = type_slot(o->type, k);
    const uint32_t like = slot->shape;

    view->dtype = e->state_dtype;
    view->data = e->slot[k];
    if (like == DESCENT_SLOT_SCALAR) {
        view->dtype = DESCENT_DTYPE_F64;
        const double *scalar =
            e->scalar != NULL ? e->scalar : o->groups[e->group]->scalar;
        view->data = (void *)(uintptr_t)&scalar[slot_scalar_index(o->type, k)];
        view->ndim = 0;
        view->shape = NULL;
    } else if (like != DESCENT_SLOT_LIKE_WEIGHT && e->count == 0) {
        view_nothing(view);
    } else if (like == DESCENT_SLOT_PER_ROW) {
        view->ndim = e->ndim > 0 ? 1 : 0;
    } else if (like == DESCENT_SLOT_PER_COLUMN) {
        view->ndim = e->ndim > 0 ? e->ndim - 1 : 0;
        view->shape = e->shape + 1;
    }
}

static void view_own(const entry *e, int which, descent_tensor *view)
{
    const struct {
        descent_dtype dtype;
        void *data;
    } own[OWN_ARRAYS] = {
        [OWN_AVERAGE] = {e->state_dtype, e->average},
        [OWN_ACCUMULATOR] = {e->state_dtype, e->accumulator},
        [OWN_MARKS] = {DESCENT_DTYPE_U8, e->marks},
        [OWN_MASTER] = {DESCENT_DTYPE_F32, e->master},
        [OWN_COMPENSATION] = {e->dtype, e->lost},
    };

    view->dtype = own[which].dtype;
    view->data = own[which].data;
    if (which == OWN_MARKS)
        view->ndim = e->ndim > 0 ? 1 : 0;
    if (which == OWN_MARKS && e->count == 0)
        view_nothing(view);
}

/* Only 16-bit weights have the last two of the core's, and only tensors with
 * elements have rows: for others they are empty. */
bool slot_describe(const descent_optimizer *o, const entry *e, const char *name,
                   descent_tensor *view)
{
    view->name = name;
    view->gradient = NULL;
    for (size_t k = 0; k < o->type->slot_count; k++)
        if (type_slot(o->type, k)->name == name)
            view_slot(o, e, k, view);
    for (int which = 0; which < OWN_ARRAYS; which++) {
        if (own_names[which] != name)
            continue;
        view_own(e, which, view);
        if (which >= OWN_MASTER && !entry_is_narrow(e)) {
            view_nothing(view);
            return false;
        }
    }
    return true;
}

bool slot_is_shared(const descent_optimizer *o, const char *name)
{
    if (o->settings.number[OPTION_COUNTER] == COUNTER_PER_TENSOR)
        return false;
    for (size_t k = 0; k < o->type->slot_count; k++)
        if (type_slot(o->type, k)->name == name)
            return type_slot(o->type, k)->shape == DESCENT_SLOT_SCALAR;
    return false;
}

descent_status descent_optimizer_slot(const descent_optimizer *o, size_t index,
                                      const char *slot, descent_tensor *view)
{
    descent_tensor tensor = {.struct_size = sizeof tensor};
    const char *name = NULL;

    TRY(descent_optimizer_tensor(o, index, &tensor));
    for (size_t i = 0; (name = name_at(o, i)) != NULL; i++)
        if (slot != NULL && strcmp(name, slot) == 0)
            break;
    if (name == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: no state is called '%.64s'", o->settings.name,
                           slot == NULL ? "" : slot);
    const entry *e = &o->entries[index];
    if (!e->built && !entry_is_frozen(o, e))
        return status_fail(DESCENT_ERR_STATE,
                           "%s: tensor '%s' has no state yet: call "
                           "descent_optimizer_build or step first",
                           o->settings.name, e->name);
    slot_describe(o, e, name, &tensor);
    if (!e->built && tensor.data == NULL)
        view_nothing(&tensor);
    return view_give(&tensor, view);
}

/* Bytes of one tensor's state arrays. */
static size_t entry_bytes(const descent_optimizer *o, const entry *e)
{
    const size_t n = (size_t)e->count, size = dtype_size(e->state_dtype);
    size_t bytes = 0;

    for (size_t k = 0; k < o->type->slot_count; k++) {
        const descent_slot *slot = type_slot(o->type, k);
        if (e->slot[k] != NULL && !slot_is_scratch(slot))
            bytes += (size_t)slot_elements(slot, e) * size;
    }
    bytes += e->average != NULL ? n * size : 0;
    bytes += e->accumulator != NULL ? n * size : 0;
    bytes += e->marks != NULL ? (size_t)entry_rows(e) : 0;
    bytes += e->master != NULL ? n * sizeof *e->master : 0;
    bytes += e->lost != NULL ? n * sizeof *e->lost : 0;
    return bytes;
}

size_t descent_optimizer_state_bytes(const descent_optimizer *o)
{
    size_t bytes = 0;

    for (size_t i = 0; o != NULL && i < o->count; i++)
        if (o->entries[i].built)
            bytes += entry_bytes(o, &o->entries[i]);
    return bytes;
}
