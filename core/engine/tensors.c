/* SPDX-License-Identifier: MIT */
/* Binding the application's tensors. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "engine/optimizer.h"
#include "tensor/view.h"

enum { LONGEST_NAME = 1023 };

int64_t tensors_index(const descent_optimizer *o, const char *name)
{
    uint64_t at = names_hash(name);
    int64_t i;

    while ((i = names_next(&o->names, &at)) != NAMES_NONE)
        if (strcmp(o->entries[i].name, name) == 0)
            return i;
    return NAMES_NONE;
}

static descent_status check_tensor(const descent_tensor *t, int64_t *count)
{
    if (!DESCENT_HAS(t, gradient))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor: struct_size = %u, expected %zu",
                           t->struct_size, sizeof *t);
    if (t->name == NULL || !text_is_plain(t->name, LONGEST_NAME))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor name: expected 1 to %d bytes without "
                           "control bytes",
                           LONGEST_NAME);
    if (t->flags != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': flags = 0x%x, expected 0", t->name,
                           t->flags);
    if (dtype_size(t->dtype) == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': dtype = %u is none", t->name,
                           t->dtype);
    TRY(view_count(t->name, t->dtype, t->ndim, t->shape, count));
    TRY(view_check_strides(t->name, t->ndim, t->shape, t->strides));
    TRY(view_check_pointer(t->name, "weight", t->dtype, *count, t->data));
    if (t->gradient != NULL)
        TRY(view_check_pointer(t->name, "gradient", t->dtype, *count,
                               t->gradient));
    return DESCENT_OK;
}

static descent_status check_support(const descent_optimizer *o,
                                    const descent_tensor *t)
{
    const descent_dtype compute = dtype_compute(t->dtype);
    const uint32_t needs =
        compute == DESCENT_DTYPE_F64 ? DESCENT_RUNS_F64 : DESCENT_RUNS_F32;

    if ((o->type->runs & needs) == 0)
        return status_fail(DESCENT_ERR_SUPPORT,
                           "tensor '%s': the rule of %s does not run in %s",
                           t->name, o->type->id, dtype_name(compute));
    return DESCENT_OK;
}

/* How a tensor's weights and state are stored, by its type and the options. */
static void choose_storage(const descent_optimizer *o, entry *e)
{
    const double *option = o->settings.number;

    e->compute = dtype_compute(e->dtype);
    e->state_dtype = e->compute;
    if (!entry_is_narrow(e))
        return;
    if (option[OPTION_SLOT_DTYPE] == SLOTS_SAME)
        e->state_dtype = e->dtype;
    e->keeps = (int)option[OPTION_MASTER];
}

static descent_status bind(descent_optimizer *o, const descent_tensor *t)
{
    entry *e = &o->entries[o->count];
    int64_t count = 0;

    TRY(check_tensor(t, &count));
    TRY(check_support(o, t));
    if (tensors_index(o, t->name) != NAMES_NONE)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': the name is taken; expected a name of "
                           "its own",
                           t->name);
    *e = (entry){
        .id = names_hash(t->name),
        .dtype = t->dtype,
        .ndim = t->ndim,
        .count = count,
        .row = count == 0 || t->ndim == 0 ? count : count / t->shape[0],
        .weight = t->data,
        .gradient = t->gradient,
        .decays = exclusions_let_decay(o, t->name),
        .lr_mult = NAN,
        .wd_mult = NAN,
    };
    choose_storage(o, e);
    TRY(groups_choose(o, t, &e->group));
    if (t->ndim > 0)
        memcpy(e->shape, t->shape, t->ndim * sizeof *e->shape);
    TRY(memory_text(o->memory, t->name, &e->name));
    o->tensor_updates[o->count] = 0;
    names_put(&o->names, e->id, o->count++);
    o->unbuilt++;
    return DESCENT_OK;
}

static void name_all(descent_optimizer *o)
{
    if (o->names.capacity > 0)
        memset(o->names.slots, 0, o->names.capacity * sizeof(size_t));
    for (size_t i = 0; i < o->count; i++)
        names_put(&o->names, o->entries[i].id, i);
}

/* Forget the tensors from `first` on. */
static void unbind(descent_optimizer *o, size_t first)
{
    while (o->count > first) {
        entry *e = &o->entries[--o->count];
        if (!e->built)
            o->unbuilt--;
        state_release(o, e);
        memory_release_text(o->memory, e->name);
    }
}

/* Rebuild what depends on the set of tensors; cannot fail. */
static void tensors_changed(descent_optimizer *o)
{
    o->ranges_stale = true;
    o->plan_stale = true;
    o->changed = true;
}

static descent_status add(descent_optimizer *o, const descent_tensor *tensors,
                          size_t n)
{
    const char *at = (const char *)tensors;
    size_t total;

    if (__builtin_add_overflow(o->count, n, &total))
        return status_fail(DESCENT_ERR_MEMORY, "out of memory: %zu tensors", n);
    TRY(memory_grow(o->memory, &o->entries, &o->capacity, total,
                    sizeof *o->entries));
    TRY(memory_grow(o->memory, &o->tensor_updates, &o->updates_capacity, total,
                    sizeof *o->tensor_updates));
    TRY(memory_grow(o->memory, &o->ranges, &o->range_capacity, total,
                    sizeof *o->ranges));
    TRY(scalars_reserve(o, total, o->group_count));
    TRY(names_reset(&o->names, o->memory, total));
    name_all(o);
    for (size_t i = 0; i < n; i++, at += tensors->struct_size)
        TRY(bind(o, (const void *)at));
    TRY(plan_reserve(o));
    tensors_changed(o);
    TRY(plan_check_ranges(o));
    for (size_t i = o->count - n; i < o->count; i++)
        TRY(plan_check_gradient(o, &o->entries[i], o->entries[i].dtype,
                                o->entries[i].count, o->entries[i].gradient));
    return DESCENT_OK;
}

descent_status descent_optimizer_add(descent_optimizer *o,
                                     const descent_tensor *tensors, size_t n)
{
    const size_t before = o == NULL ? 0 : o->count;
    descent_status status;

    TRY(optimizer_enter(o));
    if (n == 0)
        return DESCENT_OK;
    if (tensors == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: %zu tensors, but the list is NULL",
                           o->settings.name, n);
    o->busy = true; /* groups may ask the application */
    status = add(o, tensors, n);
    o->busy = false;
    if (status != DESCENT_OK) {
        unbind(o, before);
        name_all(o);
        tensors_changed(o);
        status = status_prefix(status, "%s", o->settings.name);
    }
    return status;
}

descent_status descent_optimizer_remove(descent_optimizer *o, const char *name)
{
    size_t index;

    TRY(optimizer_enter(o));
    TRY(descent_optimizer_index(o, name, &index));
    if (o->swapped)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: the averages stand in for the weights: swap "
                           "them back before '%s' is removed",
                           o->settings.name, name);
    entry *e = &o->entries[index];
    if (!e->built)
        o->unbuilt--;
    state_release(o, e);
    memory_release_text(o->memory, e->name);
    memmove(e, e + 1, (o->count - index - 1) * sizeof *e);
    memmove(&o->tensor_updates[index], &o->tensor_updates[index + 1],
            (o->count - index - 1) * sizeof *o->tensor_updates);
    o->count--;
    name_all(o);
    tensors_changed(o);
    return DESCENT_OK;
}

void tensors_free(descent_optimizer *o)
{
    memory *m = o->memory;

    unbind(o, 0);
    names_free(&o->names, m);
    memory_release(m, o->entries, o->capacity, sizeof *o->entries);
    memory_release(m, o->tensor_updates, o->updates_capacity,
                   sizeof *o->tensor_updates);
    memory_release(m, o->ranges, o->range_capacity, sizeof *o->ranges);
    memory_release(m, o->spans, o->span_capacity, sizeof *o->spans);
    memory_release(m, o->parts, o->part_capacity, sizeof *o->parts);
    memory_release(m, o->slots, o->slot_capacity, sizeof *o->slots);
    memory_release(m, o->fuses, o->fuse_capacity, sizeof *o->fuses);
    memory_release(m, o->pieces, o->piece_capacity, sizeof *o->pieces);
    memory_release(m, o->sets, o->set_capacity, sizeof *o->sets);
}

/* ---- Public readers ---- */

size_t descent_optimizer_tensor_count(const descent_optimizer *o)
{
    return o == NULL ? 0 : o->count;
}

static descent_status check_index(const descent_optimizer *o, size_t index)
{
    if (o == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT, "optimizer is NULL");
    if (index >= o->count)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: tensor index = %zu, expected less than %zu",
                           o->settings.name, index, o->count);
    return DESCENT_OK;
}

descent_status descent_optimizer_tensor(const descent_optimizer *o,
                                        size_t index, descent_tensor *tensor)
{
    TRY(check_index(o, index));
    const entry *e = &o->entries[index];
    const descent_tensor found = {
        .struct_size = sizeof found,
        .dtype = e->dtype,
        .name = e->name,
        .ndim = e->ndim,
        .shape = e->shape,
        .data = e->weight,
        .gradient = e->gradient,
    };
    return view_give(&found, tensor);
}

uint64_t descent_optimizer_tensor_updates(const descent_optimizer *o,
                                          size_t index)
{
    return index < o->count ? o->tensor_updates[index] : 0;
}

descent_status tensors_find(const descent_optimizer *o, const char *name,
                            size_t *index)
{
    text_nearest search = {.wanted = name};
    const int64_t found = tensors_index(o, name);

    if (found != NAMES_NONE) {
        *index = (size_t)found;
        return DESCENT_OK;
    }
    for (size_t i = 0; i < o->count; i++)
        text_nearest_offer(&search, o->entries[i].name);
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "no tensor is called '%.64s'%s%s%s", name,
                       search.best != NULL ? "; did you mean '" : "",
                       search.best != NULL ? search.best : "",
                       search.best != NULL ? "'?" : "");
}

descent_status descent_optimizer_index(const descent_optimizer *o,
                                       const char *name, size_t *index)
{
    if (o == NULL || name == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_optimizer_index: optimizer or name is "
                           "NULL");
    return status_prefix(tensors_find(o, name, index), "%s", o->settings.name);
}

descent_status descent_optimizer_set_pointer(descent_optimizer *o, size_t index,
                                             int which, const void *pointer)
{
    TRY(optimizer_enter(o));
    TRY(check_index(o, index));
    entry *e = &o->entries[index];
    if (which == DESCENT_POINTER_WEIGHT) {
        TRY(view_check_pointer(e->name, "weight", e->dtype, e->count, pointer));
        e->weight = (void *)(uintptr_t)pointer;
        o->ranges_stale = true;
        return DESCENT_OK;
    }
    if (which != DESCENT_POINTER_GRADIENT)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: which = %d, expected DESCENT_POINTER_WEIGHT "
                           "or DESCENT_POINTER_GRADIENT",
                           o->settings.name, which);
    if (pointer != NULL)
        TRY(view_check_pointer(e->name, "gradient", e->dtype, e->count,
                               pointer));
    e->gradient = pointer;
    o->bound = false;
    return DESCENT_OK;
}
