/* SPDX-License-Identifier: MIT */
/* Who runs a job: the caller alone, the runtime's threads, or the application. */
#include "engine/pool.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/denormals.h"
#include "engine/pool_crew.h"
#include "engine/pool_owner.h"

struct pool {
    memory *memory;
    pool_host host;
    atomic_uint wanted;
    atomic_flag busy;    /* with one job at a time; guards the crew */
    atomic_uint started; /* the number wanted when the crew was started */
    pool_owner owner;    /* of its threads */
    atomic_bool broken;  /* parallel_for failed us */
    crew *crew;
};

descent_status pool_create(memory *m, uint32_t threads, pool_host host,
                           pool **out)
{
    pool *p;
    descent_status status;

    TRY(memory_new(m, 1, sizeof *p, &p));
    p->memory = m;
    p->host = host;
    atomic_init(&p->started, 1);
    atomic_flag_clear(&p->busy);
    pool_set_threads(p, threads);
    status = crew_create(m, &p->crew);
    if (status == DESCENT_OK)
        *out = p;
    else
        pool_free(p);
    return status;
}

/* A caller that is cancelled ends later: others work with what is on its stack,
 * and nothing may be left locked. */
static int put_off_cancellation(void)
{
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

void pool_free(pool *p)
{
    if (p == NULL)
        return;
    const int before = put_off_cancellation();
    crew_free(p->crew, !pool_owner_is_parent(&p->owner));
    pool_owner_release(&p->owner);
    memory_release(p->memory, p, 1, sizeof *p);
    pthread_setcancelstate(before, NULL);
}

uint32_t pool_threads(const pool *p)
{
    return atomic_load_explicit(&p->wanted, memory_order_relaxed);
}

void pool_set_threads(pool *p, uint32_t threads)
{
    atomic_store_explicit(&p->wanted, threads, memory_order_relaxed);
}

descent_status pool_check_host(const pool *p)
{
    if (atomic_load_explicit(&p->broken, memory_order_relaxed))
        return status_fail(DESCENT_ERR_STATE,
                           "parallel_for of the application ran more or fewer "
                           "tasks than it was asked to: expected every one, "
                           "once");
    return DESCENT_OK;
}

descent_status pool_check(const pool *p)
{
    if (pool_owner_is_parent(&p->owner))
        return status_fail(DESCENT_ERR_STATE,
                           "the threads of this runtime stayed with process "
                           "%ld when it forked: expected a runtime created by "
                           "this process",
                           atomic_load(&p->owner.process));
    return pool_check_host(p);
}

bool pool_is_awake(const pool *p)
{
    /* Nobody knows it of an application's. */
    if (p->host.parallel_for != NULL)
        return false;
    return atomic_load_explicit(&p->started, memory_order_relaxed) !=
               pool_threads(p) ||
           crew_is_awake(p->crew);
}

/* ---- Jobs ---- */

typedef struct job {
    pool_task *task;
    void *arg;
    size_t count, most;
    atomic_size_t ran; /* by the application */
    uint64_t mode;     /* how its caller calculates */
} job;

static void run_tasks(void *arg, size_t begin, size_t end)
{
    const job *j = arg;
    const uint64_t before = denormals_set_mode(j->mode);

    j->task(j->arg, begin, end);
    denormals_set_mode(before);
}

static void run_one(void *arg, size_t i)
{
    job *j = arg;

    if (i >= j->count)
        return;
    atomic_fetch_add_explicit(&j->ran, 1, memory_order_relaxed);
    run_tasks(j, i, i + 1);
}

static void run_at_host(pool *p, job *j)
{
    p->host.parallel_for(p->host.user, j->count, run_one, j);
    if (atomic_load(&j->ran) != j->count)
        atomic_store(&p->broken, true);
}

static void run_by_crew(pool *p, uint32_t threads, job *j)
{
    if (atomic_load(&p->started) != threads) {
        atomic_store(&p->started, threads);
        pool_owner_claim(&p->owner);
        crew_start(p->crew, threads - 1);
    }
    crew_run(p->crew, j->count, j->most, run_tasks, j);
}

void pool_run(pool *p, size_t n, size_t most, pool_task *task, void *arg)
{
    const uint32_t threads = pool_threads(p);

    if (n < 2 || threads < 2 || pool_owner_is_parent(&p->owner) ||
        atomic_flag_test_and_set_explicit(&p->busy, memory_order_acquire)) {
        if (n > 0)
            task(arg, 0, n);
        return;
    }
    job j = {.task = task,
             .arg = arg,
             .count = n,
             .most = most,
             .mode = denormals_mode()};
    const int before = put_off_cancellation();
    if (p->host.parallel_for != NULL)
        run_at_host(p, &j);
    else
        run_by_crew(p, threads, &j);
    atomic_flag_clear_explicit(&p->busy, memory_order_release);
    pthread_setcancelstate(before, NULL);
}
