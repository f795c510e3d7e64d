/* SPDX-License-Identifier: MIT */
#include "checkpoint/digest.h"

#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct digester {
    XXH3_state_t state;
};

static digest from_hash(XXH128_hash_t hash)
{
    return (digest){hash.high64, hash.low64};
}

digest digest_of(const void *bytes, size_t size)
{
    return from_hash(XXH3_128bits(size > 0 ? bytes : "", size));
}

descent_status digester_open(memory *m, digester **out)
{
    TRY(memory_new(m, 1, sizeof **out, out));
    XXH3_128bits_reset(&(*out)->state);
    return DESCENT_OK;
}

void digester_add(digester *d, const void *bytes, size_t size)
{
    XXH3_128bits_update(&d->state, bytes, size);
}

digest digester_result(const digester *d)
{
    return from_hash(XXH3_128bits_digest(&d->state));
}

void digester_close(memory *m, digester *d)
{
    memory_release(m, d, 1, sizeof *d);
}

bool digest_equal(digest a, digest b)
{
    return a.high == b.high && a.low == b.low;
}

void digest_write(digest d, char text[DIGEST_DIGITS + 1])
{
    snprintf(text, DIGEST_DIGITS + 1, "%016llx%016llx",
             (unsigned long long)d.high, (unsigned long long)d.low);
}

bool digest_read(const char *text, digest *out)
{
    static const char digits[] = "0123456789abcdef";
    digest d = {0, 0};

    if (strlen(text) != DIGEST_DIGITS)
        return false;
    for (size_t i = 0; i < DIGEST_DIGITS; i++) {
        const char *digit = strchr(digits, text[i]);
        if (digit == NULL)
            return false;
        d.high = d.high << 4 | d.low >> 60;
        d.low = d.low << 4 | (uint64_t)(digit - digits);
    }
    *out = d;
    return true;
}
