/* SPDX-License-Identifier: MIT */
#include "base/cache.h"

#include <stdint.h>
#include <stdlib.h>

/* What sysconf says is on some machines the cache of all processors together. */
size_t cache_bytes(const files *f)
{
    static const char *const paths[] = {
        "/sys/devices/system/cpu/cpu0/cache/index3/size",
        "/sys/devices/system/cpu/cpu0/cache/index2/size",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char text[32], *end;
        files_read_text(f, paths[i], text, sizeof text); /* "32768K" */
        const unsigned long kib = strtoul(text, &end, 10);
        if (kib > 0 && kib <= SIZE_MAX >> 10 && *end == 'K')
            return kib << 10;
    }
    return CACHE_GUESS;
}
