/* SPDX-License-Identifier: MIT */
/* A constructor that leaves a file behind, to show that it ran. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void leave_trace(void)
{
    const char *path = getenv("PLUGIN_TRACE");

    if (path != NULL)
        close(open(path, O_CREAT | O_WRONLY, 0600));
}
