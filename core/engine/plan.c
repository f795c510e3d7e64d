/* SPDX-License-Identifier: MIT */
/* What is made from the set of tensors once, not every step: which memory is
 * whose, spans, and the pieces that threads work on. */
#include "engine/optimizer.h"
#include "tensor/view.h"

static void fill_ranges(descent_optimizer *o)
{
    o->range_count = 0;
    for (size_t i = 0; i < o->count; i++) {
        const entry *e = &o->entries[i];
        const uintptr_t begin = (uintptr_t)e->weight;
        if (e->count > 0)
            o->ranges[o->range_count++] = (range){
                begin, begin + (size_t)e->count * dtype_size(e->dtype), i};
        o->entries[i].trusted = NULL;
    }
    o->aimed = false;
    o->bound = false;
    ranges_sort(o->ranges, o->range_count);
}

descent_status plan_check_ranges(descent_optimizer *o)
{
    size_t bad;

    if (!o->ranges_stale)
        return DESCENT_OK;
    fill_ranges(o);
    bad = ranges_overlap(o->ranges, o->range_count);
    if (bad < o->range_count)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensors '%s' and '%s' overlap in memory: expected "
                           "memory of their own",
                           o->entries[o->ranges[bad].owner].name,
                           o->entries[o->ranges[bad + 1].owner].name);
    o->ranges_stale = false;
    return DESCENT_OK;
}

descent_status plan_check_gradient(const descent_optimizer *o, const entry *e,
                                   descent_dtype dtype, int64_t count,
                                   const void *data)
{
    const size_t bytes = (size_t)count * dtype_size(dtype);
    const range *found;

    if (data == NULL || bytes == 0)
        return DESCENT_OK;
    found = ranges_find(o->ranges, o->range_count, (uintptr_t)data,
                        (uintptr_t)data + bytes);
    if (found == NULL)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "gradient of '%s' overlaps the weights of '%s' in "
                       "memory: expected memory of its own",
                       e->name, o->entries[found->owner].name);
}

/* ---- Spans ---- */

/* Rules of tensor scope get tensors as they are. */
static int64_t span_most(const descent_optimizer *o, const entry *e)
{
    return o->type->scope == DESCENT_SCOPE_TENSOR ? e->count
           : e->count <= SMALL                    ? SPAN_FINE
                                                  : SPAN_MOST;
}

static size_t span_total(const descent_optimizer *o, const entry *e)
{
    const int64_t most = span_most(o, e);

    return e->count == 0 ? 0 : (size_t)((e->count - 1) / most + 1);
}

descent_status plan_reserve(descent_optimizer *o)
{
    size_t total = 0;

    for (size_t i = 0; i < o->count; i++)
        total += span_total(o, &o->entries[i]);
    TRY(memory_grow(o->memory, &o->spans, &o->span_capacity, total,
                    sizeof *o->spans));
    TRY(memory_grow(o->memory, &o->parts, &o->part_capacity, total,
                    sizeof *o->parts));
    TRY(memory_grow(o->memory, &o->slots, &o->slot_capacity,
                    total * o->type->slot_count, sizeof *o->slots));
    TRY(memory_grow(o->memory, &o->fuses, &o->fuse_capacity, total,
                    sizeof *o->fuses));
    return memory_grow(o->memory, &o->pieces, &o->piece_capacity, total,
                       sizeof *o->pieces);
}

/* What a step points at is aimed by the pass. */
static void plan_span(descent_optimizer *o, size_t index, int64_t first)
{
    const bool whole = o->type->scope == DESCENT_SCOPE_TENSOR;
    const size_t k = o->span_count++;
    entry *e = &o->entries[index];
    const int64_t left = e->count - first, most = span_most(o, e);

    o->parts[k].entry = index;
    o->parts[k].dtype = e->dtype;
    o->spans[k] = (descent_span){
        .struct_size = sizeof(descent_span),
        .ndim = whole ? e->ndim : 0,
        .count = left < most ? left : most,
        .slot = &o->slots[k * o->type->slot_count],
        .shape = whole ? e->shape : NULL,
        .first = first,
        .tensor_id = e->id,
    };
}

static void plan_entry(descent_optimizer *o, size_t index)
{
    entry *e = &o->entries[index];

    e->span = o->span_count;
    e->spans = span_total(o, e);
    for (size_t k = 0; k < e->spans; k++)
        plan_span(o, index, (int64_t)k * span_most(o, e));
}

/* By size alone, never by the number of threads, and each of one type.  A span
 * costs something however short it is. */
static void plan_pieces(descent_optimizer *o)
{
    enum { COST = 256 };
    int64_t work = 0, most;
    descent_dtype dtype = 0;

    for (size_t k = 0; k < o->span_count; k++)
        work += o->spans[k].count;
    most = work <= SMALL ? SPAN_FINE : SPAN_MOST;
    o->piece_count = 0;
    for (size_t k = 0; k < o->span_count; k++) {
        const descent_dtype before = dtype;
        dtype = o->parts[k].dtype;
        if (work + o->spans[k].count > most || dtype != before) {
            o->pieces[o->piece_count++].begin = k;
            work = 0;
        }
        work += o->spans[k].count + COST;
        o->pieces[o->piece_count - 1].end = k + 1;
    }
}

void plan_spans(descent_optimizer *o)
{
    static const descent_dtype order[] = {DESCENT_DTYPE_F32, DESCENT_DTYPE_F64,
                                          DESCENT_DTYPE_F16,
                                          DESCENT_DTYPE_BF16};

    if (!o->plan_stale)
        return;
    o->span_count = 0;
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < o->count; i++)
            if (o->entries[i].dtype == order[k])
                plan_entry(o, i);
    plan_pieces(o);
    o->plan_stale = false;
    o->aimed = false;
}
