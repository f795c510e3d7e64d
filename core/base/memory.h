/* SPDX-License-Identifier: MIT */
/* All memory of the core comes from here: the application's allocator, or the C
 * library's.  Every call can fail and says so. */
#ifndef DESCENT_BASE_MEMORY_H
#define DESCENT_BASE_MEMORY_H

#include "status.h"

/* A source of memory, counted: every object keeps the one it came from. */
typedef struct memory memory;

/* Open one on the application's allocator, or the C library's when NULL. */
descent_status memory_open(const descent_allocator *allocator, memory **out);
memory *memory_retain(memory *m);
void memory_close(memory *m);

/* Allocate count * size zeroed bytes, aligned to 64.  `out` is the address of a
 * pointer, set to NULL on failure (DESCENT_ERR_MEMORY) and for zero bytes. */
descent_status memory_new(memory *m, size_t count, size_t size, void *out);

/* Release what was allocated with the same count and size; NULL is allowed. */
void memory_release(memory *m, void *block, size_t count, size_t size);

/* Grow the array whose address is `array` from *capacity to at least `wanted`
 * elements, keeping contents; new elements are zero. */
descent_status memory_grow(memory *m, void *array, size_t *capacity,
                           size_t wanted, size_t size);

/* A copy of a string, to be released with memory_release_text. */
descent_status memory_text(memory *m, const char *text, char **copy);
void memory_release_text(memory *m, char *text);

/* Likewise for a list of n strings; `copies` is NULL when n is 0. */
descent_status memory_texts(memory *m, const char *const *texts, size_t n,
                            char ***copies);
void memory_release_texts(memory *m, char **copies, size_t n);

#endif
