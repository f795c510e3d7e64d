/* SPDX-License-Identifier: MIT */
/* The order of a step: judge everything, then reductions, scalars, one pass,
 * averages, counters.  Until the pass begins nothing has changed. */
#include <math.h>
#include <string.h>

#include "engine/optimizer.h"
#include "plugin/type.h"
#include "tensor/view.h"

static descent_status check_gradient(const descent_gradient *g, const entry *e)
{
    char got[128], expected[128];

    if (!DESCENT_HAS(g, strides))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "gradient: struct_size = %u, expected %zu",
                           g->struct_size, sizeof *g);
    if (g->shape != NULL || g->ndim != 0) {
        if (g->ndim != e->ndim || g->shape == NULL ||
            memcmp(g->shape, e->shape, e->ndim * sizeof *e->shape) != 0)
            return status_fail(
                DESCENT_ERR_ARGUMENT, "gradient of '%s': shape %s, expected %s",
                e->name,
                g->shape == NULL
                    ? "NULL"
                    : view_shape_text(g->ndim > DESCENT_MAX_DIMS ? 0 : g->ndim,
                                      g->shape, got, sizeof got),
                view_shape_text(e->ndim, e->shape, expected, sizeof expected));
    }
    if (g->dtype != 0 && g->dtype != DESCENT_DTYPE_F32 &&
        g->dtype != DESCENT_DTYPE_F64)
        return status_fail(DESCENT_ERR_SUPPORT,
                           "gradient of '%s': dtype %s, expected f32 or f64",
                           e->name, dtype_name(g->dtype));
    return view_check_strides(e->name, e->ndim, e->shape, g->strides);
}

/* Take a gradient for this step, unless it is none or shares memory with a
 * weight; pointers found good once are not looked up again. */
static descent_status take_gradient(descent_optimizer *o, entry *e,
                                    descent_dtype dtype, const void *data)
{
    const size_t bytes = (size_t)e->count * dtype_size(dtype);
    const range *found = NULL;

    if (data == NULL)
        return DESCENT_OK;
    TRY(view_check_pointer(e->name, "gradient", dtype, e->count, data));
    if (data != e->trusted || dtype != e->now_dtype)
        found = ranges_find(o->ranges, o->range_count, (uintptr_t)data,
                            (uintptr_t)data + bytes);
    if (found != NULL && bytes > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "gradient of '%s' overlaps the weights of '%s' in "
                           "memory: expected memory of its own",
                           e->name, o->entries[found->owner].name);
    e->trusted = data;
    e->now = data;
    e->now_dtype = dtype;
    e->active = true;
    return DESCENT_OK;
}

static descent_status check_subset(const descent_optimizer *o,
                                   const descent_step_options *options,
                                   size_t *n)
{
    *n = o->count;
    if (options == NULL)
        return DESCENT_OK;
    if (!DESCENT_HAS(options, tensor_count) || options->flags != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "step options: struct_size = %u, flags = 0x%x, "
                           "expected %zu and 0",
                           options->struct_size, options->flags,
                           sizeof *options);
    if (options->tensors == NULL)
        return DESCENT_OK;
    *n = options->tensor_count;
    for (size_t i = 0; i < *n; i++) {
        const size_t index = options->tensors[i];
        if (index >= o->count || (i > 0 && index <= options->tensors[i - 1]))
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "step options: tensors[%zu] = %zu, expected "
                               "rising indices less than %zu",
                               i, index, o->count);
    }
    return DESCENT_OK;
}

/* Find the gradients of this step; *active is how many there are. */
static descent_status take_gradients(descent_optimizer *o,
                                     const descent_gradient *gradients,
                                     const descent_step_options *options,
                                     size_t n, size_t *active)
{
    const size_t *subset = options == NULL ? NULL : options->tensors;
    const char *at = (const char *)gradients;

    for (size_t i = 0; i < o->count; i++) {
        o->entries[i].active = false;
        o->entries[i].now = NULL;
        o->entries[i].clip = 1;
    }
    *active = 0;
    for (size_t i = 0; i < n; i++) {
        entry *e = &o->entries[subset == NULL ? i : subset[i]];
        descent_dtype dtype = e->dtype;
        const void *data = e->gradient;
        if (gradients != NULL) {
            const descent_gradient *g = (const void *)at;
            TRY(check_gradient(g, e));
            data = g->data;
            dtype = g->dtype != 0 ? g->dtype : e->dtype;
            at += gradients->struct_size;
        }
        TRY(take_gradient(o, e, dtype, data));
        *active += e->active;
    }
    return DESCENT_OK;
}

/* The last of a window's steps updates also what only earlier ones fed. */
static void activate_accumulated(descent_optimizer *o)
{
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (e->accumulated && !e->active) {
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
    const double each = settings_now(s, OPTION_CLIPNORM);
    const double all = settings_now(s, OPTION_GLOBAL_CLIPNORM);
    double factor = 1;

    if (isnan(each) && isnan(all))
        return;
    report->grad_norm = gradient_norm(o, NULL, plan->source, plan->scale);
    if (!isnan(all))
        factor = norm_factor(report->grad_norm, all);
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        if (!e->active)
            continue;
        e->clip =
            !isnan(all)
                ? factor
                : norm_factor(gradient_norm(o, e, plan->source, plan->scale),
                              each);
        report->clipped += e->clip != 1;
    }
}

static descent_status prepare(descent_optimizer *o, step_plan *plan)
{
    const bool owns = (o->type->flags & DESCENT_TYPE_OWNS_DECAY) != 0;
    const double wd = settings_now(&o->settings, OPTION_WEIGHT_DECAY);
    const descent_moment moment = {
        .struct_size = sizeof moment,
        .param_count = (uint32_t)(o->settings.table.count - OPTION_COMMON),
        .host = registry_host(o->runtime->plugins),
        .update = o->updates + 1,
        .t = o->updates + 1,
        .lr = settings_now(&o->settings, OPTION_LEARNING_RATE),
        .weight_decay = owns && wd > 0 ? wd : 0,
        .param = settings_own(&o->settings),
        .scalar = o->scalar_next,
    };

    memcpy(o->scalar_next, o->scalar, sizeof o->scalar);
    if (o->type->prepare != NULL)
        TRY(o->type->prepare(o->self, &moment, plan->coef_f64));
    for (int i = 0; i < DESCENT_MAX_COEFS; i++)
        plan->coef_f32[i] = (float)plan->coef_f64[i];
    return DESCENT_OK;
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
    TRY(prepare(o, plan));
    plan->average = average_moment(o);
    status = pass_run(o, plan);
    if (status != DESCENT_OK) {
        o->poisoned = true;
        return status_prefix(status, "%s: update %llu failed midway",
                             o->settings.name,
                             (unsigned long long)o->updates + 1);
    }
    finish_averages(o, plan->average);
    memcpy(o->scalar, o->scalar_next, sizeof o->scalar);
    for (size_t i = 0; i < o->count; i++) {
        report->updated += o->entries[i].active;
        o->entries[i].accumulated = false;
    }
    o->updates++;
    return DESCENT_OK;
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
    plan.scale = sign * (k > 1 ? 1 / k : plan.source.unscale);
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
    TRY(check_subset(o, options, expected));
    if (gradients == NULL ? n != 0 : n != *expected)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%zu gradients for %zu tensors: expected one each "
                           "(NULL data for none), or NULL with 0 for the bound "
                           "ones",
                           n, *expected);
    TRY(tensors_check_ranges(o));
    return state_build(o);
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
    TRY(take_gradients(o, gradients, options, expected, &active));
    if (active == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "no gradient for any of %zu tensors", expected);
    if (active < expected && !o->warned) {
        o->warned = true;
        log_write(&o->runtime->log, LOG_WARNING,
                  "%s: %zu of %zu tensors have no gradient in this step and "
                  "stay as they are (said once)",
                  o->settings.name, expected - active, expected);
    }
    TRY(settings_evaluate(&o->settings, o->iterations, o->updates));
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
