/* SPDX-License-Identifier: MIT */
/* The flat lists of Keras, as another order of the same state. */
#include "engine/flat.h"

#include <math.h>
#include <string.h>

#include "engine/slots.h"
#include "plugin/type.h"
#include "tensor/view.h"

static const char *const core_slots[] = {"average", "gradient_accumulator"};
enum { CORE_SLOTS = sizeof core_slots / sizeof *core_slots };

static descent_status put(flat_list *l, flat_item item)
{
    TRY(memory_grow(l->s.memory, &l->items, &l->capacity, l->count + 1,
                    sizeof *l->items));
    l->items[l->count++] = item;
    return DESCENT_OK;
}

/* An item of the state has its place now. */
static descent_status put_item(flat_list *l, snapshot_item *item)
{
    item->listed = true;
    return put(l, (flat_item){.item = item});
}

/* Item `part` of a section and of a tensor (or of the whole), if there is one. */
static snapshot_item *find(const flat_list *l, const char *section,
                           const char *part, int64_t tensor)
{
    for (size_t i = tensor < 0 ? 0 : l->first[tensor]; i < l->s.count; i++) {
        snapshot_item *const item = &l->s.items[i];
        if (item->tensor == tensor && strcmp(item->section, section) == 0 &&
            strcmp(item->part, part) == 0 && !item->optional)
            return item;
        if (tensor >= 0 && item->tensor != tensor)
            break;
    }
    return NULL;
}

/* ---- Parts of a list ---- */

static descent_status put_counter(flat_list *l)
{
    l->counter = l->count;
    return put_item(l,
                    find(l, SNAPSHOT_COUNTERS, "iterations", SNAPSHOT_WHOLE));
}

static descent_status put_slot(flat_list *l, const char *name, size_t tensor)
{
    snapshot_item *item = find(l, SNAPSHOT_SLOTS, name, (int64_t)tensor);

    return item != NULL ? put_item(l, item) : DESCENT_OK;
}

static descent_status put_slot_of_all(flat_list *l, const char *name)
{
    for (size_t i = 0; i < l->s.o->count; i++)
        TRY(put_slot(l, name, i));
    return DESCENT_OK;
}

static bool is_array(const descent_slot *slot)
{
    return slot->shape != DESCENT_SLOT_SCALAR && !slot_is_scratch(slot);
}

static descent_status put_scalars(flat_list *l)
{
    const descent_optimizer *o = l->s.o;

    for (size_t k = 0; k < o->type->slot_count && o->group_count == 1; k++) {
        snapshot_item *item = find(l, SNAPSHOT_SLOTS,
                                   type_slot(o->type, k)->name, SNAPSHOT_WHOLE);
        if (item != NULL)
            TRY(put_item(l, item));
    }
    return DESCENT_OK;
}

static descent_status put_placeholders(flat_list *l)
{
    for (size_t i = 0; i < l->s.o->count; i++)
        TRY(put(l, (flat_item){.kind = FLAT_PLACEHOLDER}));
    return DESCENT_OK;
}

/* ---- Orders ---- */

/* What scales the loss is an optimizer around the optimizer, with iterations and
 * a rate of its own, which are 0. */
static descent_status put_loss_scale(flat_list *l)
{
    if (l->s.o->settings.number[OPTION_LOSS_SCALE] == 0)
        return DESCENT_OK;
    TRY(put(l, (flat_item){.kind = FLAT_ZERO}));
    TRY(put(l, (flat_item){.kind = FLAT_ZERO}));
    TRY(put_item(l,
                 find(l, SNAPSHOT_LOSS_SCALE, "good_steps", SNAPSHOT_WHOLE)));
    return put_item(l, find(l, SNAPSHOT_LOSS_SCALE, "scale", SNAPSHOT_WHOLE));
}

/* Slots that every variant has are made together, tensor by tensor, others one
 * after the other. */
static descent_status order_keras3(flat_list *l)
{
    const descent_optimizer *o = l->s.o;
    const descent_optimizer_type *type = o->type;

    TRY(put_loss_scale(l));
    TRY(put_counter(l));
    if (o->settings.schedule[OPTION_LEARNING_RATE] == NULL)
        TRY(put(l, (flat_item){.kind = FLAT_RATE}));
    for (size_t i = 0; i < CORE_SLOTS; i++)
        TRY(put_slot_of_all(l, core_slots[i]));
    for (size_t i = 0; i < o->count; i++)
        for (size_t k = 0; k < type->slot_count; k++)
            if (is_array(type_slot(type, k)) &&
                type_slot(type, k)->variants == 0)
                TRY(put_slot(l, type_slot(type, k)->name, i));
    for (size_t k = 0; k < type->slot_count; k++)
        if (is_array(type_slot(type, k)) && type_slot(type, k)->variants != 0)
            TRY(put_slot_of_all(l, type_slot(type, k)->name));
    return put_scalars(l);
}

static descent_status order_keras2(flat_list *l)
{
    const descent_optimizer *o = l->s.o;

    TRY(put_counter(l));
    TRY(put_scalars(l));
    for (size_t k = 0; k < o->type->slot_count; k++) {
        const descent_slot *slot = type_slot(o->type, k);
        if (is_array(slot) && type_uses(slot, o->settings.variant))
            TRY(put_slot_of_all(l, slot->name));
        else if ((slot->flags & DESCENT_SLOT_LISTED) != 0)
            TRY(put_placeholders(l));
    }
    return DESCENT_OK;
}

/* What has no place in the list must not be lost in silence. */
static descent_status check_complete(const flat_list *l, const char *order)
{
    for (size_t i = 0; i < l->s.count; i++) {
        const snapshot_item *const item = &l->s.items[i];
        const bool counts = strcmp(item->section, SNAPSHOT_SLOTS) == 0 ||
                            strcmp(item->section, SNAPSHOT_LOSS_SCALE) == 0;
        if (counts && !item->listed && !item->optional)
            return status_fail(DESCENT_ERR_SUPPORT,
                               "the list of %s has no place for '%s'", order,
                               item->part);
    }
    return DESCENT_OK;
}

static descent_status find_first(flat_list *l)
{
    int64_t last = SNAPSHOT_WHOLE;

    TRY(memory_new(l->s.memory, l->s.o->count, sizeof *l->first, &l->first));
    for (size_t i = 0; i < l->s.count; i++) {
        if (l->s.items[i].tensor != last)
            l->first[l->s.items[i].tensor] = i;
        last = l->s.items[i].tensor;
    }
    return DESCENT_OK;
}

descent_status flat_fill(flat_list *l, int order)
{
    static const struct {
        const char *name;
        descent_status (*fill)(flat_list *l);
    } orders[] = {
        [DESCENT_ORDER_KERAS3] = {"Keras 3", order_keras3},
        [DESCENT_ORDER_KERAS2] = {"Keras 2.3", order_keras2},
    };

    TRY(find_first(l));
    TRY(orders[order].fill(l));
    return check_complete(l, orders[order].name);
}

descent_status flat_check_order(const descent_optimizer *o, int order)
{
    TRY(optimizer_enter(o));
    return order == DESCENT_ORDER_KERAS3 || order == DESCENT_ORDER_KERAS2
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_ARGUMENT,
                             "%s: order = %d: expected DESCENT_ORDER_KERAS3 or "
                             "_KERAS2",
                             o->settings.name, order);
}

void flat_close(flat_list *l)
{
    memory *m = l->s.memory;

    if (m == NULL)
        return;
    memory_release(m, l->items, l->capacity, sizeof *l->items);
    memory_release(m, l->first, l->s.o->count, sizeof *l->first);
    snapshot_close(&l->s);
}

/* ---- Out ---- */

descent_tensor flat_view(const flat_list *l, size_t i)
{
    static const int64_t one[] = {1};
    static const float zero;
    static const double nothing;
    const flat_item *const item = &l->items[i];
    const descent_tensor rate = {
        .struct_size = sizeof rate,
        .dtype = DESCENT_DTYPE_F64,
        .name = "learning_rate",
        .data = &l->s.o->settings.number[OPTION_LEARNING_RATE],
    };
    const descent_tensor placeholder = {
        .struct_size = sizeof placeholder,
        .dtype = DESCENT_DTYPE_F32,
        .name = "unused",
        .ndim = 1,
        .shape = one,
        .data = (void *)(uintptr_t)&zero,
    };
    const descent_tensor unused = {
        .struct_size = sizeof unused,
        .dtype = DESCENT_DTYPE_F64,
        .name = "unused",
        .data = (void *)(uintptr_t)&nothing,
    };
    descent_tensor view;

    if (item->kind == FLAT_ZERO)
        return unused;
    if (item->kind == FLAT_RATE)
        return rate;
    if (item->kind == FLAT_PLACEHOLDER)
        return placeholder;
    view = snapshot_view(item->item);
    if (item->item->scalar != NULL)
        view.ndim = 0;
    return view;
}

static descent_status visit_all(const flat_list *l,
                                descent_status (*visit)(void *user,
                                                        const descent_tensor *),
                                void *user)
{
    for (size_t i = 0; i < l->count; i++) {
        const descent_tensor view = flat_view(l, i);
        TRY(visit(user, &view));
    }
    return DESCENT_OK;
}

descent_status descent_optimizer_weights(
    descent_optimizer *o, int order,
    descent_status (*visit)(void *user, const descent_tensor *item), void *user)
{
    flat_list l = {.items = NULL};
    descent_status status;

    TRY(flat_check_order(o, order));
    if (visit == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: descent_optimizer_weights: visit is NULL",
                           o->settings.name);
    status = snapshot_take(o, false, &l.s);
    if (status == DESCENT_OK)
        status = status_prefix(flat_fill(&l, order), "%s", o->settings.name);
    if (status == DESCENT_OK) {
        o->busy = true;
        status = visit_all(&l, visit, user);
        o->busy = false;
    }
    flat_close(&l);
    return status;
}
