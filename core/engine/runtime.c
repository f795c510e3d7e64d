/* SPDX-License-Identifier: MIT */
#include "engine/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "base/cache.h"
#include "base/cpu.h"
#include "base/quota.h"
#include "option/bag.h"
#include "option/table.h"
#include "schedule/schedule.h"

static const descent_runtime_options no_options = {
    .struct_size = sizeof(descent_runtime_options),
};

static const char *environment(const descent_runtime_options *options,
                               const char *name)
{
    const char *text = NULL;

    if ((options->flags & DESCENT_RUNTIME_IGNORE_ENVIRONMENT) == 0)
        text = secure_getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static descent_status choose_isa(descent_runtime *runtime,
                                 const descent_runtime_options *options)
{
    const char *given = options->isa;
    const char *variable = environment(options, "DESCENT_ISA");

    runtime->isa = cpu_isa();
    if (given != NULL)
        return cpu_isa_limit(runtime->isa, given, "isa", &runtime->isa);
    if (variable != NULL)
        return cpu_isa_limit(runtime->isa, variable, "DESCENT_ISA",
                             &runtime->isa);
    return DESCENT_OK;
}

/* Those that this process may run on, as many as its control groups allow: more
 * threads would be stopped midway, and others wait for them. */
static uint32_t processors(void)
{
    const uint32_t allowed = quota_processors(&files_system);
    uint32_t n = cpu_count();

    n = allowed > 0 && allowed < n ? allowed : n;
    return n < POOL_MOST_THREADS ? n : POOL_MOST_THREADS;
}

static descent_status check_threads(long n)
{
    return n <= POOL_MOST_THREADS
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_ARGUMENT,
                             "threads = %ld: expected 1 to %d, or 0 for the "
                             "processors of this process",
                             n, POOL_MOST_THREADS);
}

static descent_status choose_threads(descent_runtime *runtime,
                                     const descent_runtime_options *options)
{
    pool_host host = {NULL, NULL};
    const char *variable = environment(options, "DESCENT_THREADS");
    long n = (long)options->threads;
    char *end = NULL;

    if (n == 0 && variable != NULL) {
        n = variable[0] >= '0' && variable[0] <= '9'
                ? strtol(variable, &end, 10)
                : -1;
        if (n < 1 || n > POOL_MOST_THREADS || *end != '\0')
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "DESCENT_THREADS = \"%.64s\": expected an "
                               "integer from 1 to %d",
                               variable, POOL_MOST_THREADS);
    }
    if (DESCENT_HAS(options, parallel_user))
        host = (pool_host){options->parallel_for, options->parallel_user};
    TRY(check_threads(n));
    return pool_create(runtime->memory, n > 0 ? (uint32_t)n : processors(),
                       host, &runtime->threads);
}

typedef struct parallel {
    void (*task)(void *arg, size_t i);
    void *arg;
} parallel;

static void run_each(void *arg, size_t begin, size_t end)
{
    const parallel *p = arg;

    for (size_t i = begin; i < end; i++)
        p->task(p->arg, i);
}

/* A plugin's tasks may be few and long: one at a time. */
static void run_parallel(void *user, size_t n,
                         void (*task)(void *arg, size_t i), void *arg)
{
    parallel p = {task, arg};

    pool_run(user, n, 1, run_each, &p);
}

static descent_status open_plugins(descent_runtime *runtime,
                                   const descent_runtime_options *options)
{
    const registry_setup setup = {
        .memory = runtime->memory,
        .log = &runtime->log,
        .files = &files_system,
        .use_environment =
            (options->flags & DESCENT_RUNTIME_IGNORE_ENVIRONMENT) == 0,
        .is_core_option = option_is_common,
        .parallel = run_parallel,
        .parallel_user = runtime->threads,
    };

    TRY(registry_create(&setup, &runtime->plugins));
    for (const char *const *at = options->directories;
         at != NULL && *at != NULL; at++)
        TRY(registry_add_directory(runtime->plugins, *at));
    return DESCENT_OK;
}

static descent_status fill(descent_runtime *runtime,
                           const descent_runtime_options *options)
{
    runtime->log = (log_sink){options->log, options->log_user};
    runtime->cache = cache_bytes(&files_system);
    TRY(choose_isa(runtime, options));
    TRY(choose_threads(runtime, options));
    return open_plugins(runtime, options);
}

descent_status descent_runtime_create(const descent_runtime_options *options,
                                      descent_runtime **out)
{
    descent_runtime *runtime;
    memory *m;
    descent_status status;

    if (out == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_runtime_create: runtime is NULL");
    if (options == NULL)
        options = &no_options;
    if (!DESCENT_HAS(options, reserved))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "runtime options: struct_size = %u, expected %zu",
                           options->struct_size, sizeof *options);
    if ((options->flags & ~(uint32_t)DESCENT_RUNTIME_IGNORE_ENVIRONMENT) != 0 ||
        options->reserved != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "runtime options: unknown bits in flags = 0x%x or "
                           "reserved = %u",
                           options->flags, options->reserved);
    TRY(memory_open(options->allocator, &m));
    status = memory_new(m, 1, sizeof *runtime, &runtime);
    if (status != DESCENT_OK) {
        memory_close(m);
        return status;
    }
    runtime->memory = m;
    atomic_init(&runtime->references, 1);
    status = fill(runtime, options);
    if (status != DESCENT_OK) {
        descent_runtime_free(runtime);
        return status;
    }
    *out = runtime;
    return DESCENT_OK;
}

descent_runtime *runtime_retain(descent_runtime *runtime)
{
    atomic_fetch_add_explicit(&runtime->references, 1, memory_order_relaxed);
    return runtime;
}

void descent_runtime_free(descent_runtime *runtime)
{
    memory *m;

    if (runtime == NULL || atomic_fetch_sub_explicit(&runtime->references, 1,
                                                     memory_order_acq_rel) != 1)
        return;
    m = runtime->memory;
    registry_free(runtime->plugins);
    pool_free(runtime->threads);
    memory_release(m, runtime, 1, sizeof *runtime);
    memory_close(m);
}

descent_status runtime_check(const descent_runtime *runtime)
{
    return runtime != NULL ? DESCENT_OK
                           : status_fail(DESCENT_ERR_ARGUMENT,
                                         "runtime is NULL: expected one from "
                                         "descent_runtime_create");
}

const char *descent_runtime_isa(const descent_runtime *runtime)
{
    return cpu_isa_name(runtime->isa);
}

uint32_t descent_runtime_threads(const descent_runtime *runtime)
{
    return pool_threads(runtime->threads);
}

descent_status descent_runtime_set_threads(descent_runtime *runtime, uint32_t n)
{
    TRY(runtime_check(runtime));
    TRY(check_threads((long)n));
    pool_set_threads(runtime->threads, n > 0 ? n : processors());
    return DESCENT_OK;
}

/* ---- What the other layers offer, for a runtime ---- */

descent_status descent_runtime_add_directory(descent_runtime *runtime,
                                             const char *directory)
{
    TRY(runtime_check(runtime));
    return registry_add_directory(runtime->plugins, directory);
}

descent_status descent_runtime_find(descent_runtime *runtime, const char *name,
                                    descent_plugin_info *info)
{
    TRY(runtime_check(runtime));
    return registry_find(runtime->plugins, name, info);
}

descent_status descent_runtime_load(descent_runtime *runtime, const char *path,
                                    descent_plugin_info *info)
{
    TRY(runtime_check(runtime));
    return registry_load(runtime->plugins, path, info);
}

descent_status descent_runtime_register(
    descent_runtime *runtime,
    const descent_plugin *(*entry)(const descent_host *host),
    descent_plugin_info *info)
{
    TRY(runtime_check(runtime));
    return registry_register(runtime->plugins, entry, info);
}

descent_status
descent_runtime_each_file(descent_runtime *runtime,
                          descent_status (*visit)(void *user, const char *path),
                          void *user)
{
    TRY(runtime_check(runtime));
    return registry_each_file(runtime->plugins, visit, user);
}

descent_status descent_runtime_each(
    descent_runtime *runtime,
    descent_status (*visit)(void *user, const descent_plugin_info *info),
    void *user)
{
    TRY(runtime_check(runtime));
    return registry_each(runtime->plugins, visit, user);
}

descent_status descent_options_create(descent_runtime *runtime,
                                      descent_options **options)
{
    TRY(runtime_check(runtime));
    if (options == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_options_create: options is NULL");
    return bag_create(runtime->memory, options);
}

descent_status descent_schedule_create(descent_runtime *runtime,
                                       const char *kind,
                                       const descent_options *options,
                                       descent_schedule **schedule)
{
    TRY(runtime_check(runtime));
    return schedule_create(runtime->memory, kind, options, schedule);
}

descent_status descent_schedule_from_function(
    descent_runtime *runtime, descent_schedule_function function, void *user,
    void (*release)(void *user), descent_schedule **schedule)
{
    TRY(runtime_check(runtime));
    return schedule_from_function(runtime->memory, function, user, release,
                                  schedule);
}
