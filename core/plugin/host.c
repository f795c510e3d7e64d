/* SPDX-License-Identifier: MIT */
#include "plugin/host.h"

/* The host behind what a plugin hands back. */
static const host *owner(const descent_host *services)
{
    return (const host *)services;
}

static DESCENT_PRINTF(3, 4) descent_status
    fail(const descent_host *services, descent_status code, const char *format,
         ...)
{
    va_list arguments;

    (void)services;
    /* A failure whose code means success would be lost. */
    if (code > DESCENT_ERR_ARGUMENT || code < DESCENT_ERR_INTERNAL)
        code = DESCENT_ERR_INTERNAL;
    va_start(arguments, format);
    status_fail_va(code, format, arguments);
    va_end(arguments);
    return code;
}

static DESCENT_PRINTF(3, 4) void write_log(const descent_host *services,
                                           int level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_write_va(owner(services)->log, level, format, arguments);
    va_end(arguments);
}

static void *allocate(const descent_host *services, size_t bytes)
{
    void *block;

    return memory_new(owner(services)->memory, bytes, 1, &block) == DESCENT_OK
               ? block
               : NULL;
}

static void release(const descent_host *services, void *block, size_t bytes)
{
    memory_release(owner(services)->memory, block, bytes, 1);
}

static void run_parallel(const descent_host *services, size_t n,
                         void (*task)(void *arg, size_t i), void *arg)
{
    const host *h = owner(services);

    if (h->parallel != NULL) {
        h->parallel(h->parallel_user, n, task, arg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        task(arg, i);
}

static const void *extension(const descent_host *services, const char *id)
{
    (void)services;
    (void)id;
    return NULL;
}

void host_prepare(host *h, memory *m, const log_sink *log,
                  host_parallel *parallel, void *parallel_user)
{
    h->services = (descent_host){
        sizeof(descent_host),
        DESCENT_ABI_MAJOR,
        DESCENT_ABI_MINOR,
        DESCENT_VERSION,
        fail,
        write_log,
        allocate,
        release,
        run_parallel,
        extension,
    };
    h->memory = m;
    h->log = log;
    h->parallel = parallel;
    h->parallel_user = parallel_user;
}
