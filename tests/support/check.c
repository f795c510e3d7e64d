/* SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdio.h>
#include <string.h>

char check_log[4096];

void ok(descent_status status)
{
    if (status != DESCENT_OK)
        fail_msg("%s: %s", descent_status_name(status),
                 descent_error_message());
}

void refused(descent_status status, descent_status code, const char *text)
{
    if (status != code)
        fail_msg("got %s (%s), expected %s", descent_status_name(status),
                 descent_error_message(), descent_status_name(code));
    assert_int_equal(descent_error_code(), code);
    if (strstr(descent_error_message(), text) == NULL)
        fail_msg("the message is \"%s\", expected \"%s\" in it",
                 descent_error_message(), text);
}

static void remember(void *user, int level, const char *text)
{
    const size_t used = strlen(check_log);

    (void)user;
    snprintf(check_log + used, sizeof check_log - used, "%d: %s\n", level,
             text);
}

descent_runtime *check_runtime(void)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .log = remember};
    descent_runtime *runtime = NULL;

    check_log[0] = '\0';
    ok(descent_runtime_create(&options, &runtime));
    return runtime;
}

descent_status check_optimizer_status(descent_runtime *runtime,
                                      const char *kind, const char *json,
                                      descent_optimizer **out)
{
    descent_options *options = NULL;

    if (json != NULL)
        ok(descent_options_from_json(runtime, json, strlen(json), &options));
    const descent_status status =
        descent_optimizer_create(runtime, kind, options, out);
    descent_options_free(options);
    return status;
}

descent_optimizer *check_optimizer(descent_runtime *runtime, const char *kind,
                                   const char *json)
{
    descent_optimizer *o = NULL;

    ok(check_optimizer_status(runtime, kind, json, &o));
    return o;
}

void check_bind(descent_optimizer *o, const char *name, float *weight,
                const float *gradient, int64_t n)
{
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = DESCENT_DTYPE_F32,
        .name = name,
        .ndim = 1,
        .shape = &n,
        .data = weight,
        .gradient = gradient,
    };

    ok(descent_optimizer_add(o, &t, 1));
}

descent_step_report check_step(descent_optimizer *o)
{
    descent_step_report report = {.struct_size = sizeof report};

    ok(descent_optimizer_step(o, NULL, 0, NULL, &report));
    return report;
}
