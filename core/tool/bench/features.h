/* SPDX-License-Identifier: MIT */
/* Whether this processor runs what the limits were compiled for. */
#ifndef DESCENT_TOOL_BENCH_FEATURES_H
#define DESCENT_TOOL_BENCH_FEATURES_H

/* The first of the NULL-ended `wanted` that this processor has not got, or NULL
 * when it has all. */
const char *features_missing(const char *const *wanted);

#endif
