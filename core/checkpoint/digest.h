/* SPDX-License-Identifier: MIT */
/* Digests of bytes: XXH3-128, as 32 hexadecimal digits in files.  They find
 * damage, not malice. */
#ifndef DESCENT_CHECKPOINT_DIGEST_H
#define DESCENT_CHECKPOINT_DIGEST_H

#include <stdbool.h>

#include "base/memory.h"

enum { DIGEST_DIGITS = 32 };

typedef struct digest {
    uint64_t high, low;
} digest;

/* Of size bytes at once; `bytes` may be NULL when there are none. */
digest digest_of(const void *bytes, size_t size);

/* Of bytes that come in pieces. */
typedef struct digester digester;
descent_status digester_open(memory *m, digester **out);
void digester_add(digester *d, const void *bytes, size_t size);
digest digester_result(const digester *d);
void digester_close(memory *m, digester *d);

bool digest_equal(digest a, digest b);

/* The digits, NUL-ended; and back: false unless the text is exactly such. */
void digest_write(digest d, char text[DIGEST_DIGITS + 1]);
bool digest_read(const char *text, digest *out);

#endif
