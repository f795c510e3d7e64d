/* SPDX-License-Identifier: MIT */
/* A whole small plugin.  A file defines what it does otherwise, then includes
 * this. */
#include <stddef.h>

#include <descent/plugin.h>

#ifndef ID
#define ID "unnamed"
#endif
#ifndef MAGIC
#define MAGIC DESCENT_MAGIC
#endif
#ifndef MAJOR
#define MAJOR DESCENT_ABI_MAJOR
#endif
#ifndef ENTRY
#define ENTRY descent_plugin_v1
#endif
#ifndef IN_ENTRY
#define IN_ENTRY(host) (void)(host)
#endif
#ifndef RESULT
#define RESULT &plugin
#endif

static descent_status step(void *self, const descent_pass *pass)
{
    (void)self;
    (void)pass;
    return DESCENT_OK;
}

static const descent_optimizer_type types[] = {
#ifdef FIRST_ID
    {.struct_size = sizeof(descent_optimizer_type),
     .scope = DESCENT_SCOPE_ELEMENT,
     .id = FIRST_ID,
     .title = "First",
     .reference = "none",
     .summary = "Does nothing.",
     .variant_count = 1,
     .runs = DESCENT_RUNS_F32,
     .state_version = 1,
     .step = step},
#endif
    {.struct_size = sizeof(descent_optimizer_type),
     .scope = DESCENT_SCOPE_ELEMENT,
     .id = ID,
     .title = "Test",
     .reference = "none",
     .summary = "Does nothing.",
     .variant_count = 1,
     .runs = DESCENT_RUNS_F32,
     .state_version = 1,
     .step = step},
};

DESCENT_EXPORT const descent_plugin *ENTRY(const descent_host *host);
const descent_plugin *ENTRY(const descent_host *host)
{
    static const descent_plugin plugin = {
        MAGIC,
        sizeof(descent_plugin),
        MAJOR,
        DESCENT_ABI_MINOR,
        0,
        "test",
        "1.0.0",
        NULL,
        NULL,
        sizeof *types,
        sizeof types / sizeof *types,
        types,
    };

    (void)plugin;
    IN_ENTRY(host);
    return RESULT;
}
