/* SPDX-License-Identifier: MIT */
/* A loaded plugin as a JSON object: what its tables say. */
#ifndef DESCENT_TOOL_DESCRIBE_H
#define DESCENT_TOOL_DESCRIBE_H

#include <descent/descent.h>
#include <jansson.h>

/* Describe the plugin; calls its variant() and rule().  A new reference; NULL
 * when there is no memory. */
json_t *describe_plugin(const descent_plugin_info *info);

#endif
