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
