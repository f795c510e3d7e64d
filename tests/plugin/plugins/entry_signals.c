/* SPDX-License-Identifier: MIT */
/* Takes a signal in its entry. */
#include <signal.h>
#define ID "entry_signals"
#define IN_ENTRY(host) ((void)(host), signal(SIGUSR2, SIG_IGN))
#include "plugin.inc.h"
