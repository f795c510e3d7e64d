/* SPDX-License-Identifier: MIT */
/* Steps on several threads: whose failure is told, who may not run on several,
 * what a child of the process is told, steps inside steps, and the application's
 * own threads. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/rule.h"

enum { SIZE = 420000, SPANS = 26 };

static float w[SIZE], g[SIZE];

/* Applications may have much that is a thread's own: it takes of the stacks. */
static _Thread_local volatile char own[300000];

/* ---- Rules ---- */

static pthread_t caller;
static atomic_int elsewhere, here, bad_from;

/* Fails from an element on; notes where it runs. */
static descent_status step(void *self, const descent_pass *pass)
{
    const char *at = pass->spans;

    (void)self;
    own[pass->count % sizeof own] = 1;
    if (!pthread_equal(pthread_self(), caller))
        atomic_fetch_add(&elsewhere, 1);
    for (size_t i = 0; i < pass->count; i++, at += pass->span_size) {
        const descent_span *s = (const void *)at;
        const int64_t bad = atomic_load(&bad_from);
        if (s->first + s->count > bad)
            return (pass->host->fail)(
                pass->host, DESCENT_ERR_NUMERIC, "no rule from %lld on",
                (long long)(s->first > bad ? s->first : bad));
    }
    return DESCENT_OK;
}

/* Both tasks wait for each other. */
static void meet(void *arg, size_t i)
{
    const double begun = descent_clock();

    (void)arg;
    (void)i;
    atomic_fetch_add(&here, 1);
    while (atomic_load(&here) < 2 && descent_clock() - begun < 60)
        sched_yield();
    if (!pthread_equal(pthread_self(), caller))
        atomic_fetch_add(&elsewhere, 1);
}

static descent_status whole_step(void *self, const descent_pass *pass)
{
    (void)self;
    (pass->host->parallel)(pass->host, 2, meet, NULL);
    return DESCENT_OK;
}

/* Steps of others, inside this one's. */
static descent_optimizer *inner[2];
static atomic_int inner_failures;

static void step_inner(void *arg, size_t i)
{
    meet(arg, i);
    for (int k = 0; k < 10; k++)
        if (descent_optimizer_step(inner[i], NULL, 0, NULL, NULL) != DESCENT_OK)
            atomic_fetch_add(&inner_failures, 1);
}

static descent_status nesting_step(void *self, const descent_pass *pass)
{
    (void)self;
    (pass->host->parallel)(pass->host, 2, step_inner, NULL);
    return DESCENT_OK;
}

#define TYPE(name, scope_, flags_, step_)                                      \
    {                                                                          \
        RULE(name, scope_, step_),                                             \
            .flags = (flags_), .runs = DESCENT_RUNS_F32 | DESCENT_RUNS_F64,    \
    }

static const descent_optimizer_type types[] = {
    TYPE("failing", DESCENT_SCOPE_ELEMENT, 0, step),
    TYPE("serial", DESCENT_SCOPE_ELEMENT, DESCENT_TYPE_SERIAL, step),
    TYPE("whole", DESCENT_SCOPE_TENSOR, 0, whole_step),
    TYPE("nesting", DESCENT_SCOPE_TENSOR, 0, nesting_step),
};
RULE_ENTRY(entry, "faults", types, sizeof types / sizeof *types)

static descent_runtime *open_runtime(const descent_runtime_options *options)
{
    descent_runtime *runtime = NULL;

    ok(descent_runtime_create(options, &runtime));
    ok(descent_runtime_register(runtime, entry, NULL));
    atomic_store(&bad_from, SIZE);
    atomic_store(&elsewhere, 0);
    atomic_store(&here, 0);
    caller = pthread_self();
    return runtime;
}

static descent_runtime *with_threads(uint32_t threads)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .threads = threads};

    return open_runtime(&options);
}

static descent_optimizer *bound(descent_runtime *runtime, const char *kind,
                                const char *json)
{
    descent_optimizer *o = check_optimizer(runtime, kind, json);

    check_bind(o, "w", w, g, SIZE);
    return o;
}

static descent_status take_step(descent_optimizer *o)
{
    return descent_optimizer_step(o, NULL, 0, NULL, NULL);
}

/* ---- Facts ---- */

static void the_first_failure_is_told_on_the_callers_thread(void **state)
{
    static const int from[] = {0, 16384, 16384 * (SPANS - 1)};

    (void)state;
    for (size_t i = 0; i < 30; i++) {
        char text[64];
        descent_runtime *runtime = with_threads(1 + (uint32_t)i % 5);
        descent_optimizer *o = bound(runtime, "failing", NULL);
        ok(take_step(o));
        atomic_store(&bad_from, from[i % 3]);
        snprintf(text, sizeof text,
                 "failing: update 2 failed midway: no rule from %d on",
                 from[i % 3]);
        refused(take_step(o), DESCENT_ERR_NUMERIC, text);
        atomic_store(&bad_from, SIZE);
        refused(take_step(o), DESCENT_ERR_STATE, "failed midway");
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

static void a_serial_rule_stays_on_the_callers_thread(void **state)
{
    descent_runtime *runtime = with_threads(4);
    descent_optimizer *o = bound(runtime, "serial", NULL);

    (void)state;
    for (int i = 0; i < 20; i++)
        ok(take_step(o));
    assert_int_equal(atomic_load(&elsewhere), 0);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void rules_over_whole_tensors_have_threads_of_their_own(void **state)
{
    descent_runtime *runtime = with_threads(2);
    descent_optimizer *o = bound(runtime, "whole", NULL);

    (void)state;
    ok(take_step(o));
    assert_int_equal(atomic_load(&here), 2);
    assert_int_equal(atomic_load(&elsewhere), 1);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* Of another runtime, whose threads both steps want, and of this one's. */
static void steps_may_be_taken_inside_a_step(void **state)
{
    enum { HALF = SIZE / 2 };
    descent_runtime *runtime = with_threads(2), *other = with_threads(2);

    (void)state;
    for (int same = 0; same < 2; same++) {
        float x = 0, slope = 0;
        for (int i = 0; i < SIZE; i++) {
            w[i] = 100;
            g[i] = (float)(i % 7);
        }
        atomic_store(&here, 0);
        atomic_store(&inner_failures, 0);
        for (int i = 0; i < 2; i++) {
            inner[i] = check_optimizer(same ? runtime : other, "sgd",
                                       "{\"learning_rate\": 1}");
            check_bind(inner[i], "w", w + i * HALF, g + i * HALF, HALF);
        }
        descent_optimizer *o = check_optimizer(runtime, "nesting", NULL);
        check_bind(o, "x", &x, &slope, 1);
        ok(take_step(o));
        assert_int_equal(atomic_load(&here), 2);
        assert_int_equal(atomic_load(&inner_failures), 0);
        for (int i = 0; i < SIZE; i++)
            assert_true(w[i] == (float)(100 - 10 * (i % 7)));
        descent_optimizer_free(o);
        for (int i = 0; i < 2; i++)
            descent_optimizer_free(inner[i]);
    }
    descent_runtime_free(other);
    descent_runtime_free(runtime);
}

static void large_thread_local_variables_leave_room_for_threads(void **state)
{
    descent_runtime *runtime = with_threads(3);
    descent_optimizer *o = bound(runtime, "failing", NULL);

    (void)state;
    for (int i = 0; i < 10000 && atomic_load(&elsewhere) == 0; i++)
        ok(take_step(o));
    assert_true(atomic_load(&elsewhere) > 0);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

#ifdef DESCENT_SANITIZED
enum { ROUNDS = 200 };
#else
enum { ROUNDS = 5000 };
#endif

/* Two at once, which are as many threads as processors or more. */
static void runtimes_start_and_stop_many_times(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        descent_runtime *r[2];
        descent_optimizer *o[2];
        for (int k = 0; k < 2; k++) {
            r[k] = with_threads(2 + (uint32_t)(i + k) % 3);
            o[k] = check_optimizer(r[k], "failing", NULL);
            check_bind(o[k], "w", w + k * SIZE / 2, g + k * SIZE / 2, SIZE / 2);
            ok(take_step(o[k]));
        }
        ok(descent_runtime_set_threads(r[i % 2], 1 + (uint32_t)i % 4));
        for (int k = 0; k < 2; k++) {
            ok(take_step(o[k]));
            descent_optimizer_free(o[k]);
            descent_runtime_free(r[k]);
        }
    }
}

static void denormals_are_flushed_on_every_thread(void **state)
{
    static const char *const options[] = {
        "{\"learning_rate\": 1, \"flush_denormals\": true}",
        "{\"learning_rate\": 1}",
    };

    (void)state;
    memset(g, 0, sizeof g);
    for (int k = 0; k < 2; k++) {
        descent_runtime *runtime = with_threads(4);
        descent_optimizer *o = bound(runtime, "sgd", options[k]);
        for (int i = 0; i < SIZE; i++)
            w[i] = 0x1p-130f;
        ok(take_step(o));
        for (int i = 0; i < SIZE; i++)
            assert_true(w[i] == (k == 0 ? 0 : 0x1p-130f));
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

/* The thread sanitizer cannot follow threads that a child starts. */
#ifdef __SANITIZE_THREAD__
enum { CHILDS_THREADS = 1 };
#else
enum { CHILDS_THREADS = 3 };
#endif

/* A step of any size, in a child. */
static int try_as_child(descent_runtime *runtime, descent_optimizer *o)
{
    float small = 1, slope = 1;

    if (take_step(o) != DESCENT_ERR_STATE ||
        strstr(descent_error_message(), "when it forked") == NULL)
        return 1;
    descent_optimizer *other = check_optimizer(runtime, "sgd", NULL);
    check_bind(other, "small", &small, &slope, 1);
    if (take_step(other) != DESCENT_ERR_STATE || small != 1)
        return 2;
    descent_optimizer_free(other);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);

    runtime = with_threads(CHILDS_THREADS);
    o = bound(runtime, "sgd", NULL);
    ok(take_step(o));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    return 0;
}

static void a_child_is_told_to_make_its_own_runtime(void **state)
{
    descent_runtime *runtime = with_threads(3);
    descent_optimizer *o = bound(runtime, "sgd", NULL);
    int status = 0;

    (void)state;
    ok(take_step(o));
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        _exit(try_as_child(runtime, o));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ok(take_step(o));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* ---- The application's threads ---- */

typedef struct application {
    int calls;
    size_t skipped;
} application;

static void backwards(void *user, size_t n, void (*task)(void *, size_t),
                      void *arg)
{
    application *a = user;

    a->calls++;
    while (n-- > a->skipped)
        task(arg, n);
}

static void an_application_may_bring_its_threads(void **state)
{
    application a = {0};
    descent_runtime_options options = {.struct_size = sizeof options,
                                       .threads = 4,
                                       .parallel_for = backwards,
                                       .parallel_user = &a};
    descent_runtime *runtime = open_runtime(&options);
    descent_optimizer *o = bound(runtime, "failing", NULL);

    (void)state;
    ok(take_step(o));
    assert_int_equal(a.calls, 1);
    assert_int_equal(atomic_load(&elsewhere), 0);
    ok(descent_runtime_set_threads(runtime, 1));
    ok(take_step(o));
    assert_int_equal(a.calls, 1);
    ok(descent_runtime_set_threads(runtime, 4));
    a.skipped = 1;
    refused(take_step(o), DESCENT_ERR_STATE,
            "parallel_for of the application ran more or fewer tasks");
    refused(take_step(o), DESCENT_ERR_STATE, "failed midway");
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* Threads of the application's, the second of which ends too early. */
typedef struct loop {
    void (*task)(void *, size_t);
    void *arg;
    size_t first, end;
    bool dies;
} loop;

static void *run_loop(void *arg)
{
    const loop *l = arg;

    for (size_t i = l->first; i < l->end; i++) {
        if (l->dies)
            pthread_exit(NULL);
        l->task(l->arg, i);
    }
    return NULL;
}

static void in_halves(void *user, size_t n, void (*task)(void *, size_t),
                      void *arg)
{
    loop half[2] = {{task, arg, 0, n / 2, false},
                    {task, arg, n / 2, n, *(const bool *)user}};
    pthread_t thread[2];

    for (int i = 0; i < 2; i++)
        if (pthread_create(&thread[i], NULL, run_loop, &half[i]) != 0)
            abort();
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

static void of_its_threads_one_may_end_too_early(void **state)
{
    bool dies = false;
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .threads = 4,
                                             .parallel_for = in_halves,
                                             .parallel_user = &dies};
    descent_runtime *runtime = open_runtime(&options);
    descent_optimizer *o = bound(runtime, "failing", NULL);

    (void)state;
    ok(take_step(o));
    assert_true(atomic_load(&elsewhere) > 0);
    dies = true;
    refused(take_step(o), DESCENT_ERR_STATE,
            "parallel_for of the application ran more or fewer tasks");
    dies = false;
    refused(take_step(o), DESCENT_ERR_STATE, "failed midway");
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void an_older_shorter_struct_has_no_function(void **state)
{
    application a = {0};
    descent_runtime_options options = {
        .struct_size = offsetof(descent_runtime_options, parallel_for),
        .threads = 4,
        .parallel_for = backwards,
        .parallel_user = &a};
    descent_runtime *runtime = open_runtime(&options);
    descent_optimizer *o = bound(runtime, "failing", NULL);

    (void)state;
    ok(take_step(o));
    assert_int_equal(a.calls, 0);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void the_number_can_be_set(void **state)
{
    descent_runtime *runtime = with_threads(2);

    (void)state;
    ok(descent_runtime_set_threads(runtime, 7));
    assert_int_equal(descent_runtime_threads(runtime), 7);
    refused(descent_runtime_set_threads(runtime, 1025), DESCENT_ERR_ARGUMENT,
            "threads = 1025: expected 1 to 1024, or 0");
    refused(descent_runtime_set_threads(NULL, 1), DESCENT_ERR_ARGUMENT,
            "runtime is NULL");
    assert_int_equal(descent_runtime_threads(runtime), 7);
    ok(descent_runtime_set_threads(runtime, 0));
    assert_true(descent_runtime_threads(runtime) >= 1);
    descent_runtime_free(runtime);
}

/* ---- Many at once ---- */

typedef struct client {
    descent_optimizer *o;
    float *weight;
    pthread_t thread;
    descent_status status;
} client;

static void *take_steps(void *arg)
{
    client *c = arg;

    for (int i = 0; i < 20 && c->status == DESCENT_OK; i++)
        c->status = take_step(c->o);
    return NULL;
}

static void optimizers_of_one_runtime_do_not_disturb_each_other(void **state)
{
    enum { CLIENTS = 3, SHARE = SIZE / CLIENTS };
    descent_runtime *runtime = with_threads(3);
    client c[CLIENTS];

    (void)state;
    for (int i = 0; i < SIZE; i++) {
        w[i] = 1;
        g[i] = (float)(i % SHARE % 7);
    }
    for (int k = 0; k < CLIENTS; k++) {
        c[k] = (client){
            .o = check_optimizer(runtime, "adam", "{\"global_clipnorm\": 1}"),
            .weight = w + k * SHARE};
        check_bind(c[k].o, "w", c[k].weight, g + k * SHARE, SHARE);
        assert_int_equal(pthread_create(&c[k].thread, NULL, take_steps, &c[k]),
                         0);
    }
    for (int k = 0; k < CLIENTS; k++) {
        assert_int_equal(pthread_join(c[k].thread, NULL), 0);
        ok(c[k].status);
        assert_memory_equal(c[k].weight, w, SHARE * sizeof *w);
        descent_optimizer_free(c[k].o);
    }
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_is_told_on_the_callers_thread),
        cmocka_unit_test(a_serial_rule_stays_on_the_callers_thread),
        cmocka_unit_test(rules_over_whole_tensors_have_threads_of_their_own),
        cmocka_unit_test(steps_may_be_taken_inside_a_step),
        cmocka_unit_test(large_thread_local_variables_leave_room_for_threads),
        cmocka_unit_test(runtimes_start_and_stop_many_times),
        cmocka_unit_test(denormals_are_flushed_on_every_thread),
        cmocka_unit_test(a_child_is_told_to_make_its_own_runtime),
        cmocka_unit_test(an_application_may_bring_its_threads),
        cmocka_unit_test(of_its_threads_one_may_end_too_early),
        cmocka_unit_test(an_older_shorter_struct_has_no_function),
        cmocka_unit_test(the_number_can_be_set),
        cmocka_unit_test(optimizers_of_one_runtime_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
