/* SPDX-License-Identifier: MIT */
/* The order of a step: judge everything, then reductions, scalars, one pass,
 * averages, counters.  Until the pass begins nothing has changed. */
#include <math.h>
#include <string.h>

#include "engine/optimizer.h"

/* The last of a window's steps updates also what only earlier ones fed. */
static void activate_accumulated(descent_optimizer *o)
{
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (e->chosen && e->accumulated && !e->active) {
            e->active = true;
            e->now_dtype = e->dtype;
        }
    }
}

static double norm_factor(double norm, double limit)
{
    /* Up to the limit the gradient keeps every bit; a norm that is not finite
     * makes everything in its scope NaN. */
    if (norm <= limit)
        return 1;
    return isfinite(norm) ? limit / norm : (double)NAN;
}

/* The limit of a tensor's norm, NaN for none, and whether it is one of all
 * tensors together. */
static double norm_limit(const settings *s, bool *together)
{
    const double each = settings_now(s, OPTION_CLIPNORM);
    const double all = settings_now(s, OPTION_GLOBAL_CLIPNORM);

    *together =
        isnan(each) || settings_now(s, OPTION_CLIP_SCOPE) == CLIP_SCOPE_GLOBAL;
    return isnan(each) ? all : each;
}

static void clip_norms(descent_optimizer *o, const step_plan *plan,
                       descent_step_report *report)
{
    bool needed = false, together;

    for (size_t k = 0; k < o->group_count; k++)
        needed =
            needed || !isnan(norm_limit(o->groups[k]->settings, &together));
    if (!needed)
        return;
    report->grad_norm = gradient_norms(o, plan->source);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        const double limit = norm_limit(entry_settings(o, e), &together);
        if (!e->active || isnan(limit))
            continue;
        e->clip = norm_factor(together ? report->grad_norm : e->norm, limit);
        report->clipped += e->clip != 1;
    }
}

/* Averages of what the pass has not averaged already, then their overwriting.
 */
static void finish_averages(descent_optimizer *o)
{
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (!e->active && e->average != NULL)
            average_update(e, average_moment(o, e));
    }
    average_overwrite(o);
}

/* A step that only adds to the accumulators. */
static void accumulate(descent_optimizer *o, double unscale)
{
    const bool averages =
        settings_now(&o->settings, OPTION_EMA_ON) == EMA_ON_ITERATION;

    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (e->active)
            gradient_accumulate(e, unscale);
        e->active = false;
    }
    if (averages)
        finish_averages(o);
}

static descent_status update(descent_optimizer *o, step_plan *plan,
                             descent_step_report *report)
{
    descent_status status;

    clip_norms(o, plan, report);
    TRY(scalars_prepare(o));
    status = pass_run(o, plan);
    if (status != DESCENT_OK) {
        o->poisoned = true;
        return status_prefix(status, "%s: update %llu failed midway",
                             o->settings.name,
                             (unsigned long long)o->updates + 1);
    }
    finish_averages(o);
    scalars_commit(o);
    for (size_t i = 0; i < o->count; i++) {
        report->updated += o->entries[i].active;
        if (o->entries[i].active)
            o->entries[i].accumulated = false;
    }
    o->updates++;
    return DESCENT_OK;
}

/* Tensors that the step is about but that get nothing, said once. */
static void warn_of_missing(descent_optimizer *o)
{
    size_t missing = 0;

    for (size_t i = 0; i < o->count && !o->warned; i++)
        missing += o->entries[i].chosen && !o->entries[i].active;
    if (missing == 0)
        return;
    o->warned = true;
    log_write(&o->runtime->log, LOG_WARNING,
              "%s: %zu tensors have no gradient in this step and stay as they "
              "are (said once)",
              o->settings.name, missing);
}

/* One factor for all that multiplies a gradient, but for the norm's clipping. */
static void scale_gradients(descent_optimizer *o, double by)
{
    const double sign =
        settings_now(&o->settings, OPTION_MAXIMIZE) != 0 ? -1 : 1;

    for (size_t i = 0; i < o->count; i++)
        o->entries[i].scale = sign *
                              settings_now(entry_settings(o, &o->entries[i]),
                                           OPTION_RESCALE_GRAD) *
                              by;
}

static descent_status work(descent_optimizer *o, descent_step_report *report)
{
    const settings *s = &o->settings;
    const double k = settings_now(s, OPTION_GRADIENT_ACCUMULATION_STEPS);
    const double loss_scale = settings_now(s, OPTION_LOSS_SCALE_FACTOR);
    step_plan plan = {.source = {.accumulates = k > 1, .unscale = 1}};

    report->learning_rate = settings_now(s, OPTION_LEARNING_RATE);
    if (!isnan(loss_scale)) {
        plan.source.unscale = 1 / loss_scale;
        report->loss_scale = loss_scale;
    }
    if (k > 1 && fmod((double)(o->iterations + 1), k) != 0) {
        accumulate(o, plan.source.unscale);
        return DESCENT_OK;
    }
    if (k > 1)
        activate_accumulated(o);
    warn_of_missing(o);
    scale_gradients(o, k > 1 ? 1 / k : plan.source.unscale);
    TRY(update(o, &plan, report));
    report->step_calls = plan.step_calls;
    report->fused_calls = plan.fused_calls;
    return DESCENT_OK;
}

/* Frozen tensors are as if the step were not about them. */
static void leave_frozen(descent_optimizer *o, size_t *active)
{
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (!entry_is_frozen(o, e))
            continue;
        *active -= e->active;
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
    TRY(intake_check_subset(o, options, expected));
    if (gradients == NULL ? n != 0 : n != *expected)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%zu gradients for %zu tensors: expected one each "
                           "(NULL data for none), or NULL with 0 for the bound "
                           "ones",
                           n, *expected);
    return plan_check_ranges(o);
}

static descent_status step(descent_optimizer *o,
                           const descent_gradient *gradients, size_t n,
                           const descent_step_options *options,
                           descent_step_report *report)
{
    size_t expected = 0, active = 0;

    TRY(begin(o, gradients, n, options, &expected));
    if (expected == 0)
        return DESCENT_OK;
    TRY(intake_gradients(o, gradients, options, expected, &active));
    TRY(groups_check(o));
    if (active > 0) {
        TRY(groups_evaluate(o));
        leave_frozen(o, &active);
    }
    if (active == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "no gradient for any of %zu tensors, but for frozen "
                           "ones",
                           expected);
    TRY(state_build(o));
    TRY(work(o, report));
    o->iterations++;
    return DESCENT_OK;
}

static void write_report(const descent_step_report *from,
                         descent_step_report *to)
{
    const uint32_t size = to->struct_size;
    const size_t known = size < sizeof *from ? size : sizeof *from;

    memcpy((char *)to + sizeof size, (const char *)from + sizeof size,
           known - sizeof size);
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
