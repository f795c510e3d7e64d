/* SPDX-License-Identifier: MIT */
#include "plugin/show.h"

#include <string.h>

const char *show_text(const char *text, char shown[SHOWN])
{
    static const char cut[] = "...";
    size_t n = 0;

    for (; n < SHOWN - sizeof cut && text[n] != '\0'; n++) {
        const unsigned char byte = (unsigned char)text[n];
        shown[n] = byte < 0x20 || byte == 0x7f ? '?' : text[n];
    }
    strcpy(shown + n, text[n] == '\0' ? "" : cut);
    return shown;
}
