/* SPDX-License-Identifier: MIT */
/* The order of a step: judge everything, then reductions, scalars, one pass,
 * averages, counters.  Until the pass begins nothing has changed. */
#include <math.h>
#include <string.h>

#include "base/denormals.h"
#include "engine/rows.h"
#include "engine/work.h"

/* The last of a window's steps updates also what only earlier ones fed. */
static void activate_accumulated(descent_optimizer *o)
{
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (e->chosen && e->accumulated && !e->active) {
            e->active = true;
            e->now_dtype = e->dtype;
            o->active++;
            o->changed = true;
            o->bound = false;
        }
    }
}

static uint64_t flush_denormals(const descent_optimizer *o)
{
    return denormals_flush(settings_now(&o->settings, OPTION_FLUSH_DENORMALS) !=
                           0);
}

/* A step that only adds to the accumulators. */
static void accumulate(descent_optimizer *o, step_plan *plan,
                       descent_step_report *report)
{
    const bool averages =
        settings_now(&o->settings, OPTION_EMA_ON) == EMA_ON_ITERATION;
    uint64_t denormals;

    clip_measure(o, plan);
    report->grad_norm = plan->norm;
    denormals = flush_denormals(o);
    gradient_accumulate(o, plan->source.unscale);
    if (averages)
        averages_finish(o, false);
    denormals_restore(denormals);
}

static descent_status update(descent_optimizer *o, step_plan *plan,
                             descent_step_report *report)
{
    descent_status status;
    uint64_t denormals;

    clip_measure(o, plan);
    report->grad_norm = plan->norm;
    report->clipped = clip_norms(o, plan);
    TRY(scalars_prepare(o));
    denormals = flush_denormals(o);
    status = pass_run(o, plan);
    if (status == DESCENT_OK)
        averages_finish(o, true);
    if (status == DESCENT_OK)
        status = pool_check_host(o->runtime->threads);
    denormals_restore(denormals);
    if (status != DESCENT_OK) {
        o->poisoned = true;
        return status_prefix(status, "%s: update %llu failed midway",
                             o->settings.name,
                             (unsigned long long)o->updates + 1);
    }
    report->step_calls = plan->step_calls;
    report->fused_calls = plan->fused_calls;
    scalars_commit(o);
    for (size_t i = 0; i < o->count && plan->source.accumulates; i++)
        if (o->entries[i].active)
            o->entries[i].accumulated = false;
    report->updated = o->active;
    o->updates++;
    return DESCENT_OK;
}

/* Tensors that the step is about but that get nothing, said once. */
static void warn_of_missing(descent_optimizer *o)
{
    const size_t missing = o->chosen - o->active;

    if (missing == 0 || o->warned)
        return;
    o->warned = true;
    log_write(&o->runtime->log, LOG_WARNING,
              "%s: %zu tensors have no gradient in this step and stay as they "
              "are (said once)",
              o->settings.name, missing);
}

/* Whether this call updates, and what becomes of its gradients. */
static step_plan make_plan(descent_optimizer *o,
                           const descent_step_options *options)
{
    const double k =
        settings_now(&o->settings, OPTION_GRADIENT_ACCUMULATION_STEPS);
    const double unscale = 1 / o->loss_scale.scale;
    const bool last = !(k > 1) || fmod((double)(o->iterations + 1), k) == 0;
    const bool closes = k > 1 && last; /* a window */

    gradient_scale(o, options, closes ? 1 / k : unscale);
    return (step_plan){
        .source = {.accumulates = closes, .unscale = unscale},
        .updates = last,
        .norm = NAN,
    };
}

/* Are the gradients fit for a step, where that is asked for? */
static descent_status judge(descent_optimizer *o, step_plan *plan, bool *finite)
{
    const settings *s = &o->settings;
    const bool no_state = plan->source.accumulates && o->unbuilt > 0;

    *finite = true;
    if (settings_now(s, OPTION_ON_NONFINITE) == NONFINITE_PROPAGATE &&
        settings_now(s, OPTION_LOSS_SCALE) == 0)
        return DESCENT_OK;
    /* A finite norm says it of every element; another may have overflowed. */
    if (!no_state && clip_measure(o, plan) && isfinite(plan->norm))
        return DESCENT_OK;
    return finite_judge(o, finite);
}

/* A step without its gradients: when it counts and is the last of a window, that
 * closes with what was accumulated. */
static descent_status skip(descent_optimizer *o, step_plan *plan,
                           descent_step_report *report)
{
    const bool counts = settings_now(&o->settings, OPTION_SKIP_COUNTS) != 0;

    report->skipped = 1;
    report->reason = "nonfinite";
    for (size_t i = 0; i < o->count; i++) {
        o->entries[i].active = false;
        rows_forget(&o->entries[i]);
    }
    o->changed = true;
    o->bound = false;
    o->active = 0;
    if (counts && plan->updates && plan->source.accumulates)
        activate_accumulated(o);
    if (o->active > 0) {
        rows_choose(o, plan->source.accumulates);
        plan->measured = false;
        plan->norm = NAN;
        TRY(update(o, plan, report));
    }
    o->iterations += counts;
    loss_scale_advance(&o->loss_scale, &o->settings, false);
    return DESCENT_OK;
}

static descent_status work(descent_optimizer *o,
                           const descent_step_options *options,
                           descent_step_report *report)
{
    step_plan plan = make_plan(o, options);
    bool finite;

    report->learning_rate = settings_now(&o->settings, OPTION_LEARNING_RATE);
    report->loss_scale = o->loss_scale.scale;
    if (plan.source.accumulates)
        activate_accumulated(o);
    rows_choose(o, plan.source.accumulates);
    TRY(judge(o, &plan, &finite));
    if (!finite)
        return skip(o, &plan, report);
    TRY(state_build(o));
    if (plan.updates) {
        warn_of_missing(o);
        TRY(update(o, &plan, report));
    } else {
        accumulate(o, &plan, report);
        TRY(pool_check_host(o->runtime->threads));
    }
    work_end(o);
    o->iterations++;
    loss_scale_advance(&o->loss_scale, &o->settings, true);
    return DESCENT_OK;
}

static bool group_is_frozen(const tensor_group *g)
{
    return settings_now(g->settings, OPTION_FREEZE) != 0;
}

/* Frozen tensors are as if the step were not about them. */
static void leave_frozen(descent_optimizer *o)
{
    bool any = false;

    for (size_t k = 0; k < o->group_count; k++)
        any = any || group_is_frozen(o->groups[k]);
    for (size_t i = 0; i < o->count && any; i++) {
        entry *e = &o->entries[i];
        if (!group_is_frozen(o->groups[e->group]))
            continue;
        o->active -= e->active;
        o->chosen -= e->chosen;
        o->changed = o->changed || e->active;
        o->bound = false;
        e->active = false;
        e->chosen = false;
    }
}

static descent_status begin(descent_optimizer *o,
                            const descent_gradient *gradients, size_t n,
                            const descent_step_options *options,
                            size_t *expected)
{
    if (o->swapped)
        return status_fail(DESCENT_ERR_STATE,
                           "the averages stand in for the weights: swap them "
                           "back before a step");
    if (o->poisoned)
        return status_fail(DESCENT_ERR_STATE,
                           "the plugin failed midway through an earlier step: "
                           "weights and state are undefined");
    TRY(pool_check(o->runtime->threads));
    TRY(intake_check_options(o, options, expected));
    if (gradients == NULL ? n != 0 : n != *expected)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%zu gradients for %zu tensors: expected one each "
                           "(NULL data for none), or NULL with 0 for the bound "
                           "ones",
                           n, *expected);
    TRY(plan_check_ranges(o));
    plan_spans(o);
    return DESCENT_OK;
}

static descent_status step(descent_optimizer *o,
                           const descent_gradient *gradients, size_t n,
                           const descent_step_options *options,
                           descent_step_report *report)
{
    size_t expected = 0, given;

    TRY(begin(o, gradients, n, options, &expected));
    if (expected == 0)
        return DESCENT_OK;
    TRY(intake_gradients(o, gradients, options, expected));
    TRY(groups_check(o));
    if (o->active == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "no gradient for any of %zu tensors", expected);
    given = o->active;
    TRY(groups_evaluate(o));
    leave_frozen(o);
    if (o->active == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "no tensor to update: each of %zu with a gradient "
                           "is frozen",
                           given);
    return work(o, options, report);
}

static void write_report(const descent_step_report *from,
                         descent_step_report *to)
{
    const uint32_t size = to->struct_size;

    if (size >= sizeof *from)
        *to = *from;
    else
        memcpy(to, from, size);
    to->struct_size = size;
}

descent_status descent_optimizer_step(descent_optimizer *o,
                                      const descent_gradient *gradients,
                                      size_t n,
                                      const descent_step_options *options,
                                      descent_step_report *report)
{
    descent_step_report mine = {
        .learning_rate = NAN,
        .grad_norm = NAN,
        .loss_scale = 1,
    };
    descent_status status;

    TRY(optimizer_enter(o));
    if (report != NULL && !DESCENT_HAS(report, fused_calls))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "step report: struct_size = %u, expected %zu",
                           report->struct_size, sizeof *report);
    o->busy = true;
    status = step(o, gradients, n, options, &mine);
    o->busy = false;
    if (status != DESCENT_OK)
        return status_prefix(status, "%s", o->settings.name);
    if (report != NULL)
        write_report(&mine, report);
    return DESCENT_OK;
}
