/* SPDX-License-Identifier: MIT */
/* A shared object that is no plugin, with a constructor that must not run. */
#include "trace.inc.h"

__attribute__((visibility("default"))) int descent_plugin_v1x(void);
int descent_plugin_v1x(void)
{
    return 1;
}
