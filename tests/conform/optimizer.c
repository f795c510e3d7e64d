/* SPDX-License-Identifier: MIT */
/* An optimizer case: the recorded gradients, call by call, and after each
 * recorded call weights, state and counters. */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 16 };

/* The tolerance of a slot, and whether any number was compared with it. */
typedef struct slot_limit {
    const char *theirs, *ours;
    tolerance tolerance;
    bool used;
} slot_limit;

typedef struct run {
    const flavour *flavour;
    const char *class_name;
    descent_optimizer *optimizer;
    model model;
    tolerance tolerance;
    slot_limit slots[SLOTS];
    size_t slot_count;
    const char *slot; /* being compared */
    double updates;   /* of a tensor, being compared */
    descent_step_report report;
    double rate_error; /* of the recorded rates, see cosine_error */
} run;

static bool view_weight(trial *t, void *user, size_t i, descent_tensor *out)
{
    run *r = user;

    (void)t;
    *out = r->model.tensors[i];
    return true;
}

static bool view_slot(trial *t, void *user, size_t i, descent_tensor *out)
{
    run *r = user;

    *out = (descent_tensor){.struct_size = sizeof *out};
    if (strcmp(r->slot, "step") == 0) {
        r->updates = (double)descent_optimizer_tensor_updates(r->optimizer, i);
        out->dtype = DESCENT_DTYPE_F64;
        out->data = &r->updates;
        return true;
    }

    return descent_optimizer_slot(r->optimizer, i, r->slot, out) ==
               DESCENT_OK ||
           trial_descent_fault(t, "state");
}

/* Some names of slots mean what their class says. */
static const char *slot_of(trial *t, const run *r, const char *theirs)
{
    char qualified[128];

    snprintf(qualified, sizeof qualified, "%s/%s", r->class_name, theirs);
    for (const translation *row = r->flavour->slots; row->theirs != NULL; row++)
        if (strcmp(row->theirs, qualified) == 0)
            return row->ours;
    return translate(t, r->flavour->slots, "slot", theirs);
}

static bool read_tolerance(trial *t, run *r)
{
    json_t *object = take(t, t->json, "tolerance", JSON_OBJECT);
    json_t *state, *limits;
    const char *slot;

    if (object == NULL || !take_tolerance(t, object, &r->tolerance))
        return false;
    state = take_optional(t, object, "state");
    if (state != NULL && !json_is_object(state))
        return trial_fault(t, "tolerance.state: expected an object");
    json_object_foreach(state, slot, limits)
    {
        slot_limit *limit = &r->slots[r->slot_count];
        if (r->slot_count == SLOTS)
            return trial_fault(t, "tolerance.state has too many slots");
        limit->theirs = slot;
        limit->ours = slot_of(t, r, slot);
        if (limit->ours == NULL ||
            !take_tolerance(t, limits, &limit->tolerance) ||
            !expect_empty(t, limits, slot))
            return false;
        r->slot_count++;
    }
    return expect_empty(t, object, "tolerance");
}

/* The limit of a slot; where the case gives none for slots, its own is theirs. */
static slot_limit *find_limit(trial *t, run *r, const char *theirs)
{
    for (size_t i = 0; i < r->slot_count; i++)
        if (strcmp(r->slots[i].theirs, theirs) == 0)
            return &r->slots[i];
    if (!r->flavour->one_tolerance || r->slot_count == SLOTS)
        return NULL;
    slot_limit *limit = &r->slots[r->slot_count];
    limit->theirs = theirs;
    limit->ours = slot_of(t, r, theirs);
    limit->tolerance = r->tolerance;
    if (limit->ours == NULL)
        return NULL;
    r->slot_count++;
    return limit;
}

static bool compare_state(trial *t, run *r, long step, json_t *state)
{
    const char *theirs;
    json_t *lists;

    if (state != NULL && !json_is_object(state))
        return trial_fault(t, "state: expected an object");
    json_object_foreach(state, theirs, lists)
    {
        slot_limit *limit = find_limit(t, r, theirs);
        if (limit == NULL)
            return trial_fault(t, "slot \"%s\" has no tolerance", theirs);
        r->slot = limit->ours;
        if (!model_compare(t, &r->model, step, limit->ours, lists, view_slot, r,
                           limit->tolerance))
            return false;
        limit->used = true;
    }
    return true;
}

/* Nadam's running product belongs to the whole optimizer. */
static bool compare_product(trial *t, run *r, long step, const json_t *right)
{
    descent_tensor view = {.struct_size = sizeof view};

    if (!json_is_number(right))
        return trial_fault(t, "u_product: expected a number");
    if (descent_optimizer_slot(r->optimizer, 0, "u_product", &view) !=
        DESCENT_OK)
        return trial_descent_fault(t, "u_product");
    if (view.dtype != DESCENT_DTYPE_F64 || view.ndim != 0)
        return trial_fault(t, "u_product: expected one float64");
    return compare(t, step, "u_product", -1, *(const double *)view.data,
                   json_number_value(right), (tolerance){r->tolerance.rtol, 0});
}

/* The rate used in the call and the counter after it; PyTorch records neither. */
static bool compare_counters(trial *t, run *r, long step, const json_t *rate,
                             const json_t *iterations)
{
    if ((rate != NULL && !json_is_number(rate)) ||
        (iterations != NULL && !json_is_number(iterations)))
        return trial_fault(t, "learning_rate, iterations: expected numbers");
    return (rate == NULL ||
            compare(t, step, "learning_rate", -1, r->report.learning_rate,
                    json_number_value(rate),
                    (tolerance){r->tolerance.rtol,
                                r->tolerance.atol + r->rate_error})) &&
           (iterations == NULL ||
            compare(t, step, "iterations", -1,
                    (double)descent_optimizer_iterations(r->optimizer),
                    json_number_value(iterations), (tolerance){0, 0}));
}

static bool compare_record(trial *t, run *r, long step, json_t *record)
{
    json_t *variables = take(t, record, "variables", JSON_ARRAY);
    json_t *state = take_optional(t, record, "state");
    json_t *product = take_optional(t, record, "u_product");
    json_t *legacy = take_optional(t, record, "m_schedule");
    json_t *rate = take_optional(t, record, "learning_rate");
    json_t *iterations = take_optional(t, record, "iterations");

    return variables != NULL && expect_empty(t, record, "expected") &&
           compare_counters(t, r, step, rate, iterations) &&
           (legacy == NULL || compare_product(t, r, step, legacy)) &&
           model_compare(t, &r->model, step, "weight", variables, view_weight,
                         r, r->tolerance) &&
           compare_state(t, r, step, state) &&
           (product == NULL || compare_product(t, r, step, product));
}

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

/* Keras searches the names, joined as alternatives, in each variable's name. */
static bool exclude(trial *t, run *r)
{
    json_t *lists = take_optional(t, t->json, "exclude_from_weight_decay");
    json_t *names;
    char match[512] = "";

    if (lists == NULL)
        return true;
    names = take(t, lists, "var_names", JSON_ARRAY);
    if (names == NULL || !expect_empty(t, lists, "exclude_from_weight_decay"))
        return false;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const size_t used = strlen(match);
        const char *text = json_string_value(json_array_get(names, i));
        if (text == NULL || used + strlen(text) + 2 > sizeof match)
            return trial_fault(t, "var_names[%zu]: expected a short string", i);
        snprintf(match + used, sizeof match - used, "%s%s", i == 0 ? "" : "|",
                 text);
    }
    return descent_optimizer_exclude_from_weight_decay(r->optimizer, NULL, 0,
                                                       match) == DESCENT_OK ||
           trial_descent_fault(t, "exclude_from_weight_decay");
}

/* A default of one class of theirs that is no class of ours. */
static descent_status set_extra(const run *r, const json_t *config,
                                const translation *row,
                                descent_options *options)
{
    const size_t n = strlen(r->class_name);
    const char *name = row->theirs + n + 1;
    char *end;
    double number;

    if (strncmp(row->theirs, r->class_name, n) != 0 || row->theirs[n] != '/' ||
        json_object_get(config, name) != NULL)
        return DESCENT_OK;
    number = strtod(row->ours, &end);
    return *end == '\0' ? descent_options_set_number(options, name, number)
                        : descent_options_set_text(options, name, row->ours);
}

static bool create(trial *t, run *r, const char *kind, json_t *config)
{
    descent_options *options = NULL;
    descent_status status;

    if (!options_from(t, config, r->flavour->options, &options))
        return false;
    status = descent_options_set_boolean(options, "use_fused_step", t->fused);
    for (const translation *s = r->flavour->settings;
         s->theirs != NULL && status == DESCENT_OK; s++)
        status = descent_options_set_text(options, s->theirs, s->ours);
    for (const translation *s = r->flavour->extra;
         s->theirs != NULL && status == DESCENT_OK; s++)
        status = set_extra(r, config, s, options);
    if (status == DESCENT_OK)
        status =
            descent_optimizer_create(t->runtime, kind, options, &r->optimizer);
    if (status == DESCENT_OK)
        status = descent_optimizer_add(r->optimizer, r->model.tensors,
                                       r->model.count);
    descent_options_free(options);
    return status == DESCENT_OK ? exclude(t, r) : trial_descent_fault(t, kind);
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
    return model_compare(t, &r->model, calls, "final weight", lists,
                         view_weight, r, r->tolerance);
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
