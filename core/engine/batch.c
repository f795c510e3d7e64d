/* SPDX-License-Identifier: MIT */
/* The core's share around the rule: on tiles that stay in the first-level cache
 * (element scope) or on whole tensors (tensor scope); and on the rows of
 * row-sparse gradients, many a call. */
#include <stdalign.h>
#include <string.h>

#include "engine/pass.h"
#include "engine/rows.h"
#include "engine/stage.h"
#include "engine/tile.h"
#include "tensor/view.h"

enum { SPANS = 64 };

/* Spans of one tensor on their way to the plugin in one call. */
typedef struct batch {
    pass_state *p;
    entry *e;
    const descent_span *whole; /* the plan's span, from which they are cut  */
    uint32_t mine;             /* the core's share, a mask                    */
    bool stores;               /* something is to be done after the rule      */
    descent_fuse fuse;         /* the plugin's                                */
    stage room;                /* for copies of `size` elements ...           */
    size_t size, used;         /* ... of which these are in use               */
    size_t count, made;        /* spans; those made before differ in little   */
    descent_span spans[SPANS];
    void *slots[SPANS][DESCENT_MAX_SLOTS];
} batch;

/* The gradient of a span of the run, where it is or in `buffer`. */
static const void *load(const batch *b, const row_walk *run, int64_t first,
                        size_t n, void *buffer)
{
    const entry *e = b->e;

    return run->values == NULL
               ? gradient_load(e, b->p->plan->source, first, n, buffer)
               : stage_read((void *)(uintptr_t)run->values, e->now_dtype,
                            e->compute, first - run->first, n, buffer);
}

/* The core's share before the rule: leaves the final gradient, or what the
 * plugin makes it of, in the span. */
static void before_rule(const batch *b, descent_span *span, void *buffer)
{
    const uint32_t of_gradient =
        b->mine & (DESCENT_FUSE_SCALE | DESCENT_FUSE_CLIP | DESCENT_FUSE_L2);
    const size_t n = (size_t)span->count;

    if (of_gradient != 0) {
        tile_gradient(b->e->compute, n, &b->fuse, of_gradient, span->grad,
                      span->weight, buffer);
        span->grad = buffer;
    }
    if ((b->mine & DESCENT_FUSE_DECAY) != 0)
        tile_decay(b->e->compute, n, b->fuse.decay, span->weight);
}

/* The core's share after the rule: the weights as they are stored, then their
 * average. */
static void after_rule(const batch *b, const descent_span *span)
{
    const size_t n = (size_t)span->count;
    const void *w = span->weight;
    entry *e = b->e;

    stage_store_weight(b->p->o, e, span->first, n, w);
    if ((b->mine & DESCENT_FUSE_EMA) != 0) {
        if (entry_is_rounded(e))
            w = stage_weight(e, span->first, n, span->weight);
        tile_average(e->compute, n, b->fuse.ema_keep, b->fuse.ema_take, w,
                     span->average);
    }
    if (span->average != NULL)
        stage_write(e->average, e->state_dtype, e->compute, span->first, n,
                    span->average);
    stage_write_slots(b->p->o, e, span->first, n, span->slot);
    if (b->p->plan->source.accumulates)
        memset(dtype_at(e->accumulator, e->state_dtype, span->first), 0,
               n * dtype_size(e->state_dtype));
}

static descent_status flush(batch *b)
{
    if (b->count == 0)
        return DESCENT_OK;
    TRY(pass_call(b->p, b->spans, b->count, b->e->compute, 0));
    for (size_t i = 0; i < b->count && b->stores; i++)
        after_rule(b, &b->spans[i]);
    b->count = b->used = 0;
    return DESCENT_OK;
}

static descent_span *next_span(batch *b)
{
    const size_t k = b->count++;

    if (k == b->made) {
        b->spans[k] = *b->whole;
        b->spans[k].slot = b->slots[k];
        b->spans[k].fuse = &b->fuse;
        b->spans[k].average = NULL;
        b->made++;
    }
    return &b->spans[k];
}

/* One more span: elements [first, first + n) of the run.  Where several share
 * the room for copies rows are updated by themselves, and averages come later. */
static void add(batch *b, const row_walk *run, int64_t first, size_t n)
{
    entry *e = b->e;
    void **slot = b->slots[b->count];
    descent_span *span = next_span(b);
    void *gradient = dtype_at(b->room.gradient, e->compute, (int64_t)b->used);

    span->count = (int64_t)n;
    span->first = first;
    span->weight = stage_weight(e, first, n, b->room.weight + b->used);
    if (((b->mine | b->fuse.mask) & DESCENT_FUSE_EMA) != 0)
        span->average = stage_read(e->average, e->state_dtype, e->compute,
                                   first, n, b->room.average);
    stage_read_slots(b->p->o, e, first, n, &b->room, b->used, slot);
    span->grad = load(b, run, first, n, gradient);
    before_rule(b, span, gradient);
}

/* Can the plugin work on the gradient and on the arrays as they are? */
static bool is_in_place(const batch *b, const row_walk *run)
{
    const entry *e = b->e;

    return run->values != NULL && b->mine == 0 && !entry_is_narrow(e) &&
           e->now_dtype == e->compute;
}

/* Rows lie apart: ask for them while others are still being listed. */
static void fetch(const batch *b, const descent_span *span)
{
    enum { LINE = 64, AHEAD = 4 * LINE };
    const size_t bytes = (size_t)span->count * dtype_size(b->e->dtype);
    const size_t n = bytes < AHEAD ? bytes : AHEAD;

    for (size_t at = 0; at < n; at += LINE) {
        __builtin_prefetch((const char *)span->grad + at, 0);
        __builtin_prefetch((const char *)span->weight + at, 1);
        for (size_t k = 0; k < b->p->o->type->slot_count; k++)
            if (span->slot[k] != NULL)
                __builtin_prefetch((const char *)span->slot[k] + at, 1);
    }
}

static descent_status add_run(batch *b, const row_walk *run)
{
    const bool in_place = is_in_place(b, run);
    int64_t at = run->first;

    while (at < run->end) {
        const size_t left = (size_t)(run->end - at), room = b->size - b->used;
        const size_t n = in_place || left < room ? left : room;
        add(b, run, at, n);
        if (in_place)
            fetch(b, &b->spans[b->count - 1]);
        at += (int64_t)n;
        b->used += in_place ? 0 : n;
        if (b->count == SPANS || b->used == b->size)
            TRY(flush(b));
    }
    return DESCENT_OK;
}

static descent_status run_all(batch *b)
{
    const bool accumulates = b->p->plan->source.accumulates;
    row_walk walk = rows_walk_part(b->e,
                                   !b->e->partial ? WALK_ALL
                                   : accumulates  ? WALK_TOUCHED
                                                  : WALK_LISTED,
                                   b->whole->first, b->whole->count);

    while (rows_next(&walk))
        TRY(add_run(b, &walk));
    return flush(b);
}

/* Room for whole tensors, allocated when they were built. */
static stage whole_stage(const descent_optimizer *o)
{
    stage s = {
        .gradient = o->whole[WHOLE_GRADIENT],
        .weight = o->whole[WHOLE_WEIGHT],
        .average = o->whole[WHOLE_AVERAGE],
    };

    for (size_t k = 0; k < o->type->slot_count; k++)
        s.slot[k] = o->scratch[k];
    return s;
}

descent_status batch_run(pass_state *p, const descent_span *span, entry *e)
{
    alignas(64) double gradient[TILE];
    alignas(64) float copies[2 + DESCENT_MAX_SLOTS][TILE];
    /* Rows that a step leaves out are averaged as well: afterwards. */
    const uint32_t needs =
        span->fuse->mask & ~(e->partial ? (uint32_t)DESCENT_FUSE_EMA : 0u);
    const uint32_t share = pass_share(p, e, needs);
    batch b;

    b.p = p;
    b.e = e;
    b.whole = span;
    b.mine = needs & ~share;
    b.fuse = *span->fuse;
    b.fuse.mask = share;
    b.stores = entry_is_narrow(e) || e->state_dtype != e->compute ||
               (b.mine & DESCENT_FUSE_EMA) != 0 || p->plan->source.accumulates;
    b.count = b.made = b.used = 0;
    if (p->o->type->scope == DESCENT_SCOPE_TENSOR) {
        b.room = whole_stage(p->o);
        b.size = (size_t)e->count;
        return run_all(&b);
    }
    b.room = (stage){gradient, copies[0], copies[1], {NULL}};
    for (size_t k = 0; k < DESCENT_MAX_SLOTS; k++)
        b.room.slot[k] = copies[2 + k];
    b.size = TILE;
    return run_all(&b);
}
