/* SPDX-License-Identifier: MIT */
#include "base/levels.h"

static _Thread_local descent_isa allowed = DESCENT_ISA_ANY;

descent_isa levels_allow(descent_isa isa)
{
    const descent_isa before = allowed;

    allowed = isa;
    return before;
}

int levels_best(void)
{
    return (allowed & DESCENT_ISA_AVX512) != 0 ? LEVEL_AVX512
           : (allowed & DESCENT_ISA_AVX2) != 0 ? LEVEL_AVX2
                                               : LEVEL_ANY;
}
