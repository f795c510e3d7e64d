/* SPDX-License-Identifier: MIT */
/* An optimizer case: the recorded gradients, call by call, and after each
 * recorded call weights, state and counters. */
#include "run.h"

#include <math.h>
#include <string.h>

/* In float64 cases too the peer evaluates a cosine in float32, so that the rate
 * it recorded is off by up to 2^-23 of the highest; nothing else is allowed. */
static double cosine_error(const run *r, const json_t *config,
                           const json_t *expected)
{
    const json_t *schedule = json_object_get(config, "learning_rate");
    const char *kind =
        json_string_value(json_object_get(schedule, "class_name"));
    double highest = 0;

    if (kind == NULL || r->model.dtype != DESCENT_DTYPE_F64 ||
        strncmp(kind, "Cosine", 6) != 0)
        return 0;
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const json_t *rate =
            json_object_get(json_array_get(expected, i), "learning_rate");
        highest = fmax(highest, fabs(json_number_value(rate)));
    }
    return highest * 0x1p-23;
}

static bool set_options(trial *t, run *r, json_t *config,
                        descent_options *options)
{
    const flavour *f = r->flavour;

    if ((f->adapt != NULL && !f->adapt(t, r, config, options)) ||
        !options_read(t, config, f->options, options))
        return false;
    for (const translation *s = f->settings; s->theirs != NULL; s++)
        if (descent_options_set_text(options, s->theirs, s->ours) != DESCENT_OK)
            return trial_descent_fault(t, s->theirs);
    return descent_options_set_boolean(options, "use_fused_step", t->fused) ==
               DESCENT_OK ||
           trial_descent_fault(t, "use_fused_step");
}

static bool create(trial *t, run *r, const char *kind, json_t *config)
{
    descent_options *options = NULL;
    bool right;

    if (descent_options_create(t->runtime, &options) != DESCENT_OK)
        return trial_descent_fault(t, "options");
    right = set_options(t, r, config, options);
    if (right && (descent_optimizer_create(t->runtime, kind, options,
                                           &r->optimizer) != DESCENT_OK ||
                  descent_optimizer_add(r->optimizer, r->model.tensors,
                                        r->model.count) != DESCENT_OK))
        right = trial_descent_fault(t, kind);
    descent_options_free(options);
    return right && (r->flavour->bind == NULL || r->flavour->bind(t, r));
}

/* All calls, and every record at its call. */
static bool run_calls(trial *t, run *r, const json_t *gradients,
                      const json_t *expected)
{
    const size_t calls = json_array_size(gradients);
    size_t next = 0;
    double step = 0;

    r->report.struct_size = sizeof r->report;
    for (size_t call = 0; call < calls; call++) {
        json_t *record = json_array_get(expected, next);
        if (!model_gradients(t, &r->model, json_array_get(gradients, call)))
            return false;
        if (descent_optimizer_step(r->optimizer, r->model.gradients,
                                   r->model.count, NULL,
                                   &r->report) != DESCENT_OK)
            return trial_descent_fault(t, "step");
        if (!t->fused && r->report.fused_calls != 0)
            return trial_fault(t, "fused_step ran, though it was switched off");
        if (record != NULL && step == 0 &&
            !take_number(t, record, "step", &step))
            return false;
        if (record == NULL || step != (double)(call + 1))
            continue;
        if (!compare_record(t, r, (long)step, record))
            return false;
        next++;
        step = 0;
    }
    return (next > 0 && next == json_array_size(expected)) ||
           trial_fault(t, "expected[%zu] is no record of a later call", next);
}

static bool finish(trial *t, run *r, long calls)
{
    const json_t *lists = take_optional(t, t->json, "expected_after_finalize");

    for (size_t i = 0; i < r->slot_count; i++)
        if (!r->slots[i].used)
            return trial_fault(t, "slot \"%s\" was never compared",
                               r->slots[i].theirs);
    if (lists == NULL)
        return true;
    if (descent_optimizer_finalize(r->optimizer) != DESCENT_OK)
        return trial_descent_fault(t, "finalize");
    return compare_weights(t, r, calls, "final weight", lists);
}

bool run_optimizer(trial *t)
{
    run r = {.flavour = flavour_of(t)};
    json_t *json = t->json;
    const char *kind;
    json_t *config, *gradients, *expected;
    double steps;
    bool right;

    right = r.flavour != NULL && take_text(t, json, "id") != NULL &&
            (r.class_name = take_text(t, json, "optimizer")) != NULL &&
            (kind = translate(t, r.flavour->optimizers, "optimizer",
                              r.class_name)) != NULL &&
            (config = take(t, json, "config", JSON_OBJECT)) != NULL &&
            (gradients = take(t, json, "gradients", JSON_ARRAY)) != NULL &&
            (expected = take(t, json, "expected", JSON_ARRAY)) != NULL &&
            take_number(t, json, "steps", &steps) &&
            (steps == (double)json_array_size(gradients) ||
             trial_fault(t, "steps does not count the gradients")) &&
            read_tolerance(t, &r) && model_read(t, &r.model);
    if (right) {
        take_optional(t, json, "note");
        r.rate_error = cosine_error(&r, config, expected);
        right = create(t, &r, kind, config) &&
                run_calls(t, &r, gradients, expected) &&
                finish(t, &r, (long)steps) && expect_empty(t, json, "case");
    }
    descent_optimizer_free(r.optimizer);
    model_free(&r.model);
    return right;
}
