/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdio.h>

void log_write_va(const log_sink *sink, int level, const char *format,
                  va_list arguments)
{
    char text[1024];

    if (sink->function == NULL)
        return;
    vsnprintf(text, sizeof text, format, arguments);
    sink->function(sink->user, level, text);
}

void log_write(const log_sink *sink, int level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_write_va(sink, level, format, arguments);
    va_end(arguments);
}
