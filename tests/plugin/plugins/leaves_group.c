/* SPDX-License-Identifier: MIT */
/* Leaves the process group that it was put into, and never comes back. */
#include <unistd.h>
#define ID "leaves_group"
#include "plugin.inc.h"

__attribute__((constructor)) static void wait_for_ever(void)
{
    setpgid(0, getpgid(getppid()));
    for (;;)
        pause();
}
