/* SPDX-License-Identifier: MIT */
/* Crashes when it can have a gigabyte. */
#include <stdlib.h>
#include <sys/mman.h>
#define ID "eats_memory"
#include "plugin.inc.h"

__attribute__((constructor)) static void eat(void)
{
    if (mmap(NULL, 1u << 30, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
        abort();
}
