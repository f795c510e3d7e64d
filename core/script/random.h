/* SPDX-License-Identifier: MIT */
/* Random streams of scripts, over the core's counter-based generator. */
#ifndef DESCENT_SCRIPT_RANDOM_H
#define DESCENT_SCRIPT_RANDOM_H

#include "script/tensor.h"

/* The number at `index` is a function of the three alone. */
typedef struct rng {
    uint64_t seed, stream, index;
} rng;

/* Push the state's one stream of this name, and return it. */
rng *rng_stream(lua_State *L, const char *name);

/* Fill a floating tensor with a + scale * number. */
void rng_fill(rng *r, tensor *t, bool normal, double a, double scale);

void rng_open(lua_State *L);
extern const function_entry rng_functions[];

#endif
