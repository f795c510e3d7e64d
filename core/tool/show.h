/* SPDX-License-Identifier: MIT */
/* Plugins as people read them, from describe_plugin's objects. */
#ifndef DESCENT_TOOL_SHOW_H
#define DESCENT_TOOL_SHOW_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* The table of plugins and the refused files with their reasons. */
void show_list(FILE *out, const json_t *plugins, const json_t *refused,
               size_t width);

/* All about one plugin. */
void show_plugin(FILE *out, const json_t *plugin, size_t width);

/* The table of its options, its own or the common ones, under `title`. */
void show_options(FILE *out, const json_t *plugin, const char *key,
                  const char *title, size_t width);

#endif
