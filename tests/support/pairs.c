/* SPDX-License-Identifier: MIT */
#include "support/pairs.h"

#include <string.h>

enum { NEW, MET, EXCLUDED };

void pairs_exclude(pairs *p, size_t axis, size_t value, size_t other_axis,
                   size_t other_value)
{
    p->met[axis][value][other_axis][other_value] = EXCLUDED;
    p->met[other_axis][other_value][axis][value] = EXCLUDED;
}

/* New pairs of a row; -1 for one that may not be. */
static int gain(const pairs *p, const size_t *row)
{
    int found = 0;

    for (size_t a = 0; a < p->axes; a++)
        for (size_t b = a + 1; b < p->axes; b++) {
            const int met = p->met[a][row[a]][b][row[b]];
            if (met == EXCLUDED)
                return -1;
            found += met == NEW;
        }
    return found;
}

/* The next choice of the axes from `fixed` on; 0 after the last. */
static int next(const pairs *p, size_t *row, size_t fixed)
{
    for (size_t a = p->axes; a-- > fixed;) {
        if (++row[a] < p->values[a])
            return 1;
        row[a] = 0;
    }
    return 0;
}

void pairs_complete(pairs *p, size_t row[PAIRS_AXES], size_t fixed)
{
    size_t each[PAIRS_AXES] = {0};
    int best = -1;

    memcpy(each, row, fixed * sizeof *each);
    do {
        const int found = gain(p, each);
        if (found > best) {
            best = found;
            memcpy(row, each, sizeof each);
        }
    } while (next(p, each, fixed));
    for (size_t a = 0; a < p->axes; a++)
        for (size_t b = 0; b < p->axes; b++)
            if (a != b)
                p->met[a][row[a]][b][row[b]] = MET;
}

size_t pairs_left(const pairs *p)
{
    size_t left = 0;

    for (size_t a = 0; a < p->axes; a++)
        for (size_t b = a + 1; b < p->axes; b++)
            for (size_t x = 0; x < p->values[a]; x++)
                for (size_t y = 0; y < p->values[b]; y++)
                    left += p->met[a][x][b][y] == NEW;
    return left;
}
