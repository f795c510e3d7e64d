/* SPDX-License-Identifier: MIT */
/* One pass over memory: what the plugin can take over goes to it directly, many
 * tensors a call; the rest goes through batch.c. */
#include <math.h>

#include "engine/pass.h"
#include "engine/slots.h"

/* The last ones before the rule, because the core's share comes first, and
 * averaging, which follows. */
uint32_t pass_share(const pass_state *p, const entry *e, uint32_t needs)
{
    static const uint32_t backwards[] = {DESCENT_FUSE_DECAY, DESCENT_FUSE_L2,
                                         DESCENT_FUSE_CLIP, DESCENT_FUSE_SCALE};
    const uint32_t fuses = p->fused ? p->o->type->fuses : 0;
    /* Averages follow the weights as they are stored. */
    uint32_t share =
        entry_is_rounded(e) ? 0 : needs & fuses & (uint32_t)DESCENT_FUSE_EMA;

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
                 (average.on && !e->partial ? DESCENT_FUSE_EMA : 0u);
}

static const void *coefficients(const descent_optimizer *o, const entry *e)
{
    return e->dtype == DESCENT_DTYPE_F64 ? (const void *)o->sets[e->set].f64
                                         : (const void *)o->sets[e->set].f32;
}

descent_status pass_call(pass_state *p, const descent_span *spans, size_t n,
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

/* Can the plugin work on the arrays as they are? */
static bool is_direct(const pass_state *p, const entry *e,
                      const descent_fuse *fuse)
{
    return !p->plan->source.accumulates && !entry_is_narrow(e) && !e->sparse &&
           e->now_dtype == e->dtype &&
           pass_share(p, e, fuse->mask) == fuse->mask;
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
        if (begin < k &&
            (!joins || e->dtype != class || (double)(k - begin) >= p->most)) {
            TRY(pass_call(p, &o->spans[begin], k - begin, class));
            begin = k;
        }
        if (joins)
            continue;
        begin = k + 1;
        if (e != NULL && e->active)
            TRY(batch_run(p, &o->spans[k], e));
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
        .most = isnan(s->number[OPTION_AGGREGATE_NUM])
                    ? HUGE_VAL
                    : s->number[OPTION_AGGREGATE_NUM],
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
