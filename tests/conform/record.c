/* SPDX-License-Identifier: MIT */
/* What is recorded after a call: weights, state, rate and counters. */
#include "run.h"

#include <stdio.h>
#include <string.h>

static bool view_weight(trial *t, void *user, size_t i, descent_tensor *out)
{
    run *r = user;

    (void)t;
    *out = r->model.tensors[i];
    return true;
}

bool compare_weights(trial *t, run *r, long step, const char *what,
                     const json_t *lists)
{
    return model_compare(t, &r->model, step, what, lists, view_weight, r,
                         r->tolerance);
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

bool read_tolerance(trial *t, run *r)
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

/* MXNet records a rate for each variable: doubles, not of the case's type. */
static bool compare_rates(trial *t, run *r, long step, const json_t *rates)
{
    if (json_array_size(rates) != r->model.count)
        return trial_fault(t, "learning_rate: expected one for each variable");
    for (size_t i = 0; i < r->model.count; i++) {
        const json_t *rate = json_array_get(rates, i);
        if (!json_is_number(rate))
            return trial_fault(t, "learning_rate[%zu]: expected a number", i);
        if (!compare(t, step, "learning_rate", (long)i,
                     descent_optimizer_tensor_rate(r->optimizer, i),
                     json_number_value(rate), (tolerance){1e-12, 0}))
            return false;
    }
    return true;
}

static bool compare_rate(trial *t, run *r, long step, const json_t *rate)
{
    if (rate == NULL)
        return true;
    if (json_is_array(rate))
        return compare_rates(t, r, step, rate);
    if (!json_is_number(rate))
        return trial_fault(t, "learning_rate: expected a number");
    return compare(
        t, step, "learning_rate", -1, r->report.learning_rate,
        json_number_value(rate),
        (tolerance){r->tolerance.rtol, r->tolerance.atol + r->rate_error});
}

static bool compare_counter(trial *t, long step, const char *what, double got,
                            const json_t *right)
{
    if (right == NULL)
        return true;
    if (!json_is_number(right))
        return trial_fault(t, "%s: expected a number", what);
    return compare(t, step, what, -1, got, json_number_value(right),
                   (tolerance){0, 0});
}

/* MXNet counts from a begin of its own, and the most updates of any tensor. */
static bool compare_num_update(trial *t, run *r, long step, const json_t *right)
{
    double begin;
    uint64_t most = 0;

    if (descent_optimizer_get(r->optimizer, "begin_num_update", &begin) !=
        DESCENT_OK)
        return trial_descent_fault(t, "begin_num_update");
    for (size_t i = 0; i < r->model.count; i++) {
        const uint64_t n = descent_optimizer_tensor_updates(r->optimizer, i);
        most = n > most ? n : most;
    }
    return compare_counter(t, step, "num_update", begin + (double)most, right);
}

bool compare_record(trial *t, run *r, long step, json_t *record)
{
    json_t *variables = take(t, record, "variables", JSON_ARRAY);
    json_t *state = take_optional(t, record, "state");
    json_t *product = take_optional(t, record, "u_product");
    json_t *legacy = take_optional(t, record, "m_schedule");
    json_t *rate = take_optional(t, record, "learning_rate");
    json_t *iterations = take_optional(t, record, "iterations");
    json_t *num_update = take_optional(t, record, "num_update");

    return variables != NULL && expect_empty(t, record, "expected") &&
           compare_rate(t, r, step, rate) &&
           compare_counter(t, step, "iterations",
                           (double)descent_optimizer_iterations(r->optimizer),
                           iterations) &&
           compare_num_update(t, r, step, num_update) &&
           (legacy == NULL || compare_product(t, r, step, legacy)) &&
           compare_weights(t, r, step, "weight", variables) &&
           compare_state(t, r, step, state) &&
           (product == NULL || compare_product(t, r, step, product));
}
