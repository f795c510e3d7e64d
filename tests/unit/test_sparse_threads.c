/* SPDX-License-Identifier: MIT */
/* Lazy rows on any threads, in any step: the same bits.  Rows lie across the
 * spans that a table is cut into. */
#include "support/bits.h"
#include "support/check.h"
#include "support/fingerprint.h"

enum { ROWS = 3000, ROW = 100, COUNT = ROWS * ROW, LISTED = 2000, STEPS = 4 };

static float gradient[LISTED * ROW];
static int64_t listed[LISTED];

/* Most rows, in no order, some of them twice. */
static void list_rows(unsigned step)
{
    for (int64_t i = 0; i < LISTED; i++)
        listed[i] = (i * 1777 + step * 31) % ROWS;
    listed[7] = listed[8];
    listed[LISTED - 1] = listed[0];
    bits_fill_every(DESCENT_DTYPE_F32, gradient, LISTED * ROW, step, 101);
}

/* Steps on so many threads each; the hash of all that they leave. */
static uint64_t run(const char *json, const uint32_t threads[STEPS])
{
    static const int64_t shape[] = {ROWS, ROW};
    static float table[COUNT];
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(runtime, "adam", json);
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = DESCENT_DTYPE_F32,
        .name = "table",
        .ndim = 2,
        .shape = shape,
        .data = table,
    };
    const descent_gradient g = {
        .struct_size = sizeof g,
        .data = gradient,
        .indices = listed,
        .rows = LISTED,
    };
    uint64_t hash;

    bits_fill_every(DESCENT_DTYPE_F32, table, COUNT, 99, 103);
    ok(descent_optimizer_add(o, &t, 1));
    for (unsigned i = 0; i < STEPS; i++) {
        list_rows(i);
        ok(descent_runtime_set_threads(runtime, threads[i]));
        ok(descent_optimizer_step(o, &g, 1, NULL, NULL));
    }
    hash = fingerprint_slots(o, bits_hash(0, DESCENT_DTYPE_F32, table, COUNT));
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    return hash;
}

static void lazy_rows_are_the_same_on_any_threads(void **state)
{
    static const char *const options[] = {
        "{\"sparse\": \"lazy\"}",
        "{\"sparse\": \"lazy\", \"use_ema\": true, \"weight_decay\": 0.1, "
        "\"gradient_accumulation_steps\": 2}",
    };
    static const uint32_t threads[][STEPS] = {
        {2, 2, 2, 2}, {3, 1, 5, 2}, {1, 3, 1, 8}};

    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const uint64_t alone = run(options[i], (uint32_t[]){1, 1, 1, 1});
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++)
            if (run(options[i], threads[k]) != alone)
                fail_msg("options %zu, threads %zu: other bits", i, k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lazy_rows_are_the_same_on_any_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
