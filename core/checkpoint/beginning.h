/* SPDX-License-Identifier: MIT */
/* The first bytes of a file: a length that can be right, or another format. */
#ifndef DESCENT_CHECKPOINT_BEGINNING_H
#define DESCENT_CHECKPOINT_BEGINNING_H

#include "base/status.h"

enum { BEGINNING_BYTES = 8 };

/* The length of the header of a file of `size` bytes, which begins with
 * first[BEGINNING_BYTES], or all of it if it is shorter. */
descent_status beginning_length(const unsigned char *first, uint64_t size,
                                uint64_t *length);

/* Fail with the text, or, for files of another kind that is known, with its
 * name and what to do.  Only where a file is no safetensors file already:
 * lengths may look like anything. */
descent_status beginning_refuse(const unsigned char *first, size_t size,
                                const char *format, ...) DESCENT_PRINTF(3, 4);

#endif
