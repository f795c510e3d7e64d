/* SPDX-License-Identifier: MIT */
/* The plugins of one runtime: found by name, loaded once, never unloaded.
 * Functions are locked inside. */
#ifndef DESCENT_PLUGIN_REGISTRY_H
#define DESCENT_PLUGIN_REGISTRY_H

#include <stdbool.h>

#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"

typedef struct registry registry;

/* What the registry works with; all of it outlives the registry. */
typedef struct registry_setup {
    memory *memory;
    const log_sink *log;
    const files *files;
    bool use_environment; /* DESCENT_PLUGIN_PATH, user's directory */
    /* Tells the names, aliases included, that plugins may not declare. */
    bool (*is_core_option)(const char *name);
    /* Runs task(arg, i) for every i < n and waits: what plugins get as
     * host->parallel.  NULL: on the calling thread. */
    void (*parallel)(void *user, size_t n, void (*task)(void *arg, size_t i),
                     void *arg);
    void *parallel_user;
} registry_setup;

descent_status registry_create(const registry_setup *setup, registry **out);
void registry_free(registry *r);

/* The services that plugins get; lives as long as the registry. */
const descent_host *registry_host(const registry *r);

/* As the public descent_runtime_* functions of these names. */
descent_status registry_add_directory(registry *r, const char *directory);
descent_status registry_find(registry *r, const char *name,
                             descent_plugin_info *info);
descent_status registry_load(registry *r, const char *path,
                             descent_plugin_info *info);
descent_status
registry_register(registry *r,
                  const descent_plugin *(*entry)(const descent_host *host),
                  descent_plugin_info *info);
descent_status registry_each_file(registry *r,
                                  descent_status (*visit)(void *user,
                                                          const char *path),
                                  void *user);
descent_status registry_each(
    registry *r,
    descent_status (*visit)(void *user, const descent_plugin_info *info),
    void *user);

#endif
