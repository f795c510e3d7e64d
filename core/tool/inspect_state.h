/* SPDX-License-Identifier: MIT */
/* The optimizer whose state is in a file. */
#ifndef DESCENT_TOOL_INSPECT_STATE_H
#define DESCENT_TOOL_INSPECT_STATE_H

#include <stdio.h>

#include <descent/descent.h>
#include <jansson.h>

/* {kind, iterations, updates, options}, from a file and the list of its
 * metadata; JSON null where it holds no state; NULL on failure. */
json_t *inspect_state(descent_runtime *runtime, const char *path,
                      const json_t *metadata);

/* The same in words. */
void inspect_state_show(FILE *out, const json_t *state);

/* Is the key of the metadata told of there? */
int inspect_state_has(const char *key);

#endif
