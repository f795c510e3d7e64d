/* SPDX-License-Identifier: MIT */
/* The threads of a runtime: every task runs once, whoever else works, however
 * often they start and stop, and in a child of the process nothing hangs. */
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/denormals.h"
#include "engine/pool.h"
#include "support/check.h"

enum { MOST = 1000 };

#ifdef DESCENT_SANITIZED
enum { ROUNDS = 500 };
#else
enum { ROUNDS = 10000 };
#endif

static const pool_host nobody = {NULL, NULL};
static memory *store;

/* The system may refuse threads. */
static int allowed = -1;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*start)(void *), void *arg)
{
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                       void *);

    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    if (allowed == 0)
        return EAGAIN;
    if (allowed > 0)
        allowed--;
    return next(thread, attributes, start, arg);
}

static pool *create(uint32_t threads)
{
    pool *p = NULL;

    ok(pool_create(store, threads, nobody, &p));
    return p;
}

/* ---- Tasks ---- */

typedef struct counts {
    atomic_int of[MOST];
} counts;

static void count(void *arg, size_t i)
{
    atomic_fetch_add(&((counts *)arg)->of[i], 1);
}

/* Is every task below n run `times` times, and none above? */
static bool are_counted(counts *c, size_t n, int times)
{
    for (size_t i = 0; i < MOST; i++)
        if (atomic_load(&c->of[i]) != (i < n ? times : 0))
            return false;
    return true;
}

static bool runs_all(pool *p, size_t n)
{
    counts c;

    memset(&c, 0, sizeof c);
    pool_run(p, n, count, &c);
    return are_counted(&c, n, 1);
}

/* Each waits until the other has begun: two threads, or for ever. */
typedef struct meeting {
    atomic_int here;
    int of; /* how many */
    void (*look)(struct meeting *m);
    pthread_t caller;
    atomic_int result;
} meeting;

static void meet(void *arg, size_t i)
{
    meeting *m = arg;
    const double begun = descent_clock();

    (void)i;
    atomic_fetch_add(&m->here, 1);
    while (atomic_load(&m->here) < m->of && descent_clock() - begun < 60)
        sched_yield();
    if (m->look != NULL && !pthread_equal(pthread_self(), m->caller))
        m->look(m);
}

/* What `look` finds on a thread that is not the caller's. */
static int found(pool *p, void (*look)(meeting *m))
{
    meeting m = {.of = 2, .look = look, .caller = pthread_self()};

    pool_run(p, 2, meet, &m);
    return atomic_load(&m.result);
}

/* ---- Facts ---- */

static void every_task_runs_once(void **state)
{
    static const uint32_t threads[] = {1, 2, 3, 5, 8, 64};

    (void)state;
    for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
        pool *p = create(threads[k]);
        for (size_t n = 0; n < 70; n++)
            assert_true(runs_all(p, n));
        assert_true(runs_all(p, MOST));
        pool_free(p);
    }
}

static void mark(meeting *m)
{
    atomic_store(&m->result, 1);
}

static void tasks_run_at_the_same_time(void **state)
{
    pool *p = create(3);
    meeting m = {.of = 3};

    (void)state;
    pool_run(p, 3, meet, &m);
    assert_int_equal(atomic_load(&m.here), 3);
    assert_int_equal(found(p, mark), 1);
    pool_free(p);
}

static void one_thread_is_the_callers(void **state)
{
    pool *p = create(1);

    (void)state;
    allowed = 0;
    assert_true(runs_all(p, MOST));
    allowed = -1;
    pool_free(p);
}

static void the_number_may_change_between_jobs(void **state)
{
    pool *p = create(2);

    (void)state;
    for (uint32_t n = 1; n < 12; n++) {
        pool_set_threads(p, n * 5 % 12 + 1);
        assert_int_equal(pool_threads(p), n * 5 % 12 + 1);
        assert_true(runs_all(p, MOST));
    }
    pool_set_threads(p, 2);
    assert_int_equal(found(p, mark), 1);
    pool_free(p);
}

static void look_at_signals(meeting *m)
{
    sigset_t blocked;
    char name[16] = "";

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    prctl(PR_GET_NAME, name);
    atomic_store(&m->result, sigismember(&blocked, SIGINT) == 1 &&
                                 sigismember(&blocked, SIGTERM) == 1 &&
                                 strcmp(name, "descent") == 0);
}

static void workers_have_a_name_and_get_no_signals(void **state)
{
    pool *p = create(2);
    sigset_t blocked;

    (void)state;
    assert_int_equal(found(p, look_at_signals), 1);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGINT), 0);
    pool_free(p);
}

static void halve_the_smallest(meeting *m)
{
    volatile float x = 0x1p-126f;

    x = x / 2;
    atomic_store(&m->result, x == 0);
}

static void workers_calculate_as_the_caller_does(void **state)
{
    pool *p = create(2);

    (void)state;
    assert_int_equal(found(p, halve_the_smallest), 0);
    const uint64_t before = denormals_flush(true);
    assert_int_equal(found(p, halve_the_smallest), 1);
    denormals_restore(before);
    assert_int_equal(found(p, halve_the_smallest), 0);
    pool_free(p);
}

typedef struct nest {
    pool *pool;
    counts *counts;
} nest;

static void run_inside(void *arg, size_t i)
{
    const nest *n = arg;

    (void)i;
    pool_run(n->pool, MOST, count, n->counts);
}

static void a_job_inside_a_job_runs_alone(void **state)
{
    pool *p = create(3);
    counts c;
    nest n = {p, &c};

    (void)state;
    memset(&c, 0, sizeof c);
    pool_run(p, 7, run_inside, &n);
    assert_true(are_counted(&c, MOST, 7));
    pool_free(p);
}

static void *run_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        if (!runs_all(arg, (size_t)(i % 40)))
            return arg;
    return NULL;
}

static void callers_do_not_wait_for_each_other(void **state)
{
    enum { CALLERS = 4 };
    pool *p = create(3);
    pthread_t caller[CALLERS];
    void *bad;

    (void)state;
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&caller[i], NULL, run_many, p), 0);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_join(caller[i], &bad), 0);
        assert_null(bad);
    }
    pool_free(p);
}

static void it_starts_and_stops_many_times(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        pool *p = create(2 + (uint32_t)i % 3);
        assert_true(runs_all(p, (size_t)i % 9));
        if (i % 3 == 0)
            pool_set_threads(p, 1 + (uint32_t)i % 4);
        assert_true(runs_all(p, 5));
        pool_free(p);
    }
}

static atomic_bool stop_neighbours;

static void *be_busy(void *arg)
{
    while (!atomic_load_explicit(&stop_neighbours, memory_order_relaxed))
        continue;
    return arg;
}

static void busy_neighbours_do_not_stop_it(void **state)
{
    enum { NEIGHBOURS = 4 };
    pool *p = create(4);
    pthread_t neighbour[NEIGHBOURS];

    (void)state;
    atomic_store(&stop_neighbours, false);
    for (int i = 0; i < NEIGHBOURS; i++)
        assert_int_equal(pthread_create(&neighbour[i], NULL, be_busy, NULL), 0);
    for (int i = 0; i < 200; i++)
        assert_true(runs_all(p, 64));
    atomic_store(&stop_neighbours, true);
    for (int i = 0; i < NEIGHBOURS; i++)
        assert_int_equal(pthread_join(neighbour[i], NULL), 0);
    pool_free(p);
}

static void fewer_threads_than_wanted_are_no_failure(void **state)
{
    (void)state;
    for (allowed = 0; allowed < 4; allowed++) {
        const int before = allowed;
        pool *p = create(6);
        assert_true(runs_all(p, MOST));
        assert_int_equal(allowed, 0);
        assert_true(runs_all(p, MOST));
        pool_free(p);
        allowed = before;
    }
    allowed = -1;
}

/* In the child: told, and nothing hangs. */
static int try_as_child(pool *p)
{
    if (pool_check(p) != DESCENT_ERR_STATE ||
        strstr(descent_error_message(), "when it forked") == NULL)
        return 1;
    if (!runs_all(p, MOST))
        return 2;
    pool_set_threads(p, 5);
    if (!runs_all(p, MOST))
        return 3;
    pool_free(p);
    return 0;
}

static void a_child_is_told_and_does_not_hang(void **state)
{
    (void)state;
    for (int sleeping = 0; sleeping < 2; sleeping++) {
        pool *p = create(3);
        int status = 0;
        assert_true(runs_all(p, MOST));
        ok(pool_check(p));
        if (sleeping)
            usleep(20000);
        const pid_t child = fork();
        if (child == 0) {
            alarm(60);
            _exit(try_as_child(p));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        ok(pool_check(p));
        assert_true(runs_all(p, MOST));
        pool_free(p);
    }
}

static void before_there_are_threads_a_child_may_go_on(void **state)
{
    pool *p = create(3);
    int status = 0;

    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        const int bad = pool_check(p) != DESCENT_OK || !runs_all(p, MOST);
        pool_free(p);
        _exit(bad);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pool_free(p);
}

/* ---- The application's ---- */

typedef struct application {
    int calls;
    size_t first; /* tasks below are left out */
    size_t more;  /* tasks that nobody asked for */
} application;

static void from_the_last(void *user, size_t n, pool_task *task, void *arg)
{
    application *a = user;

    a->calls++;
    for (size_t i = n + a->more; i-- > a->first;)
        task(arg, i);
}

static void the_applications_function_runs_the_tasks(void **state)
{
    application a = {0};
    const pool_host host = {from_the_last, &a};
    pool *p = NULL;

    (void)state;
    allowed = 0; /* and no thread is started */
    ok(pool_create(store, 2, host, &p));
    assert_true(runs_all(p, MOST));
    assert_int_equal(a.calls, 1);
    a.more = 3;
    assert_true(runs_all(p, MOST - 3));
    ok(pool_check(p));
    pool_set_threads(p, 1);
    a.more = 0;
    assert_true(runs_all(p, MOST));
    assert_int_equal(a.calls, 2);
    pool_free(p);
    allowed = -1;
}

static void tasks_that_it_leaves_out_are_noticed(void **state)
{
    application a = {.first = 1};
    const pool_host host = {from_the_last, &a};
    pool *p = NULL;

    (void)state;
    ok(pool_create(store, 2, host, &p));
    assert_false(runs_all(p, MOST));
    refused(pool_check(p), DESCENT_ERR_STATE,
            "parallel_for of the application ran more or fewer tasks");
    pool_free(p);
}

static int open_store(void **state)
{
    (void)state;
    return memory_open(NULL, &store);
}

static int close_store(void **state)
{
    (void)state;
    memory_close(store);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(tasks_run_at_the_same_time),
        cmocka_unit_test(one_thread_is_the_callers),
        cmocka_unit_test(the_number_may_change_between_jobs),
        cmocka_unit_test(workers_have_a_name_and_get_no_signals),
        cmocka_unit_test(workers_calculate_as_the_caller_does),
        cmocka_unit_test(a_job_inside_a_job_runs_alone),
        cmocka_unit_test(callers_do_not_wait_for_each_other),
        cmocka_unit_test(it_starts_and_stops_many_times),
        cmocka_unit_test(busy_neighbours_do_not_stop_it),
        cmocka_unit_test(fewer_threads_than_wanted_are_no_failure),
        cmocka_unit_test(a_child_is_told_and_does_not_hang),
        cmocka_unit_test(before_there_are_threads_a_child_may_go_on),
        cmocka_unit_test(the_applications_function_runs_the_tasks),
        cmocka_unit_test(tasks_that_it_leaves_out_are_noticed),
    };

    return cmocka_run_group_tests(tests, open_store, close_store);
}
