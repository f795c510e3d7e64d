/* SPDX-License-Identifier: MIT */
/* Columns of text: measure every row, then print every row. */
#ifndef DESCENT_TOOL_TABLE_H
#define DESCENT_TOOL_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 12 };

typedef struct table {
    const char *align;           /* 'l' or 'r' a column, so many columns  */
    size_t width[TABLE_COLUMNS]; /* of the widest cell so far             */
} table;

void table_measure(table *t, const char *const *cells);
void table_row(FILE *out, const table *t, const char *const *cells);

#endif
