/* SPDX-License-Identifier: MIT */
/* The threads of a runtime: every task runs once, whoever else works, however
 * often they start and stop; who waits sleeps; and in a child of the process
 * nothing hangs. */
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/denormals.h"
#include "engine/pool.h"
#include "support/check.h"

enum { MOST = 1000, PATIENCE = 30 }; /* tasks; seconds, then it is a failure */

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

/* Or to empty pages in children, which old kernels do not know and emulators
 * claim to do. */
static enum { WIPES, KNOWS_NO_WIPE, SAYS_YES, SYSTEMS } system_is;

int madvise(void *address, size_t size, int advice)
{
    if (system_is == SAYS_YES)
        return 0;
    if (advice == MADV_WIPEONFORK && system_is == KNOWS_NO_WIPE)
        return -1;
    return (int)syscall(SYS_madvise, address, size, advice);
}

/* A clock on which each look takes a microsecond, so that looks can be counted;
 * -1: the system's. */
static atomic_long looks = -1;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (atomic_load(&looks) < 0)
        return (int)syscall(SYS_clock_gettime, clock, now);
    const long n = atomic_fetch_add(&looks, 1);
    *now = (struct timespec){n / 1000000, n % 1000000 * 1000};
    return 0;
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
    atomic_size_t longest;
} counts;

static void count(void *arg, size_t begin, size_t end)
{
    counts *c = arg;
    size_t longest = atomic_load(&c->longest);

    while (end - begin > longest &&
           !atomic_compare_exchange_weak(&c->longest, &longest, end - begin))
        continue;
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add(&c->of[i], 1);
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
    pool_run(p, n, n % 9 + 1, count, &c);
    return are_counted(&c, n, 1);
}

/* Each waits until the others have begun: as many threads, or nobody comes. */
typedef struct meeting {
    atomic_int here;
    int of; /* how many */
    void (*look)(struct meeting *m);
    pthread_t caller;
    atomic_int result;
} meeting;

static void meet(void *arg, size_t begin, size_t end)
{
    meeting *m = arg;
    const time_t begun = time(NULL);

    atomic_fetch_add(&m->here, (int)(end - begin));
    while (atomic_load(&m->here) < m->of && time(NULL) - begun < PATIENCE)
        sched_yield();
    if (m->look != NULL && !pthread_equal(pthread_self(), m->caller))
        m->look(m);
}

/* What `look` finds on a thread that is not the caller's. */
static int found(pool *p, void (*look)(meeting *m))
{
    meeting m = {.of = 2, .look = look, .caller = pthread_self()};

    pool_run(p, 2, 1, meet, &m);
    return atomic_load(&m.result);
}

/* Sleeps the thread, soon?  One that spins never does. */
static bool falls_asleep(pid_t thread)
{
    const time_t begun = time(NULL);
    char path[64], text[64];

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    while (time(NULL) - begun < PATIENCE) {
        FILE *f = fopen(path, "r");
        const size_t n = f == NULL ? 0 : fread(text, 1, sizeof text - 1, f);
        if (f != NULL)
            fclose(f);
        text[n] = '\0'; /* "1234 (name) S ..." */
        if (strstr(text, ") S ") != NULL)
            return true;
        sched_yield();
    }
    return false;
}

static void tell_thread(meeting *m)
{
    atomic_store(&m->result, (int)gettid());
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

static void threads_take_at_most_so_many_at_once(void **state)
{
    static const size_t most[] = {1, 2, 8, MOST / 2};
    pool *p = create(2);

    (void)state;
    for (size_t k = 0; k < sizeof most / sizeof *most; k++) {
        counts c;
        memset(&c, 0, sizeof c);
        pool_run(p, MOST, most[k], count, &c);
        assert_true(are_counted(&c, MOST, 1));
        assert_in_range(atomic_load(&c.longest), 1, most[k]);
    }
    pool_free(p);
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
    pool_run(p, 3, 1, meet, &m);
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

/* How many threads this process has. */
static long threads_here(void)
{
    struct stat folder;

    assert_int_equal(stat("/proc/self/task", &folder), 0);
    return (long)folder.st_nlink - 2;
}

static void the_number_may_change_between_jobs(void **state)
{
    const long before = threads_here();
    pool *p = create(2);

    (void)state;
    for (uint32_t n = 1; n < 12; n++) {
        pool_set_threads(p, n * 5 % 12 + 1);
        assert_int_equal(pool_threads(p), n * 5 % 12 + 1);
        assert_true(runs_all(p, MOST));
    }
    pool_set_threads(p, 2);
    assert_int_equal(found(p, mark), 1);
    const time_t begun = time(NULL); /* one that was joined may linger */
    while (threads_here() != before + 1 && time(NULL) - begun < PATIENCE)
        sched_yield();
    assert_int_equal(threads_here(), before + 1);
    pool_free(p);
}

static void look_at_signals(meeting *m)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t blocked;
    char name[16] = "";

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    prctl(PR_GET_NAME, name);
    bool good = sigismember(&blocked, SIGINT) == 1 &&
                sigismember(&blocked, SIGTERM) == 1 &&
                strcmp(name, "descent") == 0;
    /* What a thread does itself is its own: an application may page memory in
     * on a fault. */
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        good = good && sigismember(&blocked, faults[i]) == 0;
    atomic_store(&m->result, good);
}

static void workers_have_a_name_and_get_no_signals_but_faults(void **state)
{
    pool *p = create(2);
    sigset_t blocked;

    (void)state;
    assert_int_equal(found(p, look_at_signals), 1);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGINT), 0);
    pool_free(p);
}

static pthread_t rings_for;
static atomic_int rung, astray;

static void ring(int number)
{
    (void)number;
    atomic_fetch_add(&rung, 1);
    if (!pthread_equal(pthread_self(), rings_for))
        atomic_fetch_add(&astray, 1);
}

static void signals_disturb_no_job(void **state)
{
    const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0}, {0}};
    const struct sigaction handler = {.sa_handler = ring}; /* not restarting */
    struct sigaction before;
    pool *p = create(3);
    bool good = true;

    (void)state;
    rings_for = pthread_self();
    atomic_store(&rung, 0);
    sigaction(SIGALRM, &handler, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    while (good && atomic_load(&rung) < 50)
        good = runs_all(p, 40);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_true(good);
    assert_int_equal(atomic_load(&astray), 0);
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

static void run_inside(void *arg, size_t begin, size_t end)
{
    const nest *n = arg;

    for (size_t i = begin; i < end; i++)
        pool_run(n->pool, MOST, 8, count, n->counts);
}

static void a_job_inside_a_job_runs_alone(void **state)
{
    pool *p = create(3);
    counts c;
    nest n = {p, &c};

    (void)state;
    memset(&c, 0, sizeof c);
    alarm(2 * PATIENCE);
    pool_run(p, 7, 2, run_inside, &n);
    alarm(0);
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

/* Each round starts and stops threads of its own; NULL, or where it failed. */
static void *start_and_stop(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        pool *p = NULL;
        if (pool_create(store, 2 + (uint32_t)i % 3, nobody, &p) != DESCENT_OK ||
            !runs_all(p, (size_t)i % 9))
            return arg;
        if (i % 3 == 0)
            pool_set_threads(p, 1 + (uint32_t)i % 4);
        if (!runs_all(p, 5))
            return arg;
        pool_free(p);
    }
    return NULL;
}

static void it_starts_and_stops_many_times(void **state)
{
    alarm(4 * PATIENCE);
    assert_null(start_and_stop(state));
    alarm(0);
}

static void two_at_once_start_and_stop_many_times(void **state)
{
    pthread_t other;
    void *bad;

    alarm(4 * PATIENCE);
    assert_int_equal(pthread_create(&other, NULL, start_and_stop, state), 0);
    assert_null(start_and_stop(state));
    assert_int_equal(pthread_join(other, &bad), 0);
    assert_null(bad);
    alarm(0);
}

static atomic_bool keep_changing;

static void *change_threads(void *arg)
{
    for (uint32_t i = 0; atomic_load(&keep_changing); i++) {
        pool_set_threads(arg, 1 + i % 5);
        sched_yield();
    }
    return NULL;
}

/* Of one pool that lives on, by its caller or another thread. */
static void the_number_goes_up_and_down_many_times(void **state)
{
    pool *p = create(2);
    pthread_t other;

    (void)state;
    alarm(4 * PATIENCE);
    for (int i = 0; i < ROUNDS / 2; i++) {
        pool_set_threads(p, 1 + (uint32_t)i % 4);
        assert_true(runs_all(p, (size_t)i % 9));
    }
    atomic_store(&keep_changing, true);
    assert_int_equal(pthread_create(&other, NULL, change_threads, p), 0);
    for (int i = 0; i < ROUNDS / 2; i++)
        assert_true(runs_all(p, (size_t)i % 9));
    atomic_store(&keep_changing, false);
    assert_int_equal(pthread_join(other, NULL), 0);
    alarm(0);
    pool_free(p);
}

/* ---- Waiting ---- */

static void who_has_nothing_to_do_sleeps(void **state)
{
    pool *p = create(2);

    (void)state;
    const pid_t worker = found(p, tell_thread);
    assert_true(worker > 0);
    assert_true(falls_asleep(worker));
    assert_int_equal(found(p, mark), 1); /* and wakes */
    pool_free(p);
}

/* The caller's task is done: it waits for this one. */
static void watch_caller(meeting *m)
{
    atomic_store(&m->result, falls_asleep(getpid()));
}

static void a_caller_sleeps_until_the_last_task_is_done(void **state)
{
    pool *p = create(2);

    (void)state;
    alarm(2 * PATIENCE);
    for (int i = 0; i < 20; i++)
        assert_int_equal(found(p, watch_caller), 1);
    alarm(0);
    pool_free(p);
}

static atomic_bool stop_neighbours;

static void *be_busy(void *arg)
{
    while (!atomic_load_explicit(&stop_neighbours, memory_order_relaxed))
        continue;
    return arg;
}

/* A thread looks at the clock at most this often before it sleeps: 20
 * microseconds, the first, and one for rounding.  Where the threads are more
 * than the processors it never does. */
static void check_looks(uint32_t threads)
{
    enum { JOBS = 20, LOOKS = 22 };
    pool *p = create(threads);
    const pid_t worker = found(p, tell_thread);

    assert_true(falls_asleep(worker));
    atomic_store(&looks, 0);
    for (int i = 0; i < JOBS; i++) {
        meeting m = {.of = (int)threads};
        pool_run(p, threads, 1, meet, &m);
        assert_true(falls_asleep(worker));
    }
    const long n = atomic_exchange(&looks, -1);
    /* Each worker spins once after a job, and the caller. */
    assert_true(
        n <= (threads > cpu_count() ? 0 : LOOKS * (JOBS + 1) * (long)threads));
    pool_free(p);
}

static void with_busy_neighbours_spins_stay_short(void **state)
{
    enum { MOST_NEIGHBOURS = 64 };
    const uint32_t wanted = 2 * cpu_count();
    const uint32_t n = wanted < MOST_NEIGHBOURS ? wanted : MOST_NEIGHBOURS;
    const uint32_t threads[] = {2, 3, 5, cpu_count() + 1};
    pthread_t neighbour[MOST_NEIGHBOURS];

    (void)state;
    alarm(4 * PATIENCE);
    atomic_store(&stop_neighbours, false);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(pthread_create(&neighbour[i], NULL, be_busy, NULL), 0);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        check_looks(threads[i]);
    atomic_store(&stop_neighbours, true);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(pthread_join(neighbour[i], NULL), 0);
    alarm(0);
}

/* ---- Callers that are cancelled, systems without threads ---- */

typedef struct victim {
    pool *pool;
    meeting meeting;
    atomic_int thread, finished;
} victim;

static void cancel_caller(meeting *m)
{
    const victim *v = (const void *)((char *)m - offsetof(victim, meeting));

    atomic_store(&m->result, falls_asleep(atomic_load(&v->thread)));
    pthread_cancel(m->caller);
    usleep(10000);
}

static void *be_cancelled(void *arg)
{
    victim *v = arg;

    atomic_store(&v->thread, (int)gettid());
    v->meeting =
        (meeting){.of = 2, .look = cancel_caller, .caller = pthread_self()};
    pool_run(v->pool, 2, 1, meet, &v->meeting);
    atomic_store(&v->finished, 1);
    pthread_testcancel();
    return NULL;
}

/* Others work with what is on its stack. */
static void a_cancelled_caller_finishes_its_job_first(void **state)
{
    victim v = {.pool = create(2)};
    pthread_t thread;
    void *result = NULL;

    (void)state;
    alarm(2 * PATIENCE);
    assert_int_equal(pthread_create(&thread, NULL, be_cancelled, &v), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_true(result == PTHREAD_CANCELED);
    assert_int_equal(atomic_load(&v.meeting.result), 1);
    assert_int_equal(atomic_load(&v.finished), 1);
    assert_int_equal(found(v.pool, mark), 1);
    alarm(0);
    pool_free(v.pool);
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

/* As another user, who may have no threads. */
static int try_without_threads(void)
{
    const struct rlimit none = {1, 1};
    pthread_t thread;
    pool *p;

    if ((getuid() == 0 && setuid(65534) != 0) ||
        setrlimit(RLIMIT_NPROC, &none) != 0 ||
        pthread_create(&thread, NULL, be_busy, NULL) != EAGAIN)
        return 77; /* not a system on which this can be tried */
    p = create(4);
    for (int i = 0; i < 10; i++)
        if (!runs_all(p, MOST))
            return 1;
    pool_set_threads(p, 2);
    if (!runs_all(p, MOST) || pool_check(p) != DESCENT_OK)
        return 2;
    pool_free(p);
    return 0;
}

static void a_system_without_threads_is_no_failure(void **state)
{
    int status = 0;

    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE);
        _exit(try_without_threads());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
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
    for (int k = 0; k < 2 * SYSTEMS; k++) {
        const bool sleeping = k % 2 != 0;
        pool *p = create(3);
        system_is = k / 2;
        int status = 0;
        assert_true(runs_all(p, MOST));
        ok(pool_check(p));
        if (sleeping)
            usleep(20000);
        const pid_t child = fork();
        if (child == 0) {
            alarm(PATIENCE);
            _exit(try_as_child(p));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        ok(pool_check(p));
        assert_true(runs_all(p, MOST));
        pool_free(p);
    }
    system_is = WIPES;
}

static void before_there_are_threads_a_child_may_go_on(void **state)
{
    pool *p = create(3);
    int status = 0;

    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE);
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

static void from_the_last(void *user, size_t n,
                          void (*task)(void *arg, size_t i), void *arg)
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
        cmocka_unit_test(threads_take_at_most_so_many_at_once),
        cmocka_unit_test(tasks_run_at_the_same_time),
        cmocka_unit_test(one_thread_is_the_callers),
        cmocka_unit_test(the_number_may_change_between_jobs),
        cmocka_unit_test(workers_have_a_name_and_get_no_signals_but_faults),
        cmocka_unit_test(signals_disturb_no_job),
        cmocka_unit_test(workers_calculate_as_the_caller_does),
        cmocka_unit_test(a_job_inside_a_job_runs_alone),
        cmocka_unit_test(callers_do_not_wait_for_each_other),
        cmocka_unit_test(it_starts_and_stops_many_times),
        cmocka_unit_test(two_at_once_start_and_stop_many_times),
        cmocka_unit_test(the_number_goes_up_and_down_many_times),
        cmocka_unit_test(who_has_nothing_to_do_sleeps),
        cmocka_unit_test(a_caller_sleeps_until_the_last_task_is_done),
        cmocka_unit_test(with_busy_neighbours_spins_stay_short),
        cmocka_unit_test(a_cancelled_caller_finishes_its_job_first),
        cmocka_unit_test(fewer_threads_than_wanted_are_no_failure),
        cmocka_unit_test(a_system_without_threads_is_no_failure),
        cmocka_unit_test(a_child_is_told_and_does_not_hang),
        cmocka_unit_test(before_there_are_threads_a_child_may_go_on),
        cmocka_unit_test(the_applications_function_runs_the_tasks),
        cmocka_unit_test(tasks_that_it_leaves_out_are_noticed),
    };

    return cmocka_run_group_tests(tests, open_store, close_store);
}
