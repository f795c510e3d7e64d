/* SPDX-License-Identifier: MIT */
/* Tensors by name: a hash table from names to indices; and lists of names. */
#ifndef DESCENT_ENGINE_NAMES_H
#define DESCENT_ENGINE_NAMES_H

#include <stdbool.h>

#include "base/memory.h"

enum { NAMES_NONE = -1 };

typedef struct name_table {
    size_t *slots; /* index + 1, or 0 */
    size_t capacity;
} name_table;

/* A name's hash: stable across runs, machines and versions. */
uint64_t names_hash(const char *name);

/* Make room for `count` names; all entries are forgotten. */
descent_status names_reset(name_table *n, memory *m, size_t count);
void names_free(name_table *n, memory *m);

/* Store `index` under a hash; names_next walks the candidates of a hash:
 * start with *at = hash, until it returns NAMES_NONE. */
void names_put(name_table *n, uint64_t hash, size_t index);
int64_t names_next(const name_table *n, uint64_t *at);

/* Names in their order, and whether one is among them. */
typedef struct name_list {
    char **names;
    size_t count;
    name_table table;
} name_list;

/* Copy n names; nothing is left behind on failure. */
descent_status name_list_take(memory *m, const char *const *names, size_t n,
                              name_list *out);
void name_list_free(memory *m, name_list *list);
bool name_list_has(const name_list *list, const char *name);

#endif
