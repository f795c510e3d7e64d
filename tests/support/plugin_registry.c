/* SPDX-License-Identifier: MIT */
#include "plugin_registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool plugin_is_core_option(const char *name)
{
    return strcmp(name, "learning_rate") == 0 || strcmp(name, "lr") == 0 ||
           strcmp(name, "weight_decay") == 0 ||
           strcmp(name, "weight_decay_mode") == 0;
}

static void must(descent_status status)
{
    if (status == DESCENT_OK)
        return;
    fprintf(stderr, "test support: %s\n", descent_error_message());
    abort();
}

void plugin_registry_open(test_registry *t, const char *folder)
{
    registry_setup setup = {.log = &t->log,
                            .files = &files_system,
                            .is_core_option = plugin_is_core_option};

    memset(t, 0, sizeof *t);
    must(memory_open(NULL, &t->memory));
    setup.memory = t->memory;
    must(registry_create(&setup, &t->registry));
    if (folder != NULL)
        must(registry_add_directory(t->registry, folder));
}

void plugin_registry_close(test_registry *t)
{
    registry_free(t->registry);
    memory_close(t->memory);
}

bool plugin_message_has(const char *part)
{
    if (strstr(descent_error_message(), part) != NULL)
        return true;
    fprintf(stderr, "message: %s\nexpected in it: %s\n",
            descent_error_message(), part);
    return false;
}
