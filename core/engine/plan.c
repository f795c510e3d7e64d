/* SPDX-License-Identifier: MIT */
/* What is made from the set of tensors once, not every step: which memory is
 * whose, and the spans. */
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

static void plan_span(descent_optimizer *o, size_t index)
{
    const bool whole = o->type->scope == DESCENT_SCOPE_TENSOR;
    const size_t k = o->span_count++;
    entry *e = &o->entries[index];

    o->planned[k] = index;
    o->spans[k] = (descent_span){
        .struct_size = sizeof(descent_span),
        .ndim = whole ? e->ndim : 0,
        .count = e->count,
        .slot = e->slot,
        .fuse = &o->fuses[k],
        .shape = whole ? e->shape : NULL,
        .tensor_id = e->id,
    };
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
            if (o->entries[i].count > 0 && o->entries[i].dtype == order[k])
                plan_span(o, i);
    o->plan_stale = false;
}
