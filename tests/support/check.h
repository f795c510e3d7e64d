/* SPDX-License-Identifier: MIT */
/* What tests of the public interface share: checks that print the message, and
 * small optimizers from JSON options. */
#ifndef DESCENT_TESTS_CHECK_H
#define DESCENT_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <descent/descent.h>

/* Fail the test, with the message, unless the status is success. */
void ok(descent_status status);

/* Fail the test unless the status is `code` and the message contains `text`. */
void refused(descent_status status, descent_status code, const char *text);

/* A runtime that logs into check_log, NUL-ended, oldest first. */
extern char check_log[4096];
descent_runtime *check_runtime(void);

/* An optimizer with the options of a JSON text (NULL: none); the _status form
 * does not fail the test. */
descent_optimizer *check_optimizer(descent_runtime *runtime, const char *kind,
                                   const char *json);
descent_status check_optimizer_status(descent_runtime *runtime,
                                      const char *kind, const char *json,
                                      descent_optimizer **out);

/* Bind one f32 vector, and its gradient (or NULL). */
void check_bind(descent_optimizer *o, const char *name, float *weight,
                const float *gradient, int64_t n);

/* Step with bound gradients. */
descent_step_report check_step(descent_optimizer *o);

#endif
