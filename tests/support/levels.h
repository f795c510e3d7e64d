/* SPDX-License-Identifier: MIT */
/* Tests at each level of the processor. */
#ifndef DESCENT_TESTS_LEVELS_H
#define DESCENT_TESTS_LEVELS_H

#include <stdbool.h>

#include "base/levels.h"
#include "support/check.h"

/* The portable level, AVX2 and AVX-512; and whether this processor has one. */
extern const descent_isa levels[LEVELS];
bool levels_has(descent_isa level);

/* Run the tests once a level, with the core's loops at it; returns how many
 * failed. */
int levels_run_tests(const struct CMUnitTest *tests, size_t n);

#endif
