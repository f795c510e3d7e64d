/* SPDX-License-Identifier: MIT */
/* Command-line options, with getopt_long and better messages. */
#ifndef DESCENT_TOOL_OPTIONS_H
#define DESCENT_TOOL_OPTIONS_H

#include <getopt.h>

#include "tool/tool.h"

/* What options_next returns beside the options' own values (letters). */
enum { OPTIONS_END = -1, OPTIONS_WRONG = -2 };

/* The next option of argv, or OPTIONS_END (then optind is the first operand), or
 * OPTIONS_WRONG after a message.  `letters` is getopt's list, with ':' in front
 * when options take values, which then are in optarg; `who` is "run" in
 * messages, or NULL for the command itself. */
int options_next(int argc, char **argv, const char *letters,
                 const struct option *table, const char *who);

/* Start over, for another argv. */
void options_restart(void);

/* Print "descent: WHO: text" and where help is; returns TOOL_USAGE. */
int options_misuse(const char *who, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
