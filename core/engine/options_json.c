/* SPDX-License-Identifier: MIT */
/* Options from JSON text, as Keras' get_config prints it. */
#include <string.h>

#include "base/text.h"
#include "engine/json.h"
#include "engine/runtime.h"
#include "schedule/schedule.h"

enum { LONGEST_JSON = 1 << 24, DEEPEST = 1000 };

static descent_status fill(memory *m, const json_t *object, int depth,
                           descent_options *options);

static descent_status put_list(memory *m, const char *key, const json_t *list,
                               descent_options *options)
{
    const size_t n = json_array_size(list);
    double *values;
    descent_status status = DESCENT_OK;

    TRY(memory_new(m, n, sizeof *values, &values));
    for (size_t i = 0; i < n && status == DESCENT_OK; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_number(item))
            status = status_fail(DESCENT_ERR_ARGUMENT,
                                 "option '%.64s': element %zu is not a number",
                                 key, i + 1);
        else
            values[i] = json_number_value(item);
    }
    if (status == DESCENT_OK)
        status = descent_options_set_numbers(options, key, values, n);
    memory_release(m, values, n, sizeof *values);
    return status;
}

/* {"class_name": "CosineDecay", "config": {...}}; Keras adds other keys, which
 * say where its class is defined and are of no use here. */
static descent_status make_schedule(memory *m, const char *key,
                                    const json_t *object, int depth,
                                    descent_schedule **schedule)
{
    const char *kind = json_string_value(json_object_get(object, "class_name"));
    const json_t *config = json_object_get(object, "config");
    descent_options *inner = NULL;
    descent_status status;

    if (kind == NULL || !json_is_object(config))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "option '%.64s' is an object: expected a schedule "
                           "{\"class_name\": ..., \"config\": {...}}",
                           key);
    status = bag_create(m, &inner);
    if (status == DESCENT_OK)
        status = fill(m, config, depth + 1, inner);
    if (status == DESCENT_OK)
        status = schedule_create(m, kind, inner, schedule);
    descent_options_free(inner);
    return status;
}

static descent_status put_schedule(memory *m, const char *key,
                                   const json_t *object, int depth,
                                   descent_options *options)
{
    descent_schedule *schedule = NULL;
    descent_status status = make_schedule(m, key, object, depth, &schedule);

    if (status == DESCENT_OK)
        status = descent_options_set_schedule(options, key, schedule);
    descent_schedule_release(schedule);
    return status;
}

static descent_status put_schedules(memory *m, const char *key,
                                    const json_t *list, int depth,
                                    descent_options *options)
{
    const size_t n = json_array_size(list);
    descent_schedule **schedules;
    descent_status status = DESCENT_OK;

    TRY(memory_new(m, n, sizeof(*schedules), &schedules));
    for (size_t i = 0; i < n && status == DESCENT_OK; i++)
        status = make_schedule(m, key, json_array_get(list, i), depth,
                               &schedules[i]);
    if (status == DESCENT_OK)
        status = descent_options_set_schedules(options, key, schedules, n);
    for (size_t i = 0; i < n; i++)
        descent_schedule_release(schedules[i]);
    memory_release(m, schedules, n, sizeof(*schedules));
    return status;
}

static descent_status put(memory *m, const char *key, const json_t *value,
                          int depth, descent_options *options);

/* "loss_scale": {"min": 1, ...}: the option is true, and each part is one of its
 * own, "loss_scale.min". */
static descent_status put_parts(memory *m, const char *key,
                                const json_t *object, int depth,
                                descent_options *options)
{
    char name[256];
    const char *part;
    json_t *value;

    TRY(descent_options_set_boolean(options, key, 1));
    json_object_foreach((json_t *)(uintptr_t)object, part, value)
    {
        name[0] = '\0';
        text_append(name, sizeof name, "%s.%s", key, part);
        TRY(put(m, name, value, depth + 1, options));
    }
    return DESCENT_OK;
}

static descent_status put(memory *m, const char *key, const json_t *value,
                          int depth, descent_options *options)
{
    /* "loss_scale.min" beside a "loss_scale" that has a "min". */
    if (bag_find(options, key) != NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "option '%.64s' is given twice", key);
    switch (json_typeof(value)) {
    case JSON_NULL:
        return descent_options_set_none(options, key);
    case JSON_TRUE:
    case JSON_FALSE:
        return descent_options_set_boolean(options, key, json_is_true(value));
    case JSON_INTEGER:
    case JSON_REAL:
        return descent_options_set_number(options, key,
                                          json_number_value(value));
    case JSON_STRING:
        return descent_options_set_text(options, key, json_string_value(value));
    case JSON_ARRAY:
        return json_is_object(json_array_get(value, 0))
                   ? put_schedules(m, key, value, depth, options)
                   : put_list(m, key, value, options);
    default:
        return descent_option_has_parts(key)
                   ? put_parts(m, key, value, depth, options)
                   : put_schedule(m, key, value, depth, options);
    }
}

static descent_status fill(memory *m, const json_t *object, int depth,
                           descent_options *options)
{
    const char *key;
    json_t *value;

    if (depth > DEEPEST)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "options: nested more than %d deep", DEEPEST);
    /* Iterating does not change the object; the library's macro wants it so. */
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        TRY(put(m, key, value, depth, options));
    return DESCENT_OK;
}

descent_status json_read_object(const char *what, const char *text,
                                size_t length, json_t **out)
{
    json_error_t error;
    json_t *root;

    if (text == NULL || length > LONGEST_JSON)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: expected JSON text of at most %d bytes", what,
                           LONGEST_JSON);
    root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT, "%s: line %d, column %d: %s",
                           what, error.line, error.column, error.text);
    if (json_is_object(root)) {
        *out = root;
        return DESCENT_OK;
    }
    json_decref(root);
    return status_fail(DESCENT_ERR_ARGUMENT, "%s: expected a JSON object {...}",
                       what);
}

descent_status json_read_options(memory *m, const json_t *object,
                                 descent_options *options)
{
    return fill(m, object, 0, options);
}

descent_status descent_options_from_json(descent_runtime *runtime,
                                         const char *text, size_t length,
                                         descent_options **out)
{
    descent_options *options = NULL;
    json_t *root;
    descent_status status;

    TRY(runtime_check(runtime));
    if (out == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT, "options: out is NULL");
    TRY(json_read_object("options", text, length, &root));
    status = bag_create(runtime->memory, &options);
    if (status == DESCENT_OK)
        status = json_read_options(runtime->memory, root, options);
    json_decref(root);
    if (status == DESCENT_OK)
        *out = options;
    else
        descent_options_free(options);
    return status;
}
