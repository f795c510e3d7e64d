/* SPDX-License-Identifier: MIT */
/* Takes a signal when it is loaded. */
#define ID "takes_signals"
#include "plugin.inc.h"
#include <signal.h>

static void take(int number)
{
    (void)number;
}

__attribute__((constructor)) static void prepare(void)
{
    struct sigaction action = {.sa_handler = take};

    sigaction(SIGUSR1, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}
