/* SPDX-License-Identifier: MIT */
/* Text for people: see words.h. */
#include "tool/words.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t words_character(const char *at, bool *plain)
{
    const unsigned char *s = (const unsigned char *)at;
    const size_t length = s[0] < 0x80                   ? 1
                          : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                          : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                          : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                        : 0;
    uint32_t code = length > 1 ? s[0] & (0xffu >> (length + 1)) : s[0];

    *plain = false;
    if (length == 0)
        return 1;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 1;
        code = code << 6 | (s[i] & 0x3fu);
    }
    if ((length == 3 && code < 0x800) || (length == 4 && code < 0x10000) ||
        code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 1;
    *plain = code >= 0x20 && !(code >= 0x7f && code < 0xa0);
    return length;
}

void words_write(FILE *out, const char *text, bool lines)
{
    while (*text != '\0') {
        bool plain;
        const size_t length = words_character(text, &plain);

        if (plain || (lines && (*text == '\n' || *text == '\t')))
            fwrite(text, 1, length, out);
        else
            putc('?', out);
        text += length;
    }
}

size_t words_width(const char *text)
{
    size_t width = 0;

    for (bool plain; *text != '\0'; width++)
        text += words_character(text, &plain);
    return width;
}

/* Write one word, text[0..length), and return its width. */
static size_t write_word(FILE *out, const char *text, size_t length)
{
    const char *const end = text + length;
    size_t width = 0;

    for (; text < end; width++) {
        bool plain;
        const size_t n = words_character(text, &plain);

        if (plain)
            fwrite(text, 1, n, out);
        else
            putc('?', out);
        text += n;
    }
    return width;
}

static size_t word_width(const char *text, size_t length)
{
    const char *const end = text + length;
    size_t width = 0;

    for (bool plain; text < end; width++)
        text += words_character(text, &plain);
    return width;
}

void words_wrap(FILE *out, const char *text, size_t indent, size_t width)
{
    size_t column = 0;

    while (*text != '\0') {
        const size_t length = strcspn(text, " \n");

        if (length > 0) {
            if (column > 0 && column + 1 + word_width(text, length) > width) {
                putc('\n', out);
                column = 0;
            }
            if (column == 0)
                fprintf(out, "%*s", (int)indent, "");
            else
                putc(' ', out);
            column = (column == 0 ? indent : column + 1) +
                     write_word(out, text, length);
            text += length;
        } else if (*text++ == '\n') {
            putc('\n', out);
            column = 0;
        }
    }
    if (column > 0)
        putc('\n', out);
}

const char *words_number(double x, char buffer[WORDS_NUMBER])
{
    char *exponent;

    if (x != x)
        return "nan";
    /* 100 is not 1e2, but 1e6 is. */
    snprintf(buffer, WORDS_NUMBER, "%.0f", fabs(x) < 1e6 ? x : 0);
    for (int digits = 1; digits <= 17 && strtod(buffer, NULL) != x; digits++)
        snprintf(buffer, WORDS_NUMBER, "%.*g", digits, x);
    /* 1e-07 is 1e-7, 1e+05 is 1e5. */
    exponent = strchr(buffer, 'e');
    if (exponent != NULL) {
        const long power = strtol(exponent + 1, NULL, 10);

        snprintf(exponent + 1, WORDS_NUMBER - (size_t)(exponent + 1 - buffer),
                 "%ld", power);
    }
    return buffer;
}

enum { LONGEST_NAME = WORDS_LONGEST_NAME, MOST_SLIPS = 2 };

/* Insertions, deletions, substitutions and swaps of neighbours between a and b,
 * both at most LONGEST_NAME bytes. */
static unsigned slips(const char *a, const char *b)
{
    unsigned rows[3][LONGEST_NAME + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];
    const size_t n = strlen(a), m = strlen(b);

    for (size_t j = 0; j <= m; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *const spare = before;

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned least = last[j - 1] + (a[i - 1] != b[j - 1]);

            if (last[j] + 1 < least)
                least = last[j] + 1;
            if (now[j - 1] + 1 < least)
                least = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && before[j - 2] + 1 < least)
                least = before[j - 2] + 1;
            now[j] = least;
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

void words_offer(words_nearest *search, const char *name)
{
    unsigned distance;

    if (strlen(search->wanted) > LONGEST_NAME || strlen(name) > LONGEST_NAME)
        return;
    distance = slips(search->wanted, name);
    /* Two slips in a word of two letters is another word. */
    if (distance > MOST_SLIPS || distance >= strlen(name))
        return;
    if (search->best[0] == '\0' || distance < search->distance) {
        snprintf(search->best, sizeof search->best, "%s", name);
        search->distance = distance;
    }
}
