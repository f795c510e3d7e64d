/* SPDX-License-Identifier: MIT */
/* Changes the rounding in its entry, the first time. */
#include <fenv.h>

static int calls;
#define ID "entry_rounding"
#define IN_ENTRY(host)                                                         \
    do {                                                                       \
        (void)(host);                                                          \
        if (calls++ == 0)                                                      \
            fesetround(FE_DOWNWARD);                                           \
    } while (0)
#include "plugin.inc.h"
