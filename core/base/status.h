/* SPDX-License-Identifier: MIT */
/* Failures: a code to return and, for this thread, a sentence to read. */
#ifndef DESCENT_BASE_STATUS_H
#define DESCENT_BASE_STATUS_H

#include <descent/descent.h>
#include <stdarg.h>

/* Return a failing expression's code to the caller. */
#define TRY(expression)                                                        \
    do {                                                                       \
        const descent_status try_ = (expression);                              \
        if (try_ != DESCENT_OK)                                                \
            return try_;                                                       \
    } while (0)

/* Record why the current call fails; returns `code`.  Control bytes in the text
 * become '?', so that a hostile name cannot drive a terminal. */
descent_status status_fail(descent_status code, const char *format, ...)
    DESCENT_PRINTF(2, 3);
descent_status status_fail_va(descent_status code, const char *format,
                              va_list arguments) DESCENT_PRINTF(2, 0);

/* How many failures this thread has recorded. */
uint64_t status_failures(void);

/* status_foreign of a failure. */
descent_status status_foreign_failed(descent_status code, uint64_t before,
                                     const char *what, const char *whose);

/* Judge what foreign code returned, `before` being status_failures() from before
 * the call: unknown codes become DESCENT_ERR_INTERNAL, and a failure that
 * recorded no text gets one that names `what` and `whose`. */
static inline descent_status status_foreign(descent_status code,
                                            uint64_t before, const char *what,
                                            const char *whose)
{
    return code == DESCENT_OK
               ? DESCENT_OK
               : status_foreign_failed(code, before, what, whose);
}

/* Put "where: " before the recorded text, unless `code` is success; returns
 * `code`. */
descent_status status_prefix(descent_status code, const char *format, ...)
    DESCENT_PRINTF(2, 3);

#endif
