/* SPDX-License-Identifier: MIT */
/* A plugin that serves two major versions. */
#define ID "both"
#include "plugin.inc.h"

DESCENT_EXPORT const descent_plugin *descent_plugin_v2(const descent_host *h);
const descent_plugin *descent_plugin_v2(const descent_host *h)
{
    return descent_plugin_v1(h);
}
