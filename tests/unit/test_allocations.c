/* SPDX-License-Identifier: MIT */
/* A step allocates nothing after the first; and every allocation may fail: an
 * error, no leak, weights as they were. */
#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "support/check.h"

enum { SIZE = 5000, STEPS = 1000 };

static const char everything[] =
    "{\"weight_decay\": 0.01, \"global_clipnorm\": 1, \"use_ema\": true, "
    "\"ema_overwrite_frequency\": 3, \"loss_scale\": {\"initial_scale\": 8, "
    "\"dynamic_growth_steps\": 5}, \"skip_counts\": true, \"report_norm\": "
    "true, \"flush_denormals\": true, "
    "\"gradient_accumulation_steps\": 2, \"learning_rate\": {\"class_name\": "
    "\"sequential\", \"config\": {\"milestones\": [1], \"schedules\": ["
    "{\"class_name\": \"hold\", \"config\": {\"value\": 0.1}}, "
    "{\"class_name\": \"multiply\", \"config\": {\"first\": {\"class_name\": "
    "\"reduce_on_plateau\", \"config\": {}}, \"second\": {\"class_name\": "
    "\"CosineDecay\", \"config\": {\"initial_learning_rate\": 0.1, "
    "\"decay_steps\": 100}}}}]}}";

static const struct {
    const char *kind, *more;
} cases[] = {
    {"sgd", ", \"momentum\": 0.9, \"nesterov\": true}"},
    {"adam", ", \"amsgrad\": true}"},
    {"adam", ", \"use_fused_step\": false}"},
    {"adagrad", "}"},
    {"rmsprop", ", \"centered\": true, \"momentum\": 0.5}"},
    {"adadelta", "}"},
    {"adamax", "}"},
    {"nadam", "}"},
    {"adam", ", \"master\": \"f32\"}"},
    {"adam", ", \"master\": \"kahan\", \"slot_dtype\": \"same\"}"},
    {"sgd", ", \"master\": \"stochastic\", \"momentum\": 0.9}"},
};
enum { CASES = sizeof cases / sizeof *cases };

static float w32[SIZE], g32[SIZE];
static double w64[SIZE], g64[SIZE];
static uint16_t w16[SIZE], g16[SIZE];

static void fill(void)
{
    for (int i = 0; i < SIZE; i++) {
        w32[i] = (float)(i % 17) - 8;
        g32[i] = (float)(i % 23) - 11;
        w64[i] = w32[i];
        g64[i] = g32[i];
    }
    ok(descent_convert(DESCENT_DTYPE_BF16, w16, DESCENT_DTYPE_F32, w32, SIZE));
    ok(descent_convert(DESCENT_DTYPE_BF16, g16, DESCENT_DTYPE_F32, g32, SIZE));
}

static descent_status bind(descent_optimizer *o)
{
    const int64_t n = SIZE;
    const descent_tensor t[3] = {
        {.struct_size = sizeof *t,
         .dtype = DESCENT_DTYPE_F32,
         .name = "single",
         .ndim = 1,
         .shape = &n,
         .data = w32,
         .gradient = g32},
        {.struct_size = sizeof *t,
         .dtype = DESCENT_DTYPE_F64,
         .name = "double",
         .ndim = 1,
         .shape = &n,
         .data = w64,
         .gradient = g64},
        {.struct_size = sizeof *t,
         .dtype = DESCENT_DTYPE_BF16,
         .name = "half",
         .ndim = 1,
         .shape = &n,
         .data = w16,
         .gradient = g16},
    };

    return descent_optimizer_add(o, t, 3);
}

static descent_status plain_step(descent_optimizer *o)
{
    return descent_optimizer_step(o, NULL, 0, NULL, NULL);
}

/* A step in which every tensor's gradient has n rows, which fall. */
static descent_status sparse_step(descent_optimizer *o, int64_t n)
{
    static int64_t indices[SIZE];
    descent_gradient g[3];
    const void *const values[3] = {g32, g64, g16};

    for (int64_t i = 0; i < n; i++)
        indices[i] = (SIZE - 1 - 2 * i % SIZE) % SIZE;
    for (size_t k = 0; k < 3; k++)
        g[k] = (descent_gradient){.struct_size = sizeof *g,
                                  .data = values[k],
                                  .indices = indices,
                                  .rows = n};
    return descent_optimizer_step(o, g, 3, NULL, NULL);
}

/* The options of case i after these. */
static void with(const char *begin, char *json, size_t size, size_t i)
{
    json[0] = '\0';
    strncat(json, begin, size - 1);
    strncat(json, cases[i].more, size - 1 - strlen(json));
}

/* ---- Nothing is allocated ---- */

#ifndef DESCENT_SANITIZED  /* the sanitizers have these functions themselves */
static atomic_ulong calls; /* of whatever thread */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size)
{
    calls++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    calls++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    calls++;
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    calls++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    calls++;
    *out = __libc_memalign(alignment, size);
    return *out == NULL;
}

void *mmap(void *address, size_t size, int protection, int flags, int file,
           off_t offset)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);

    calls++;
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "mmap");
    return next(address, size, protection, flags, file, offset);
}

enum { LARGE = 130000 }; /* with the others, enough for several threads */

/* Steps 2 to STEPS allocate nothing. */
static void step_often(const char *kind, const char *json, uint32_t threads)
{
    static float w[LARGE], g[LARGE];
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .threads = threads};
    descent_runtime *runtime = NULL;

    ok(descent_runtime_create(&options, &runtime));
    descent_optimizer *o = check_optimizer(runtime, kind, json);
    fill();
    ok(bind(o));
    if (threads > 1)
        check_bind(o, "large", w, g, LARGE);
    ok(plain_step(o));
    const unsigned long before = calls;
    assert_true(before > 0);
    for (int k = 2; k <= STEPS; k++) {
        /* Some are skipped, where the loss is scaled. */
        g32[7] = k % 7 == 0 ? NAN : 1;
        if (plain_step(o) != DESCENT_OK)
            break;
    }
    assert_int_equal(calls - before, 0);
    assert_int_equal(descent_optimizer_iterations(o), STEPS);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void steps_allocate_nothing(void **state)
{
    static const char accumulated[] = "{\"gradient_accumulation_steps\": 3";
    static const char *const begin[] = {"{\"use_ema\": false", accumulated,
                                        everything};
    char json[1024];

    (void)state;
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < CASES; i++) {
            with(begin[k], json, sizeof json, i);
            step_often(cases[i].kind, json, 1);
            if (k != 1)
                step_often(cases[i].kind, json, 3);
        }
}

/* Lists of rows that get shorter and longer again, on one thread and on three,
 * for which three tensors are large enough. */
static void step_rows(const char *json, uint32_t threads)
{
    enum { ROWS = 1000, WIDTH = 100, LISTED = 500, TENSORS = 3 };
    static double w[TENSORS][ROWS * WIDTH], g[LISTED * WIDTH]; /* or less */
    static int64_t indices[LISTED];
    static const int64_t shape[] = {ROWS, WIDTH};
    static const struct {
        const char *name;
        descent_dtype dtype;
    } of[TENSORS] = {{"single", DESCENT_DTYPE_F32},
                     {"double", DESCENT_DTYPE_F64},
                     {"half", DESCENT_DTYPE_BF16}};
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .threads = threads};
    descent_gradient gradients[TENSORS];
    descent_runtime *runtime = NULL;
    unsigned long before = 0;

    ok(descent_runtime_create(&options, &runtime));
    descent_optimizer *o = check_optimizer(runtime, "adam", json);
    for (int i = 0; i < TENSORS; i++)
        ok(descent_optimizer_add(o,
                                 &(descent_tensor){
                                     .struct_size = sizeof(descent_tensor),
                                     .dtype = of[i].dtype,
                                     .name = of[i].name,
                                     .ndim = 2,
                                     .shape = shape,
                                     .data = w[i],
                                 },
                                 1));
    for (int64_t k = 0; k < STEPS; k++) {
        for (int64_t i = 0; i < LISTED; i++) /* some twice */
            indices[i] = (i * 7 + k) % (ROWS - i % 3);
        for (int i = 0; i < TENSORS; i++)
            gradients[i] = (descent_gradient){.struct_size = sizeof *gradients,
                                              .data = g,
                                              .indices = indices,
                                              .rows = LISTED - k * 37 % LISTED};
        if (descent_optimizer_step(o, gradients, TENSORS, NULL, NULL) !=
            DESCENT_OK)
            break;
        if (k == 0)
            before = calls;
    }
    assert_int_equal(calls - before, 0);
    assert_int_equal(descent_optimizer_iterations(o), STEPS);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void the_most_rows_are_allocated_once(void **state)
{
    static const char lazy[] =
        "{\"sparse\": \"lazy\", \"global_clipnorm\": 1, \"use_ema\": true, "
        "\"gradient_accumulation_steps\": 2}";
    static const char *const modes[] = {"{\"sparse\": \"dense\"}",
                                        "{\"sparse\": \"lazy\"}", lazy};

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        step_rows(modes[i], 1);
        step_rows(modes[i], 3);
    }
}
#endif

/* ---- Every allocation fails once ---- */

static long allowed, live;
static int lasting; /* after the first failure all others fail too */

static void *scarce(void *user, size_t bytes, size_t alignment)
{
    void *block = NULL;

    (void)user;
    const int fails = lasting ? allowed <= 0 : allowed == 0;
    allowed--;
    if (fails || posix_memalign(&block, alignment, bytes) != 0)
        return NULL;
    live++;
    return block;
}

static void give_back(void *user, void *block, size_t bytes)
{
    (void)user;
    /* A wrong size would show as a write outside, or as a leak of counts. */
    memset(block, 0xa5, bytes);
    live--;
    free(block);
}

static const descent_allocator allocator = {
    sizeof allocator, 0, NULL, scarce, give_back,
};

/* Averages in the weights' place and back: all weights, or none, change. */
static descent_status exchange(descent_optimizer *o)
{
    static uint16_t stepped[SIZE];
    descent_status status;

    memcpy(stepped, w16, sizeof w16);
    status = descent_optimizer_swap_average(o);
    if (status == DESCENT_OK)
        return descent_optimizer_swap_average(o);
    assert_memory_equal(stepped, w16, sizeof w16);
    fill(); /* as the caller expects of a failure */
    return status;
}

static descent_status scenario(const char *kind, const char *json)
{
    static const char *const names[] = {"single"};
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .allocator = &allocator};
    descent_runtime *runtime = NULL;
    descent_options *set = NULL;
    descent_optimizer *o = NULL;
    descent_status status = descent_runtime_create(&options, &runtime);

    if (status == DESCENT_OK)
        status = descent_options_from_json(runtime, json, strlen(json), &set);
    if (status == DESCENT_OK)
        status = descent_optimizer_create(runtime, kind, set, &o);
    if (status == DESCENT_OK)
        status = bind(o);
    if (status == DESCENT_OK)
        status = descent_optimizer_exclude_from_weight_decay(o, names, 1, "x");
    if (status == DESCENT_OK)
        status = descent_optimizer_step(o, NULL, 0, NULL, NULL);
    if (status == DESCENT_OK)
        status = descent_optimizer_step(o, NULL, 0, NULL, NULL);
    if (status == DESCENT_OK)
        status = exchange(o);
    descent_optimizer_free(o);
    descent_options_free(set);
    descent_runtime_free(runtime);
    return status;
}

static void every_failing_allocation_is_survived(void **state)
{
    static float before32[SIZE];
    static double before64[SIZE];
    static uint16_t before16[SIZE];
    char json[1024];

    (void)state;
    fill();
    memcpy(before32, w32, sizeof w32);
    memcpy(before64, w64, sizeof w64);
    memcpy(before16, w16, sizeof w16);
    for (size_t i = 0; i < 2 * CASES; i++) {
        const size_t k = i / 2;
        long n = 0;
        descent_status status;
        lasting = i % 2;
        with(everything, json, sizeof json, k);
        do {
            allowed = n++;
            status = scenario(cases[k].kind, json);
            assert_int_equal(live, 0);
            if (status != DESCENT_OK) {
                assert_int_equal(status, DESCENT_ERR_MEMORY);
                assert_non_null(
                    strstr(descent_error_message(), "out of memory"));
                assert_memory_equal(before32, w32, sizeof w32);
                assert_memory_equal(before64, w64, sizeof w64);
                assert_memory_equal(before16, w16, sizeof w16);
            }
            assert_true(n < 1000);
        } while (status != DESCENT_OK);
        assert_true(n > 20); /* that many calls were made to fail */
        fill();
    }
}

static descent_status configure(void)
{
    static const char text[] =
        "{\"name\": \"adam_w_1\", \"lr\": {\"class_name\": \"CosineDecay\", "
        "\"config\": {\"initial_learning_rate\": 1, \"decay_steps\": 9}}, "
        "\"groups\": [{\"match\": \"b$\", \"names\": [\"w\"], \"lr\": 1}]}";
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .allocator = &allocator};
    descent_runtime *runtime = NULL;
    descent_optimizer *o = NULL;
    const char *out = NULL;
    descent_status status = descent_runtime_create(&options, &runtime);

    if (status == DESCENT_OK)
        status = descent_optimizer_create_from_config(
            runtime, text, sizeof text - 1, NULL, &o);
    if (status == DESCENT_OK)
        status = descent_optimizer_config(o, "descent", &out);
    assert_true((status == DESCENT_OK) == (out != NULL));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    return status;
}

static void so_they_are_in_configurations(void **state)
{
    descent_status status;
    long n = 0;

    (void)state;
    for (lasting = 0; lasting < 2; lasting++) {
        n = 0;
        do {
            allowed = n++;
            status = configure();
            assert_int_equal(live, 0);
            assert_true(status == DESCENT_OK || status == DESCENT_ERR_MEMORY);
            assert_true(n < 1000);
        } while (status != DESCENT_OK);
        assert_true(n > 20);
    }
}

/* One allocation fails, and the same call on the same optimizer succeeds when
 * there is memory again. */
static void what_failed_for_want_of_memory_works_later(void **state)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .allocator = &allocator};
    descent_runtime *runtime = NULL;
    descent_optimizer *o = NULL;
    descent_status (*const calls_in_order[])(descent_optimizer *) = {
        bind, descent_optimizer_build, plain_step};

    (void)state;
    lasting = 0;
    for (size_t k = 0; k < 3; k++) {
        for (long n = 0;; n++) {
            allowed = LONG_MAX;
            ok(descent_runtime_create(&options, &runtime));
            ok(descent_optimizer_create(runtime, "adam", NULL, &o));
            for (size_t i = 0; i < k; i++)
                ok(calls_in_order[i](o));
            allowed = n;
            const descent_status status = calls_in_order[k](o);
            allowed = LONG_MAX;
            if (status != DESCENT_OK)
                ok(calls_in_order[k](o));
            assert_int_equal(descent_optimizer_tensor_count(o), 3);
            ok(plain_step(o));
            descent_optimizer_free(o);
            descent_runtime_free(runtime);
            assert_int_equal(live, 0);
            if (status == DESCENT_OK)
                break;
        }
    }
}

/* A step that wants more rows than before fails as a whole. */
static void rows_without_memory_change_nothing(void **state)
{
    static float before32[SIZE];
    static uint16_t before16[SIZE];
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .allocator = &allocator};
    descent_runtime *runtime = NULL;
    descent_optimizer *o = NULL;
    descent_status status;
    long n = 0;

    (void)state;
    fill();
    lasting = 0;
    allowed = LONG_MAX;
    ok(descent_runtime_create(&options, &runtime));
    ok(descent_optimizer_create(runtime, "adam", NULL, &o));
    ok(bind(o));
    ok(sparse_step(o, 10));
    do {
        memcpy(before32, w32, sizeof w32);
        memcpy(before16, w16, sizeof w16);
        allowed = n++;
        status = sparse_step(o, 2000);
        if (status != DESCENT_OK) {
            assert_int_equal(status, DESCENT_ERR_MEMORY);
            assert_memory_equal(before32, w32, sizeof w32);
            assert_memory_equal(before16, w16, sizeof w16);
            assert_int_equal(descent_optimizer_iterations(o), 1);
        }
    } while (status != DESCENT_OK);
    assert_true(n > 3); /* what one try got, the next need not */
    allowed = LONG_MAX;
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    assert_int_equal(live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifndef DESCENT_SANITIZED
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(the_most_rows_are_allocated_once),
#endif
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(so_they_are_in_configurations),
        cmocka_unit_test(what_failed_for_want_of_memory_works_later),
        cmocka_unit_test(rows_without_memory_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
