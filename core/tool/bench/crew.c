/* SPDX-License-Identifier: MIT */
/* Threads for the limits: see crew.h. */
#include "tool/bench/crew.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <threads.h>

typedef struct member {
    crew *crew;
    thrd_t thread;
    size_t number;
} member;

struct crew {
    size_t size; /* the caller included */
    size_t started;
    member members[CREW_MOST];
    crew_task *task;
    void *arg;
    atomic_uint round;              /* how many tasks there have been */
    atomic_uint claimed[CREW_MOST]; /* the last round whose part is taken */
    atomic_size_t done;             /* parts of this round */
    atomic_bool awake;
    bool over; /* under the lock */
    mtx_t lock;
    cnd_t changed;
};

static inline void breathe(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* Do part i of the round `now` unless somebody has taken it. */
static void do_part(crew *c, size_t i, unsigned now)
{
    unsigned before = now - 1;

    if (!atomic_compare_exchange_strong(&c->claimed[i], &before, now))
        return;
    c->task(c->arg, i, c->size);
    atomic_fetch_add_explicit(&c->done, 1, memory_order_release);
}

/* Sleep until the crew is woken; false when it is over. */
static bool wait_for_work(crew *c)
{
    bool over;

    mtx_lock(&c->lock);
    while (!atomic_load(&c->awake) && !c->over)
        cnd_wait(&c->changed, &c->lock);
    over = c->over;
    mtx_unlock(&c->lock);
    return !over;
}

static int work(void *arg)
{
    const member *const m = arg;
    crew *const c = m->crew;
    unsigned seen = 0;

    while (wait_for_work(c))
        while (atomic_load_explicit(&c->awake, memory_order_relaxed)) {
            const unsigned now =
                atomic_load_explicit(&c->round, memory_order_acquire);

            if (now != seen)
                do_part(c, m->number, now);
            else
                breathe();
            seen = now;
        }
    return 0;
}

crew *crew_create(size_t size)
{
    crew *const c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->size = size;
    if (mtx_init(&c->lock, mtx_plain) != thrd_success) {
        free(c);
        return NULL;
    }
    if (cnd_init(&c->changed) != thrd_success) {
        mtx_destroy(&c->lock);
        free(c);
        return NULL;
    }
    for (size_t i = 1; i < size; i++) {
        c->members[i] = (member){.crew = c, .number = i};
        if (thrd_create(&c->members[i].thread, work, &c->members[i]) !=
            thrd_success) {
            crew_free(c);
            return NULL;
        }
        c->started++;
    }
    return c;
}

static void tell(crew *c, bool awake, bool over)
{
    mtx_lock(&c->lock);
    atomic_store(&c->awake, awake);
    c->over = over;
    cnd_broadcast(&c->changed);
    mtx_unlock(&c->lock);
}

void crew_free(crew *c)
{
    if (c == NULL)
        return;
    tell(c, false, true);
    for (size_t i = 1; i <= c->started; i++)
        thrd_join(c->members[i].thread, NULL);
    cnd_destroy(&c->changed);
    mtx_destroy(&c->lock);
    free(c);
}

void crew_wake(crew *c)
{
    if (c->size > 1)
        tell(c, true, false);
}

void crew_rest(crew *c)
{
    if (c->size > 1)
        tell(c, false, false);
}

void crew_run(crew *c, crew_task *task, void *arg)
{
    unsigned now;

    c->task = task;
    c->arg = arg;
    atomic_store_explicit(&c->done, 0, memory_order_relaxed);
    now = atomic_fetch_add_explicit(&c->round, 1, memory_order_release) + 1;
    for (size_t i = 0; i < c->size; i++)
        do_part(c, i, now);
    while (atomic_load_explicit(&c->done, memory_order_acquire) < c->size)
        breathe();
}
