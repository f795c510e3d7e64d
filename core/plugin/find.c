/* SPDX-License-Identifier: MIT */
#include "plugin/find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/trust.h"

bool find_is_name(const char *text)
{
    size_t i = 0;

    for (; i < FIND_NAME && text[i] != '\0'; i++) {
        const bool letter = text[i] >= 'a' && text[i] <= 'z';
        const bool other = (text[i] >= '0' && text[i] <= '9') || text[i] == '_';
        if (!letter && (i == 0 || !other))
            return false;
    }
    return i > 0 && i < FIND_NAME;
}

/* The text before the ending of `file`, well-formed or not. */
static bool stem_of(const char *file, char *stem, size_t size)
{
    const size_t length = strlen(file);

    if (length < 4 || length - 3 >= size ||
        strcmp(file + length - 3, ".so") != 0)
        return false;
    memcpy(stem, file, length - 3);
    stem[length - 3] = '\0';
    return true;
}

bool find_name_of(const char *path, char name[FIND_NAME])
{
    const char *slash = strrchr(path, '/');

    return stem_of(slash == NULL ? path : slash + 1, name, FIND_NAME) &&
           find_is_name(name);
}

descent_status search_insert(search *s, const char *directory, size_t at)
{
    char *copy;
    size_t length;

    TRY(memory_grow(s->memory, &s->directories, &s->capacity, s->count + 1,
                    sizeof *s->directories));
    /* A copy is released by its length, so slashes at the end are cut before
     * it is made. */
    for (length = strlen(directory); length > 1; length--)
        if (directory[length - 1] != '/')
            break;
    TRY(memory_new(s->memory, length + 1, 1, &copy));
    memcpy(copy, directory, length);
    memmove(s->directories + at + 1, s->directories + at,
            (s->count - at) * sizeof *s->directories);
    s->directories[at] = copy;
    s->count++;
    return DESCENT_OK;
}

descent_status search_open(search *s, memory *m, const files *f,
                           bool use_environment)
{
    *s = (search){.memory = m, .files = f};
    if (use_environment)
        TRY(search_append_environment(s));
    return search_append_own(s);
}

void search_close(search *s)
{
    for (size_t i = 0; i < s->count; i++)
        memory_release_text(s->memory, s->directories[i]);
    memory_release(s->memory, s->directories, s->capacity,
                   sizeof *s->directories);
}

descent_status search_add(search *s, const char *directory)
{
    TRY(trust_check_path("plugin directory", directory));
    TRY(search_insert(s, directory, s->added));
    s->added++;
    return DESCENT_OK;
}

bool find_join(char path[PATH_MAX], const char *directory, const char *name,
               const char *ending)
{
    const char *shown = strcmp(directory, "/") == 0 ? "" : directory;

    if (snprintf(path, PATH_MAX, "%s/%s%s", shown, name, ending) < PATH_MAX)
        return true;
    path[0] = '\0';
    return false;
}

void found_path(const found *item, char path[PATH_MAX])
{
    (void)find_join(path, item->directory, item->name, ".so");
}

bool search_find(const search *s, const char *name, char path[PATH_MAX])
{
    for (size_t i = 0; i < s->count; i++) {
        struct stat status;
        /* A link that leads nowhere is a broken plugin, not a missing one. */
        if (find_join(path, s->directories[i], name, ".so") &&
            lstat(path, &status) == 0)
            return true;
    }
    return false;
}

/* What search_list hands through the listing of one directory. */
typedef struct listing {
    found_list *list;
    const char *directory;
    descent_status status;
} listing;

static int take_entry(void *user, const char *entry)
{
    listing *const l = user;
    found_list *const list = l->list;
    char name[NAME_MAX + 1];

    /* Hidden files, such as an editor's, are nobody's plugins. */
    if (entry[0] == '.' || !stem_of(entry, name, sizeof name))
        return 0;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return 0;
    l->status = memory_grow(list->memory, &list->items, &list->capacity,
                            list->count + 1, sizeof *list->items);
    if (l->status != DESCENT_OK)
        return 1;
    list->items[list->count].directory = l->directory;
    strcpy(list->items[list->count++].name, name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const found *)a)->name, ((const found *)b)->name);
}

descent_status search_list(const search *s, found_list *list)
{
    listing l = {list, NULL, DESCENT_OK};

    *list = (found_list){.memory = s->memory};
    for (size_t i = 0; i < s->count; i++) {
        const size_t before = list->count;
        /* A directory that is not there, or closed to us, has no plugins. */
        l.directory = s->directories[i];
        (void)s->files->list(l.directory, take_entry, &l);
        if (l.status != DESCENT_OK) {
            found_list_close(list);
            return l.status;
        }
        if (list->count > before)
            qsort(list->items + before, list->count - before,
                  sizeof *list->items, by_name);
    }
    return DESCENT_OK;
}

void found_list_close(found_list *list)
{
    memory_release(list->memory, list->items, list->capacity,
                   sizeof *list->items);
    *list = (found_list){.memory = list->memory};
}
