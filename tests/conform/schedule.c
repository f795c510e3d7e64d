/* SPDX-License-Identifier: MIT */
/* A schedule case: the value at every step that was asked. */
#include "schedule.h"

#include <string.h>

/* In a float32 case the peer computed in float32, which its tolerance allows.
 */
static bool known_dtype(trial *t)
{
    const char *dtype = take_text(t, t->json, "dtype");

    return dtype != NULL &&
           (strcmp(dtype, "float32") == 0 || strcmp(dtype, "float64") == 0 ||
            trial_fault(t, "dtype \"%s\" is not translated", dtype));
}

static bool read_keras(trial *t, plan *p)
{
    return known_dtype(t) && plan_create(t, p->kind, p->config, NULL, &p->rate);
}

/* MXNet's poly and cosine keep the value that they computed last, so that past
 * the end the final rate is only there when the end itself was visited. */
static bool read_mxnet(trial *t, plan *p)
{
    const json_t *end = json_object_get(p->config, "max_update");

    if (json_is_integer(end))
        p->end = json_integer_value(end);
    return plan_create(t, p->kind, p->config, NULL, &p->rate);
}

static const struct {
    const char *source; /* how the case's "source" begins */
    bool (*read)(trial *t, plan *p);
} systems[] = {
    {"keras 3.", read_keras},
    {"mxnet ", read_mxnet},
    {"torch ", plan_read_torch},
};

static bool read_system(trial *t, plan *p)
{
    const char *source = take_text(t, t->json, "source");

    if (source == NULL)
        return false;
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (strncmp(source, systems[i].source, strlen(systems[i].source)) == 0)
            return systems[i].read(t, p);
    return trial_fault(t, "source \"%s\": flavour not translated", source);
}

bool plan_create(trial *t, const char *kind, json_t *config,
                 descent_options *options, descent_schedule **out)
{
    bool right = options != NULL || options_from(t, config, &options);

    if (right &&
        descent_schedule_create(t->runtime, kind, options, out) != DESCENT_OK)
        right = trial_descent_fault(t, "schedule");
    descent_options_free(options);
    return right;
}

static bool compare_at(trial *t, const descent_schedule *schedule,
                       const char *what, json_int_t asked, json_int_t step,
                       const json_t *expected, tolerance allowed)
{
    double got;

    if (!json_is_number(expected))
        return trial_fault(t, "%s of step %ld is no number", what, (long)asked);
    if (descent_schedule_at(schedule, (uint64_t)step, &got) != DESCENT_OK)
        return trial_descent_fault(t, "schedule");
    return compare(t, (long)asked, what, -1, got, json_number_value(expected),
                   allowed);
}

/* The step to ask for what a stateful peer says at `asked`. */
static json_int_t step_for(const plan *p, json_int_t asked, json_int_t before)
{
    return p->end > 0 && asked > p->end && before < p->end ? before : asked;
}

static bool compare_values(trial *t, const plan *p)
{
    const size_t n = json_array_size(p->steps);
    json_int_t before = 0;

    if (n == 0 || json_array_size(p->expected) != n ||
        (p->momenta != NULL && json_array_size(p->momenta) != n) ||
        (p->metrics != NULL && json_array_size(p->metrics) != n))
        return trial_fault(t, "steps and expected differ in length, or are "
                              "empty");
    for (size_t i = 0; i < n; i++) {
        const json_t *json = json_array_get(p->steps, i);
        const json_int_t asked = json_integer_value(json);
        if (!json_is_integer(json) || asked < before)
            return trial_fault(t, "steps[%zu] is no step after the others", i);
        before = step_for(p, asked, before);
        if (!compare_at(t, p->rate, "value", asked, before,
                        json_array_get(p->expected, i), p->allowed) ||
            (p->momenta != NULL &&
             !compare_at(t, p->momentum, "momentum", asked, asked,
                         json_array_get(p->momenta, i), p->allowed)))
            return false;
        if (p->metrics != NULL &&
            !plan_observe(t, p, json_array_get(p->metrics, i)))
            return false;
    }
    return true;
}

bool plan_observe(trial *t, const plan *p, const json_t *metric)
{
    if (!json_is_number(metric))
        return trial_fault(t, "metrics: expected numbers");
    return descent_schedule_observe(p->rate, json_number_value(metric)) ==
               DESCENT_OK ||
           trial_descent_fault(t, "observe");
}

bool run_schedule(trial *t)
{
    json_t *json = t->json, *limits;
    plan p = {.kind = NULL};
    bool right;

    right = take_text(t, json, "id") != NULL &&
            (p.kind = take_text(t, json, "schedule")) != NULL &&
            (p.config = take(t, json, "config", JSON_OBJECT)) != NULL &&
            (p.steps = take(t, json, "steps", JSON_ARRAY)) != NULL &&
            (p.expected = take(t, json, "expected", JSON_ARRAY)) != NULL &&
            (limits = take(t, json, "tolerance", JSON_OBJECT)) != NULL &&
            take_tolerance(t, limits, &p.allowed) &&
            expect_empty(t, limits, "tolerance") && read_system(t, &p) &&
            expect_empty(t, json, "case") && compare_values(t, &p);
    descent_schedule_release(p.rate);
    descent_schedule_release(p.momentum);
    return right;
}
