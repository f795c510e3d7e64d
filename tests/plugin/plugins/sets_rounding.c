/* SPDX-License-Identifier: MIT */
/* Changes the rounding when it is loaded. */
#define ID "sets_rounding"
#include "plugin.inc.h"
#include "trace.inc.h"
#include <fenv.h>

__attribute__((constructor)) static void prepare(void)
{
    fesetround(FE_UPWARD);
}
