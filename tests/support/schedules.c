/* SPDX-License-Identifier: MIT */
#include "support/schedules.h"

#include <math.h>
#include <string.h>

descent_runtime *schedules_runtime;

int schedules_setup(void **state)
{
    (void)state;
    schedules_runtime = check_runtime();
    return 0;
}

int schedules_teardown(void **state)
{
    (void)state;
    descent_runtime_free(schedules_runtime);
    return 0;
}

static descent_status create(const char *kind, const char *json,
                             descent_schedule **out)
{
    descent_options *options = NULL;
    descent_status status = descent_options_from_json(schedules_runtime, json,
                                                      strlen(json), &options);

    if (status == DESCENT_OK)
        status = descent_schedule_create(schedules_runtime, kind, options, out);
    descent_options_free(options);
    return status;
}

descent_schedule *schedule_made(const char *kind, const char *json)
{
    descent_schedule *s = NULL;

    ok(create(kind, json, &s));
    return s;
}

void schedule_refused(const char *kind, const char *json, const char *message)
{
    descent_schedule *s = NULL;

    assert_int_equal(create(kind, json, &s), DESCENT_ERR_ARGUMENT);
    assert_string_equal(descent_error_message(), message);
    assert_null(s);
}

double schedule_at(const descent_schedule *s, uint64_t n)
{
    double value = (double)NAN;

    if (descent_schedule_at(s, n, &value) != DESCENT_OK)
        fail_msg("at %llu: %s", (unsigned long long)n, descent_error_message());
    return value;
}

void schedule_expect(descent_schedule *s, const schedule_point *points,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double got = schedule_at(s, points[i].n);
        const double right = points[i].value;
        if (!(fabs(got - right) <= 1e-15 * fmax(1, fabs(right))))
            fail_msg("%s at %llu: got %.17g, expected %.17g",
                     descent_schedule_name(s), (unsigned long long)points[i].n,
                     got, right);
    }
    descent_schedule_release(s);
}
