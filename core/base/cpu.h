/* SPDX-License-Identifier: MIT */
/* What the processor and the operating system offer, read once. */
#ifndef DESCENT_BASE_CPU_H
#define DESCENT_BASE_CPU_H

#include "status.h"

/* The levels that processor and operating system support. */
descent_isa cpu_isa(void);

/* Levels up to the named one that `available` has: "any", "avx2", "avx512".
 * `source` names where the text came from, for the message. */
descent_status cpu_isa_limit(descent_isa available, const char *name,
                             const char *source, descent_isa *out);

/* The name of the highest level in `isa`. */
const char *cpu_isa_name(descent_isa isa);

/* Processors this process may run on, at least 1. */
uint32_t cpu_count(void);

#endif
