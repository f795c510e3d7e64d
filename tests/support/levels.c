/* SPDX-License-Identifier: MIT */
#include "support/levels.h"

#include "base/cpu.h"

const descent_isa levels[LEVELS] = {
    DESCENT_ISA_ANY,
    DESCENT_ISA_AVX2,
    DESCENT_ISA_AVX2 | DESCENT_ISA_AVX512,
};

bool levels_has(descent_isa level)
{
    return (cpu_isa() & level) == level;
}

int levels_run_tests(const struct CMUnitTest *tests, size_t n)
{
    int failed = 0;

    for (size_t i = 0; i < LEVELS && levels_has(levels[i]); i++) {
        levels_allow(levels[i]);
        failed += _cmocka_run_group_tests(cpu_isa_name(levels[i]), tests, n,
                                          NULL, NULL);
    }
    levels_allow(DESCENT_ISA_ANY);
    return failed;
}
