/* SPDX-License-Identifier: MIT */
/* What a plugin is called with: how many runs at once, of which types, and what
 * it is told about memory. */
#include <stdlib.h>
#include <string.h>

#include "base/cache.h"
#include "support/check.h"
#include "support/rule.h"

enum { CALLS = 64, LARGE = 400000, SMALL = 100 };

/* ---- A rule that notes what it gets ---- */

static struct {
    size_t spans;
    int64_t elements;
    descent_dtype compute, stored;
    uint32_t flags;
} call[CALLS];
static size_t calls;

static descent_status step(void *self, const descent_pass *pass)
{
    const char *at = pass->spans;

    (void)self;
    assert_in_range(calls, 0, CALLS - 1);
    call[calls].spans = pass->count;
    call[calls].compute = pass->compute;
    call[calls].stored = pass->stored;
    call[calls].flags = pass->flags;
    call[calls].elements = 0;
    for (size_t i = 0; i < pass->count; i++, at += pass->span_size)
        call[calls].elements += ((const descent_span *)(const void *)at)->count;
    calls++;
    return DESCENT_OK;
}

static const descent_optimizer_type types[] = {
    {
        RULE("noting", DESCENT_SCOPE_ELEMENT, step),
        .runs = DESCENT_RUNS_F32 | DESCENT_RUNS_F64,
    },
    {
        RULE("storing", DESCENT_SCOPE_ELEMENT, step),
        .runs = DESCENT_RUNS_F32,
        .fuses = DESCENT_FUSE_BF16,
        .fused_step = step,
    },
};
RULE_ENTRY(entry, "noting", types, sizeof types / sizeof *types)

/* ---- Its optimizer, on one thread ---- */

static descent_runtime *runtime;
static descent_optimizer *optimizer;
static void *memory[16];
static size_t taken;

static void open(const char *kind, const char *json)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .threads = 1};

    ok(descent_runtime_create(&options, &runtime));
    ok(descent_runtime_register(runtime, entry, NULL));
    optimizer = check_optimizer(runtime, kind, json);
}

/* Zeros that nothing touches take no memory. */
static void *zeros(size_t bytes)
{
    assert_in_range(taken, 0, sizeof memory / sizeof *memory - 1);
    memory[taken] = calloc(1, bytes);
    assert_non_null(memory[taken]);
    return memory[taken++];
}

static void add(const char *name, descent_dtype dtype, int64_t n)
{
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = dtype,
        .name = name,
        .ndim = 1,
        .shape = &n,
        .data = zeros((size_t)n * sizeof(double)),
        .gradient = zeros((size_t)n * sizeof(double)),
    };

    ok(descent_optimizer_add(optimizer, &t, 1));
}

static void take_step(void)
{
    descent_step_report report = {.struct_size = sizeof report};

    calls = 0;
    ok(descent_optimizer_step(optimizer, NULL, 0, NULL, &report));
    assert_int_equal(report.step_calls + report.fused_calls, calls);
}

static void close(void)
{
    descent_optimizer_free(optimizer);
    descent_runtime_free(runtime);
    while (taken > 0)
        free(memory[--taken]);
}

static void expect(size_t i, size_t spans, int64_t elements)
{
    assert_int_equal(call[i].spans, spans);
    assert_int_equal(call[i].elements, elements);
}

/* ---- Facts ---- */

static void a_large_tensor_is_one_run(void **state)
{
    (void)state;
    open("noting", NULL);
    add("a", DESCENT_DTYPE_F32, LARGE);
    take_step();
    assert_int_equal(calls, 1);
    expect(0, 1, LARGE);
    close();
}

static void so_it_is_beside_small_ones(void **state)
{
    (void)state;
    open("noting", NULL);
    add("a", DESCENT_DTYPE_F32, 1);
    add("b", DESCENT_DTYPE_F32, 2);
    add("c", DESCENT_DTYPE_F32, LARGE);
    add("d", DESCENT_DTYPE_F32, LARGE + 1);
    add("e", DESCENT_DTYPE_F32, 3);
    add("f", DESCENT_DTYPE_F32, 4);
    take_step();
    assert_int_equal(calls, 4);
    expect(0, 2, 1 + 2);
    expect(1, 1, LARGE);
    expect(2, 1, LARGE + 1);
    expect(3, 2, 3 + 4);
    close();
}

static void types_are_never_mixed(void **state)
{
    (void)state;
    open("noting", NULL);
    add("a", DESCENT_DTYPE_F64, SMALL);
    add("b", DESCENT_DTYPE_F32, SMALL);
    add("c", DESCENT_DTYPE_F64, 1);
    add("d", DESCENT_DTYPE_F32, 2);
    take_step();
    assert_int_equal(calls, 2);
    expect(0, 2, SMALL + 2);
    assert_int_equal(call[0].compute, DESCENT_DTYPE_F32);
    expect(1, 2, SMALL + 1);
    assert_int_equal(call[1].compute, DESCENT_DTYPE_F64);
    close();
}

static void aggregate_num_counts_tensors(void **state)
{
    (void)state;
    open("noting", "{\"aggregate_num\": 2}");
    add("a", DESCENT_DTYPE_F32, 1);
    add("b", DESCENT_DTYPE_F32, LARGE);
    add("c", DESCENT_DTYPE_F32, 2);
    add("d", DESCENT_DTYPE_F32, 3);
    add("e", DESCENT_DTYPE_F32, 4);
    take_step();
    assert_int_equal(calls, 4);
    expect(0, 1, 1);
    expect(1, 1, LARGE);
    expect(2, 2, 2 + 3);
    expect(3, 1, 4);
    close();
}

static void only_fused_step_stores_narrow_weights(void **state)
{
    static const char *const options[] = {
        "{\"master\": \"f32\"}",
        "{\"master\": \"f32\", \"use_fused_step\": false}",
    };

    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        open("storing", options[plain]);
        add("a", DESCENT_DTYPE_BF16, SMALL);
        take_step();
        assert_int_equal(calls, 1);
        expect(0, 1, SMALL);
        assert_int_equal(call[0].compute, DESCENT_DTYPE_F32);
        assert_int_equal(call[0].stored, plain ? 0 : DESCENT_DTYPE_BF16);
        close();
    }
}

static void a_pass_says_when_the_caches_do_not_hold_the_arrays(void **state)
{
    const size_t most = cache_bytes(&files_system) / 2 / (2 * sizeof(float));

    (void)state;
    for (int64_t more = 0; more < 2; more++) {
        open("noting", NULL);
        add("a", DESCENT_DTYPE_F32, (int64_t)most + more);
        take_step();
        assert_int_equal(call[0].flags, more == 0 ? 0 : DESCENT_PASS_FAR);
        close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_tensor_is_one_run),
        cmocka_unit_test(so_it_is_beside_small_ones),
        cmocka_unit_test(types_are_never_mixed),
        cmocka_unit_test(aggregate_num_counts_tensors),
        cmocka_unit_test(only_fused_step_stores_narrow_weights),
        cmocka_unit_test(a_pass_says_when_the_caches_do_not_hold_the_arrays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
