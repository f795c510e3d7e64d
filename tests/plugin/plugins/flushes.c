/* SPDX-License-Identifier: MIT */
/* Turns denormal numbers off when it is loaded, as a link with -Ofast does. */
#define ID "flushes"
#include "plugin.inc.h"
#include <fenv.h>

__attribute__((constructor)) static void prepare(void)
{
    fenv_t state;

    fegetenv(&state);
#if defined __x86_64__
    state.__mxcsr |= 0x8040;
#else
    state.__fpcr |= 1u << 24;
#endif
    fesetenv(&state);
}
