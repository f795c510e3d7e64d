/* SPDX-License-Identifier: MIT */
#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#if defined __x86_64__
#include <cpuid.h>
#endif

/* Highest level last; each includes those before it. */
static const struct {
    const char *name;
    descent_isa isa;
} levels[] = {
    {"any", DESCENT_ISA_ANY},
    {"avx2", DESCENT_ISA_AVX2},
    {"avx512", DESCENT_ISA_AVX2 | DESCENT_ISA_AVX512},
};
enum { LEVELS = sizeof levels / sizeof *levels };

#if defined __x86_64__
/* Every processor with AVX2 has it, but some emulators.  Not all compilers know
 * its name. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

descent_isa cpu_isa(void)
{
    descent_isa isa = DESCENT_ISA_ANY;

#if defined __x86_64__
    /* The compiler's run time also asks the operating system (XGETBV). */
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && has_f16c())
        isa |= DESCENT_ISA_AVX2;
    if (isa != 0 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw"))
        isa |= DESCENT_ISA_AVX512;
#endif
    return isa;
}

descent_status cpu_isa_limit(descent_isa available, const char *name,
                             const char *source, descent_isa *out)
{
    for (int i = 0; i < LEVELS; i++) {
        if (strcmp(levels[i].name, name) == 0) {
            *out = available & levels[i].isa;
            return DESCENT_OK;
        }
    }
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s = \"%s\": expected any, avx2 or avx512", source,
                       name);
}

const char *cpu_isa_name(descent_isa isa)
{
    const char *name = levels[0].name;

    for (int i = 0; i < LEVELS; i++)
        if ((isa & levels[i].isa) == levels[i].isa)
            name = levels[i].name;
    return name;
}

uint32_t cpu_count(void)
{
    cpu_set_t set;
    int n = 0;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
    if (n <= 0) /* more processors than a set of this size holds */
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}
