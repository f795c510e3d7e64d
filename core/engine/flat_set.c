/* SPDX-License-Identifier: MIT */
/* Taking the values of a flat list: everything is judged and converted before
 * anything is stored. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "engine/flat.h"
#include "plugin/type.h"
#include "tensor/convert.h"
#include "tensor/view.h"

typedef struct taking {
    flat_list l;
    const descent_tensor *list;
    size_t n;
    size_t missing; /* item of the list that is not given, or SIZE_MAX */
    double rate;    /* NaN: not in the list */
    double iterations;
    int64_t good_steps; /* of the loss scale */
} taking;

static const descent_tensor *given(const taking *t, size_t i)
{
    const size_t at = i > t->missing ? i - 1 : i;

    return (const void *)((const char *)t->list + at * t->list->struct_size);
}

/* ---- Judging ---- */

static descent_status check_given(const descent_tensor *g, size_t i)
{
    const descent_dtype dtype =
        g->dtype == DESCENT_DTYPE_I64 ? DESCENT_DTYPE_F64 : g->dtype;
    int64_t count;
    char name[32] = "";

    if (!DESCENT_HAS(g, gradient))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "item %zu: struct_size = %u, expected %zu", i + 1,
                           g->struct_size, sizeof *g);
    if (dtype_size(dtype) == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "item %zu: dtype = %u: expected a floating type or "
                           "i64",
                           i + 1, g->dtype);
    text_append(name, sizeof name, "item %zu", i + 1);
    TRY(view_count(name, dtype, g->ndim, g->shape, &count));
    TRY(view_check_strides(name, g->ndim, g->shape, g->strides));
    return view_check_pointer(name, "item", dtype, count, g->data);
}

static descent_status check_shape(const taking *t, size_t i)
{
    const descent_tensor *const g = given(t, i);
    const descent_tensor mine = flat_view(&t->l, i);
    char a[200], b[200];

    if (g->ndim == mine.ndim &&
        (g->ndim == 0 ||
         memcmp(g->shape, mine.shape, g->ndim * sizeof *g->shape) == 0))
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "item %zu, '%s', has the shape %s, expected %s",
                       (i > t->missing ? i - 1 : i) + 1, mine.name,
                       view_shape_text(g->ndim, g->shape, a, sizeof a),
                       view_shape_text(mine.ndim, mine.shape, b, sizeof b));
}

/* Does the rule's list begin with this slot in older versions? */
static bool counter_may_be_missing(const taking *t)
{
    const descent_optimizer_type *type = t->l.s.o->type;

    for (size_t k = 0; k < type->slot_count; k++)
        if ((type_slot(type, k)->flags & DESCENT_SLOT_LEADS) != 0)
            return true;
    return false;
}

/* Which item may a list that is one short lack? */
static size_t find_missing(const taking *t, int order)
{
    const size_t count = t->l.count;

    if (order != DESCENT_ORDER_KERAS2 || t->n + 1 != count)
        return SIZE_MAX;
    if (count > 1 && t->l.items[1].item != NULL &&
        t->l.items[1].item->scalar != NULL)
        return 1;
    return counter_may_be_missing(t) ? t->l.counter : SIZE_MAX;
}

static descent_status check_all(taking *t, int order)
{
    t->missing = find_missing(t, order);
    if (t->n != t->l.count - (t->missing != SIZE_MAX))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "a list of %zu items: expected %zu", t->n,
                           t->l.count);
    for (size_t i = 0; i < t->l.count; i++) {
        if (i == t->missing)
            continue;
        TRY(check_given(given(t, i), i > t->missing ? i - 1 : i));
        TRY(check_shape(t, i));
    }
    return DESCENT_OK;
}

/* ---- Reading ---- */

static double number_of(const descent_tensor *g)
{
    double value = 0;

    if (g->dtype == DESCENT_DTYPE_I64)
        return (double)*(const int64_t *)g->data;
    convert(DESCENT_DTYPE_F64, &value, g->dtype, g->data, 1);
    return value;
}

static descent_status check_count(const char *name, double value)
{
    char text[TEXT_NUMBER];

    return value >= 0 && value <= 0x1p53 && value == floor(value)
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_ARGUMENT,
                             "%s = %s: expected an integer, 0 or more", name,
                             text_number(value, text));
}

/* The counters that the list has. */
static descent_status read_counters(taking *t)
{
    for (size_t i = 0; i < t->l.count; i++) {
        const flat_item *const item = &t->l.items[i];
        if (item->kind != FLAT_ITEM || i == t->l.counter ||
            item->item->dtype != DESCENT_DTYPE_I64)
            continue;
        TRY(check_count(item->item->part, number_of(given(t, i))));
        t->good_steps = (int64_t)number_of(given(t, i));
    }
    t->iterations =
        t->missing == t->l.counter ? 0 : number_of(given(t, t->l.counter));
    return check_count("iterations", t->iterations);
}

static descent_status read_rate(taking *t)
{
    const option_table *table = &t->l.s.o->settings.table;

    t->rate = (double)NAN;
    for (size_t i = 0; i < t->l.count; i++) {
        if (t->l.items[i].kind != FLAT_RATE)
            continue;
        t->rate = number_of(given(t, i));
        TRY(option_check(table, OPTION_LEARNING_RATE, t->rate));
    }
    return DESCENT_OK;
}

/* What so many calls of step make. */
static int64_t counter_value(const taking *t, const snapshot_item *item)
{
    const double steps =
        t->l.s.o->settings.number[OPTION_GRADIENT_ACCUMULATION_STEPS];
    const double k = steps > 1 ? steps : 1;

    if (strcmp(item->part, "iterations") == 0)
        return (int64_t)t->iterations;
    if (strcmp(item->part, "accumulated") == 0)
        return fmod(t->iterations, k) != 0;
    return (int64_t)floor(t->iterations / k);
}

static bool is_computed(const snapshot_item *item)
{
    return strcmp(item->section, SNAPSHOT_COUNTERS) == 0 &&
           strcmp(item->part, "seed") != 0;
}

/* Mark what will be stored, and make room for it. */
static descent_status stage(taking *t)
{
    for (size_t i = 0; i < t->l.count; i++)
        if (t->l.items[i].kind == FLAT_ITEM)
            t->l.items[i].item->source = i + 1;
    for (size_t i = 0; i < t->l.s.count; i++) {
        snapshot_item *const item = &t->l.s.items[i];
        if (is_computed(item))
            item->source = 1;
        if (item->source != 0 && item->tensor != SNAPSHOT_WHOLE &&
            strcmp(item->section, SNAPSHOT_SLOTS) == 0)
            t->l.s.o->entries[item->tensor].wanted = true;
    }
    return snapshot_stage(&t->l.s);
}

static void read_item(const taking *t, size_t i)
{
    snapshot_item *const item = t->l.items[i].item;
    const size_t size = dtype_size(item->dtype);
    double first = item->scalar != NULL ? item->scalar->initial : 0;

    if (i == t->missing)
        memcpy(item->staged, &first, sizeof first);
    else if (item->dtype == DESCENT_DTYPE_I64)
        *(int64_t *)item->staged = t->good_steps;
    else if (given(t, i)->dtype == DESCENT_DTYPE_I64)
        for (size_t k = 0; k < item->bytes / size; k++) {
            const int64_t *from = given(t, i)->data;
            const double value = (double)from[k];
            convert(item->dtype, (char *)item->staged + k * size,
                    DESCENT_DTYPE_F64, &value, 1);
        }
    else if (item->bytes > 0)
        convert(item->dtype, item->staged, given(t, i)->dtype,
                given(t, i)->data, item->bytes / size);
}

static void read_all(const taking *t)
{
    for (size_t i = 0; i < t->l.s.count; i++) {
        const snapshot_item *const item = &t->l.s.items[i];
        if (is_computed(item))
            *(int64_t *)item->staged = counter_value(t, item);
    }
    for (size_t i = 0; i < t->l.count; i++)
        if (t->l.items[i].kind == FLAT_ITEM && i != t->l.counter)
            read_item(t, i);
}

/* ---- The whole ---- */

static descent_status take(taking *t, descent_optimizer *o, int order)
{
    TRY(groups_check(o));
    TRY(snapshot_open(o, false, &t->l.s));
    TRY(flat_fill(&t->l, order));
    TRY(check_all(t, order));
    TRY(read_counters(t));
    TRY(read_rate(t));
    TRY(stage(t));
    read_all(t);
    TRY(snapshot_judge(&t->l.s));
    TRY(snapshot_commit(&t->l.s));
    if (!isnan(t->rate))
        o->settings.number[OPTION_LEARNING_RATE] = t->rate;
    settings_unsettle(&o->settings);
    return DESCENT_OK;
}

descent_status descent_optimizer_set_weights(descent_optimizer *o, int order,
                                             const descent_tensor *list,
                                             size_t n)
{
    taking t = {.list = list, .n = n};
    descent_status status;

    TRY(flat_check_order(o, order));
    if (list == NULL && n > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: %zu items, but the list is NULL",
                           o->settings.name, n);
    if (o->swapped)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: the averages stand in for the weights: swap "
                           "them back before set_weights",
                           o->settings.name);
    o->busy = true;
    status = take(&t, o, order);
    o->busy = false;
    for (size_t i = 0; i < o->count; i++)
        o->entries[i].wanted = false;
    flat_close(&t.l);
    return status_prefix(status, "%s", o->settings.name);
}
