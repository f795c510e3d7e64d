/* SPDX-License-Identifier: MIT */
/* Plugin files for tests: those that were built, copies that are cut or
 * changed, and folders to put them in.  A test that cannot have its files
 * fails. */
#ifndef DESCENT_TESTS_PLUGIN_FILES_H
#define DESCENT_TESTS_PLUGIN_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct plugin_bytes {
    unsigned char *at;
    size_t size;
} plugin_bytes;

/* The built tests/plugin/plugins/NAME.c, and the folder of all of them. */
void plugin_built_path(const char *name, char path[PATH_MAX]);
void plugin_built_folder(char path[PATH_MAX]);

/* The shipped plugin NAME.so; false when this build has none. */
bool plugin_shipped_path(const char *name, char path[PATH_MAX]);

/* The shared library; false when this build has none. */
bool plugin_library_path(char path[PATH_MAX]);

/* The command, which may not be there. */
void plugin_command_path(char path[PATH_MAX]);

/* The bytes of a file; free with plugin_free. */
plugin_bytes plugin_read(const char *path);
void plugin_free(plugin_bytes *bytes);

/* Replace the file `path` by a new one with mode 0644. */
void plugin_write(const char *path, const void *bytes, size_t size);

/* A new empty folder with mode 0755; and away with it and what is in it. */
void plugin_folder_make(char path[PATH_MAX]);
void plugin_folder_remove(const char *path);

/* "FOLDER/NAME", in one of a few buffers that are used in turn. */
const char *plugin_in(const char *folder, const char *name);

/* Copy a built plugin to FOLDER/FILE. */
void plugin_copy(const char *built, const char *folder, const char *file);

#endif
