/* SPDX-License-Identifier: MIT */
/* Configurations become options. */
#include "conform.h"

#include <string.h>

static bool set_list(trial *t, descent_options *options, const char *name,
                     const json_t *list)
{
    double numbers[64];
    const size_t n = json_array_size(list);

    if (n > sizeof numbers / sizeof *numbers)
        return trial_fault(t, "%s: more than 64 numbers", name);
    return read_numbers(t, list, name, n, numbers) &&
           (descent_options_set_numbers(options, name, numbers, n) ==
                DESCENT_OK ||
            trial_descent_fault(t, name));
}

/* {"class_name": ..., "config": {...}}: the schedule's options keep their
 * names, since the schedule itself refuses those that it does not know. */
static bool set_schedule(trial *t, descent_options *options, const char *name,
                         json_t *json)
{
    const char *kind = take_text(t, json, "class_name");
    json_t *config = take(t, json, "config", JSON_OBJECT);
    descent_options *inner = NULL;
    descent_schedule *schedule = NULL;
    bool right = kind != NULL && config != NULL &&
                 expect_empty(t, json, name) && options_from(t, config, &inner);

    if (right &&
        (descent_schedule_create(t->runtime, kind, inner, &schedule) !=
             DESCENT_OK ||
         descent_options_set_schedule(options, name, schedule) != DESCENT_OK))
        right = trial_descent_fault(t, name);
    descent_schedule_release(schedule);
    descent_options_free(inner);
    return right;
}

/* Options that have no single counterpart. */
static bool set_special(trial *t, descent_options *options, const char *name,
                        const json_t *value, bool *done)
{
    double betas[2];

    *done = true;
    if (strcmp(name, "betas") == 0)
        return read_numbers(t, value, name, 2, betas) &&
               ((descent_options_set_number(options, "beta_1", betas[0]) ==
                     DESCENT_OK &&
                 descent_options_set_number(options, "beta_2", betas[1]) ==
                     DESCENT_OK) ||
                trial_descent_fault(t, name));
    if (strcmp(name, "decoupled_weight_decay") == 0)
        return descent_options_set_text(
                   options, "weight_decay_mode",
                   json_is_true(value) ? "decoupled" : "l2") == DESCENT_OK ||
               trial_descent_fault(t, name);
    *done = false;
    return true;
}

static bool set_option(trial *t, descent_options *options, const char *name,
                       json_t *value)
{
    descent_status status;
    bool done;

    if (!set_special(t, options, name, value, &done) || done)
        return done && t->fault[0] == '\0';

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return set_schedule(t, options, name, value);
    case JSON_ARRAY:
        return set_list(t, options, name, value);
    case JSON_NULL:
        status = descent_options_set_none(options, name);
        break;
    case JSON_STRING:
        status =
            descent_options_set_text(options, name, json_string_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        status =
            descent_options_set_boolean(options, name, json_is_true(value));
        break;
    default:
        status =
            descent_options_set_number(options, name, json_number_value(value));
    }
    return status == DESCENT_OK || trial_descent_fault(t, name);
}

bool options_read(trial *t, json_t *config, const translation *rows,
                  descent_options *options)
{
    const char *key;
    json_t *value;

    json_object_foreach(config, key, value)
    {
        const char *name =
            rows == NULL ? key : translate(t, rows, "option", key);
        if (name == NULL || !set_option(t, options, name, value))
            return false;
    }
    return true;
}

bool options_from(trial *t, json_t *config, descent_options **out)
{
    descent_options *options;

    if (descent_options_create(t->runtime, &options) != DESCENT_OK)
        return trial_descent_fault(t, "options");
    if (!options_read(t, config, NULL, options)) {
        descent_options_free(options);
        return false;
    }
    *out = options;
    return true;
}
