/* SPDX-License-Identifier: MIT */
/* Registries as such, and plugins that are part of the application. */
#include <string.h>

#include "plugin/judge.h"
#include "plugin/load.h"
#include "plugin/lock.h"
#include "plugin/registry_inside.h"

descent_status registry_create(const registry_setup *setup, registry **out)
{
    registry *r;
    descent_status status;

    TRY(memory_new(setup->memory, 1, sizeof *r, &r));
    r->setup = *setup;
    host_prepare(&r->host, setup->memory, setup->log, setup->parallel,
                 setup->parallel_user);
    status = search_open(&r->search, setup->memory, setup->files,
                         setup->use_environment);
    if (status != DESCENT_OK)
        registry_free(r);
    else
        *out = r;
    return status;
}

void registry_free(registry *r)
{
    if (r == NULL)
        return;
    search_close(&r->search);
    memory_release(r->setup.memory, r->entries, r->capacity,
                   sizeof *r->entries);
    memory_release(r->setup.memory, r, 1, sizeof *r);
}

const descent_host *registry_host(const registry *r)
{
    return &r->host.services;
}

descent_status registry_add_directory(registry *r, const char *directory)
{
    descent_status status;

    if (directory == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "plugin directory: NULL, expected a path");
    TRY(lock_enter());
    status = search_add(&r->search, directory);
    lock_leave();
    return status;
}

const entry *registry_known(const registry *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->entries[i].type->id, id) == 0)
            return &r->entries[i];
    return NULL;
}

descent_status registry_add(registry *r, const entry *added)
{
    TRY(memory_grow(r->setup.memory, &r->entries, &r->capacity, r->count + 1,
                    sizeof *r->entries));
    r->entries[r->count++] = *added;
    return DESCENT_OK;
}

descent_status registry_check_info(const descent_plugin_info *info)
{
    if (info == NULL || DESCENT_HAS(info, type))
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "struct_size of descent_plugin_info = %u, expected at "
                       "least %zu",
                       info->struct_size, sizeof *info);
}

void registry_fill_info(const entry *e, descent_plugin_info *info)
{
    info->status = DESCENT_OK;
    info->path = e->path;
    info->reason = NULL;
    info->plugin = e->plugin;
    info->type = e->type;
}

static const char registered[] = "registered plugin";

static descent_status judge_registered(const registry *r,
                                       const descent_plugin *plugin)
{
    TRY(judge_plugin(plugin));
    for (uint32_t i = 0; i < plugin->type_count; i++) {
        const descent_optimizer_type *type = judge_type_at(plugin, i);
        const entry *known = registry_known(r, type->id);
        TRY(judge_type(type, plugin->type_size, r->setup.is_core_option));
        if (known != NULL && known->type != type)
            return status_fail(DESCENT_ERR_STATE,
                               "optimizer \"%s\" is there already; use "
                               "another runtime or another name",
                               type->id);
    }
    return DESCENT_OK;
}

static descent_status register_locked(registry *r, load_entry *function,
                                      entry *out)
{
    const descent_plugin *plugin;

    TRY(load_call(registered, function, &r->host, &plugin));
    if (judge_registered(r, plugin) != DESCENT_OK)
        return status_prefix(descent_error_code(), "%s", registered);
    /* Room for all first, so that all are added or none. */
    TRY(memory_grow(r->setup.memory, &r->entries, &r->capacity,
                    r->count + plugin->type_count, sizeof *r->entries));
    for (uint32_t i = 0; i < plugin->type_count; i++) {
        const descent_optimizer_type *type = judge_type_at(plugin, i);
        const entry added = {"", plugin, type};
        if (registry_known(r, type->id) == NULL)
            TRY(registry_add(r, &added));
    }
    *out = *registry_known(r, judge_type_at(plugin, 0)->id);
    return DESCENT_OK;
}

descent_status
registry_register(registry *r,
                  const descent_plugin *(*function)(const descent_host *host),
                  descent_plugin_info *info)
{
    entry e = {NULL, NULL, NULL};
    descent_status status;

    TRY(registry_check_info(info));
    if (function == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: entry = NULL, expected a function", registered);
    TRY(lock_enter());
    status = register_locked(r, function, &e);
    lock_leave();
    if (status == DESCENT_OK && info != NULL)
        registry_fill_info(&e, info);
    return status;
}
