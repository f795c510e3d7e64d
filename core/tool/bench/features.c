/* SPDX-License-Identifier: MIT */
/* Features of this processor: see features.h. */
#include "tool/bench/features.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef __aarch64__
#include <asm/hwcap.h>
#include <sys/auxv.h>

static bool has(const char *name)
{
    const struct {
        const char *name;
        bool here;
    } known[] = {
        {"atomics", (getauxval(AT_HWCAP) & HWCAP_ATOMICS) != 0},
        {"sve", (getauxval(AT_HWCAP) & HWCAP_SVE) != 0},
        {"sve2", (getauxval(AT_HWCAP2) & HWCAP2_SVE2) != 0},
    };
#else
static bool has(const char *name)
{
    const struct {
        const char *name;
        bool here;
    } known[] = {
#define ROW(name) {name, __builtin_cpu_supports(name) != 0}
        ROW("avx"),      ROW("avx2"),     ROW("fma"),
        ROW("bmi"),      ROW("bmi2"),     ROW("avx512f"),
        ROW("avx512vl"), ROW("avx512dq"), ROW("avx512bw"),
    };
#endif

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].here;
    return false;
}

const char *features_missing(const char *const *wanted)
{
    while (*wanted != NULL && has(*wanted))
        wanted++;
    return *wanted;
}
