/* SPDX-License-Identifier: MIT */
/* A plugin that shows when it is loaded. */
#define ID "traced"
#include "plugin.inc.h"
#include "trace.inc.h"
