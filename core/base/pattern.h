/* SPDX-License-Identifier: MIT */
/* POSIX extended regular expressions, searched in names. */
#ifndef DESCENT_BASE_PATTERN_H
#define DESCENT_BASE_PATTERN_H

#include <regex.h>
#include <stdbool.h>

#include "base/status.h"

/* Compile `match`, an option of `owner` for messages; regfree releases it. */
descent_status pattern_compile(const char *owner, const char *match,
                               regex_t *out);

/* Is it found anywhere in `name`? */
bool pattern_finds(const regex_t *pattern, const char *name);

#endif
