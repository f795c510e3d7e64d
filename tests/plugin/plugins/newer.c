/* SPDX-License-Identifier: MIT */
/* A plugin of another major version, with a constructor that must not run. */
#define ID "newer"
#define ENTRY descent_plugin_v2
#include "plugin.inc.h"
#include "trace.inc.h"
