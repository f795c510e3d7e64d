/* SPDX-License-Identifier: MIT */
/* Tensors of every size: none, one, around the widths of vectors, more elements
 * than 32 bits count; and numbers too small to be normal. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/bits.h"
#include "support/check.h"
#include "tensor/view.h"

enum { SHORTEST = 0, LONGEST = 35, STEPS = 3 };

static const struct {
    const char *kind, *json;
} rules[] = {
    {"sgd", "\"momentum\": 0.9, \"nesterov\": true"},
    {"sgd", "\"momentum\": 0"},
    {"adam", "\"amsgrad\": true"},
    {"adagrad", "\"epsilon\": 1e-7"},
    {"rmsprop", "\"centered\": true, \"momentum\": 0.5"},
    {"adadelta", "\"rho\": 0.9"},
    {"adamax", "\"beta_1\": 0.8"},
    {"nadam", "\"beta_1\": 0.8"},
};
enum { RULES = sizeof rules / sizeof *rules };

static double weight[LONGEST], gradient[LONGEST], slots[LONGEST];

/* n elements as one tensor, or as n of no dimensions. */
static descent_optimizer *open(descent_runtime *runtime, size_t rule,
                               descent_dtype dtype, int64_t n, int apart)
{
    char json[256], name[8] = "w";
    descent_optimizer *o;

    snprintf(json, sizeof json,
             "{%s, \"learning_rate\": 0.1, \"clipvalue\": 1, \"weight_decay\": "
             "0.01, \"use_ema\": true}",
             rules[rule].json);
    o = check_optimizer(runtime, rules[rule].kind, json);
    for (int64_t i = 0; i < (apart ? n : 1); i++) {
        const descent_tensor t = {
            .struct_size = sizeof t,
            .dtype = dtype,
            .name = name,
            .ndim = apart ? 0 : 1,
            .shape = apart ? NULL : &n,
            .data = n == 0 ? NULL : dtype_at(weight, dtype, i),
            .gradient = n == 0 ? NULL : dtype_at(gradient, dtype, i),
        };
        snprintf(name, sizeof name, "w%d", (int)i);
        ok(descent_optimizer_add(o, &t, 1));
    }
    return o;
}

static uint64_t hash_slot(descent_optimizer *o, const char *slot,
                          descent_dtype dtype, int64_t n, uint64_t hash)
{
    const size_t tensors = descent_optimizer_tensor_count(o);
    descent_tensor view = {.struct_size = sizeof view};

    for (size_t i = 0; i < tensors; i++) {
        ok(descent_optimizer_slot(o, i, slot, &view));
        if (strcmp(slot, "u_product") == 0) /* the optimizer's */
            return bits_hash(hash, view.dtype, view.data, 1);
        if (n > 0)
            memcpy(dtype_at(slots, dtype, (int64_t)i), view.data,
                   (size_t)(view.ndim == 0 ? 1 : n) * dtype_size(dtype));
    }
    return bits_hash(hash, dtype, slots, (size_t)n);
}

static uint64_t run(size_t rule, descent_dtype dtype, int64_t n, int apart)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o;
    uint64_t hash;
    const char *slot;

    bits_fill(dtype, weight, LONGEST, 1);
    o = open(runtime, rule, dtype, n, apart);
    for (uint64_t step = 1; step <= STEPS; step++) {
        bits_fill(dtype, gradient, LONGEST, 10 + step);
        check_step(o);
    }
    assert_int_equal(descent_optimizer_updates(o), STEPS);
    hash = bits_hash(1, dtype, weight, LONGEST); /* also what must not change */
    for (size_t i = 0; (slot = descent_optimizer_slot_name(o, i)) != NULL; i++)
        hash = hash_slot(o, slot, dtype, n, hash);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    return hash;
}

static void s12_15_any_size_equals_as_many_scalar_tensors(void **state)
{
    (void)state;
    for (size_t rule = 0; rule < RULES; rule++)
        for (descent_dtype d = DESCENT_DTYPE_F32; d <= DESCENT_DTYPE_F64; d++)
            for (int64_t n = SHORTEST + 1; n <= LONGEST; n++)
                if (run(rule, d, n, 0) != run(rule, d, n, 1))
                    fail_msg("%s of %d elements of f%d", rules[rule].kind,
                             (int)n, d == DESCENT_DTYPE_F32 ? 32 : 64);
}

static void s12_15_no_elements_count_and_change_nothing(void **state)
{
    double before[LONGEST];

    (void)state;
    for (size_t rule = 0; rule < RULES; rule++) {
        bits_fill(DESCENT_DTYPE_F32, before, LONGEST, 1);
        run(rule, DESCENT_DTYPE_F32, 0, 0); /* counts its updates */
        assert_memory_equal(before, weight, LONGEST * sizeof(float));
    }
}

/* ---- Denormals ---- */

static void s12_15_denormals_are_numbers(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(
        runtime, "sgd", "{\"learning_rate\": 1, \"momentum\": 0.5}");
    descent_tensor view = {.struct_size = sizeof view};
    const float least = FLT_TRUE_MIN;
    float w[9], g[9];

    (void)state;
    for (int i = 0; i < 9; i++) {
        w[i] = 100 * least;
        g[i] = (float)(2 * i) * least;
    }
    check_bind(o, "w", w, g, 9);
    check_step(o);
    check_step(o);
    ok(descent_optimizer_slot(o, 0, "momentum", &view));
    for (int i = 0; i < 9; i++) {
        /* Velocities -2i and -3i, all exact. */
        assert_true(w[i] == (float)(100 - 5 * i) * least);
        assert_true(((const float *)view.data)[i] == (float)(-3 * i) * least);
    }
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* ---- More elements than 32 bits count ---- */

#ifdef DESCENT_SANITIZED
enum { TOO_SLOW = 1 };
#else
enum { TOO_SLOW = 0 };
#endif

/* Memory of `bytes` and one page more: a file without contents of its own that
 * is mapped again and again, so that little of it is there, and a last page that
 * is there once. */
enum { PIECE = 1 << 26 };

typedef struct vast {
    char *memory, *last;
    size_t bytes;
} vast;

static vast map_vast(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const int file = memfd_create("vast", MFD_CLOEXEC);
    vast v = {.bytes = bytes + page};

    assert_true(file >= 0 && ftruncate(file, PIECE) == 0);
    v.memory = mmap(NULL, v.bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(v.memory != MAP_FAILED);
    v.last = v.memory + bytes;
    for (size_t at = 0; at < bytes; at += PIECE)
        assert_true(mmap(v.memory + at, PIECE, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED);
    close(file);
    return v;
}

/* One element's value in `bytes` of memory. */
static void fill(char *memory, size_t bytes, descent_dtype dtype, double value)
{
    const size_t size = dtype_size(dtype);
    uint64_t element = 0;

    ok(descent_convert(dtype, &element, DESCENT_DTYPE_F64, &value, 1));
    for (size_t at = 0; at < bytes; at += size)
        memcpy(memory + at, &element, size);
}

static double element_of(const void *at, descent_dtype dtype)
{
    double x;

    ok(descent_convert(DESCENT_DTYPE_F64, &x, dtype, at, 1));
    return x;
}

/* 2^31 elements and a page of them.  Each mapping of the piece updates it once
 * more, the last page is updated once.  Several threads would race for the piece:
 * there only the last page has a gradient. */
static void step_vast(descent_dtype dtype, uint32_t threads)
{
    const int64_t many = (int64_t)1 << 31;
    const size_t size = dtype_size(dtype);
    const vast w = map_vast((size_t)many * size);
    const vast g = map_vast((size_t)many * size);
    const int64_t in_last = (int64_t)((w.bytes - (size_t)many * size) / size);
    const int64_t shape[] = {2, (many + in_last) / 2};
    const double slope = 0x1p-10, in_piece = threads == 1 ? slope : 0;
    const double times = (double)(many * (int64_t)size / PIECE);
    const double n = (double)(in_last + (threads == 1 ? many : 0));
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(
        runtime, "sgd", "{\"learning_rate\": 1, \"global_clipnorm\": 1e30}");
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = dtype,
        .name = "vast",
        .ndim = 2,
        .shape = shape,
        .data = w.memory,
        .gradient = g.memory,
    };

    ok(descent_runtime_set_threads(runtime, threads));
    fill(g.memory, PIECE, dtype, in_piece);
    fill(g.last, (size_t)in_last * size, dtype, slope);
    ok(descent_optimizer_add(o, &t, 1));
    const descent_step_report report = check_step(o);
    assert_true(report.grad_norm == sqrt(n) * slope);
    assert_true(element_of(w.memory, dtype) == -times * in_piece);
    assert_true(element_of(w.memory + PIECE - size, dtype) ==
                -times * in_piece);
    for (int64_t i = 0; i < in_last; i++)
        assert_true(element_of(w.last + (size_t)i * size, dtype) == -slope);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    munmap(w.memory, w.bytes);
    munmap(g.memory, g.bytes);
}

static void s12_15_more_than_2_to_the_31_elements_are_updated(void **state)
{
    (void)state;
    if (TOO_SLOW)
        skip();
    step_vast(DESCENT_DTYPE_F32, 1);
}

static void s12_15_so_they_are_on_two_threads(void **state)
{
    (void)state;
    if (TOO_SLOW)
        skip();
    step_vast(DESCENT_DTYPE_F32, 2);
}

/* 16-bit elements go through tiles. */
static void
s12_15_more_than_2_to_the_31_tiled_elements_are_updated(void **state)
{
    (void)state;
    if (TOO_SLOW)
        skip();
    step_vast(DESCENT_DTYPE_BF16, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_15_any_size_equals_as_many_scalar_tensors),
        cmocka_unit_test(s12_15_no_elements_count_and_change_nothing),
        cmocka_unit_test(s12_15_denormals_are_numbers),
        cmocka_unit_test(s12_15_more_than_2_to_the_31_elements_are_updated),
        cmocka_unit_test(s12_15_so_they_are_on_two_threads),
        cmocka_unit_test(
            s12_15_more_than_2_to_the_31_tiled_elements_are_updated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
