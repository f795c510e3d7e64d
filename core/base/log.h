/* SPDX-License-Identifier: MIT */
/* Messages that are not failures, on their way to the application. */
#ifndef DESCENT_BASE_LOG_H
#define DESCENT_BASE_LOG_H

#include <stdarg.h>

#include <descent/descent.h>

enum { LOG_DEBUG = 0, LOG_INFO = 1, LOG_WARNING = 2, LOG_ERROR = 3 };

typedef struct log_sink {
    descent_log_function function; /* or NULL: silent */
    void *user;
} log_sink;

void log_write(const log_sink *sink, int level, const char *format, ...)
    DESCENT_PRINTF(3, 4);
void log_write_va(const log_sink *sink, int level, const char *format,
                  va_list arguments) DESCENT_PRINTF(3, 0);

#endif
