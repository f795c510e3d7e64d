/* SPDX-License-Identifier: MIT */
/* The arrays of the limit, beside those of the optimizer. */
#ifndef DESCENT_TOOL_BENCH_OPPONENT_H
#define DESCENT_TOOL_BENCH_OPPONENT_H

#include "tool/bench/subject.h"

/* Make s->limit after the optimizer's state, which exists. */
descent_status opponent_open(subject *s);

/* State array k of the limit's: those of the rule that have an element for each
 * weight, then the average.  The name in the optimizer, or NULL past the end. */
const char *opponent_slot(const subject *s, size_t k);

/* The plain loop of the rule in this case. */
limits_loop *opponent_loop(const subject *s);

/* Run it once over everything, without what comes before. */
void opponent_sweep(subject *s, limits_loop *loop);

#endif
