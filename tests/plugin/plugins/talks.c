/* SPDX-License-Identifier: MIT */
/* Uses every service of the host in its entry. */
#include <stddef.h>
#include <string.h>

#include <descent/plugin.h>

static void count(void *arg, size_t i)
{
    *(size_t *)arg += i + 1;
}

static void talk(const descent_host *host)
{
    size_t sum = 0;
    char *block = host->allocate(host, 100);

    if (block != NULL) {
        memset(block, 1, 100);
        host->release(host, block, 100);
    }
    host->parallel(host, 4, count, &sum);
    host->log(host, 1, "abi %u.%u, sum %zu, block %s, extension %s",
              host->abi_major, host->abi_minor, sum,
              ((size_t)block & 63) == 0 && block != NULL ? "good" : "bad",
              host->extension(host, "test/1") == NULL ? "none" : "some");
}

#define ID "talks"
#define IN_ENTRY(host) talk(host)
#include "plugin.inc.h"
