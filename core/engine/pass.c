/* SPDX-License-Identifier: MIT */
/* One pass over memory: what the plugin can take over goes to it directly, many
 * tensors a call; the rest goes through batch.c. */
#include <math.h>

#include <stdatomic.h>

#include "engine/pass.h"
#include "engine/slots.h"
#include "engine/work.h"
#include "plugin/type.h"
#include "tensor/view.h"

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
    p->calls++;
    if (!p->fused)
        return status_foreign(type->step(p->o->self, &p->pass), before,
                              "step of", type->id);
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

/* Point a span at its place in the arrays of its tensor in this step; arrays
 * that are not of the tensor's type are batch.c's matter. */
static void aim(pass_state *p, size_t k, entry *e)
{
    descent_span *span = &p->o->spans[k];
    const int64_t first = span->first;

    span->weight = dtype_at(e->weight, e->dtype, first);
    span->grad = e->now == NULL ? NULL : dtype_at(e->now, e->dtype, first);
    span->coef = coefficients(p->o, e);
    span->average =
        e->average == NULL ? NULL : dtype_at(e->average, e->dtype, first);
    for (size_t i = 0; i < p->o->type->slot_count && first > 0; i++)
        p->o->parts[k].slot[i] =
            e->slot[i] == NULL ? NULL : dtype_at(e->slot[i], e->dtype, first);
    if (p->o->type->scope == DESCENT_SCOPE_TENSOR)
        span->scalar =
            e->scalar == NULL
                ? p->o->groups[e->group]->scalar_next
                : e->scalar +
                      slot_scalar_index(p->o->type, p->o->type->slot_count);
}

/* Spans of one type that follow each other and need no tiles are one call. */
static descent_status run_spans(pass_state *p, size_t begin, size_t end)
{
    descent_optimizer *o = p->o;

    for (size_t k = begin; k <= end; k++) {
        entry *e = k < end ? work_entry(o, k) : NULL;
        const descent_dtype class = begin < k ? work_entry(o, begin)->dtype : 0;
        bool joins = false;
        if (e != NULL && e->active) {
            aim(p, k, e);
            describe_work(p, e, &o->parts[k].fuse);
            joins = is_direct(p, e, &o->parts[k].fuse);
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

typedef struct pass_work {
    const pass_state *state;
    atomic_uint_fast64_t calls;
} pass_work;

static descent_status run_piece(void *context, size_t begin, size_t end)
{
    pass_work *w = context;
    pass_state p = *w->state;
    const descent_status status = run_spans(&p, begin, end);

    atomic_fetch_add_explicit(&w->calls, p.calls, memory_order_relaxed);
    return status;
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
    const bool alone = o->type->scope == DESCENT_SCOPE_TENSOR ||
                       (o->type->flags & DESCENT_TYPE_SERIAL) != 0;
    pass_work w = {.state = &p};
    const descent_status status =
        work_run(o, alone ? 0 : o->work, run_piece, &w);

    *(p.fused ? &plan->fused_calls : &plan->step_calls) = atomic_load(&w.calls);
    return status;
}
