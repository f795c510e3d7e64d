/* SPDX-License-Identifier: MIT */
/* The inside of a registry, for the files that make it up. */
#ifndef DESCENT_PLUGIN_REGISTRY_INSIDE_H
#define DESCENT_PLUGIN_REGISTRY_INSIDE_H

#include "plugin/find.h"
#include "plugin/host.h"
#include "plugin/registry.h"

enum { REGISTRY_MESSAGE = 4096 };

/* A type in use; path is "" when an application registered it. */
typedef struct entry {
    const char *path;
    const descent_plugin *plugin;
    const descent_optimizer_type *type;
} entry;

struct registry {
    registry_setup setup;
    host host;
    search search;
    entry *entries;
    size_t count, capacity;
};

/* These two need the lock.  The entry of the type `id`, or NULL; valid until
 * the next one is added. */
const entry *registry_known(const registry *r, const char *id);
descent_status registry_add(registry *r, const entry *added);

/* Fail unless `info`, which may be NULL, has room for all its fields. */
descent_status registry_check_info(const descent_plugin_info *info);
void registry_fill_info(const entry *e, descent_plugin_info *info);

#endif
