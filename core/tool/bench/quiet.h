/* SPDX-License-Identifier: MIT */
/* How much other processes used the processors in the meantime. */
#ifndef DESCENT_TOOL_BENCH_QUIET_H
#define DESCENT_TOOL_BENCH_QUIET_H

typedef struct quiet {
    double clock; /* all in seconds */
    double busy;  /* of all processors together; NaN when unknown */
    double own;
} quiet;

quiet quiet_now(void);

/* Processors that others kept busy since `then`, on average: 0 on a quiet
 * machine.  NaN when /proc/stat does not tell. */
double quiet_others(const quiet *then);

#endif
