/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 63 };

const char *text_escape(char byte, char buffer[TEXT_ESCAPE])
{
    const unsigned code = (unsigned char)byte;

    if (code >= 0x20 && byte != '"' && byte != '\\')
        return NULL;
    snprintf(buffer, TEXT_ESCAPE, code < 0x20 ? "\\u%04x" : "\\%c", code);
    return buffer;
}

const char *text_number(double x, char buffer[TEXT_NUMBER])
{
    const char *name = isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
    char *at;

    if (!isfinite(x)) {
        strcpy(buffer, name);
        return buffer;
    }
    if (x == floor(x) && fabs(x) < 1e15) {
        snprintf(buffer, TEXT_NUMBER, "%.0f", x);
        return buffer;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buffer, TEXT_NUMBER, "%.*g", digits, x);
        if (strtod(buffer, NULL) == x)
            break;
    }
    /* What is neither digit, sign nor exponent is the locale's decimal point,
     * which may be several bytes long. */
    at = buffer + strspn(buffer, "-0123456789");
    if (*at != '\0' && *at != 'e') {
        const char *rest = at + strcspn(at, "0123456789");
        *at = '.';
        memmove(at + 1, rest, strlen(rest) + 1);
    }
    return buffer;
}

void text_append(char *buffer, size_t size, const char *format, ...)
{
    const size_t used = strnlen(buffer, size);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(buffer + used, size - used, format, arguments);
    va_end(arguments);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_any_case(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

void text_lower(char *buffer, size_t size, const char *text)
{
    size_t i = 0;

    for (; i + 1 < size && text[i] != '\0'; i++)
        buffer[i] = lower(text[i]);
    buffer[i] = '\0';
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned text_distance(const char *a, const char *b)
{
    const size_t m = strnlen(a, LONGEST_NAME + 1);
    const size_t n = strnlen(b, LONGEST_NAME + 1);
    unsigned row[3][LONGEST_NAME + 2];
    unsigned *before = row[0], *above = row[1], *now = row[2];

    if (m > LONGEST_NAME || n > LONGEST_NAME)
        return LONGEST_NAME;
    for (size_t j = 0; j <= n; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        unsigned *spare = before;
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            const unsigned differ = lower(a[i - 1]) != lower(b[j - 1]);
            now[j] =
                least(least(above[j], now[j - 1]) + 1, above[j - 1] + differ);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        before = above;
        above = now;
        now = spare;
    }
    return above[n];
}

void text_nearest_offer(text_nearest *search, const char *name)
{
    const unsigned distance = text_distance(search->wanted, name);
    const size_t length = strlen(search->wanted);
    const unsigned limit = length < 4 ? 1 : length < 8 ? 2 : 3;

    if (distance <= limit &&
        (search->best == NULL || distance < search->distance)) {
        search->best = name;
        search->distance = distance;
    }
}

bool text_is_plain(const char *text, size_t limit)
{
    size_t i = 0;

    for (; i <= limit && text[i] != '\0'; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f)
            return false;
    }
    return i > 0 && i <= limit;
}

/* Bytes of the UTF-8 character at s, which is not the final NUL; 0 for none. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0x0},
                 {0xe0, 0xc0, 0x80},
                 {0xf0, 0xe0, 0x800},
                 {0xf8, 0xf0, 0x10000}};
    size_t form = 0;
    uint32_t code;

    while (form < 4 && (s[0] & forms[form].mask) != forms[form].lead)
        form++;
    if (form == 4)
        return 0;
    code = s[0] & (uint32_t)(unsigned char)~forms[form].mask;
    for (size_t i = 1; i <= form; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    if (code < forms[form].least || code > 0x10ffff ||
        (code >= 0xd800 && code < 0xe000))
        return 0;
    return form + 1;
}

bool text_is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = 1;

    for (; *at != '\0' && length > 0; at += length)
        length = utf8_length(at);
    return length > 0;
}
