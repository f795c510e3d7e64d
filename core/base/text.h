/* SPDX-License-Identifier: MIT */
/* Text that is the same in every locale: numbers, bounded building, nearest
 * names. */
#ifndef DESCENT_BASE_TEXT_H
#define DESCENT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <descent/plugin.h>

enum { TEXT_NUMBER = 32, TEXT_ESCAPE = 8 };

/* What stands for `byte` inside of a JSON string: an escape in `buffer`, or NULL
 * for the byte itself. */
const char *text_escape(char byte, char buffer[TEXT_ESCAPE]);

/* Shortest form of x that reads back as x, with a point in every locale, "nan",
 * "inf" or "-inf"; returns `buffer`. */
const char *text_number(double x, char buffer[TEXT_NUMBER]);

/* Append to the NUL-ended string in buffer[size]; what does not fit is cut. */
void text_append(char *buffer, size_t size, const char *format, ...)
    DESCENT_PRINTF(3, 4);

/* Compare, and copy to buffer[size] in lower case, ASCII letters only. */
bool text_equal_any_case(const char *a, const char *b);
void text_lower(char *buffer, size_t size, const char *text);

/* Steps of insertion, deletion, substitution and swap between two names; names
 * over 63 bytes count as far apart. */
unsigned text_distance(const char *a, const char *b);

/* The search for the nearest of several names. */
typedef struct text_nearest {
    const char *wanted;
    const char *best; /* NULL while none is near enough to suggest */
    unsigned distance;
} text_nearest;
void text_nearest_offer(text_nearest *search, const char *name);

/* True when text[0..limit] is NUL-ended, not empty and free of control bytes.
 */
bool text_is_plain(const char *text, size_t limit);

/* True when the NUL-ended text is UTF-8: no overlong forms, no surrogates. */
bool text_is_utf8(const char *text);

#endif
