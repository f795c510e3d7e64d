/* SPDX-License-Identifier: MIT */
/* The standard streams of the command: a write that failed is never lost, and
 * what goes to a terminal is clean. */
#ifndef DESCENT_TOOL_STREAMS_H
#define DESCENT_TOOL_STREAMS_H

#include <descent/descent.h>

/* Call first: keeps files from landing on a closed 0, 1 or 2, and makes the
 * process fail at its end when not all of standard output was written. */
void streams_open(void);

/* Print "descent: text" to standard error; control characters become '?'. */
void streams_error(const char *format, ...) DESCENT_PRINTF(1, 2);

/* Print this thread's last failure of the library in the same way; its own line
 * ends are kept. */
void streams_failure(void);

/* Columns of standard output: the terminal's, or 80 for a file or pipe. */
size_t streams_width(void);

#endif
