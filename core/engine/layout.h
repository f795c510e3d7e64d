/* SPDX-License-Identifier: MIT */
/* Where the arrays of an arena lie: all of one kind together, so that a step
 * over many small tensors reads a few long streams. */
#ifndef DESCENT_ENGINE_LAYOUT_H
#define DESCENT_ENGINE_LAYOUT_H

#include <stdbool.h>

#include "base/status.h"

/* Arrays one after another, first without memory, to measure. */
typedef struct layout {
    char *memory; /* or NULL */
    size_t bytes;
    size_t kinds; /* that have arrays */
    bool begins;  /* no array of this kind yet */
} layout;

/* Begin with the next kind of array. */
void layout_begin(layout *at);

/* Place an array and, where there is memory, write where it is to the pointer
 * whose address `array` is; nothing for one without elements. */
descent_status layout_place(layout *at, int64_t elements, size_t size,
                            void *array);

#endif
