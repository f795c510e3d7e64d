/* SPDX-License-Identifier: MIT */
/* Where plugins are looked for, and what the names there mean. */
#ifndef DESCENT_PLUGIN_FIND_H
#define DESCENT_PLUGIN_FIND_H

#include <limits.h>
#include <stdbool.h>

#include "base/files.h"
#include "base/memory.h"

/* A plugin's name is [a-z][a-z0-9_]* of at most 32 bytes. */
enum { FIND_NAME = 33 };
bool find_is_name(const char *text);

/* The name in the last part of `path`, NAME.so; false when it is none. */
bool find_name_of(const char *path, char name[FIND_NAME]);

/* The directories, in the order of the search. */
typedef struct search {
    memory *memory;
    const files *files;
    char **directories;
    size_t count, capacity;
    size_t added; /* the first ones are the application's */
} search;

/* Collect the directories of the environment, when it may be used, of the user
 * and of the library.  Free with search_close, also after a failure. */
descent_status search_open(search *s, memory *m, const files *f,
                           bool use_environment);
void search_close(search *s);

/* Look in `directory` before those of search_open. */
descent_status search_add(search *s, const char *directory);

/* Insert a directory, without a check, before the one at `at`. */
descent_status search_insert(search *s, const char *directory, size_t at);

/* Append the directories of the environment and of the library. */
descent_status search_append_environment(search *s);
descent_status search_append_own(search *s);

/* The path of the file that decides about `name`; false when there is none. */
bool search_find(const search *s, const char *name, char path[PATH_MAX]);

/* Put "DIRECTORY/NAMEENDING" together; false and "" when it is too long. */
bool find_join(char path[PATH_MAX], const char *directory, const char *name,
               const char *ending);

/* A file NAME.so that the search has found; the directory is the search's.  The
 * name may be ill-formed: such a file is listed so that its refusal is told. */
typedef struct found {
    const char *directory;
    char name[NAME_MAX + 1];
} found;

typedef struct found_list {
    memory *memory;
    found *items;
    size_t count, capacity;
} found_list;

/* List the files, in search order and then by name, the first of each name. */
descent_status search_list(const search *s, found_list *list);
void found_list_close(found_list *list);
void found_path(const found *item, char path[PATH_MAX]);

#endif
