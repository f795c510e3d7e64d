/* SPDX-License-Identifier: MIT */
/* State arrays: one arena for the tensors that are built together. */
#include <string.h>

#include "engine/layout.h"
#include "engine/rows.h"
#include "engine/slots.h"
#include "engine/stage.h"
#include "plugin/type.h"
#include "tensor/convert.h"
#include "tensor/view.h"

/* The kinds of arrays: the slots, then the core's own. */
enum {
    KIND_SCALARS = DESCENT_MAX_SLOTS,
    KIND_AVERAGE,
    KIND_ACCUMULATOR,
    KIND_MARKS,
    KIND_MASTER,
    KIND_LOST,
    KINDS
};

static descent_status place(layout *at, int64_t elements, descent_dtype dtype,
                            void *array)
{
    return layout_place(at, elements, dtype_size(dtype), array);
}

static descent_status place_slot(const descent_optimizer *o, entry *e, size_t k,
                                 layout *at)
{
    const descent_slot *slot = type_slot(o->type, k);

    return type_uses(slot, o->settings.variant)
               ? place(at, slot_elements(slot, e), e->state_dtype, &e->slot[k])
               : DESCENT_OK;
}

static descent_status place_scalars(const descent_optimizer *o, entry *e,
                                    layout *at)
{
    void *scalar = NULL;

    TRY(place(at, 2 * (int64_t)o->scalar_count, DESCENT_DTYPE_F64, &scalar));
    e->scalar = scalar;
    return DESCENT_OK;
}

/* The array of one kind that a tensor has, if any. */
static descent_status place_entry(const descent_optimizer *o, entry *e,
                                  size_t kind, layout *at)
{
    const double *option = o->settings.number;
    const bool accumulates = option[OPTION_GRADIENT_ACCUMULATION_STEPS] > 1;

    if (kind < o->type->slot_count)
        return place_slot(o, e, kind, at);
    if (kind == KIND_SCALARS && option[OPTION_COUNTER] == COUNTER_PER_TENSOR)
        return place_scalars(o, e, at);
    if (kind == KIND_AVERAGE && option[OPTION_USE_EMA] != 0)
        return place(at, e->count, e->state_dtype, &e->average);
    if (kind == KIND_ACCUMULATOR && accumulates)
        return place(at, e->count, e->state_dtype, &e->accumulator);
    if (kind == KIND_MARKS && accumulates &&
        option[OPTION_SPARSE] == SPARSE_LAZY)
        return layout_place(at, entry_rows(e), sizeof *e->marks, &e->marks);
    if (kind == KIND_MASTER && e->keeps == MASTER_F32)
        return place(at, e->count, DESCENT_DTYPE_F32, &e->master);
    if (kind == KIND_LOST && e->keeps == MASTER_KAHAN)
        return place(at, e->count, e->dtype, &e->lost);
    return DESCENT_OK;
}

/* What is frozen gets its state when it is no longer. */
static bool needs_state(const descent_optimizer *o, const entry *e)
{
    return !e->built && (o->loading ? e->wanted : !entry_is_frozen(o, e));
}

static descent_status place_all(descent_optimizer *o, layout *at)
{
    for (size_t kind = 0; kind < KINDS; kind++) {
        layout_begin(at);
        for (size_t i = 0; i < o->count; i++)
            if (needs_state(o, &o->entries[i]))
                TRY(place_entry(o, &o->entries[i], kind, at));
    }
    return DESCENT_OK;
}

static void fill(void *array, int64_t elements, descent_dtype dtype,
                 double value)
{
    const size_t size = dtype_size(dtype);
    char *to = array;

    if (value == 0 || elements == 0)
        return; /* memory comes zeroed */
    convert(dtype, to, DESCENT_DTYPE_F64, &value, 1);
    for (int64_t i = 1; i < elements; i++)
        memcpy(to + (size_t)i * size, to, size);
}

/* A slot's first value: declared, or that of the option it names. */
static double first_value(const descent_optimizer *o, const descent_slot *slot)
{
    const settings *s = &o->settings;

    if (slot->initial_param == NULL)
        return slot->initial;
    for (size_t row = OPTION_COMMON; row < s->table.count; row++)
        if (strcmp(s->table.rows[row]->name, slot->initial_param) == 0)
            return s->number[row];
    return slot->initial;
}

/* Let the plugin write the first contents of a tensor's slots. */
static descent_status create(descent_optimizer *o, const entry *e, void *weight,
                             void *const *slot)
{
    const descent_tensor_info info = {
        sizeof info, e->ndim, e->name, e->shape, e->count, e->id, e->dtype, 0,
    };
    const bool whole = o->type->scope == DESCENT_SCOPE_TENSOR;
    const descent_span span = {
        .struct_size = sizeof span,
        .ndim = whole ? e->ndim : 0,
        .count = e->count,
        .weight = weight,
        .slot = slot,
        .shape = whole ? e->shape : NULL,
        .scalar = whole ? o->groups[e->group]->scalar : NULL,
        .tensor_id = e->id,
    };
    const descent_pass pass = {
        .struct_size = sizeof pass,
        .span_size = sizeof span,
        .count = 1,
        .spans = &span,
        .host = registry_host(o->runtime->plugins),
        .type = o->type,
        .variant = o->settings.variant,
        .compute = e->compute,
        .isa = o->runtime->isa,
        .update = o->updates,
        .seed = (uint64_t)o->settings.number[OPTION_SEED],
    };

    if (o->type->create_state == NULL || e->count == 0)
        return DESCENT_OK;
    const uint64_t before = status_failures();
    return status_foreign(
        o->type->create_state(o->self, o->settings.number + OPTION_COMMON,
                              &info, &pass),
        before, "create_state of", o->type->id);
}

/* The same with what is not in the compute type copied for the call. */
static descent_status create_staged(descent_optimizer *o, const entry *e)
{
    const size_t n = (size_t)e->count, arrays = 1 + o->type->slot_count;
    void *slot[DESCENT_MAX_SLOTS] = {NULL};
    stage s = {0};
    float *copies;
    descent_status status;

    if (o->type->create_state == NULL || n == 0)
        return DESCENT_OK;
    if (!entry_is_narrow(e))
        return create(o, e, e->weight, e->slot);
    TRY(memory_new(o->memory, n, arrays * sizeof *copies, &copies));
    for (size_t k = 0; k < o->type->slot_count; k++)
        s.slot[k] = copies + (1 + k) * n;
    stage_read_slots(o, e, 0, n, &s, 0, slot);
    status = create(o, e, stage_weight(e, 0, n, copies), slot);
    if (status == DESCENT_OK)
        stage_write_slots(o, e, 0, n, slot);
    memory_release(o->memory, copies, n, arrays * sizeof *copies);
    return status;
}

static descent_status fill_entry(descent_optimizer *o, entry *e)
{
    for (size_t k = 0; k < o->type->slot_count; k++) {
        const descent_slot *slot = type_slot(o->type, k);
        if (e->slot[k] != NULL && !slot_is_scratch(slot))
            fill(e->slot[k], slot_elements(slot, e), e->state_dtype,
                 first_value(o, slot));
    }
    if (e->scalar != NULL)
        state_first_scalars(o, e->scalar);
    if (e->master != NULL)
        convert(DESCENT_DTYPE_F32, e->master, e->dtype, e->weight,
                (size_t)e->count);
    /* A tensor that joins a run has no past to average over. */
    if (e->average != NULL && o->updates > 0)
        convert(e->state_dtype, e->average, e->dtype, e->weight,
                (size_t)e->count);
    return create_staged(o, e);
}

static void forget(entry *e)
{
    e->arena = NULL;
    e->average = NULL;
    e->accumulator = NULL;
    e->marks = NULL;
    e->scalar = NULL;
    e->master = NULL;
    e->lost = NULL;
    memset(e->slot, 0, sizeof e->slot);
}

/* The arena's header stands in front of its arrays. */
static descent_status build_arrays(descent_optimizer *o)
{
    layout at = {.bytes = sizeof(arena)};
    arena *a = NULL;
    descent_status status;

    TRY(place_all(o, &at));
    if (at.kinds > 0) {
        const size_t bytes = at.bytes;
        TRY(memory_new(o->memory, bytes, 1, &a));
        a->bytes = bytes;
        at = (layout){.memory = (char *)a, .bytes = sizeof *a};
        TRY(place_all(o, &at));
    }
    status = scratch_build(o);
    for (size_t i = 0; i < o->count && status == DESCENT_OK; i++)
        if (needs_state(o, &o->entries[i]))
            status = fill_entry(o, &o->entries[i]);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (!needs_state(o, e))
            continue;
        if (status != DESCENT_OK) {
            forget(e);
        } else if (a != NULL) {
            e->arena = a;
            a->users++;
        }
    }
    if (status != DESCENT_OK && a != NULL)
        memory_release(o->memory, a, at.bytes, 1);
    return status;
}

descent_status state_build(descent_optimizer *o)
{
    size_t wanted = 0;

    for (size_t i = 0; i < o->count && o->unbuilt > 0; i++)
        wanted += needs_state(o, &o->entries[i]);
    if (wanted == 0)
        return DESCENT_OK;
    TRY(plan_check_ranges(o));
    TRY(build_arrays(o));
    for (size_t i = 0; i < o->count; i++)
        if (needs_state(o, &o->entries[i]))
            o->entries[i].built = true;
    o->unbuilt -= wanted;
    o->changed = true;
    return DESCENT_OK;
}

descent_status state_build_alone(descent_optimizer *o)
{
    TRY(status_prefix(groups_check(o), "%s", o->settings.name));
    /* The plugin may call the application, which must not add tensors now. */
    o->busy = true;
    const descent_status status = state_build(o);
    o->busy = false;
    return status;
}

void state_release(descent_optimizer *o, entry *e)
{
    arena *a = e->arena;

    memory_release(o->memory, e->aside, (size_t)e->count, sizeof *e->aside);
    e->aside = NULL;
    memory_release(o->memory, e->listed, e->listed_capacity, sizeof *e->listed);
    e->listed = NULL;
    e->listed_capacity = 0;
    forget(e);
    if (a != NULL && --a->users == 0)
        memory_release(o->memory, a, a->bytes, 1);
}

descent_status descent_optimizer_build(descent_optimizer *o)
{
    TRY(optimizer_enter(o));
    return state_build_alone(o);
}

void state_first_scalars(const descent_optimizer *o, double *scalar)
{
    for (size_t k = 0; k < o->type->slot_count; k++)
        if (type_slot(o->type, k)->shape == DESCENT_SLOT_SCALAR)
            scalar[slot_scalar_index(o->type, k)] =
                first_value(o, type_slot(o->type, k));
}
