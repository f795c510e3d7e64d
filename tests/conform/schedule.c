/* SPDX-License-Identifier: MIT */
/* A schedule case: the value at every step that was asked. */
#include "conform.h"

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

static bool compare_values(trial *t, const descent_schedule *schedule,
                           const json_t *steps, const json_t *expected,
                           tolerance allowed)
{
    const size_t n = json_array_size(steps);

    if (n == 0 || json_array_size(expected) != n)
        return trial_fault(t, "steps and expected differ in length, or are "
                              "empty");
    for (size_t i = 0; i < n; i++) {
        const json_t *step = json_array_get(steps, i);
        const json_t *right = json_array_get(expected, i);
        double got;
        if (!json_is_integer(step) || json_integer_value(step) < 0 ||
            !json_is_number(right))
            return trial_fault(t, "steps[%zu] or expected[%zu] is no number", i,
                               i);
        if (descent_schedule_at(schedule, (uint64_t)json_integer_value(step),
                                &got) != DESCENT_OK)
            return trial_descent_fault(t, "schedule");
        if (!compare(t, (long)json_integer_value(step), "value", -1, got,
                     json_number_value(right), allowed))
            return false;
    }
    return true;
}

bool run_schedule(trial *t)
{
    json_t *json = t->json;
    const char *kind;
    json_t *config, *steps, *expected, *limits;
    descent_options *options = NULL;
    descent_schedule *schedule = NULL;
    tolerance allowed;
    bool right;

    if (flavour_of(t) == NULL || take_text(t, json, "id") == NULL ||
        (kind = take_text(t, json, "schedule")) == NULL || !known_dtype(t) ||
        (config = take(t, json, "config", JSON_OBJECT)) == NULL ||
        (steps = take(t, json, "steps", JSON_ARRAY)) == NULL ||
        (expected = take(t, json, "expected", JSON_ARRAY)) == NULL ||
        (limits = take(t, json, "tolerance", JSON_OBJECT)) == NULL ||
        !take_tolerance(t, limits, &allowed) ||
        !expect_empty(t, limits, "tolerance") ||
        !expect_empty(t, json, "case") ||
        !options_from(t, config, NULL, &options))
        return false;
    if (descent_schedule_create(t->runtime, kind, options, &schedule) ==
        DESCENT_OK)
        right = compare_values(t, schedule, steps, expected, allowed);
    else
        right = trial_descent_fault(t, "schedule");
    descent_schedule_release(schedule);
    descent_options_free(options);
    return right;
}
