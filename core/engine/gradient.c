/* SPDX-License-Identifier: MIT */
/* The gradient that a step works with: what the application handed over, with
 * the loss scale removed and what was accumulated added. */
#include <math.h>

#include "engine/rows.h"
#include "engine/stage.h"
#include "engine/tile.h"
#include "engine/work.h"
#include "tensor/norm.h"
#include "tensor/view.h"

/* This step's own gradient. */
static const void *load_now(const entry *e, int64_t first, size_t n,
                            void *buffer)
{
    if (!e->sparse)
        return stage_read((void *)(uintptr_t)e->now, e->now_dtype, e->compute,
                          first, n, buffer);
    rows_load(e, first, n, buffer);
    return buffer;
}

/* What is accumulated and this step's gradient times `factor`, at most TILE
 * elements of them. */
static void load_sum(const entry *e, double factor, int64_t first, size_t n,
                     void *out)
{
    double base[TILE], now[TILE];

    tile_add(
        e->compute, n,
        stage_read(e->accumulator, e->state_dtype, e->compute, first, n, base),
        factor, load_now(e, first, n, now), out);
}

const void *gradient_load(const entry *e, gradient_source source, int64_t first,
                          size_t n, void *buffer)
{
    /* Without accumulation the scale is one factor with all others, later. */
    if (!source.accumulates)
        return load_now(e, first, n, buffer);
    if (e->now == NULL)
        return stage_read(e->accumulator, e->state_dtype, e->compute, first, n,
                          buffer);
    for (size_t at = 0; at < n; at += TILE) {
        const size_t run = n - at < TILE ? n - at : TILE;
        load_sum(e, source.unscale, first + (int64_t)at, run,
                 dtype_at(buffer, e->compute, (int64_t)at));
    }
    return buffer;
}

static double rescale_grad(const settings *s,
                           const descent_step_options *options)
{
    const uint32_t flags = options == NULL ? 0 : options->flags;
    const double rescale = (flags & DESCENT_STEP_RESCALE) != 0
                               ? options->rescale_grad
                               : settings_now(s, OPTION_RESCALE_GRAD);

    return (flags & DESCENT_STEP_BATCH) != 0 ? rescale / options->batch_size
                                             : rescale;
}

void gradient_scale(descent_optimizer *o, const descent_step_options *options,
                    double by)
{
    const double sign =
        settings_now(&o->settings, OPTION_MAXIMIZE) != 0 ? -1 : 1;

    for (size_t k = 0; k < o->group_count; k++) {
        tensor_group *g = o->groups[k];
        g->scale = sign * rescale_grad(g->settings, options) * by;
    }
}

/* ---- Accumulation ---- */

static void accumulate(const entry *e, double unscale, const descent_span *span)
{
    const bool lazy = e->sparse && e->marks != NULL;
    row_walk walk = rows_walk_part(e, lazy ? WALK_LISTED : WALK_ALL,
                                   span->first, span->count);
    double sum[TILE];

    while (rows_next(&walk)) {
        for (int64_t at = walk.first; at < walk.end; at += TILE) {
            const int64_t left = walk.end - at;
            const size_t n = (size_t)(left < TILE ? left : TILE);
            load_sum(e, unscale, at, n, sum);
            stage_write(e->accumulator, e->state_dtype, e->compute, at, n, sum);
        }
    }
}

typedef struct source_work {
    descent_optimizer *o;
    gradient_source source;
} source_work;

static descent_status accumulate_piece(void *context, size_t begin, size_t end)
{
    const source_work *w = context;

    for (size_t k = begin; k < end; k++) {
        const entry *e = work_entry(w->o, k);
        if (e->active)
            accumulate(e, w->source.unscale, &w->o->spans[k]);
    }
    return DESCENT_OK;
}

void gradient_accumulate(descent_optimizer *o, double unscale)
{
    source_work w = {o, {.unscale = unscale}};

    work_run(o, o->work, 2, accumulate_piece, &w);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (!e->active)
            continue;
        rows_mark(e);
        e->accumulated = true;
    }
}

/* ---- Pieces ---- */

/* Where the gradient may be other than zero. */
static int not_zero(const entry *e, gradient_source source)
{
    if (source.accumulates)
        return e->partial ? WALK_TOUCHED : WALK_ALL;
    return e->sparse ? WALK_LISTED : WALK_ALL;
}

gradient_pieces gradient_walk(const entry *e, gradient_source source)
{
    return gradient_walk_span(e, source, 0, e->count);
}

gradient_pieces gradient_walk_span(const entry *e, gradient_source source,
                                   int64_t first, int64_t n)
{
    const row_walk walk = rows_walk_span(e, not_zero(e, source), first, n);

    return (gradient_pieces){
        .source = source,
        .walk = walk,
        .first = walk.end,
    };
}

const void *gradient_next(gradient_pieces *p, double block[NORM_BLOCK])
{
    const entry *e = p->walk.e;

    p->first += (int64_t)p->n;
    while (p->first >= p->walk.end) {
        if (!rows_next(&p->walk))
            return NULL;
        p->first = p->walk.first;
    }
    p->n = (size_t)(p->walk.end - p->first);
    p->n = p->n < NORM_BLOCK ? p->n : NORM_BLOCK;
    if (p->walk.values == NULL)
        return gradient_load(e, p->source, p->first, p->n, block);
    return stage_read((void *)(uintptr_t)p->walk.values, e->now_dtype,
                      e->compute, p->first - p->walk.first, p->n, block);
}

static double largest(const entry *e, gradient_source source)
{
    gradient_pieces p = gradient_walk(e, source);
    double block[NORM_BLOCK], most = 0;
    const void *g;

    while ((g = gradient_next(&p, block)) != NULL) {
        const double here = norm_largest(e->compute, g, p.n);
        most = here > most || isnan(here) ? here : most;
    }
    return most;
}

static double sum_of_squares(const entry *e, gradient_pieces p, double scale)
{
    double block[NORM_BLOCK];
    norm_sum sum = {0};
    const void *g;

    while ((g = gradient_next(&p, block)) != NULL)
        norm_sum_add(&sum, e->compute, p.first, g, p.n, scale);
    return norm_sum_end(&sum);
}

static descent_status square_piece(void *context, size_t begin, size_t end)
{
    const source_work *w = context;

    for (size_t k = begin; k < end; k++) {
        const entry *e = work_entry(w->o, k);
        const descent_span *span = &w->o->spans[k];
        if (e->active)
            w->o->parts[k].square = sum_of_squares(
                e, gradient_walk_span(e, w->source, span->first, span->count),
                1);
    }
    return DESCENT_OK;
}

/* The sums of a tensor's spans are whole subtrees of its tree of blocks. */
static double entry_square(const descent_optimizer *o, const entry *e)
{
    norm_tree tree = {0};

    for (size_t k = 0; k < e->spans; k++)
        norm_tree_add(&tree, o->parts[e->span + k].square);
    return norm_tree_sum(&tree);
}

/* ---- Norms ---- */

_Static_assert(SPAN_FINE % NORM_BLOCK == 0 &&
                   (SPAN_FINE & (SPAN_FINE - 1)) == 0 &&
                   (SPAN_MOST & (SPAN_MOST - 1)) == 0,
               "a span is a subtree of a norm's tree");

/* Squares of doubles may overflow or vanish where the norm does not. */
static bool is_safe(double square)
{
    return square >= 0x1p-900 && square <= 0x1p+1000;
}

static double tensor_norm(const entry *e, gradient_source source)
{
    double most;
    int exponent;

    if (is_safe(e->square))
        return sqrt(e->square);
    /* Again, with the largest magnitude brought near 1. */
    most = largest(e, source);
    if (most == 0 || !isfinite(most))
        return most;
    frexp(most, &exponent);
    exponent = exponent < -1000 ? -1000 : exponent; /* 2^1000 is finite */
    return ldexp(
        sqrt(sum_of_squares(e, gradient_walk(e, source), ldexp(1, -exponent))),
        exponent);
}

/* The norm of several norms, of which `most` is the largest. */
static double norm_of_norms(const descent_optimizer *o, double most)
{
    norm_tree tensors = {0};

    if (most == 0 || !isfinite(most))
        return most;
    for (size_t i = 0; i < o->count; i++) {
        const double part = o->entries[i].norm / most;
        if (o->entries[i].active)
            norm_tree_add(&tensors, part * part);
    }
    return sqrt(norm_tree_sum(&tensors)) * most;
}

double gradient_norms(descent_optimizer *o, gradient_source source)
{
    norm_tree tensors = {0};
    double most = 0, scale = NAN;
    bool alike = true;
    source_work w = {o, source};

    work_run(o, o->work, 1, square_piece, &w);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        const double by = o->groups[e->group]->scale;
        if (!e->active)
            continue;
        e->square = entry_square(o, e);
        norm_tree_add(&tensors, e->square);
        e->norm = tensor_norm(e, source) * fabs(by);
        most = e->norm > most || isnan(e->norm) ? e->norm : most;
        alike = alike && (isnan(scale) || by == scale);
        scale = by;
    }
    if (alike && is_safe(norm_tree_sum(&tensors)))
        return sqrt(norm_tree_sum(&tensors)) * fabs(scale);
    return norm_of_norms(o, most);
}
