/* SPDX-License-Identifier: MIT */
/* One pass over memory: what the plugin can take over goes to it directly, many
 * tensors a call; the rest goes through batch.c. */
#include <math.h>

#include <stdatomic.h>

#include "engine/pass.h"
#include "engine/rows.h"
#include "engine/work.h"
#include "plugin/type.h"
#include "tensor/view.h"

/* The last ones before the rule, because the core's share comes first, and
 * averaging, which follows. */
static uint32_t fused_share(const pass_state *p, uint32_t needs)
{
    static const uint32_t backwards[] = {DESCENT_FUSE_DECAY, DESCENT_FUSE_L2,
                                         DESCENT_FUSE_CLIP, DESCENT_FUSE_SCALE};
    const uint32_t fuses = p->fused ? p->o->type->fuses : 0;
    uint32_t share = needs & fuses & (uint32_t)DESCENT_FUSE_EMA;

    for (size_t i = 0; i < sizeof backwards / sizeof *backwards; i++) {
        if ((needs & backwards[i]) == 0)
            continue;
        if ((fuses & backwards[i]) == 0)
            break;
        share |= backwards[i];
    }
    return share;
}

uint32_t pass_share(const pass_state *p, const entry *e, uint32_t needs)
{
    /* Averages follow the weights as they are stored. */
    return fused_share(p, needs) &
           ~(entry_is_rounded(e) ? (uint32_t)DESCENT_FUSE_EMA : 0u);
}

descent_status pass_call(pass_state *p, const descent_span *spans, size_t n,
                         descent_dtype compute, descent_dtype stored)
{
    const descent_optimizer_type *type = p->o->type;
    const uint64_t before = status_failures();

    p->pass.count = n;
    p->pass.spans = spans;
    p->pass.compute = compute;
    p->pass.stored = stored;
    p->calls++;
    if (!p->fused)
        return status_foreign(type->step(p->o->self, &p->pass), before,
                              "step of", type->id);
    return status_foreign(type->fused_step(p->o->self, &p->pass), before,
                          "fused_step of", type->id);
}

/* Can the plugin take over all that is on in `needs`? */
static bool takes_all(const pass_state *p, uint32_t needs)
{
    return !p->plan->source.accumulates && fused_share(p, needs) == needs;
}

/* 16-bit weights whose masters the rule may work on while it reads and stores
 * the narrow arrays itself. */
static bool may_store(const descent_optimizer *o, const entry *e)
{
    return (o->type->fuses & DESCENT_FUSE_BF16) != 0 &&
           e->dtype == DESCENT_DTYPE_BF16 && e->keeps == MASTER_F32 &&
           e->state_dtype == e->compute;
}

/* Point a span at its place in the arrays of its tensor; what the plugin cannot
 * take as it is, is batch.c's matter. */
static void aim(descent_optimizer *o, size_t k)
{
    entry *e = work_entry(o, k);
    descent_span *span = &o->spans[k];
    const int64_t first = span->first;
    const size_t slots = o->type->slot_count;

    o->parts[k].direct = e->active && !e->sparse && e->now_dtype == e->dtype &&
                         (!entry_is_narrow(e) || may_store(o, e));
    if (!e->active)
        return;
    span->stored = dtype_at(e->weight, e->dtype, first);
    span->weight = e->master != NULL ? e->master + first : span->stored;
    span->grad = e->now == NULL ? NULL : dtype_at(e->now, e->now_dtype, first);
    span->average =
        e->average == NULL ? NULL : dtype_at(e->average, e->state_dtype, first);
    for (size_t i = 0; i < slots; i++)
        o->slots[k * slots + i] =
            e->slot[i] == NULL ? NULL
                               : dtype_at(e->slot[i], e->state_dtype, first);
    if (o->type->scope == DESCENT_SCOPE_TENSOR)
        span->scalar = e->scalar == NULL ? o->groups[e->group]->scalar_next
                                         : e->scalar + o->scalar_count;
}

/* Give it what its tensor shares with others, or where norms are kept apart a
 * share of its own. */
static void equip(descent_optimizer *o, size_t k)
{
    const entry *e = work_entry(o, k);
    const tensor_group *g = o->groups[e->group];
    descent_span *span = &o->spans[k];
    const scalars *set;

    if (!e->active)
        return;
    set = &o->sets[e->set];
    span->coef = e->dtype == DESCENT_DTYPE_F64 ? (const void *)set->f64
                                               : (const void *)set->f32;
    span->fuse = &set->fuse;
    if (!g->apart)
        return;
    scalars_fuse(o, e, g->scale * e->clip, &o->fuses[k]);
    span->fuse = &o->fuses[k];
}

static void prepare(const pass_state *p, size_t k)
{
    if (!p->aims)
        return;
    aim(p->o, k);
    equip(p->o, k);
}

/* May the plugin have span k as it is? */
static bool joins(const pass_state *p, size_t k)
{
    const descent_optimizer *o = p->o;
    const descent_dtype dtype = o->parts[k].dtype;

    return o->parts[k].direct && (p->fused || dtype_compute(dtype) == dtype) &&
           (p->takes || takes_all(p, o->spans[k].fuse->mask));
}

/* Spans [k, last], which are of one tensor, as one. */
static descent_span join(const descent_optimizer *o, size_t k, size_t last)
{
    descent_span all = o->spans[k];

    all.count = o->spans[last].first + o->spans[last].count - all.first;
    return all;
}

/* Give spans [begin, end), of one type, to the plugin: several of one tensor as
 * one, because a sweep leaves nothing else in the cache, so what must be read
 * for the next span costs as much as hundreds of elements. */
static descent_status call_plugin(pass_state *p, size_t begin, size_t end)
{
    const descent_optimizer *o = p->o;
    const entry *e = work_entry(o, begin);
    const descent_dtype stored = entry_is_narrow(e) ? e->dtype : 0;
    descent_span joined;

    if (o->parts[begin].entry != o->parts[end - 1].entry)
        return pass_call(p, &o->spans[begin], end - begin, e->compute, stored);
    joined = join(o, begin, end - 1);
    return pass_call(p, &joined, 1, e->compute, stored);
}

/* May span k be in one call with [begin, k), in a range that ends at `end`?
 * Several spans of one tensor are a call by themselves. */
static bool is_one_call(const pass_state *p, size_t begin, size_t k, size_t end)
{
    const span_part *parts = p->o->parts;

    if (parts[begin].entry == parts[k].entry)
        return true;
    return parts[begin].dtype == parts[k].dtype &&
           (begin + 1 == k || parts[begin].entry != parts[begin + 1].entry) &&
           (k + 1 == end || parts[k].entry != parts[k + 1].entry) &&
           (double)(k - begin) < p->most;
}

/* The last of the spans [k, end) that batch.c gets together: where few rows take
 * part a span has hardly any. */
static size_t batch_last(const descent_optimizer *o, size_t k, size_t end)
{
    const entry *e = work_entry(o, k);

    if (e->partial && end > e->span + e->spans)
        end = e->span + e->spans;
    return e->partial ? end - 1 : k;
}

/* Update by batch.c what spans [k, last] of one tensor are about. */
static descent_status run_batch(pass_state *p, size_t k, size_t last)
{
    entry *const e = work_entry(p->o, k);
    const descent_span joined = join(p->o, k, last);

    /* Later steps may begin at any of them. */
    for (size_t i = k + 1; i <= last; i++)
        prepare(p, i);
    return e->active ? batch_run(p, &joined, e) : DESCENT_OK;
}

/* Spans that follow each other and need no tiles are one call. */
static descent_status run_spans(pass_state *p, size_t begin, size_t end)
{
    descent_optimizer *o = p->o;

    for (size_t k = begin; k <= end; k++) {
        if (k < end)
            prepare(p, k);
        const bool direct = k < end && joins(p, k);
        if (begin < k && !(direct && is_one_call(p, begin, k, end))) {
            TRY(call_plugin(p, begin, k));
            begin = k;
        }
        if (direct || k == end)
            continue;
        const size_t last = batch_last(o, k, end);
        TRY(run_batch(p, k, last));
        k = last;
        begin = k + 1;
    }
    return DESCENT_OK;
}

typedef struct pass_work {
    const pass_state *state;
    atomic_uint_fast64_t calls;
} pass_work;

static descent_status run_pieces(void *context, size_t begin, size_t end)
{
    pass_work *w = context;
    pass_state p = *w->state;
    const descent_status status = run_spans(&p, begin, end);

    atomic_fetch_add_explicit(&w->calls, p.calls, memory_order_relaxed);
    return status;
}

/* Do weights, gradients and state, as if all were f32, take more than half of
 * the cache?  Other things want their part of it. */
static bool is_far(const descent_optimizer *o)
{
    const double bytes = (double)o->work * (double)(o->arrays + 1) * 4;

    return bytes > (double)o->runtime->cache / 2;
}

/* What is the same for all spans of a pass is found once. */
static void look_ahead(pass_state *p)
{
    const descent_optimizer *o = p->o;

    p->pass.flags = is_far(o) ? DESCENT_PASS_FAR : 0;
    for (size_t k = 0; k < o->group_count; k++)
        p->apart = p->apart || o->groups[k]->apart;
    p->aims = !o->aimed || p->apart;
    p->takes = !p->apart;
    for (size_t k = 0; k < o->set_count; k++)
        p->takes = p->takes && takes_all(p, o->sets[k].fuse.mask);
}

descent_status pass_run(descent_optimizer *o, step_plan *plan)
{
    const settings *s = &o->settings;
    const bool whole = o->type->scope == DESCENT_SCOPE_TENSOR;
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
    const bool alone = whole || (o->type->flags & DESCENT_TYPE_SERIAL) != 0;
    pass_work w = {.state = &p};
    descent_status status;

    look_ahead(&p);
    status = work_run(o, alone ? 0 : o->work, o->arrays, run_pieces, &w);
    *(p.fused ? &plan->fused_calls : &plan->step_calls) = atomic_load(&w.calls);
    for (size_t i = 0; i < o->count && plan->source.accumulates; i++)
        if (o->entries[i].active)
            rows_unmark(&o->entries[i]);
    /* Whole tensors are given scratch, which may move. */
    o->aimed = status == DESCENT_OK && !whole && !p.apart;
    return status;
}
