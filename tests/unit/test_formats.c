/* SPDX-License-Identifier: MIT */
/* Weights in 16 bits: arithmetic in f32, state in f32, and what is kept beside
 * them so that small updates are not lost. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/formats.h"

enum { F32 = DESCENT_DTYPE_F32, F64, F16, BF16 };
enum { SIZE = 1300, STEPS = 6 };

static const descent_dtype narrow[] = {F16, BF16};
static const char *const kinds[] = {"sgd",      "adam",   "adagrad", "rmsprop",
                                    "adadelta", "adamax", "nadam"};
enum { KINDS = sizeof kinds / sizeof *kinds };
static const char *const masters[] = {"none", "f32", "kahan", "stochastic"};

static const char everything[] =
    "\"learning_rate\": 0.01, \"weight_decay\": 0.1, \"global_clipnorm\": 1.5, "
    "\"use_ema\": true, \"ema_momentum\": 0.7, \"ema_overwrite_frequency\": 2, "
    "\"loss_scale_factor\": 8, \"gradient_accumulation_steps\": 2";

/* Weights of one type with gradients of another, and an optimizer over them. */
typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    descent_dtype dtype, gradient_dtype;
    size_t count;
    double w[SIZE], g[SIZE]; /* room for any type */
} bench;

static double rounded(descent_dtype dtype, double x)
{
    uint16_t bits;

    put(dtype, &bits, 0, x);
    return get(dtype, &bits, 0);
}

/* Numbers that every format holds exactly. */
static double sample(size_t i, size_t step)
{
    return ((double)((i * 37 + step * 11) % 61) - 30) / 16;
}

static void open_named(bench *b, const char *name, const char *kind,
                       const char *json, descent_dtype dtype,
                       descent_dtype gradient, size_t count)
{
    const int64_t n = (int64_t)count;
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = dtype,
        .name = name,
        .ndim = 1,
        .shape = &n,
        .data = b->w,
    };

    b->runtime = check_runtime();
    b->o = check_optimizer(b->runtime, kind, json);
    b->dtype = dtype;
    b->gradient_dtype = gradient;
    b->count = count;
    for (size_t i = 0; i < count; i++)
        put(dtype, b->w, i, sample(i, 0));
    ok(descent_optimizer_add(b->o, &t, 1));
}

static void open_bench(bench *b, const char *kind, const char *json,
                       descent_dtype dtype, size_t count)
{
    open_named(b, "w", kind, json, dtype, dtype, count);
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

/* Step with gradients filled by now. */
static void go(bench *b)
{
    const descent_gradient g = {
        .struct_size = sizeof g,
        .dtype = b->gradient_dtype,
        .data = b->g,
    };

    ok(descent_optimizer_step(b->o, &g, 1, NULL, NULL));
}

static void go_samples(bench *b, size_t step)
{
    for (size_t i = 0; i < b->count; i++)
        put(b->gradient_dtype, b->g, i, sample(i, step));
    go(b);
}

static void go_constant(bench *b, double g)
{
    for (size_t i = 0; i < b->count; i++)
        put(b->gradient_dtype, b->g, i, g);
    go(b);
}

static double weight(const bench *b, size_t i)
{
    return get(b->dtype, b->w, i);
}

static descent_tensor slot(const bench *b, const char *name)
{
    descent_tensor view = {.struct_size = sizeof view};

    ok(descent_optimizer_slot(b->o, 0, name, &view));
    return view;
}

/* Equal state arrays, bit for bit; names of `a` only are passed over. */
static void compare_slots(const bench *a, const bench *b, const char *place)
{
    const char *name;

    for (size_t k = 0; (name = descent_optimizer_slot_name(b->o, k)) != NULL;
         k++) {
        const descent_tensor x = slot(a, name), y = slot(b, name);
        for (size_t i = 0; x.ndim > 0 && i < a->count; i++)
            if (get(x.dtype, x.data, i) != get(y.dtype, y.data, i))
                fail_msg("%s: %s[%zu] = %a, expected %a", place, name, i,
                         get(x.dtype, x.data, i), get(y.dtype, y.data, i));
    }
}

/* ---- master = "f32" ---- */

static void a_master_gives_the_f32_run_rounded_to_storage(void **state)
{
    static bench low, high;
    char json[512], place[128];

    (void)state;
    for (size_t k = 0; k < 4 * KINDS; k++) {
        const descent_dtype dtype = narrow[k % 2];
        const char *kind = kinds[k / 4], *more = k % 4 < 2 ? "" : everything;
        snprintf(json, sizeof json, "{%s}", more);
        open_named(&high, "w", kind, json, F32, F32, SIZE);
        snprintf(json, sizeof json, "{\"master\": \"f32\"%s%s}",
                 *more == '\0' ? "" : ", ", more);
        open_bench(&low, kind, json, dtype, SIZE);
        for (size_t step = 1; step <= STEPS; step++) {
            go_samples(&low, step);
            go_samples(&high, step);
            snprintf(place, sizeof place, "%s, type %u, step %zu", kind, dtype,
                     step);
            compare_slots(&low, &high, place);
            const descent_tensor master = slot(&low, "master");
            for (size_t i = 0; i < SIZE; i++) {
                assert_true(get(F32, master.data, i) == weight(&high, i));
                assert_true(weight(&low, i) ==
                            rounded(dtype, weight(&high, i)));
            }
        }
        close_bench(&low);
        close_bench(&high);
    }
}

/* ---- All modes ---- */

static void s12_08_every_rule_moves_and_stays_finite(void **state)
{
    static bench b;
    static double before[SIZE];
    char json[128];

    (void)state;
    for (size_t k = 0; k < 8 * KINDS; k++) {
        snprintf(json, sizeof json,
                 "{\"learning_rate\": 0.1, \"master\": "
                 "\"%s\"}",
                 masters[k / 2 % 4]);
        open_bench(&b, kinds[k / 8], json, narrow[k % 2], SIZE);
        memcpy(before, b.w, sizeof before);
        for (size_t step = 1; step <= 30; step++)
            go_samples(&b, 1);
        for (size_t i = 0; i < SIZE; i++)
            assert_true(isfinite(weight(&b, i)));
        if (memcmp(before, b.w, SIZE * sizeof(uint16_t)) == 0)
            fail_msg("%s does not move with %s", kinds[k / 8], json);
        close_bench(&b);
    }
}

static void
s12_08_a_zero_gradient_with_a_tiny_epsilon_gives_no_nan(void **state)
{
    static bench b;
    char json[128];

    (void)state;
    for (size_t k = 0; k < 16 * (KINDS - 1); k++) {
        snprintf(json, sizeof json,
                 "{\"epsilon\": 1e-8, \"master\": \"%s\", \"slot_dtype\": "
                 "\"%s\"}",
                 masters[k / 4 % 4], k / 2 % 2 == 0 ? "f32" : "same");
        open_bench(&b, kinds[1 + k / 16], json, narrow[k % 2], 3);
        const double before = weight(&b, 0);
        for (int step = 0; step < 3; step++)
            go_constant(&b, 0);
        if (!(weight(&b, 0) == before))
            fail_msg("%s with %s: %g", kinds[1 + k / 16], json, weight(&b, 0));
        close_bench(&b);
    }
}

static void step_and_fused_step_give_the_same_bits(void **state)
{
    static bench one, two;
    char json[512];

    (void)state;
    for (size_t k = 0; k < 16 * KINDS; k++) {
        static const char *const fused[] = {"true", "false"};
        for (size_t f = 0; f < 2; f++) {
            snprintf(json, sizeof json,
                     "{%s, \"master\": \"%s\", \"slot_dtype\": \"%s\", "
                     "\"use_fused_step\": %s}",
                     everything, masters[k / 4 % 4],
                     k / 2 % 2 == 0 ? "f32" : "same", fused[f]);
            open_bench(f == 0 ? &one : &two, kinds[k / 16], json, narrow[k % 2],
                       SIZE);
        }
        for (size_t step = 1; step <= STEPS; step++) {
            go_samples(&one, step);
            go_samples(&two, step);
        }
        assert_memory_equal(one.w, two.w, SIZE * sizeof(uint16_t));
        compare_slots(&one, &two, json);
        close_bench(&one);
        close_bench(&two);
    }
}

/* An update of a tenth of the distance to the next bf16. */
static void what_plain_rounding_loses_kahan_and_chance_keep(void **state)
{
    static bench b;
    char json[128];

    (void)state;
    for (size_t mode = 0; mode < 4; mode++) {
        double mean = 0;
        snprintf(json, sizeof json,
                 "{\"learning_rate\": 0.00078125, \"master\": \"%s\"}",
                 masters[mode]);
        open_bench(&b, "sgd", json, BF16, SIZE);
        for (size_t i = 0; i < SIZE; i++)
            put(BF16, b.w, i, 1);
        ok(descent_optimizer_reload_master(b.o));
        for (int step = 0; step < 200; step++)
            go_constant(&b, -1);
        for (size_t i = 0; i < SIZE; i++)
            mean += weight(&b, i) / SIZE;
        const double expected = mode == 0 ? 1 : 1 + 200 * 0.00078125;
        if (!(fabs(mean - expected) <= (mode == 3 ? 0.002 : 0.004)))
            fail_msg("%s: %g, expected %g", masters[mode], mean, expected);
        close_bench(&b);
    }
}

/* ---- Random bits ---- */

static void chance_follows_from_seed_name_update_and_index(void **state)
{
    static bench whole, part, other;
    static const char seeded[] =
        "{\"master\": \"stochastic\", \"seed\": 9007199254740991}";

    (void)state;
    open_named(&whole, "w", "adam", seeded, BF16, BF16, SIZE);
    open_named(&part, "w", "adam", seeded, BF16, BF16, 700);
    for (size_t step = 1; step <= STEPS; step++) {
        go_samples(&whole, step);
        go_samples(&part, step);
    }
    assert_memory_equal(whole.w, part.w, 700 * sizeof(uint16_t));
    for (int k = 0; k < 2; k++) {
        open_named(&other, k == 0 ? "v" : "w", "adam",
                   k == 0 ? seeded : "{\"master\": \"stochastic\"}", BF16, BF16,
                   SIZE);
        for (size_t step = 1; step <= STEPS; step++)
            go_samples(&other, step);
        assert_memory_not_equal(whole.w, other.w, SIZE * sizeof(uint16_t));
        close_bench(&other);
    }
    close_bench(&whole);
    close_bench(&part);
}

/* ---- Gradients of any type ---- */

static void gradients_of_every_type_go_with_weights_of_every_type(void **state)
{
    static bench same, other;
    char json[512];

    (void)state;
    for (size_t k = 0; k < 32; k++) {
        const descent_dtype dtype = 1 + k / 8, gradient = 1 + k / 2 % 4;
        snprintf(json, sizeof json, "{%s}", k % 2 == 0 ? "" : everything);
        open_bench(&same, "adam", json, dtype, SIZE);
        open_named(&other, "w", "adam", json, dtype, gradient, SIZE);
        for (size_t step = 1; step <= STEPS; step++) {
            go_samples(&same, step);
            go_samples(&other, step);
        }
        for (size_t i = 0; i < SIZE; i++)
            assert_true(weight(&same, i) == weight(&other, i));
        compare_slots(&same, &other, json);
        close_bench(&same);
        close_bench(&other);
    }
}

/* ---- Averages, masters from outside, state ---- */

static void averages_come_and_weights_return_to_the_bit(void **state)
{
    static bench b;
    static double before[SIZE];
    char json[256];

    (void)state;
    for (size_t k = 0; k < 16; k++) {
        snprintf(json, sizeof json,
                 "{\"use_ema\": true, \"ema_momentum\": 0.5, "
                 "\"learning_rate\": 0.1, \"master\": \"%s\", "
                 "\"slot_dtype\": \"%s\"}",
                 masters[k / 4], k / 2 % 2 == 0 ? "f32" : "same");
        open_bench(&b, "adam", json, narrow[k % 2], SIZE);
        for (size_t step = 1; step <= STEPS; step++)
            go_samples(&b, step);
        memcpy(before, b.w, sizeof before);
        const descent_tensor average = slot(&b, "average");
        const double expected =
            rounded(b.dtype, get(average.dtype, average.data, 7));
        ok(descent_optimizer_swap_average(b.o));
        assert_true(weight(&b, 7) == expected);
        assert_memory_not_equal(before, b.w, SIZE * sizeof(uint16_t));
        ok(descent_optimizer_swap_average(b.o));
        assert_memory_equal(before, b.w, SIZE * sizeof(uint16_t));
        ok(descent_optimizer_swap_average(b.o));
        ok(descent_optimizer_finalize(b.o));
        assert_true(weight(&b, 7) == expected);
        if (k / 4 == 1)
            assert_true(get(F32, slot(&b, "master").data, 7) ==
                        get(average.dtype, average.data, 7));
        close_bench(&b);
    }
}

static void tensors_may_come_while_averages_stand_in(void **state)
{
    static const int64_t one = 1;
    static uint16_t late = 0x3f80;
    static bench b;
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = BF16,
        .name = "late",
        .ndim = 1,
        .shape = &one,
        .data = &late,
    };

    (void)state;
    for (int k = 0; k < 2; k++) {
        open_bench(&b, "sgd", "{\"learning_rate\": 0.5, \"use_ema\": true}",
                   BF16, 10);
        go_constant(&b, 1);
        go_constant(&b, 1);
        const double before = weight(&b, 0);
        ok(descent_optimizer_swap_average(b.o));
        assert_true(weight(&b, 0) != before);
        if (k == 0) {
            refused(descent_optimizer_remove(b.o, "w"), DESCENT_ERR_STATE,
                    "before 'w' is removed");
        } else {
            ok(descent_optimizer_add(b.o, &t, 1));
            ok(descent_optimizer_swap_average(b.o));
            assert_true(weight(&b, 0) == before);
            assert_int_equal(late, 0x3f80);
        }
        close_bench(&b);
    }
}

static void
a_weight_changed_from_outside_needs_its_master_reloaded(void **state)
{
    static bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 0.5, \"master\": \"f32\", \"use_ema\": "
               "true}",
               F16, 2);
    go_constant(&b, 0);
    put(F16, b.w, 0, 8);
    put(F16, b.w, 1, 8);
    go_constant(&b, 0);
    assert_true(weight(&b, 0) == sample(0, 0)); /* the master's */
    put(F16, b.w, 0, 8);
    ok(descent_optimizer_reload_master(b.o));
    go_constant(&b, 1);
    assert_true(weight(&b, 0) == 7.5);
    ok(descent_optimizer_swap_average(b.o));
    refused(descent_optimizer_reload_master(b.o), DESCENT_ERR_STATE,
            "swap them back");
    close_bench(&b);
}

static void state_is_f32_unless_asked_to_be_stored_alike(void **state)
{
    static bench b;

    (void)state;
    open_bench(&b, "adam", "{\"master\": \"f32\", \"use_ema\": true}", BF16,
               10);
    ok(descent_optimizer_build(b.o));
    assert_int_equal(slot(&b, "momentum").dtype, F32);
    assert_int_equal(slot(&b, "average").dtype, F32);
    assert_int_equal(slot(&b, "master").dtype, F32);
    assert_int_equal(descent_optimizer_state_bytes(b.o), 10 * 16);
    close_bench(&b);
    open_bench(&b, "adagrad",
               "{\"master\": \"kahan\", \"slot_dtype\": \"same\"}", F16, 10);
    ok(descent_optimizer_build(b.o));
    assert_int_equal(slot(&b, "accumulator").dtype, F16);
    assert_true(get(F16, slot(&b, "accumulator").data, 9) == rounded(F16, 0.1));
    assert_int_equal(slot(&b, "compensation").dtype, F16);
    assert_int_equal(descent_optimizer_state_bytes(b.o), 10 * 4);
    close_bench(&b);
}

static void tensors_of_32_and_64_bits_keep_no_master(void **state)
{
    static bench b, plain;

    (void)state;
    open_bench(&b, "adam", "{\"master\": \"f32\", \"slot_dtype\": \"same\"}",
               F32, 10);
    open_bench(&plain, "adam", NULL, F32, 10);
    go_samples(&b, 1);
    go_samples(&plain, 1);
    assert_memory_equal(b.w, plain.w, 10 * sizeof(float));
    const descent_tensor none = slot(&b, "master");
    assert_int_equal(none.ndim, 1);
    assert_int_equal(none.shape[0], 0);
    assert_int_equal(descent_optimizer_state_bytes(b.o),
                     descent_optimizer_state_bytes(plain.o));
    close_bench(&b);
    close_bench(&plain);
}

static void multi_precision_is_a_name_of_master(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o =
        check_optimizer(runtime, "sgd", "{\"multi_precision\": true}");
    double value = 0;

    (void)state;
    ok(descent_optimizer_get(o, "master", &value));
    assert_true(value == 1);
    assert_string_equal(descent_optimizer_slot_name(o, 0), "master");
    descent_optimizer_free(o);
    refused(check_optimizer_status(
                runtime, "sgd",
                "{\"master\": \"none\", \"multi_precision\": false}", &o),
            DESCENT_ERR_ARGUMENT,
            "'master' and 'multi_precision' are two names of one option");
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_master_gives_the_f32_run_rounded_to_storage),
        cmocka_unit_test(s12_08_every_rule_moves_and_stays_finite),
        cmocka_unit_test(
            s12_08_a_zero_gradient_with_a_tiny_epsilon_gives_no_nan),
        cmocka_unit_test(step_and_fused_step_give_the_same_bits),
        cmocka_unit_test(what_plain_rounding_loses_kahan_and_chance_keep),
        cmocka_unit_test(chance_follows_from_seed_name_update_and_index),
        cmocka_unit_test(gradients_of_every_type_go_with_weights_of_every_type),
        cmocka_unit_test(averages_come_and_weights_return_to_the_bit),
        cmocka_unit_test(tensors_may_come_while_averages_stand_in),
        cmocka_unit_test(
            a_weight_changed_from_outside_needs_its_master_reloaded),
        cmocka_unit_test(state_is_f32_unless_asked_to_be_stored_alike),
        cmocka_unit_test(tensors_of_32_and_64_bits_keep_no_master),
        cmocka_unit_test(multi_precision_is_a_name_of_master),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
