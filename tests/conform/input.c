/* SPDX-License-Identifier: MIT */
/* Taking a case apart, and comparing numbers. */
#include "conform.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

bool trial_fault(trial *t, const char *format, ...)
{
    va_list arguments;

    if (t->fault[0] == '\0') {
        va_start(arguments, format);
        vsnprintf(t->fault, sizeof t->fault, format, arguments);
        va_end(arguments);
    }
    return false;
}

bool trial_descent_fault(trial *t, const char *where)
{
    return trial_fault(t, "%s: %s", where, descent_error_message());
}

json_t *take_optional(trial *t, json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (value == NULL)
        return NULL;
    if (json_array_append(t->taken, value) != 0) {
        trial_fault(t, "out of memory");
        return NULL;
    }
    json_object_del(object, key);
    return value;
}

json_t *take(trial *t, json_t *object, const char *key, json_type type)
{
    json_t *value = take_optional(t, object, key);

    if (value == NULL)
        trial_fault(t, "\"%s\" is missing", key);
    else if (json_typeof(value) != type)
        trial_fault(t, "\"%s\" has the wrong type", key);
    else
        return value;
    return NULL;
}

const char *take_text(trial *t, json_t *object, const char *key)
{
    return json_string_value(take(t, object, key, JSON_STRING));
}

bool take_number(trial *t, json_t *object, const char *key, double *out)
{
    const json_t *value = take_optional(t, object, key);

    if (!json_is_number(value))
        return trial_fault(t, "\"%s\": expected a number", key);
    *out = json_number_value(value);
    return true;
}

bool expect_empty(trial *t, const json_t *object, const char *what)
{
    void *left = json_object_iter((json_t *)(uintptr_t)object);

    return left == NULL ||
           trial_fault(t, "%s: \"%s\" is not understood, so not compared", what,
                       json_object_iter_key(left));
}

bool read_numbers(trial *t, const json_t *list, const char *what, size_t count,
                  double *out)
{
    if (!json_is_array(list) || json_array_size(list) != count)
        return trial_fault(t, "%s: expected a list of %zu numbers", what,
                           count);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_number(value))
            return trial_fault(t, "%s[%zu]: expected a number", what, i);
        out[i] = json_number_value(value);
    }
    return true;
}

bool take_tolerance(trial *t, json_t *object, tolerance *out)
{
    return take_number(t, object, "rtol", &out->rtol) &&
           take_number(t, object, "atol", &out->atol);
}

bool compare(trial *t, long step, const char *what, long index, double got,
             double expected, tolerance allowed)
{
    const double limit = allowed.atol + allowed.rtol * fabs(expected);
    char place[32] = "";

    if (fabs(got - expected) <= limit)
        return true;
    if (index >= 0)
        snprintf(place, sizeof place, "[%ld]", index);
    return trial_fault(t,
                       "step %ld, %s%s: got %.17g, expected %.17g (limit %g)",
                       step, what, place, got, expected, limit);
}
