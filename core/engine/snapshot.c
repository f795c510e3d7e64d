/* SPDX-License-Identifier: MIT */
#include "engine/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "engine/slots.h"
#include "tensor/view.h"

/* ---- Strings: offsets while they grow, pointers at the end ---- */

descent_status snapshot_put(snapshot *s, const char *text)
{
    const size_t n = strlen(text);

    TRY(memory_grow(s->memory, &s->strings, &s->room, s->used + n + 1, 1));
    memcpy(s->strings + s->used, text, n + 1);
    s->used += n;
    return DESCENT_OK;
}

const char *snapshot_begin(const snapshot *s)
{
    return (const char *)(uintptr_t)s->used;
}

void snapshot_end(snapshot *s)
{
    s->used++; /* the NUL is there */
}

static void resolve(const snapshot *s, const char **where)
{
    *where = s->strings + (uintptr_t)*where;
}

/* ---- Items ---- */

size_t snapshot_dtype_size(descent_dtype dtype)
{
    return dtype == DESCENT_DTYPE_I64  ? sizeof(int64_t)
           : dtype == DESCENT_DTYPE_U8 ? sizeof(uint8_t)
                                       : dtype_size(dtype);
}

static uint64_t item_bytes(const snapshot_item *item)
{
    uint64_t n = snapshot_dtype_size(item->dtype);

    for (uint32_t i = 0; i < item->ndim; i++)
        n *= (uint64_t)item->shape[i];
    return n;
}

static descent_status put_key(snapshot *s, const snapshot_item *item)
{
    const char *tensor = snapshot_tensor(s, item);

    if (strcmp(item->section, SNAPSHOT_WEIGHTS) == 0)
        return snapshot_put(s, tensor);
    TRY(snapshot_put(s, SNAPSHOT_PREFIX));
    TRY(snapshot_put(s, item->section));
    TRY(snapshot_put(s, "/"));
    TRY(snapshot_put(s, item->part));
    if (tensor == NULL)
        return DESCENT_OK;
    TRY(snapshot_put(s, "/"));
    return snapshot_put(s, tensor);
}

descent_status snapshot_add(snapshot *s, snapshot_item item)
{
    TRY(memory_grow(s->memory, &s->items, &s->capacity, s->count + 1,
                    sizeof *s->items));
    item.key = snapshot_begin(s);
    TRY(put_key(s, &item));
    snapshot_end(s);
    item.bytes = item_bytes(&item);
    s->items[s->count++] = item;
    return DESCENT_OK;
}

static descent_status add_counter(snapshot *s, int64_t tensor, const char *part,
                                  void *data)
{
    return snapshot_add(s, (snapshot_item){.section = SNAPSHOT_COUNTERS,
                                           .part = part,
                                           .tensor = tensor,
                                           .dtype = DESCENT_DTYPE_I64,
                                           .data = data});
}

/* May the tensor be without state because it is frozen? */
static bool may_be_frozen(const descent_optimizer *o, const entry *e)
{
    const settings *s = settings_holder(entry_settings(o, e), OPTION_FREEZE);

    return entry_is_frozen(o, e) || s->schedule[OPTION_FREEZE] != NULL;
}

static descent_status add_slots(snapshot *s, size_t index)
{
    const entry *e = &s->o->entries[index];
    const bool optional = !e->built && may_be_frozen(s->o, e);
    const char *name;

    if (s->taken && !e->built)
        return DESCENT_OK;

    for (size_t i = 0; (name = descent_optimizer_slot_name(s->o, i)) != NULL;
         i++) {
        descent_tensor view = {.ndim = e->ndim, .shape = e->shape};
        if (slot_is_shared(s->o, name) || !slot_describe(s->o, e, name, &view))
            continue;
        TRY(snapshot_add(s, (snapshot_item){.section = SNAPSHOT_SLOTS,
                                            .part = name,
                                            .tensor = (int64_t)index,
                                            .dtype = view.dtype,
                                            .ndim = view.ndim,
                                            .shape = view.shape,
                                            .data = view.data,
                                            .fresh = !e->built,
                                            .optional = optional}));
    }
    return DESCENT_OK;
}

/* The counter of updates goes first: it stands for the tensor. */
static descent_status add_tensor(snapshot *s, size_t index, bool weights)
{
    entry *e = &s->o->entries[index];
    const double *option = s->o->settings.number;

    TRY(add_counter(s, (int64_t)index, "updates",
                    &s->o->tensor_updates[index]));
    if (option[OPTION_GRADIENT_ACCUMULATION_STEPS] > 1)
        TRY(add_counter(s, (int64_t)index, "accumulated", &e->accumulated));
    if (weights)
        TRY(snapshot_add(s, (snapshot_item){.section = SNAPSHOT_WEIGHTS,
                                            .part = "",
                                            .tensor = (int64_t)index,
                                            .dtype = e->dtype,
                                            .ndim = e->ndim,
                                            .shape = e->shape,
                                            .data = e->weight}));
    return add_slots(s, index);
}

static descent_status add_loss_scale(snapshot *s)
{
    loss_scale *l = &s->o->loss_scale;
    const snapshot_item scale = {.section = SNAPSHOT_LOSS_SCALE,
                                 .part = "scale",
                                 .tensor = SNAPSHOT_WHOLE,
                                 .dtype = DESCENT_DTYPE_F64,
                                 .data = &l->scale};
    const snapshot_item good = {.section = SNAPSHOT_LOSS_SCALE,
                                .part = "good_steps",
                                .tensor = SNAPSHOT_WHOLE,
                                .dtype = DESCENT_DTYPE_I64,
                                .data = &l->good};

    if (s->o->settings.number[OPTION_LOSS_SCALE] == 0)
        return DESCENT_OK;
    TRY(snapshot_add(s, good));
    return snapshot_add(s, scale);
}

static descent_status add_whole(snapshot *s)
{
    descent_optimizer *o = s->o;

    TRY(memory_new(s->memory, SNAPSHOT_INTEGERS, sizeof *s->integers,
                   &s->integers));
    s->integers[SNAPSHOT_SEED] = (int64_t)o->settings.number[OPTION_SEED];
    TRY(add_counter(s, SNAPSHOT_WHOLE, "iterations", &o->iterations));
    TRY(add_counter(s, SNAPSHOT_WHOLE, "updates", &o->updates));
    TRY(add_counter(s, SNAPSHOT_WHOLE, "seed", &s->integers[SNAPSHOT_SEED]));
    TRY(add_loss_scale(s));
    return snapshot_add_lists(s);
}

/* ---- The whole ---- */

static int by_key(const void *a, const void *b)
{
    const snapshot_item *const *x = a, *const *y = b;

    return strcmp((*x)->key, (*y)->key);
}

static descent_status finish(snapshot *s)
{
    TRY(memory_new(s->memory, s->count, sizeof(*s->sorted), &s->sorted));
    for (size_t i = 0; i < s->count; i++) {
        snapshot_item *const item = &s->items[i];
        resolve(s, &item->key);
        if (item->length > 0)
            item->shape = &item->length;
        if (item->schedule != NULL) /* its name was made for the key */
            item->part = strchr(item->key, '/') + 1;
        s->sorted[i] = item;
    }
    for (size_t i = 0; i < s->text_count; i++) {
        resolve(s, &s->texts[i].key);
        resolve(s, &s->texts[i].text);
    }
    qsort(s->sorted, s->count, sizeof(*s->sorted), by_key);
    return DESCENT_OK;
}

static descent_status check_names(const descent_optimizer *o)
{
    const size_t n = strlen(SNAPSHOT_PREFIX);

    for (size_t i = 0; i < o->count; i++)
        if (strncmp(o->entries[i].name, SNAPSHOT_PREFIX, n) == 0)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s: tensor '%s': states use names that begin "
                               "with '" SNAPSHOT_PREFIX
                               "' themselves: expected another",
                               o->settings.name, o->entries[i].name);
    return DESCENT_OK;
}

static descent_status describe(descent_optimizer *o, bool weights, snapshot *s)
{
    s->o = o;
    s->memory = o->memory;
    TRY(check_names(o));
    TRY(add_whole(s));
    for (size_t i = 0; i < o->count; i++)
        TRY(add_tensor(s, i, weights));
    TRY(snapshot_add_texts(s, weights));
    return finish(s);
}

descent_status snapshot_open(descent_optimizer *o, bool weights, snapshot *s)
{
    *s = (snapshot){.taken = false};
    return describe(o, weights, s);
}

descent_status snapshot_take(descent_optimizer *o, bool weights, snapshot *s)
{
    *s = (snapshot){.taken = true};
    TRY(optimizer_enter(o));
    if (o->swapped)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: the averages stand in for the weights: swap "
                           "them back before the state is saved",
                           o->settings.name);
    if (o->poisoned)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: the plugin failed midway through a step: the "
                           "state is undefined and is not saved",
                           o->settings.name);
    TRY(state_build_alone(o));
    return describe(o, weights, s);
}

void snapshot_close(snapshot *s)
{
    memory *m = s->memory;

    if (m == NULL)
        return;
    memory_release(m, s->staged, s->staged_bytes, 1);
    memory_release(m, s->sorted, s->count, sizeof(*s->sorted));
    memory_release(m, s->items, s->capacity, sizeof *s->items);
    memory_release(m, s->texts, s->text_capacity, sizeof *s->texts);
    memory_release(m, s->strings, s->room, 1);
    memory_release(m, s->integers, SNAPSHOT_INTEGERS, sizeof *s->integers);
    memory_release(m, s->numbers, s->number_room, sizeof *s->numbers);
    *s = (snapshot){.memory = NULL};
}

/* ---- Looking ---- */

static int compare_key(const void *key, const void *item)
{
    return strcmp(key, (*(snapshot_item *const *)item)->key);
}

snapshot_item *snapshot_find(const snapshot *s, const char *key)
{
    snapshot_item *const *found =
        bsearch(key, s->sorted, s->count, sizeof(*s->sorted), compare_key);

    return found != NULL ? *found : NULL;
}

descent_tensor snapshot_view(const snapshot_item *item)
{
    return (descent_tensor){.struct_size = sizeof(descent_tensor),
                            .dtype = item->dtype,
                            .name = item->key,
                            .ndim = item->ndim,
                            .shape = item->shape,
                            .data = item->data};
}

const char *snapshot_tensor(const snapshot *s, const snapshot_item *item)
{
    return item->tensor == SNAPSHOT_WHOLE ? NULL
                                          : s->o->entries[item->tensor].name;
}
