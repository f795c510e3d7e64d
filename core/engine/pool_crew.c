/* SPDX-License-Identifier: MIT */
/* A job is open while there are numbers that nobody has begun.  A thread joins
 * an open job, works through its own share, then takes over what others have not
 * begun, and leaves.  Whoever gave the job works too, closes it when nothing is
 * left to begin, and waits for those that joined: never for one that did not
 * get a processor in time. */
#include "engine/pool_crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "base/cpu.h"

enum { STACK = 256 * 1024, CACHE_LINE = 64 };

/* How long a thread looks for work, or a caller for the end of a job, before it
 * sleeps. */
static const double SPIN_SECONDS = 20e-6;

/* In `state`: how many threads are in the job, whether it is open, and the
 * number of the job, times NUMBER. */
static const uint64_t INSIDE = 0xffff, OPEN = 0x10000, NUMBER = 0x20000;

/* The numbers of a job that are one thread's to begin with. */
typedef struct share {
    atomic_size_t next;
    size_t end;
    char rest[CACHE_LINE - 2 * sizeof(size_t)]; /* to itself */
} share;

typedef struct worker {
    crew *crew;
    size_t index;
    pthread_t thread;
} worker;

struct crew {
    memory *memory;
    worker *workers; /* [count] run */
    size_t count, worker_capacity;
    share *shares; /* the caller's first */
    size_t share_capacity;
    bool spins; /* there are processors for all of them */

    /* The job at hand, and what waiting threads look at, which would take the
     * line away from the caller while it writes. */
    alignas(CACHE_LINE) size_t parts; /* shares */
    size_t most;                      /* numbers to take at once */
    pool_task *task;
    void *arg;
    alignas(CACHE_LINE) atomic_uint_fast64_t state;
    atomic_bool quit;

    alignas(CACHE_LINE) pthread_mutex_t lock; /* for sleeping */
    pthread_cond_t wake, done;
    atomic_uint asleep;
};

descent_status crew_create(memory *m, crew **out)
{
    crew *c;

    TRY(memory_new(m, 1, sizeof *c, &c));
    c->memory = m;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    pthread_cond_init(&c->done, NULL);
    *out = c;
    return DESCENT_OK;
}

/* ---- Waiting ---- */

static void pause_briefly(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

typedef bool condition(const crew *c, uint64_t last);

/* Is there a job after the one in `last`? */
static bool is_called(const crew *c, uint64_t last)
{
    const uint64_t state = atomic_load(&c->state);

    return ((state & OPEN) != 0 && state / NUMBER != last / NUMBER) ||
           atomic_load(&c->quit);
}

static bool is_empty(const crew *c, uint64_t last)
{
    (void)last;
    return (atomic_load(&c->state) & INSIDE) == 0;
}

static bool spin(const crew *c, condition *holds, uint64_t last)
{
    enum { LOOKS = 32 };
    double now, end = 0;

    if (holds(c, last))
        return true;
    if (!c->spins)
        return false;
    do {
        for (int i = 0; i < LOOKS; i++) {
            pause_briefly();
            if (holds(c, last))
                return true;
        }
        now = descent_clock();
        end = end == 0 ? now + SPIN_SECONDS : end;
    } while (now < end);
    return false;
}

/* ---- Threads ---- */

/* Take most of what is left of a share, and of little only half, so that taking
 * costs little and others find something to take over to the end. */
static bool take(share *s, size_t most, size_t *begin, size_t *end)
{
    enum { LITTLE = 4 };
    size_t at = atomic_load_explicit(&s->next, memory_order_relaxed);

    do {
        if (at >= s->end)
            return false;
        const size_t left = s->end - at;
        const size_t part = left <= LITTLE ? (left + 1) / 2 : left - left / 4;
        *begin = at;
        *end = at + (part < most ? part : most);
    } while (!atomic_compare_exchange_weak_explicit(
        &s->next, &at, *end, memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void work(crew *c, size_t index)
{
    size_t begin, end;

    for (size_t k = 0; k < c->parts; k++)
        while (take(&c->shares[(index + k) % c->parts], c->most, &begin, &end))
            c->task(c->arg, begin, end);
}

/* Join the job at hand if it is open; it is the one in *last then. */
static bool join(crew *c, uint64_t *last)
{
    uint_fast64_t state = atomic_load(&c->state);

    while ((state & OPEN) != 0 && state / NUMBER != *last / NUMBER)
        if (atomic_compare_exchange_weak(&c->state, &state, state + 1)) {
            *last = state;
            return true;
        }
    return false;
}

/* The last one out of a closed job tells the caller. */
static void leave(crew *c)
{
    const uint64_t before = atomic_fetch_sub(&c->state, 1);

    if ((before & (INSIDE | OPEN)) != 1)
        return;
    pthread_mutex_lock(&c->lock);
    pthread_cond_signal(&c->done);
    pthread_mutex_unlock(&c->lock);
}

static void sleep_until_called(crew *c, uint64_t last)
{
    pthread_mutex_lock(&c->lock);
    atomic_fetch_add(&c->asleep, 1);
    while (!is_called(c, last))
        pthread_cond_wait(&c->wake, &c->lock);
    atomic_fetch_sub(&c->asleep, 1);
    pthread_mutex_unlock(&c->lock);
}

static void *live(void *arg)
{
    const worker *self = arg;
    crew *c = self->crew;
    uint64_t last = 0;

    while (!atomic_load(&c->quit)) {
        if (join(c, &last)) {
            work(c, self->index);
            leave(c);
        } else if (!spin(c, is_called, last)) {
            sleep_until_called(c, last);
        }
    }
    return NULL;
}

static void stop(crew *c)
{
    pthread_mutex_lock(&c->lock);
    atomic_store(&c->quit, true);
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < c->count; i++)
        pthread_join(c->workers[i].thread, NULL);
    atomic_store(&c->quit, false);
    c->count = 0;
}

/* Signals are for the application's threads, but for those that a thread causes
 * itself: blocked ones would end the process whatever the application's handler
 * does about them. */
static sigset_t signals_of_others(void)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t set;

    sigfillset(&set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&set, own[i]);
    return set;
}

/* Thread-local variables of the application lie on the stack: where that is too
 * little for them, with the system's own size. */
static bool start(worker *w, const pthread_attr_t *attributes)
{
    int error = pthread_create(&w->thread, attributes, live, w);

    if (error == EINVAL)
        error = pthread_create(&w->thread, NULL, live, w);
    return error == 0;
}

static void create(crew *c, size_t threads)
{
    const sigset_t blocked = signals_of_others();
    pthread_attr_t attributes;
    sigset_t before;

    if (pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    for (; c->count < threads; c->count++) {
        worker *w = &c->workers[c->count];
        *w = (worker){.crew = c, .index = c->count + 1};
        if (!start(w, &attributes))
            break;
        pthread_setname_np(w->thread, "descent");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

void crew_start(crew *c, size_t threads)
{
    if (c->count > 0)
        stop(c);
    if (memory_grow(c->memory, &c->workers, &c->worker_capacity, threads,
                    sizeof *c->workers) != DESCENT_OK ||
        memory_grow(c->memory, &c->shares, &c->share_capacity, threads + 1,
                    sizeof *c->shares) != DESCENT_OK)
        return;
    c->spins = threads < cpu_count();
    create(c, threads);
}

void crew_free(crew *c, bool are_here)
{
    if (c == NULL)
        return;
    if (c->count > 0 && are_here)
        stop(c);
    /* What threads of another process wait for must not be destroyed. */
    if (are_here) {
        pthread_cond_destroy(&c->done);
        pthread_cond_destroy(&c->wake);
        pthread_mutex_destroy(&c->lock);
    }
    memory_release(c->memory, c->workers, c->worker_capacity,
                   sizeof *c->workers);
    memory_release(c->memory, c->shares, c->share_capacity, sizeof *c->shares);
    memory_release(c->memory, c, 1, sizeof *c);
}

/* ---- Jobs ---- */

/* Equal shares, by number alone, the last ones one more where they must: the
 * last piece of a plan is often short.  Sleepers wake, one a share. */
static void open_job(crew *c, size_t n)
{
    const size_t each = n / c->parts, over = n % c->parts;
    size_t at = 0;

    for (size_t k = 0; k < c->parts; k++) {
        atomic_store_explicit(&c->shares[k].next, at, memory_order_relaxed);
        at += each + (k + over >= c->parts);
        c->shares[k].end = at;
    }
    atomic_fetch_add(&c->state, NUMBER + OPEN);
    if (atomic_load(&c->asleep) == 0)
        return;
    pthread_mutex_lock(&c->lock);
    for (size_t k = 1; k < c->parts; k++)
        pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

static void close_job(crew *c)
{
    atomic_fetch_sub(&c->state, OPEN);
    if (spin(c, is_empty, 0))
        return;
    pthread_mutex_lock(&c->lock);
    while (!is_empty(c, 0))
        pthread_cond_wait(&c->done, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

bool crew_is_awake(const crew *c)
{
    return atomic_load_explicit(&c->asleep, memory_order_relaxed) == 0;
}

void crew_run(crew *c, size_t n, size_t most, pool_task *task, void *arg)
{
    if (c->count == 0) {
        task(arg, 0, n);
        return;
    }
    c->task = task;
    c->arg = arg;
    c->most = most;
    c->parts = n <= c->count ? n : c->count + 1;
    open_job(c, n);
    work(c, 0);
    close_job(c);
}
