/* SPDX-License-Identifier: MIT */
/* One pass over memory: what the plugin can take over goes to it directly, many
 * tensors a call; the rest the core does on tiles that stay in the first-level
 * cache (element scope) or on whole tensors (tensor scope). */
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "engine/optimizer.h"
#include "engine/slots.h"
#include "engine/stage.h"
#include "engine/tile.h"
#include "plugin/type.h"
#include "tensor/view.h"

typedef struct pass_state {
    descent_optimizer *o;
    step_plan *plan;
    descent_pass pass;
    bool fused; /* the plugin's fused_step may be called */
} pass_state;

/* Does storing a weight change what the rule made of it for good? */
static bool is_rounded(const entry *e)
{
    return entry_is_narrow(e) && e->keeps != MASTER_F32;
}

/* What a span needs, of which the plugin takes a part: the last ones before the
 * rule, because the core's share comes first, and averaging, which follows. */
static uint32_t plugin_share(const pass_state *p, const entry *e,
                             uint32_t needs)
{
    static const uint32_t backwards[] = {DESCENT_FUSE_DECAY, DESCENT_FUSE_L2,
                                         DESCENT_FUSE_CLIP, DESCENT_FUSE_SCALE};
    const uint32_t fuses = p->fused ? p->o->type->fuses : 0;
    /* Averages follow the weights as they are stored. */
    uint32_t share =
        is_rounded(e) ? 0 : needs & fuses & (uint32_t)DESCENT_FUSE_EMA;

    for (size_t i = 0; i < sizeof backwards / sizeof *backwards; i++) {
        if ((needs & backwards[i]) == 0)
            continue;
        if ((fuses & backwards[i]) == 0)
            break;
        share |= backwards[i];
    }
    return share;
}

static void describe_work(const pass_state *p, const entry *e,
                          descent_fuse *fuse)
{
    const settings *s = entry_settings(p->o, e);
    const double clip = settings_now(s, OPTION_CLIPVALUE);
    const bool l2 = settings_now(s, OPTION_WEIGHT_DECAY_MODE) == DECAY_L2;
    const bool owned = (p->o->type->flags & DESCENT_TYPE_OWNS_DECAY) != 0;
    const double wd = owned ? 0 : entry_decay(p->o, e);
    const ema average = average_moment(p->o, e);

    *fuse = (descent_fuse){
        .struct_size = sizeof *fuse,
        .grad_scale = e->scale * e->clip,
        .clip = isnan(clip) ? 0 : clip,
        .l2 = l2 ? wd : 0,
        .decay = l2 ? 0 : entry_rate(p->o, e) * wd,
        .ema_keep = average.keep,
        .ema_take = average.take,
    };
    if (settings_now(s, OPTION_SCALARS) == SCALARS_F32) {
        fuse->grad_scale = (double)(float)fuse->grad_scale;
        fuse->clip = (double)(float)fuse->clip;
        fuse->l2 = (double)(float)fuse->l2;
    }
    fuse->mask = (fuse->grad_scale != 1 ? DESCENT_FUSE_SCALE : 0u) |
                 (fuse->clip > 0 ? DESCENT_FUSE_CLIP : 0u) |
                 (fuse->l2 > 0 ? DESCENT_FUSE_L2 : 0u) |
                 (fuse->decay > 0 ? DESCENT_FUSE_DECAY : 0u) |
                 (average.on ? DESCENT_FUSE_EMA : 0u);
}

static const void *coefficients(const descent_optimizer *o, const entry *e)
{
    return e->dtype == DESCENT_DTYPE_F64 ? (const void *)o->sets[e->set].f64
                                         : (const void *)o->sets[e->set].f32;
}

/* Call the rule on n spans. */
static descent_status call(pass_state *p, const descent_span *spans, size_t n,
                           descent_dtype compute)
{
    const descent_optimizer_type *type = p->o->type;
    const uint64_t before = status_failures();

    p->pass.count = n;
    p->pass.spans = spans;
    p->pass.compute = compute;
    if (!p->fused) {
        p->plan->step_calls++;
        return status_foreign(type->step(p->o->self, &p->pass), before,
                              "step of", type->id);
    }
    p->plan->fused_calls++;
    return status_foreign(type->fused_step(p->o->self, &p->pass), before,
                          "fused_step of", type->id);
}

/* The core's share before the rule on elements [first, first + n): leaves the
 * final gradient, or what the plugin makes it of, in *grad. */
static void before_rule(pass_state *p, entry *e, const descent_fuse *fuse,
                        uint32_t mine, int64_t first, size_t n, void *w,
                        void *buffer, const void **grad)
{
    const uint32_t of_gradient =
        mine & (DESCENT_FUSE_SCALE | DESCENT_FUSE_CLIP | DESCENT_FUSE_L2);

    *grad = gradient_load(e, p->plan->source, first, n, buffer);
    if (of_gradient != 0) {
        tile_gradient(e->compute, n, fuse, of_gradient, *grad, w, buffer);
        *grad = buffer;
    }
    if ((mine & DESCENT_FUSE_DECAY) != 0)
        tile_decay(e->compute, n, fuse->decay, w);
}

/* The core's share after the rule: the weights as they are stored, then their
 * average. */
static void after_rule(pass_state *p, entry *e, const descent_fuse *fuse,
                       uint32_t mine, const descent_span *span, const stage *s)
{
    const size_t n = (size_t)span->count;
    const void *w = span->weight;

    stage_store_weight(p->o, e, span->first, n, w);
    if ((mine & DESCENT_FUSE_EMA) != 0) {
        if (is_rounded(e))
            w = stage_weight(e, span->first, n, s->weight);
        tile_average(e->compute, n, fuse->ema_keep, fuse->ema_take, w,
                     span->average);
    }
    if (span->average != NULL)
        stage_write(e->average, e->state_dtype, e->compute, span->first, n,
                    span->average);
    stage_write_slots(p->o, e, span->first, n, span->slot);
    if (p->plan->source.accumulates)
        memset(dtype_at(e->accumulator, e->state_dtype, span->first), 0,
               n * dtype_size(e->state_dtype));
}

/* Elements [first, first + n) of a span, with the core's share around it. */
static descent_status run_tile(pass_state *p, const descent_span *whole,
                               entry *e, int64_t first, size_t n,
                               const stage *s)
{
    const uint32_t needs = whole->fuse->mask;
    const uint32_t share = plugin_share(p, e, needs);
    descent_fuse fuse = *whole->fuse;
    descent_span span = *whole;
    void *slot[DESCENT_MAX_SLOTS] = {NULL};

    span.count = (int64_t)n;
    span.first = first;
    span.weight = stage_weight(e, first, n, s->weight);
    if (e->average != NULL)
        span.average = stage_read(e->average, e->state_dtype, e->compute, first,
                                  n, s->average);
    stage_read_slots(p->o, e, first, n, s, slot);
    span.slot = slot;
    before_rule(p, e, &fuse, needs & ~share, first, n, span.weight, s->gradient,
                &span.grad);
    fuse.mask = share;
    span.fuse = &fuse;
    TRY(call(p, &span, 1, e->compute));
    after_rule(p, e, &fuse, needs & ~share, &span, s);
    return DESCENT_OK;
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

static descent_status run_tiles(pass_state *p, const descent_span *span,
                                entry *e)
{
    alignas(64) double gradient[TILE];
    alignas(64) float copies[2 + DESCENT_MAX_SLOTS][TILE];
    stage s = {gradient, copies[0], copies[1], {NULL}};

    if (p->o->type->scope == DESCENT_SCOPE_TENSOR) {
        s = whole_stage(p->o);
        return run_tile(p, span, e, 0, (size_t)e->count, &s);
    }
    for (size_t k = 0; k < DESCENT_MAX_SLOTS; k++)
        s.slot[k] = copies[2 + k];
    for (int64_t first = 0; first < e->count; first += TILE) {
        const int64_t left = e->count - first;
        TRY(run_tile(p, span, e, first, (size_t)(left < TILE ? left : TILE),
                     &s));
    }
    return DESCENT_OK;
}

/* Can the plugin work on the arrays as they are? */
static bool is_direct(const pass_state *p, const entry *e,
                      const descent_fuse *fuse)
{
    return !p->plan->source.accumulates && !entry_is_narrow(e) &&
           e->now_dtype == e->dtype &&
           plugin_share(p, e, fuse->mask) == fuse->mask;
}

/* Point a span at the arrays of its tensor in this step. */
static void aim(pass_state *p, descent_span *span, entry *e)
{
    span->weight = e->weight;
    span->grad = e->now;
    span->coef = coefficients(p->o, e);
    span->average = e->average;
    if (p->o->type->scope == DESCENT_SCOPE_TENSOR)
        span->scalar =
            e->scalar == NULL
                ? p->o->groups[e->group]->scalar_next
                : e->scalar +
                      slot_scalar_index(p->o->type, p->o->type->slot_count);
}

/* Spans of one type that follow each other and need no tiles are one call. */
static descent_status run_spans(pass_state *p)
{
    descent_optimizer *o = p->o;
    size_t begin = 0;

    for (size_t k = 0; k <= o->span_count; k++) {
        entry *e = k < o->span_count ? &o->entries[o->planned[k]] : NULL;
        const descent_dtype class =
            begin < k ? o->entries[o->planned[begin]].dtype : 0;
        bool joins = false;
        if (e != NULL && e->active) {
            aim(p, &o->spans[k], e);
            describe_work(p, e, &o->fuses[k]);
            joins = is_direct(p, e, &o->fuses[k]);
        }
        if (begin < k && (!joins || e->dtype != class)) {
            TRY(call(p, &o->spans[begin], k - begin, class));
            begin = k;
        }
        if (joins)
            continue;
        begin = k + 1;
        if (e != NULL && e->active)
            TRY(run_tiles(p, &o->spans[k], e));
    }
    return DESCENT_OK;
}

descent_status pass_run(descent_optimizer *o, step_plan *plan)
{
    const settings *s = &o->settings;
    pass_state p = {
        .o = o,
        .plan = plan,
        .fused = o->type->fused_step != NULL &&
                 settings_now(s, OPTION_USE_FUSED_STEP) != 0,
        .pass =
            {
                .struct_size = sizeof(descent_pass),
                .span_size = sizeof(descent_span),
                .host = registry_host(o->runtime->plugins),
                .type = o->type,
                .variant = s->variant,
                .isa = o->runtime->isa,
                .update = o->updates + 1,
                .seed = (uint64_t)settings_now(s, OPTION_SEED),
            },
    };

    plan_spans(o);
    return run_spans(&p);
}
