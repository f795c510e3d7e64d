/* SPDX-License-Identifier: MIT */
/* JSON with jansson: reading without surprises, building from foreign strings,
 * and writing with numbers as short as they can be. */
#ifndef DESCENT_TOOL_JSON_H
#define DESCENT_TOOL_JSON_H

#include <jansson.h>
#include <stdio.h>

/* A string of `text`, with '?' for control characters and bytes that are no
 * UTF-8; newlines stay.  NULL when there is no memory. */
json_t *json_clean(const char *text);

/* The string under `key`, or "" when there is none. */
const char *json_text(const json_t *object, const char *key);

/* Write `value` and a newline. */
void json_write(FILE *out, json_t *value);

#endif
