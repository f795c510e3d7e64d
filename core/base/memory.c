/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

struct memory {
    descent_allocator allocator;
    atomic_uint references;
};

static void *system_allocate(void *user, size_t bytes, size_t alignment)
{
    void *block = NULL;

    (void)user;
    return posix_memalign(&block, alignment, bytes) == 0 ? block : NULL;
}

static void system_release(void *user, void *block, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(block);
}

static const descent_allocator system_allocator = {
    sizeof(descent_allocator), 0, NULL, system_allocate, system_release,
};

descent_status memory_open(const descent_allocator *allocator, memory **out)
{
    memory *m;

    if (allocator == NULL)
        allocator = &system_allocator;
    if (!DESCENT_HAS(allocator, release) || allocator->allocate == NULL ||
        allocator->release == NULL || allocator->reserved != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "allocator: struct_size = %u, expected %zu with "
                           "both functions set and reserved 0",
                           allocator->struct_size, sizeof *allocator);
    m = allocator->allocate(allocator->user, sizeof *m, ALIGNMENT);
    if (m == NULL)
        return status_fail(DESCENT_ERR_MEMORY, "out of memory (%zu bytes)",
                           sizeof *m);
    m->allocator = *allocator;
    atomic_init(&m->references, 1);
    *out = m;
    return DESCENT_OK;
}

memory *memory_retain(memory *m)
{
    atomic_fetch_add_explicit(&m->references, 1, memory_order_relaxed);
    return m;
}

void memory_close(memory *m)
{
    descent_allocator allocator;

    if (m == NULL ||
        atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) != 1)
        return;
    allocator = m->allocator;
    allocator.release(allocator.user, m, sizeof *m);
}

descent_status memory_new(memory *m, size_t count, size_t size, void *out)
{
    void *block = NULL;
    size_t bytes;

    memcpy(out, &block, sizeof block);
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX)
        return status_fail(DESCENT_ERR_MEMORY,
                           "out of memory: %zu elements of %zu bytes are more "
                           "than can be addressed",
                           count, size);
    if (bytes == 0)
        return DESCENT_OK;
    block = m->allocator.allocate(m->allocator.user, bytes, ALIGNMENT);
    if (block == NULL)
        return status_fail(DESCENT_ERR_MEMORY, "out of memory (%zu bytes)",
                           bytes);
    memset(block, 0, bytes);
    memcpy(out, &block, sizeof block);
    return DESCENT_OK;
}

void memory_release(memory *m, void *block, size_t count, size_t size)
{
    if (block != NULL)
        m->allocator.release(m->allocator.user, block, count * size);
}

descent_status memory_grow(memory *m, void *array, size_t *capacity,
                           size_t wanted, size_t size)
{
    void *before, *after;
    size_t grown = *capacity * 2 < 8 ? 8 : *capacity * 2;

    if (wanted <= *capacity)
        return DESCENT_OK;
    if (grown < wanted)
        grown = wanted;
    TRY(memory_new(m, grown, size, &after));
    memcpy(&before, array, sizeof before);
    if (before != NULL)
        memcpy(after, before, *capacity * size);
    memory_release(m, before, *capacity, size);
    memcpy(array, &after, sizeof after);
    *capacity = grown;
    return DESCENT_OK;
}

descent_status memory_text(memory *m, const char *text, char **copy)
{
    const size_t size = strlen(text) + 1;

    TRY(memory_new(m, size, 1, copy));
    memcpy(*copy, text, size);
    return DESCENT_OK;
}

void memory_release_text(memory *m, char *text)
{
    if (text != NULL)
        memory_release(m, text, strlen(text) + 1, 1);
}

descent_status memory_texts(memory *m, const char *const *texts, size_t n,
                            char ***copies)
{
    descent_status status = DESCENT_OK;

    TRY(memory_new(m, n, sizeof **copies, copies));
    for (size_t i = 0; i < n && status == DESCENT_OK; i++)
        status = memory_text(m, texts[i], &(*copies)[i]);
    if (status != DESCENT_OK) {
        memory_release_texts(m, *copies, n);
        *copies = NULL;
    }
    return status;
}

void memory_release_texts(memory *m, char **copies, size_t n)
{
    for (size_t i = 0; copies != NULL && i < n; i++)
        memory_release_text(m, copies[i]);
    memory_release(m, copies, n, sizeof *copies);
}
