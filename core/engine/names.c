/* SPDX-License-Identifier: MIT */
#include "engine/names.h"

#include <string.h>

uint64_t names_hash(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash;
}

descent_status names_reset(name_table *n, memory *m, size_t count)
{
    size_t capacity = 16;
    size_t *slots;

    while (capacity < 2 * count)
        capacity *= 2;
    if (capacity != n->capacity) {
        TRY(memory_new(m, capacity, sizeof *slots, &slots));
        names_free(n, m);
        n->slots = slots;
        n->capacity = capacity;
    }
    memset(n->slots, 0, n->capacity * sizeof *n->slots);
    return DESCENT_OK;
}

void names_free(name_table *n, memory *m)
{
    memory_release(m, n->slots, n->capacity, sizeof *n->slots);
    *n = (name_table){NULL, 0};
}

void names_put(name_table *n, uint64_t hash, size_t index)
{
    while (n->slots[hash % n->capacity] != 0)
        hash++;
    n->slots[hash % n->capacity] = index + 1;
}

int64_t names_next(const name_table *n, uint64_t *at)
{
    const size_t found = n->capacity == 0 ? 0 : n->slots[*at % n->capacity];

    ++*at;
    return found == 0 ? NAMES_NONE : (int64_t)found - 1;
}

/* ---- Lists ---- */

descent_status name_list_take(memory *m, const char *const *names, size_t n,
                              name_list *out)
{
    name_list list = {.count = n};
    descent_status status;

    TRY(memory_texts(m, names, n, &list.names));
    status = names_reset(&list.table, m, n);
    if (status != DESCENT_OK) {
        name_list_free(m, &list);
        return status;
    }
    for (size_t i = 0; i < n; i++)
        names_put(&list.table, names_hash(list.names[i]), i);
    *out = list;
    return DESCENT_OK;
}

void name_list_free(memory *m, name_list *list)
{
    memory_release_texts(m, list->names, list->count);
    names_free(&list->table, m);
    *list = (name_list){.names = NULL};
}

bool name_list_has(const name_list *list, const char *name)
{
    uint64_t at = names_hash(name);
    int64_t i;

    while ((i = names_next(&list->table, &at)) != NAMES_NONE)
        if (strcmp(list->names[i], name) == 0)
            return true;
    return false;
}
