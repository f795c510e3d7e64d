/* SPDX-License-Identifier: MIT */
/* How much the caches hold. */
#ifndef DESCENT_BASE_CACHE_H
#define DESCENT_BASE_CACHE_H

#include "files.h"

/* What is taken where the system does not say. */
enum { CACHE_GUESS = 32 << 20 };

/* Bytes of the last cache between the first processor and memory. */
size_t cache_bytes(const files *f);

#endif
