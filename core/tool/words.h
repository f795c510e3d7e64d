/* SPDX-License-Identifier: MIT */
/* Text for people: strings of unknown origin made safe to print, numbers, names
 * that are nearly right. */
#ifndef DESCENT_TOOL_WORDS_H
#define DESCENT_TOOL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { WORDS_NUMBER = 32 };

/* Bytes of the character at `at` (not the final NUL); *plain is set to false
 * for a control character and for a byte that is no UTF-8. */
size_t words_character(const char *at, bool *plain);

/* Write `text`, each character that is not plain as '?'; `lines` lets newlines
 * and tabs through. */
void words_write(FILE *out, const char *text, bool lines);

/* Columns that words_write takes for `text`. */
size_t words_width(const char *text);

/* Write `text` in lines of at most `width` columns, every one of them indented;
 * the text's own line ends are kept. */
void words_wrap(FILE *out, const char *text, size_t indent, size_t width);

/* The shortest form of x that reads back as x. */
const char *words_number(double x, char buffer[WORDS_NUMBER]);

/* Offer the names one by one; `best` is the nearest within two slips, or "".
 * Longer names are never near. */
enum { WORDS_LONGEST_NAME = 63 };

typedef struct words_nearest {
    const char *wanted;
    unsigned distance;
    char best[WORDS_LONGEST_NAME + 1];
} words_nearest;
void words_offer(words_nearest *search, const char *name);

#endif
