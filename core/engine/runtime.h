/* SPDX-License-Identifier: MIT */
/* The object behind descent_runtime: memory, log, plugins, processor,
 * threads. */
#ifndef DESCENT_ENGINE_RUNTIME_H
#define DESCENT_ENGINE_RUNTIME_H

#include <stdatomic.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/pool.h"
#include "plugin/registry.h"

struct descent_runtime {
    memory *memory;
    log_sink log;
    registry *plugins;
    descent_isa isa;
    size_t cache; /* bytes */
    pool *threads;
    atomic_uint references;
};

descent_runtime *runtime_retain(descent_runtime *runtime);

/* Fail unless `runtime` is one. */
descent_status runtime_check(const descent_runtime *runtime);

#endif
