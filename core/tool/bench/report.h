/* SPDX-License-Identifier: MIT */
/* Figures for people and for machines. */
#ifndef DESCENT_TOOL_BENCH_REPORT_H
#define DESCENT_TOOL_BENCH_REPORT_H

#include <jansson.h>

#include "tool/bench/figure.h"

/* A table, line by line as figures come: what stands above them, one of them,
 * and, when all n are there, which goals were missed. */
void report_begin(void);
void report_figure(const figure *f);
void report_end(const figure *figures, size_t n);

/* An object; NULL when there is no memory. */
json_t *report_json(const figure *f);

#endif
