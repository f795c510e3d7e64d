/* SPDX-License-Identifier: MIT */
/* Which texts of a plugin are names, and which can be shown to people. */
#include <string.h>

#include "base/text.h"
#include "plugin/judge.h"

enum { LONGEST_NAME = 63, LONGEST_TEXT = 4096 };

bool judge_is_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t length;

    if (text == NULL || text[0] == '\0' || strchr(letters, text[0]) == NULL)
        return false;
    length = strspn(text, others);
    return text[length] == '\0' && length <= LONGEST_NAME;
}

/* The bytes of the UTF-8 sequence at `at`, or 0 when it is none.  A NUL ends
 * every wrong sequence, so nothing is read beyond the text. */
static size_t sequence(const unsigned char *at)
{
    static const struct {
        unsigned char mask, head;
        uint32_t least;
    } forms[] = {
        {0x80, 0x00, 0},
        {0xe0, 0xc0, 0x80},
        {0xf0, 0xe0, 0x800},
        {0xf8, 0xf0, 0x10000},
    };

    for (size_t n = 0; n < sizeof forms / sizeof *forms; n++) {
        uint32_t code = at[0] & (unsigned char)~forms[n].mask;
        if ((at[0] & forms[n].mask) != forms[n].head)
            continue;
        for (size_t i = 1; i <= n; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (at[i] & 0x3f);
        }
        return code >= forms[n].least && code <= 0x10ffff &&
                       (code < 0xd800 || code > 0xdfff)
                   ? n + 1
                   : 0;
    }
    return 0;
}

bool judge_is_text(const char *text)
{
    if (text == NULL || !text_is_plain(text, LONGEST_TEXT))
        return false;
    while (*text != '\0') {
        const size_t bytes = sequence((const unsigned char *)text);
        if (bytes == 0)
            return false;
        text += bytes;
    }
    return true;
}
