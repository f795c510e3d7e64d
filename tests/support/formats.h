/* SPDX-License-Identifier: MIT */
/* Arrays of any of the four number formats, one element at a time. */
#ifndef DESCENT_TESTS_FORMATS_H
#define DESCENT_TESTS_FORMATS_H

#include <stddef.h>

#include <descent/descent.h>

/* Store x, rounded to the format, in array[i]; read it back, exactly. */
void put(descent_dtype dtype, void *array, size_t i, double x);
double get(descent_dtype dtype, const void *array, size_t i);

#endif
