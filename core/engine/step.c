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

static void clip_norms(descent_optimizer *o, const step_plan *plan,
                       descent_step_report *report)
{
    const settings *s = &o->settings;
    const bool together =
        settings_now(s, OPTION_CLIP_SCOPE) == CLIP_SCOPE_GLOBAL;
    double each = settings_now(s, OPTION_CLIPNORM);
    double all = settings_now(s, OPTION_GLOBAL_CLIPNORM);
    double factor = 1;

    if (together && !isnan(each)) {
        all = each;
        each = (double)NAN;
    }
    if (isnan(each) && isnan(all))
        return;
    report->grad_norm = gradient_norms(o, plan->source, plan->scale);
    if (!isnan(all))
        factor = norm_factor(report->grad_norm, all);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (!e->active)
            continue;
        e->clip = isnan(all) ? norm_factor(e->norm, each) : factor;
        report->clipped += e->clip != 1;
    }
}

/* Averages of what the pass has not averaged already, then their overwriting.
 */
static void finish_averages(descent_optimizer *o, ema m)
{
    if (!m.on)
        return;
    for (size_t i = 0; i < o->count; i++)
        if (!o->entries[i].active)
            average_update(&o->entries[i], m);
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
        finish_averages(o, average_moment(o));
}

static descent_status update(descent_optimizer *o, step_plan *plan,
                             descent_step_report *report)
{
    descent_status status;

    clip_norms(o, plan, report);
    TRY(scalars_prepare(o));
    plan->average = average_moment(o);
    status = pass_run(o, plan);
    if (status != DESCENT_OK) {
        o->poisoned = true;
        return status_prefix(status, "%s: update %llu failed midway",
                             o->settings.name,
                             (unsigned long long)o->updates + 1);
    }
    finish_averages(o, plan->average);
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

static descent_status work(descent_optimizer *o, descent_step_report *report)
{
    const settings *s = &o->settings;
    const double k = settings_now(s, OPTION_GRADIENT_ACCUMULATION_STEPS);
    const double loss_scale = settings_now(s, OPTION_LOSS_SCALE_FACTOR);
    const double sign = settings_now(s, OPTION_MAXIMIZE) != 0 ? -1 : 1;
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
    plan.scale = sign * settings_now(s, OPTION_RESCALE_GRAD) *
                 (k > 1 ? 1 / k : plan.source.unscale);
    TRY(update(o, &plan, report));
    report->step_calls = plan.step_calls;
    report->fused_calls = plan.fused_calls;
    return DESCENT_OK;
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
    if (active == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "no gradient for any of %zu tensors", expected);
    TRY(settings_evaluate(&o->settings, o->iterations, o->updates));
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
