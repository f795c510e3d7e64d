/* SPDX-License-Identifier: MIT */
/* Rules of a test program's own, without a file: what all of them say of
 * themselves, and the plugin around them. */
#ifndef DESCENT_TESTS_RULE_H
#define DESCENT_TESTS_RULE_H

#include <descent/plugin.h>

/* What begins the initializer of a descent_optimizer_type; `runs`, and what else
 * the rule has, follow. */
#define RULE(name, scope_, step_)                                              \
    .struct_size = sizeof(descent_optimizer_type), .scope = (scope_),          \
    .id = (name), .title = (name), .reference = "none",                        \
    .summary = "A rule of a test.", .variant_count = 1,                        \
    .param_size = sizeof(descent_param),                                       \
    .preset_size = sizeof(descent_preset), .slot_size = sizeof(descent_slot),  \
    .state_version = 1, .step = (step_)

/* A descent_plugin with n types. */
#define RULE_PLUGIN(name, types, n)                                            \
    {                                                                          \
        DESCENT_MAGIC, sizeof(descent_plugin), DESCENT_ABI_MAJOR,              \
            DESCENT_ABI_MINOR, 0, "descent-" name, "1.0.0", NULL, NULL,        \
            sizeof(descent_optimizer_type), (n), (types),                      \
    }

/* Define the function for descent_runtime_register that returns such a one. */
#define RULE_ENTRY(entry, name, types, n)                                      \
    static const descent_plugin *entry(const descent_host *host)               \
    {                                                                          \
        static const descent_plugin made = RULE_PLUGIN(name, types, n);        \
        (void)host;                                                            \
        return &made;                                                          \
    }

#endif
