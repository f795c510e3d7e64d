/* SPDX-License-Identifier: MIT */
/* How much memory a run takes at most: weights, gradients, declared state, one
 * in a hundred of these and a mebibyte, for lists of tensors as models have
 * them; and where the arrays lie. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/rule.h"

enum { MEBIBYTE = 1 << 20, MOST = 10000 };

/* ---- What the library asks for ---- */

/* Sizes as they are asked for, on any thread. */
static atomic_size_t live, peak;

static void *take(void *user, size_t bytes, size_t alignment)
{
    void *block = NULL;

    (void)user;
    if (posix_memalign(&block, alignment, bytes) != 0)
        return NULL;
    const size_t now = atomic_fetch_add(&live, bytes) + bytes;
    size_t most = atomic_load(&peak);
    while (now > most && !atomic_compare_exchange_weak(&peak, &most, now))
        continue;
    return block;
}

static void give(void *user, void *block, size_t bytes)
{
    (void)user;
    atomic_fetch_sub(&live, bytes);
    free(block);
}

static const descent_allocator allocator = {
    sizeof allocator, 0, NULL, take, give,
};

static descent_runtime *counted(uint32_t threads)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .allocator = &allocator,
                                             .threads = threads};
    descent_runtime *runtime = NULL;

    assert_int_equal(atomic_load(&live), 0);
    atomic_store(&peak, 0);
    ok(descent_runtime_create(&options, &runtime));
    return runtime;
}

/* ---- Lists of tensors ---- */

typedef struct list {
    size_t count;
    int64_t total; /* elements */
    int64_t size[MOST];
} list;

static void append(list *l, int64_t size, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        assert_true(l->count < MOST);
        l->size[l->count++] = size;
        l->total += size;
    }
}

/* GPT-2, small: 148 tensors. */
static void gpt2(list *l)
{
    enum { WIDTH = 768 };

    append(l, 50257 * WIDTH, 1);
    append(l, 1024 * WIDTH, 1);
    for (int layer = 0; layer < 12; layer++) {
        append(l, WIDTH, 4); /* two norms */
        append(l, 3 * WIDTH * WIDTH, 1);
        append(l, 3 * WIDTH, 1);
        append(l, WIDTH * WIDTH, 1);
        append(l, WIDTH, 2);
        append(l, 4 * WIDTH * WIDTH, 2);
        append(l, 4 * WIDTH, 1);
    }
    append(l, WIDTH, 2);
}

static void convolution(list *l, int64_t size, int64_t channels)
{
    append(l, size, 1);
    append(l, channels, 2); /* its norm */
}

/* ResNet-50: 161 tensors. */
static void resnet50(list *l)
{
    static const int blocks[] = {3, 4, 6, 3};
    int64_t in = 64;

    convolution(l, 3 * 64 * 49, 64);
    for (int stage = 0; stage < 4; stage++)
        for (int block = 0; block < blocks[stage]; block++) {
            const int64_t n = 64 << stage;
            convolution(l, in * n, n);
            convolution(l, n * n * 9, n);
            convolution(l, n * 4 * n, 4 * n);
            if (block == 0)
                convolution(l, in * 4 * n, 4 * n);
            in = 4 * n;
        }
    append(l, 2048 * 1000, 1);
    append(l, 1000, 1);
}

static void small_model(list *l)
{
    append(l, 25000, 213);
}

static void with_a_large_one(list *l)
{
    small_model(l);
    append(l, 16 * MEBIBYTE, 1);
}

static void many_small(list *l)
{
    append(l, 100, MOST);
}

/* Weights and gradients: memory that is there once it is touched. */
typedef struct model {
    list list;
    descent_dtype dtype;
    size_t bytes; /* of the weights, and of the gradients */
    char *weights, *gradients;
} model;

static void *map(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(at != MAP_FAILED);
    return at;
}

static void open_model(model *m, void (*fill)(list *l), descent_dtype dtype)
{
    const size_t size = dtype == DESCENT_DTYPE_F32 ? 4 : 2;

    memset(&m->list, 0, sizeof m->list);
    fill(&m->list);
    m->dtype = dtype;
    m->bytes = (size_t)m->list.total * size;
    m->weights = map(m->bytes);
    m->gradients = map(m->bytes);
}

static void close_model(model *m)
{
    munmap(m->weights, m->bytes);
    munmap(m->gradients, m->bytes);
}

/* All tensors in one call, or each in one. */
static void bind(descent_optimizer *o, const model *m, bool apart)
{
    static descent_tensor tensors[MOST];
    static char names[MOST][24];
    const size_t size = m->dtype == DESCENT_DTYPE_F32 ? 4 : 2;
    size_t at = 0;

    for (size_t i = 0; i < m->list.count; i++) {
        snprintf(names[i], sizeof names[i], "w%zu", i);
        tensors[i] = (descent_tensor){
            .struct_size = sizeof *tensors,
            .dtype = m->dtype,
            .name = names[i],
            .ndim = 1,
            .shape = &m->list.size[i],
            .data = m->weights + at,
            .gradient = m->gradients + at,
        };
        at += (size_t)m->list.size[i] * size;
        if (apart)
            ok(descent_optimizer_add(o, &tensors[i], 1));
    }
    if (!apart)
        ok(descent_optimizer_add(o, tensors, m->list.count));
}

/* ---- The peak ---- */

static model at_hand;

static size_t room_beside(const model *m, size_t state)
{
    return (2 * m->bytes + state) / 100 + MEBIBYTE;
}

typedef struct trial {
    void (*list)(list *l);
    descent_dtype dtype;
    const char *kind, *json;
    bool apart;
} trial;

#define F32 DESCENT_DTYPE_F32
#define BF16 DESCENT_DTYPE_BF16

#ifdef DESCENT_SANITIZED
enum { FIRST = 1 }; /* without the gigabyte of GPT-2 */
#else
enum { FIRST = 0 };
#endif

static const trial trials[] = {
    {gpt2, F32, "sgd", "{\"momentum\": 0.9}", true},
    {resnet50, F32, "sgd", "{}", false},
    {resnet50, F32, "adam", "{\"amsgrad\": true, \"use_ema\": true}", true},
    {small_model, F32, "sgd", "{}", true},
    {small_model, F32, "adam", "{}", true},
    {small_model, F32, "adam",
     "{\"use_ema\": true, \"gradient_accumulation_steps\": 2, "
     "\"global_clipnorm\": 1, \"loss_scale\": true}",
     true},
    {small_model, F32, "nadam", "{\"counter\": \"per_tensor\"}", true},
    {small_model, BF16, "adam", "{\"master\": \"f32\"}", true},
    {small_model, BF16, "adam",
     "{\"master\": \"kahan\", \"slot_dtype\": \"same\"}", true},
    {small_model, BF16, "sgd",
     "{\"master\": \"stochastic\", \"gradient_accumulation_steps\": 2, "
     "\"use_ema\": true}",
     true},
};

/* What is asked for beside the state; the state's bytes are *state. */
static size_t overhead(const trial *t, size_t *state)
{
    descent_runtime *runtime = counted(2);
    descent_optimizer *o = check_optimizer(runtime, t->kind, t->json);

    bind(o, &at_hand, t->apart);
    for (int i = 0; i < 2; i++)
        check_step(o);
    *state = descent_optimizer_state_bytes(o);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    assert_int_equal(atomic_load(&live), 0);
    return atomic_load(&peak) - *state;
}

static void lists_of_models_take_one_in_a_hundred(void **state)
{
    (void)state;
    for (size_t i = FIRST; i < sizeof trials / sizeof *trials; i++) {
        const trial *t = &trials[i];
        size_t bytes;
        open_model(&at_hand, t->list, t->dtype);
        const size_t found = overhead(t, &bytes);
        const size_t room = room_beside(&at_hand, bytes);
        if (found > room)
            fail_msg("%zu tensors, %s %s: %zu bytes, expected %zu",
                     at_hand.list.count, t->kind, t->json, found, room);
        close_model(&at_hand);
    }
}

/* Where tensors are this small their bookkeeping is more than that: a bound of
 * its own. */
static void a_small_tensor_takes_little_more_than_a_kilobyte(void **state)
{
    enum { ENOUGH = 1152 };
    static const char *const options[] = {"{}", "{\"use_ema\": true}"};

    (void)state;
    open_model(&at_hand, many_small, F32);
    for (size_t i = 0; i < 2; i++) {
        const trial t = {many_small, F32, "adam", options[i], false};
        size_t bytes;
        const size_t found = overhead(&t, &bytes);
        assert_true(found <= (size_t)ENOUGH * MOST);
    }
    close_model(&at_hand);
}

static void rows_take_little(void **state)
{
    enum { ROWS = 3000, WIDTH = 768 };
    static int64_t indices[ROWS];
    static const int64_t shape[] = {50257, WIDTH};
    static const char *const options[] = {
        "{\"sparse\": \"lazy\"}",
        "{\"sparse\": \"lazy\", \"gradient_accumulation_steps\": 2}",
    };
    model m = {.bytes = 50257 * WIDTH * sizeof(float)};
    const size_t values = ROWS * WIDTH * sizeof(float);

    (void)state;
    m.weights = map(m.bytes);
    m.gradients = map(values);
    for (size_t k = 0; k < 2; k++) {
        descent_runtime *runtime = counted(2);
        descent_optimizer *o = check_optimizer(runtime, "sgd", options[k]);
        ok(descent_optimizer_add(
            o,
            &(descent_tensor){.struct_size = sizeof(descent_tensor),
                              .dtype = F32,
                              .name = "embedding",
                              .ndim = 2,
                              .shape = shape,
                              .data = m.weights},
            1));
        for (int64_t step = 0; step < 4; step++) {
            for (int64_t i = 0; i < ROWS; i++) /* half of them twice */
                indices[i] = i * 7919 % (ROWS / 2) * 11 + step;
            const descent_gradient g = {.struct_size = sizeof g,
                                        .data = m.gradients,
                                        .indices = indices,
                                        .rows = ROWS};
            ok(descent_optimizer_step(o, &g, 1, NULL, NULL));
        }
        const size_t bytes = descent_optimizer_state_bytes(o);
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
        const size_t found = atomic_load(&peak) - bytes;
        assert_true(found <= (m.bytes + values + bytes) / 100 + MEBIBYTE);
    }
    munmap(m.weights, m.bytes);
    munmap(m.gradients, values);
}

/* Saving writes what is there; loading holds all of the file, once. */
static void a_state_is_saved_in_place_and_loaded_beside_it(void **state)
{
    char path[] = "/tmp/descent-memory-XXXXXX";
    const int file = mkstemp(path);

    (void)state;
    assert_true(file >= 0);
    close(file);
    unlink(path);
    open_model(&at_hand, small_model, F32);
    descent_runtime *runtime = counted(2);
    descent_optimizer *o = check_optimizer(runtime, "adam", NULL);
    bind(o, &at_hand, false);
    check_step(o);
    const size_t bytes = descent_optimizer_state_bytes(o);
    const size_t room = room_beside(&at_hand, bytes);
    ok(descent_optimizer_save(o, path, NULL));
    const size_t saving = atomic_load(&peak) - bytes;
    ok(descent_optimizer_load(o, path, NULL));
    const size_t loading = atomic_load(&peak) - bytes;
    assert_true(saving <= room);
    assert_true(loading <= at_hand.bytes + bytes + room);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    unlink(path);
    close_model(&at_hand);
}

/* ---- What the process takes ---- */

/* The line "NAME: n kB" of this process' status, in bytes; 0: not there. */
static size_t status_of(const char *name)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    size_t kilobytes = 0;

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kilobytes = strtoul(line + strlen(name), NULL, 10);
    if (f != NULL)
        fclose(f);
    return 1024 * kilobytes;
}

/* In a child: the most memory it ever took, beside weights and gradients, as
 * the system counts it. */
static int take_steps(const trial *t)
{
    descent_runtime *runtime = NULL;
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .threads = 2};

    memset(at_hand.weights, 0, at_hand.bytes);
    memset(at_hand.gradients, 0, at_hand.bytes);
    const size_t before = status_of("VmRSS:");
    ok(descent_runtime_create(&options, &runtime));
    descent_optimizer *o = check_optimizer(runtime, t->kind, t->json);
    bind(o, &at_hand, t->apart);
    for (int i = 0; i < 3; i++)
        check_step(o);
    const size_t bytes = descent_optimizer_state_bytes(o);
    const size_t most = status_of("VmHWM:");
    if (before == 0 || most == 0)
        return 77;
    const size_t room = room_beside(&at_hand, bytes);
    return most - before <= bytes + room ? 0 : 1;
}

static void so_the_system_counts(void **state)
{
    static const trial most[] = {
        {with_a_large_one, F32, "adam", "{}", true},
        {small_model, F32, "adam", "{\"use_ema\": true}", true},
        {small_model, BF16, "adam", "{\"master\": \"f32\"}", false},
    };

    (void)state;
#ifdef DESCENT_SANITIZED /* which take memory themselves */
    skip();
#endif
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        int status = 0;
        open_model(&at_hand, most[i].list, most[i].dtype);
        const pid_t child = fork();
        if (child == 0)
            _exit(take_steps(&most[i]));
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            skip();
        assert_int_equal(status, 0);
        close_model(&at_hand);
    }
}

/* ---- What cannot be addressed ---- */

static const descent_slot two[] = {
    {sizeof two[0], DESCENT_SLOT_LIKE_WEIGHT, 0, "first", "None.",
     DESCENT_DTYPE_COMPUTE, 0, 0, NULL},
    {sizeof two[0], DESCENT_SLOT_LIKE_WEIGHT, 0, "second", "None.",
     DESCENT_DTYPE_COMPUTE, 0, 0, NULL},
};

static descent_status step(void *self, const descent_pass *pass)
{
    (void)self;
    (void)pass;
    return DESCENT_OK;
}

/* One span a tensor, so that it is the state which is too large. */
static const descent_optimizer_type whole = {
    RULE("whole", DESCENT_SCOPE_TENSOR, step),
    .runs = DESCENT_RUNS_F32 | DESCENT_RUNS_F64,
    .slot_count = 2,
    .slots = two,
};
RULE_ENTRY(entry, "memory", &whole, 1)

static void more_than_can_be_addressed_is_refused(void **state)
{
    static float w[2], g[2];
    const int64_t vast = PTRDIFF_MAX / (int64_t)sizeof(float) - 64;
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = F32,
        .name = "vast",
        .ndim = 1,
        .shape = &vast,
        .data = (void *)(uintptr_t)64, /* nobody looks there */
    };
    descent_runtime *runtime = counted(1);

    (void)state;
    ok(descent_runtime_register(runtime, entry, NULL));
    descent_optimizer *o = check_optimizer(runtime, "adam", NULL);
    refused(descent_optimizer_add(o, &t, 1), DESCENT_ERR_MEMORY,
            "out of memory");
    assert_int_equal(descent_optimizer_tensor_count(o), 0);
    check_bind(o, "w", w, g, 2);
    check_step(o);
    descent_optimizer_free(o);

    o = check_optimizer(runtime, "whole", NULL);
    ok(descent_optimizer_add(o, &t, 1));
    refused(descent_optimizer_build(o), DESCENT_ERR_MEMORY,
            "the state is larger than can be addressed");
    ok(descent_optimizer_remove(o, "vast"));
    check_bind(o, "w", w, g, 2);
    check_step(o);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    assert_int_equal(atomic_load(&live), 0);
}

/* ---- Where arrays lie ---- */

static void
arrays_are_aligned_and_large_ones_apart_within_the_page(void **state)
{
    enum { PAGE = 4096, LINE = 64, LEAST = 512, TENSORS = 3 };
    static const int64_t sizes[TENSORS] = {7, 1 << 18, (1 << 15) - 208};
    static const char *const slots[] = {"momentum", "velocity", "average"};
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o =
        check_optimizer(runtime, "adam", "{\"use_ema\": true}");
    char *weights = map((size_t)(TENSORS * sizes[1]) * sizeof(float));

    (void)state;
    for (int i = 0; i < TENSORS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        check_bind(o, name, (float *)(void *)weights + i * sizes[1], NULL,
                   sizes[i]);
    }
    ok(descent_optimizer_build(o));
    for (size_t i = 0; i < TENSORS; i++) {
        uintptr_t at[3];
        for (size_t k = 0; k < 3; k++) {
            descent_tensor view = {.struct_size = sizeof view};
            ok(descent_optimizer_slot(o, i, slots[k], &view));
            at[k] = (uintptr_t)view.data;
            assert_int_equal(at[k] % LINE, 0);
            for (size_t j = 0; j < k && i > 0; j++) {
                const size_t between = (at[k] - at[j]) % PAGE;
                assert_in_range(between, LEAST, PAGE - LEAST);
            }
        }
    }
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    munmap(weights, (size_t)(TENSORS * sizes[1]) * sizeof(float));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_models_take_one_in_a_hundred),
        cmocka_unit_test(a_small_tensor_takes_little_more_than_a_kilobyte),
        cmocka_unit_test(rows_take_little),
        cmocka_unit_test(a_state_is_saved_in_place_and_loaded_beside_it),
        cmocka_unit_test(so_the_system_counts),
        cmocka_unit_test(more_than_can_be_addressed_is_refused),
        cmocka_unit_test(
            arrays_are_aligned_and_large_ones_apart_within_the_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
