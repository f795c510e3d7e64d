/* SPDX-License-Identifier: MIT */
/* The last failure of each thread, and its public readers. */
#include "base/status.h"

#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 4096 };

static _Thread_local struct {
    descent_status code;
    uint64_t count;
    char message[MESSAGE_SIZE];
} last;

static const char *const names[] = {
    "ok",  "argument", "memory", "support", "numeric",
    "abi", "io",       "state",  "script",  "internal",
};

/* Text from outside must not drive a terminal.  The application's own messages,
 * such as a script's, may have lines. */
static void disarm(char *text, int lines)
{
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (lines && (byte == '\n' || byte == '\t'))
            continue;
        if (byte < 0x20 || byte == 0x7f)
            *text = '?';
    }
}

static descent_status record(descent_status code, int lines, const char *format,
                             va_list arguments) DESCENT_PRINTF(3, 0);
static descent_status record(descent_status code, int lines, const char *format,
                             va_list arguments)
{
    char message[MESSAGE_SIZE]; /* the arguments may be the last message */

    vsnprintf(message, sizeof message, format, arguments);
    disarm(message, lines);
    memcpy(last.message, message, sizeof message);
    last.code = code;
    last.count++;
    return code;
}

uint64_t status_failures(void)
{
    return last.count;
}

descent_status status_foreign_failed(descent_status code, uint64_t before,
                                     const char *what, const char *whose)
{
    if (code > 0 || code < DESCENT_ERR_INTERNAL)
        return status_fail(DESCENT_ERR_INTERNAL,
                           "%s %s returned %d, which is no status", what, whose,
                           code);
    if (last.count == before)
        return status_fail(code, "%s %s failed and did not say why", what,
                           whose);
    return code;
}

descent_status status_fail_va(descent_status code, const char *format,
                              va_list arguments)
{
    return record(code, 0, format, arguments);
}

descent_status status_fail(descent_status code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(code, 0, format, arguments);
    va_end(arguments);
    return code;
}

descent_status status_prefix(descent_status code, const char *format, ...)
{
    char place[MESSAGE_SIZE / 4];
    va_list arguments;

    if (code == DESCENT_OK)
        return DESCENT_OK;
    va_start(arguments, format);
    vsnprintf(place, sizeof place, format, arguments);
    va_end(arguments);
    disarm(place, 0);
    return descent_error_set(code, "%s: %s", place, last.message);
}

const char *descent_error_message(void)
{
    return last.message;
}

descent_status descent_error_code(void)
{
    return last.code;
}

const char *descent_status_name(descent_status code)
{
    const int64_t i = -(int64_t)code;

    return i >= 0 && i < (int64_t)(sizeof names / sizeof *names) ? names[i]
                                                                 : "unknown";
}

descent_status descent_error_set(descent_status code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(code, 1, format, arguments);
    va_end(arguments);
    return code;
}

const char *descent_version(void)
{
    return DESCENT_VERSION;
}
