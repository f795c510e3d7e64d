/* SPDX-License-Identifier: MIT */
/* How the processor treats denormal numbers, and what else a thread's results
 * depend on. */
#ifndef DESCENT_BASE_DENORMALS_H
#define DESCENT_BASE_DENORMALS_H

#include <stdbool.h>
#include <stdint.h>

/* With `flush`, take denormal operands and results for zero from now on.
 * Returns what denormals_restore needs to put back what was before. */
uint64_t denormals_flush(bool flush);
void denormals_restore(uint64_t before);

/* All of how this thread calculates, rounding included; and making it so, which
 * returns what was before. */
uint64_t denormals_mode(void);
uint64_t denormals_set_mode(uint64_t mode);

#endif
