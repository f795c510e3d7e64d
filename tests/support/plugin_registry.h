/* SPDX-License-Identifier: MIT */
/* A registry for tests that reads no environment unless asked, and one look at
 * its last refusal. */
#ifndef DESCENT_TESTS_PLUGIN_REGISTRY_H
#define DESCENT_TESTS_PLUGIN_REGISTRY_H

#include <stdbool.h>

#include "plugin/registry.h"

typedef struct test_registry {
    memory *memory;
    log_sink log;
    registry *registry;
} test_registry;

/* Fails the test when it cannot be had.  `folder` may be NULL. */
void plugin_registry_open(test_registry *t, const char *folder);
void plugin_registry_close(test_registry *t);

/* True when the last message of this thread contains `part`; prints it
 * otherwise. */
bool plugin_message_has(const char *part);

/* Stands in for the core's list: learning_rate, lr and weight_decay. */
bool plugin_is_core_option(const char *name);

#endif
