/* SPDX-License-Identifier: MIT */
#include "plugin/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <threads.h>

static once_flag once = ONCE_FLAG_INIT;
static mtx_t mutex;
static bool ready;

static _Thread_local bool held;

/* The thread sanitizer knows atomics but not C11's mutexes: this pair of
 * operations tells it of the order that the mutex gives. */
static atomic_uint turns;

static void prepare(void)
{
    ready = mtx_init(&mutex, mtx_plain) == thrd_success;
}

descent_status lock_enter(void)
{
    if (held)
        return status_fail(DESCENT_ERR_STATE,
                           "plugins cannot be looked for from inside a "
                           "function that the loading of a plugin calls");
    call_once(&once, prepare);
    if (!ready || mtx_lock(&mutex) != thrd_success)
        return status_fail(DESCENT_ERR_INTERNAL,
                           "the lock of the plugins cannot be taken");
    (void)atomic_load_explicit(&turns, memory_order_acquire);
    held = true;
    return DESCENT_OK;
}

void lock_leave(void)
{
    held = false;
    atomic_fetch_add_explicit(&turns, 1, memory_order_release);
    mtx_unlock(&mutex);
}
