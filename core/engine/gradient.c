/* SPDX-License-Identifier: MIT */
/* The gradient that a step works with: what the application handed over, with
 * the loss scale removed and what was accumulated added. */
#include <math.h>

#include "engine/optimizer.h"
#include "engine/tile.h"
#include "tensor/norm.h"
#include "tensor/view.h"

static void *offset(const void *array, descent_dtype dtype, int64_t elements)
{
    return (char *)(uintptr_t)array + (size_t)elements * dtype_size(dtype);
}

const void *gradient_load(const entry *e, gradient_source source, int64_t first,
                          size_t n, void *buffer)
{
    const void *base = NULL;

    if (source.accumulates)
        base = offset(e->accumulator, e->dtype, first);
    if (e->now == NULL)
        return base;
    if (base == NULL && e->now_dtype == e->dtype)
        return offset(e->now, e->dtype, first);
    /* Without accumulation the scale is one factor with all others, later. */
    tile_load(e->dtype, n, e->now_dtype, offset(e->now, e->now_dtype, first),
              source.accumulates ? source.unscale : 1, base, buffer);
    return buffer;
}

void gradient_accumulate(entry *e, double unscale)
{
    tile_load(e->dtype, (size_t)e->count, e->now_dtype, e->now, unscale,
              e->accumulator, e->accumulator);
    e->accumulated = true;
}

/* The largest magnitude of all active gradients, to scale by. */
static double largest(const entry *e, gradient_source source, double above)
{
    double block[NORM_BLOCK];

    for (int64_t at = 0; at < e->count; at += NORM_BLOCK) {
        const size_t n =
            (size_t)(e->count - at < NORM_BLOCK ? e->count - at : NORM_BLOCK);
        const double here =
            norm_largest(e->dtype, gradient_load(e, source, at, n, block), n);
        above = here > above || isnan(here) ? here : above;
    }
    return above;
}

static double sum_of_squares(const entry *e, gradient_source source,
                             double scale)
{
    double block[NORM_BLOCK];
    norm_tree blocks = {0};

    for (int64_t at = 0; at < e->count; at += NORM_BLOCK) {
        const size_t n =
            (size_t)(e->count - at < NORM_BLOCK ? e->count - at : NORM_BLOCK);
        norm_tree_add(&blocks,
                      norm_block(e->dtype,
                                 gradient_load(e, source, at, n, block), n,
                                 scale));
    }
    return norm_tree_sum(&blocks);
}

static double total(const descent_optimizer *o, const entry *e,
                    gradient_source source, double scale)
{
    norm_tree tensors = {0};

    if (e != NULL)
        return sum_of_squares(e, source, scale);
    for (size_t i = 0; i < o->count; i++)
        if (o->entries[i].active)
            norm_tree_add(&tensors,
                          sum_of_squares(&o->entries[i], source, scale));
    return norm_tree_sum(&tensors);
}

double gradient_norm(const descent_optimizer *o, const entry *e,
                     gradient_source source, double factor)
{
    const double plain = total(o, e, source, 1);
    double most = 0;
    int exponent;

    /* Squares of doubles may overflow or vanish where the norm does not. */
    if (plain >= 0x1p-900 && plain <= 0x1p+1020)
        return sqrt(plain) * fabs(factor);
    for (size_t i = 0; i < o->count; i++)
        if (e == NULL ? o->entries[i].active : e == &o->entries[i])
            most = largest(&o->entries[i], source, most);
    if (most == 0 || !isfinite(most))
        return sqrt(plain) * fabs(factor);
    frexp(most, &exponent);
    exponent = exponent < -1000 ? -1000 : exponent; /* 2^1000 is finite */
    return ldexp(sqrt(total(o, e, source, ldexp(1, -exponent))), exponent) *
           fabs(factor);
}
