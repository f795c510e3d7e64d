/* SPDX-License-Identifier: MIT */
/* A plugin looked at from a safe distance. */
#ifndef DESCENT_TOOL_PROBE_H
#define DESCENT_TOOL_PROBE_H

#include <descent/descent.h>
#include <jansson.h>

/* Load the file `path` in a child process and return describe_plugin's object,
 * or {"path", "error"} when the file is refused, or when the child crashed,
 * ended or took too long.  A new reference; NULL when there is no memory. */
json_t *probe_plugin(descent_runtime *runtime, const char *path);

#endif
