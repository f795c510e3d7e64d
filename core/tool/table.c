/* SPDX-License-Identifier: MIT */
/* Columns of text: see table.h. */
#include "tool/table.h"

#include "tool/words.h"

void table_measure(table *t, const char *const *cells)
{
    for (size_t i = 0; t->align[i] != '\0'; i++) {
        const size_t width = words_width(cells[i]);

        if (width > t->width[i])
            t->width[i] = width;
    }
}

void table_row(FILE *out, const table *t, const char *const *cells)
{
    size_t pending = 0; /* spaces that are due before the next text */

    for (size_t i = 0; t->align[i] != '\0'; i++) {
        const size_t width = words_width(cells[i]);
        const size_t spare = t->width[i] - width;

        if (width > 0) {
            pending += t->align[i] == 'r' ? spare : 0;
            fprintf(out, "%*s", (int)pending, "");
            words_write(out, cells[i], false);
            pending = t->align[i] == 'r' ? 0 : spare;
        } else {
            pending += spare;
        }
        pending += 2;
    }
    putc('\n', out);
}
