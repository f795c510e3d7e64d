/* SPDX-License-Identifier: MIT */
/* A plugin whose constructor runs TRAP, a statement given on the compiler's
 * command line.  Its entry is there, so that nothing keeps it from being
 * loaded. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <descent/plugin.h>

__attribute__((constructor)) static void spring(void)
{
    TRAP;
}

DESCENT_EXPORT const descent_plugin *descent_plugin_v1(const descent_host *host)
{
    (void)host;
    return NULL;
}
