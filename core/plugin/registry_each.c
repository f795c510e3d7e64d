/* SPDX-License-Identifier: MIT */
/* Visits to all plugins.  Visitors run without the lock, so that they may use
 * the registry. */
#include <stdio.h>
#include <string.h>

#include "plugin/lock.h"
#include "plugin/registry_inside.h"

static descent_status list_files(registry *r, found_list *list)
{
    descent_status status;

    TRY(lock_enter());
    status = search_list(&r->search, list);
    lock_leave();
    return status;
}

descent_status registry_each_file(registry *r,
                                  descent_status (*visit)(void *user,
                                                          const char *path),
                                  void *user)
{
    found_list list;
    descent_status status;

    TRY(list_files(r, &list));
    status = DESCENT_OK;
    for (size_t i = 0; i < list.count && status == DESCENT_OK; i++) {
        char path[PATH_MAX];
        found_path(&list.items[i], path);
        status = visit(user, path);
    }
    found_list_close(&list);
    return status;
}

/* The visitor of registry_each, and what it has seen. */
typedef struct tour {
    registry *r;
    descent_status (*visit)(void *user, const descent_plugin_info *info);
    void *user;
    found_list list;
} tour;

/* Find what is asked for by name; a file of another name is only refused. */
static descent_status find_item(registry *r, const found *item,
                                const char *path, descent_plugin_info *info)
{
    return find_is_name(item->name) ? registry_find(r, item->name, info)
                                    : registry_load(r, path, info);
}

/* Visit the file of one name, found or refused. */
static descent_status visit_file(tour *t, const found *item)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    char path[PATH_MAX], reason[REGISTRY_MESSAGE];

    found_path(item, path);
    info.status = find_item(t->r, item, path, &info);
    if (info.status == DESCENT_OK)
        return info.path[0] == '\0' ? DESCENT_OK : t->visit(t->user, &info);
    /* Calls by the visitor may overwrite the message. */
    snprintf(reason, sizeof reason, "%s", descent_error_message());
    info.path = path;
    info.reason = reason;
    return t->visit(t->user, &info);
}

static bool is_listed(const found_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return true;
    return false;
}

/* Entry i at this moment; false past the end. */
static bool entry_at(registry *r, size_t i, entry *out)
{
    bool there;

    if (lock_enter() != DESCENT_OK)
        return false;
    there = i < r->count;
    if (there)
        *out = r->entries[i];
    lock_leave();
    return there;
}

/* Visit the registered types, or else those loaded from a path that the search
 * does not come to.  The visitor may add more meanwhile. */
static descent_status visit_entries(tour *t, bool want_registered)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    entry e;

    for (size_t i = 0; entry_at(t->r, i, &e); i++) {
        const bool is_registered = e.path[0] == '\0';
        if (is_registered != want_registered ||
            (!is_registered && is_listed(&t->list, e.type->id)))
            continue;
        registry_fill_info(&e, &info);
        TRY(t->visit(t->user, &info));
    }
    return DESCENT_OK;
}

static descent_status visit_all(tour *t)
{
    TRY(visit_entries(t, true));
    for (size_t i = 0; i < t->list.count; i++)
        TRY(visit_file(t, &t->list.items[i]));
    return visit_entries(t, false);
}

descent_status registry_each(
    registry *r,
    descent_status (*visit)(void *user, const descent_plugin_info *info),
    void *user)
{
    tour t = {.r = r, .visit = visit, .user = user};
    descent_status status;

    TRY(list_files(r, &t.list));
    status = visit_all(&t);
    found_list_close(&t.list);
    return status;
}
