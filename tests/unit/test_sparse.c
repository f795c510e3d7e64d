/* SPDX-License-Identifier: MIT */
/* Row-sparse gradients: what is accepted and what is refused, counters, decay,
 * accumulation, and how many calls of the plugin they take. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bits.h"
#include "support/check.h"
#include "support/rule.h"
#include "tensor/norm.h"
#include "tensor/sparse.h"

enum { ROWS = 6, ROW = 3, COUNT = ROWS * ROW };

static const int64_t shape[] = {ROWS, ROW};

/* A table of ones with an optimizer. */
typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    float w[COUNT];
} bench;

static void open_bench(bench *b, const char *kind, const char *json)
{
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = DESCENT_DTYPE_F32,
        .name = "table",
        .ndim = 2,
        .shape = shape,
        .data = b->w,
    };

    b->runtime = check_runtime();
    b->o = check_optimizer(b->runtime, kind, json);
    for (size_t i = 0; i < COUNT; i++)
        b->w[i] = 1;
    ok(descent_optimizer_add(b->o, &t, 1));
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

static descent_gradient rows(const float *values, const int64_t *indices,
                             int64_t n)
{
    return (descent_gradient){.struct_size = sizeof(descent_gradient),
                              .data = values,
                              .indices = indices,
                              .rows = n};
}

static descent_step_report go(bench *b, const descent_gradient *g)
{
    descent_step_report report = {.struct_size = sizeof report};

    ok(descent_optimizer_step(b->o, g, 1, NULL, &report));
    return report;
}

/* The first element of each row. */
static void expect(const bench *b, const float first[ROWS])
{
    for (size_t i = 0; i < ROWS; i++)
        if (b->w[i * ROW] != first[i])
            fail_msg("row %zu is %a, expected %a", i, (double)b->w[i * ROW],
                     (double)first[i]);
}

static const float ones[COUNT] = {1, 1, 1, 1, 1, 1, 1, 1, 1,
                                  1, 1, 1, 1, 1, 1, 1, 1, 1};

/* ---- Lists ---- */

static uint64_t next_random(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 1;
}

static void s12_14_lists_are_sorted_and_keep_the_order_of_equals(void **state)
{
    static const int64_t largest[] = {1, 7, 300, 70000, INT64_MAX};
    static int64_t indices[500];
    static sparse_row list[500], spare[500];
    uint64_t seed = 1;

    (void)state;
    for (size_t k = 0; k < 50; k++) {
        const size_t n = k * 10;
        for (size_t i = 0; i < n; i++)
            indices[i] =
                (int64_t)(next_random(&seed) % (uint64_t)largest[k % 5]);
        if (!sparse_copy(indices, n, list))
            sparse_sort(list, n, spare);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(indices[list[i].position], list[i].row);
            assert_true(i == 0 || list[i - 1].row < list[i].row ||
                        (list[i - 1].row == list[i].row &&
                         list[i - 1].position < list[i].position));
            const size_t at = sparse_find(list, n, list[i].row);
            assert_true(at <= i && list[at].row == list[i].row &&
                        (at == 0 || list[at - 1].row < list[i].row));
        }
        assert_int_equal(sparse_find(list, n, INT64_MAX), n);
    }
}

static void zeros_left_out_of_a_sum_change_no_bit(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (size_t k = 0; k < 300; k++) {
        norm_tree whole = {0}, cut = {0};
        for (size_t piece = 0; piece < 12; piece++) {
            const uint64_t zeros = next_random(&seed) % (k + 2);
            const double x = (double)next_random(&seed) * 1e-9;
            for (uint64_t i = 0; i < zeros; i++)
                norm_tree_add(&whole, 0);
            norm_tree_skip(&cut, zeros);
            norm_tree_add(&whole, x);
            norm_tree_add(&cut, x);
        }
        assert_true(whole.count == cut.count);
        assert_true(norm_tree_sum(&whole) == norm_tree_sum(&cut));
    }
}

/* ---- What is refused ---- */

/* Weights and momentum. */
static uint64_t hash(const bench *b)
{
    descent_tensor view = {.struct_size = sizeof view};

    ok(descent_optimizer_slot(b->o, 0, "momentum", &view));
    return bits_hash(bits_hash(1, DESCENT_DTYPE_F32, b->w, COUNT),
                     DESCENT_DTYPE_F32, view.data, COUNT);
}

static void s12_14_gradients_that_do_not_fit_are_refused(void **state)
{
    static const int64_t good[] = {4, 0}, past[] = {0, 5, 6},
                         negative[] = {-1, 2}, far[] = {1, INT64_C(1) << 62},
                         other[] = {2, ROW};
    static const struct {
        const int64_t *indices;
        int64_t rows;
        const float *values;
        const char *text;
    } cases[] = {
        {past, 3, ones,
         "SGD: gradient of 'table': indices[2] = 6: expected 0 <= index < 6"},
        {negative, 2, ones, "'table': indices[0] = -1: expected 0 <= index"},
        {far, 2, ones, "indices[1] = 4611686018427387904: expected 0 <="},
        {good, -1, ones, "'table': rows = -1, expected 0 or more"},
        {good, INT64_MAX / 2, ones, "more values than can be addressed"},
        {good, 2, NULL, "the gradient pointer is NULL, expected 6 elements"},
        {NULL, 2, ones, "'table': rows = 2, but indices is NULL"},
        {(const int64_t *)(const void *)((const char *)good + 4), 1, ones,
         "is not aligned to 8 bytes"},
    };
    bench b;
    descent_gradient g;

    (void)state;
    open_bench(&b, "sgd", "{\"momentum\": 0.9}");
    g = rows(ones, good, 2);
    go(&b, &g);
    const uint64_t before = hash(&b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        g = rows(cases[i].values, cases[i].indices, cases[i].rows);
        refused(descent_optimizer_step(b.o, &g, 1, NULL, NULL),
                DESCENT_ERR_ARGUMENT, cases[i].text);
    }
    g = rows(b.w + ROW, good, 2);
    refused(descent_optimizer_step(b.o, &g, 1, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "overlaps the weights of 'table'");
    g = rows(ones, good, 2);
    g.ndim = 2;
    g.shape = other; /* of the values, where the weight's is expected */
    refused(descent_optimizer_step(b.o, &g, 1, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "shape [2, 3], expected [6, 3]");
    assert_true(before == hash(&b));
    assert_int_equal(descent_optimizer_iterations(b.o), 1);
    close_bench(&b);
}

static void a_refused_gradient_leaves_those_before_it_untaken(void **state)
{
    static const int64_t good[] = {1}, bad[] = {6};
    float w[COUNT], v[COUNT];
    const descent_gradient g[2] = {rows(ones, good, 1), rows(ones, bad, 1)};
    descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = DESCENT_DTYPE_F32,
        .name = "a",
        .ndim = 2,
        .shape = shape,
        .data = w,
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o =
        check_optimizer(runtime, "adam", "{\"sparse\": \"lazy\"}");

    (void)state;
    memcpy(w, ones, sizeof w);
    memcpy(v, ones, sizeof v);
    ok(descent_optimizer_add(o, &t, 1));
    t.name = "b";
    t.data = v;
    ok(descent_optimizer_add(o, &t, 1));
    refused(descent_optimizer_step(o, g, 2, NULL, NULL), DESCENT_ERR_ARGUMENT,
            "gradient of 'b': indices[0] = 6");
    assert_memory_equal(w, ones, sizeof w);
    assert_memory_equal(v, ones, sizeof v);
    assert_int_equal(descent_optimizer_iterations(o), 0);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void a_tensor_without_dimensions_has_no_rows(void **state)
{
    static const int64_t zero = 0;
    float w = 1;
    const descent_gradient g = rows(ones, &zero, 1);
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = DESCENT_DTYPE_F32,
        .name = "scalar",
        .data = &w,
    };
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = check_optimizer(runtime, "sgd", NULL);

    (void)state;
    ok(descent_optimizer_add(o, &t, 1));
    refused(descent_optimizer_step(o, &g, 1, NULL, NULL), DESCENT_ERR_ARGUMENT,
            "'scalar': it is row-sparse, but the tensor has no rows");
    assert_true(w == 1);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void an_older_shorter_struct_is_dense(void **state)
{
    static const int64_t index = 1;
    bench b;
    descent_gradient g = rows(ones, &index, 1);

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.5}");
    g.struct_size = (uint32_t)offsetof(descent_gradient, indices);
    go(&b, &g);
    expect(&b, (const float[]){.5f, .5f, .5f, .5f, .5f, .5f});
    close_bench(&b);
}

/* ---- Options ---- */

static void lazy_update_is_a_name_of_sparse(void **state)
{
    static const char *const flavours[] = {"keras3", "keras2", "mxnet",
                                           "torch"};
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;
    char json[64];
    double value;

    (void)state;
    o = check_optimizer(runtime, "sgd",
                        "{\"lazy_update\": true, \"multi_precision\": true, "
                        "\"use_fused_step\": false}");
    ok(descent_optimizer_get(o, "sparse", &value));
    assert_true(value == 1);
    refused(descent_optimizer_set(o, "sparse", 0), DESCENT_ERR_STATE,
            "sgd.sparse is fixed when the optimizer is created");
    descent_optimizer_free(o);
    for (size_t i = 0; i < 4; i++) {
        snprintf(json, sizeof json, "{\"flavour\": \"%s\"}", flavours[i]);
        o = check_optimizer(runtime, "sgd", json);
        ok(descent_optimizer_get(o, "sparse", &value));
        assert_true(value == 0);
        descent_optimizer_free(o);
    }
    refused(check_optimizer_status(
                runtime, "sgd",
                "{\"sparse\": \"dense\", \"lazy_update\": false}", &o),
            DESCENT_ERR_ARGUMENT,
            "'sparse' and 'lazy_update' are two names of one option");
    refused(
        check_optimizer_status(runtime, "sgd", "{\"sparse\": \"rows\"}", &o),
        DESCENT_ERR_ARGUMENT,
        "sgd.sparse = \"rows\": expected \"dense\" or \"lazy\"");
    refused(check_optimizer_status(runtime, "sgd", "{\"lazy_update\": 1}", &o),
            DESCENT_ERR_ARGUMENT,
            "sgd.lazy_update = 1: expected true or false");
    descent_runtime_free(runtime);
}

static descent_status whole_step(void *self, const descent_pass *pass)
{
    const descent_span *s = pass->spans;
    float *w = s->weight;

    (void)self;
    for (int64_t i = 0; i < s->count; i++)
        w[i] -= ((const float *)s->grad)[i] * (float)s->shape[0];
    return DESCENT_OK;
}

static const descent_optimizer_type whole_type = {
    RULE("whole", DESCENT_SCOPE_TENSOR, whole_step),
    .runs = DESCENT_RUNS_F32,
};
RULE_ENTRY(whole_entry, "whole", &whole_type, 1)

static void rules_over_whole_tensors_get_zeros_and_cannot_be_lazy(void **state)
{
    static const int64_t indices[] = {3, 1, 3};
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = DESCENT_DTYPE_F32,
        .name = "table",
        .ndim = 2,
        .shape = shape,
    };
    descent_optimizer *o = NULL;
    bench b = {.runtime = check_runtime()};
    const descent_gradient g = rows(ones, indices, 3);
    descent_tensor table = t;

    (void)state;
    ok(descent_runtime_register(b.runtime, whole_entry, NULL));
    refused(check_optimizer_status(b.runtime, "whole",
                                   "{\"lazy_update\": true}", &o),
            DESCENT_ERR_ARGUMENT,
            "whole.sparse = \"lazy\": its rule works on whole tensors, "
            "expected \"dense\"");
    b.o = check_optimizer(b.runtime, "whole", NULL);
    table.data = b.w;
    memcpy(b.w, ones, sizeof b.w);
    ok(descent_optimizer_add(b.o, &table, 1));
    go(&b, &g);
    expect(&b, (const float[]){1, -5, 1, -11, 1, 1});
    close_bench(&b);
}

/* ---- Lazy updates ---- */

static void s12_14_rows_that_are_not_listed_neither_decay_nor_move(void **state)
{
    static const int64_t first[] = {2}, second[] = {0};
    static const char *const modes[] = {"decoupled", "l2"};
    bench b;
    char json[160];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        snprintf(json, sizeof json,
                 "{\"lazy_update\": true, \"learning_rate\": 0.5, "
                 "\"weight_decay\": 0.5, \"weight_decay_mode\": \"%s\", "
                 "\"momentum\": 0.5}",
                 modes[i]);
        open_bench(&b, "sgd", json);
        descent_gradient g = rows(ones, first, 1);
        go(&b, &g);
        expect(&b, (const float[]){1, 1, .25f, 1, 1, 1});
        g = rows(ones, second, 1);
        go(&b, &g);
        expect(&b, (const float[]){.25f, 1, .25f, 1, 1, 1});
        close_bench(&b);
    }
}

static void s12_14_an_empty_gradient_counts_and_does_nothing_else(void **state)
{
    static const int64_t none[] = {0};
    const descent_gradient empty[] = {rows(ones, none, 0), rows(NULL, none, 0)};
    bench b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_bench(&b, "adam", "{\"sparse\": \"lazy\", \"weight_decay\": 0.5}");
        const descent_step_report report = go(&b, &empty[i]);
        assert_int_equal(report.updated, 1);
        assert_int_equal(report.step_calls + report.fused_calls, 0);
        assert_int_equal(descent_optimizer_iterations(b.o), 1);
        assert_int_equal(descent_optimizer_updates(b.o), 1);
        assert_int_equal(descent_optimizer_tensor_updates(b.o, 0), 1);
        assert_memory_equal(b.w, ones, sizeof ones);
        close_bench(&b);
        /* Dense, it is a gradient of zeros: weights decay. */
        open_bench(&b, "adam", "{\"learning_rate\": 1, \"weight_decay\": 0.5}");
        go(&b, &empty[i]);
        expect(&b, (const float[]){.5f, .5f, .5f, .5f, .5f, .5f});
        close_bench(&b);
    }
}

static void s12_14_unsorted_rows_take_their_own_values(void **state)
{
    static const int64_t indices[] = {3, 2, 4, 0};
    static const float values[4 * ROW] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4};
    static const char *const modes[] = {
        "{\"learning_rate\": 1, \"sparse\": \"dense\"}",
        "{\"learning_rate\": 1, \"sparse\": \"lazy\"}"};
    const descent_gradient g = rows(values, indices, 4);
    bench b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_bench(&b, "sgd", modes[i]);
        go(&b, &g);
        expect(&b, (const float[]){-3, 1, -1, 0, -2, 1});
        close_bench(&b);
    }
}

/* Adagrad squares the sum, not each part. */
static void
s12_14_repeated_rows_are_summed_before_the_rule_sees_them(void **state)
{
    static const int64_t twice[] = {1, 2, 5, 2}, once[] = {5, 2, 1};
    static const float summed[3 * ROW] = {1, 1, 1, 2, 2, 2, 1, 1, 1};
    const char *const modes[] = {"{\"sparse\": \"dense\"}",
                                 "{\"sparse\": \"lazy\"}"};
    bench a, b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_bench(&a, "adagrad", modes[i]);
        open_bench(&b, "adagrad", modes[i]);
        descent_gradient g = rows(ones, twice, 4);
        go(&a, &g);
        g = rows(summed, once, 3);
        go(&b, &g);
        assert_memory_equal(a.w, b.w, sizeof a.w);
        assert_true(a.w[ROW] < 1 && a.w[0] == 1);
        close_bench(&a);
        close_bench(&b);
    }
}

/* In order of appearance, in f32: (1 + 2^24) - 2^24 is 0, and another order
 * gives 1. */
static void s12_14_repeated_rows_are_summed_in_order_of_appearance(void **state)
{
    static const int64_t indices[] = {5, 0, 5, 5};
    static const float values[4 * ROW] = {
        1,       1,       1,       0,        0,        0,
        0x1p24f, 0x1p24f, 0x1p24f, -0x1p24f, -0x1p24f, -0x1p24f};
    bench b;
    const descent_gradient g = rows(values, indices, 4);

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 1}");
    go(&b, &g);
    expect(&b, (const float[]){1, 1, 1, 1, 1, 1});
    close_bench(&b);
}

/* ---- Accumulation ---- */

static void marks_are(const bench *b, const char *expected)
{
    descent_tensor view = {.struct_size = sizeof view};
    char got[ROWS + 1] = "";

    ok(descent_optimizer_slot(b->o, 0, "gradient_accumulator_rows", &view));
    assert_int_equal(view.dtype, DESCENT_DTYPE_U8);
    assert_int_equal(view.ndim, 1);
    assert_int_equal(view.shape[0], ROWS);
    for (size_t i = 0; i < ROWS; i++)
        got[i] = (char)('0' + ((const uint8_t *)view.data)[i]);
    assert_string_equal(got, expected);
}

static void a_window_updates_the_rows_that_any_of_its_steps_listed(void **state)
{
    static const int64_t one[] = {4}, two[] = {0, 4};
    const descent_gradient first = rows(ones, one, 1),
                           last = rows(ones, two, 2),
                           dense = rows(ones, NULL, 0),
                           none = {.struct_size = sizeof none};
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"lazy_update\": true, \"gradient_accumulation_steps\": 2, "
               "\"learning_rate\": 0.5, \"weight_decay\": 0.5}");
    go(&b, &first);
    marks_are(&b, "000010");
    go(&b, &last);
    marks_are(&b, "000000");
    expect(&b, (const float[]){.5f, 1, 1, 1, .25f, 1});
    /* A dense step lists all rows, whichever of the two it is. */
    go(&b, &dense);
    marks_are(&b, "111111");
    go(&b, &first);
    marks_are(&b, "000000");
    expect(&b, (const float[]){.125f, .5f, .5f, .5f, -.3125f, .5f});
    go(&b, &first);
    go(&b, &dense);
    marks_are(&b, "000000");
    assert_true(b.w[0] == .125f * .75f - .25f);
    /* The last step of a window may have no gradient for the tensor. */
    const float kept = b.w[0], listed = b.w[4 * ROW];
    float other = 1;
    const float slope = 0;
    check_bind(b.o, "other", &other, &slope, 1);
    const descent_gradient pair[2] = {
        first, {.struct_size = sizeof first, .data = &slope}};
    ok(descent_optimizer_step(b.o, pair, 2, NULL, NULL));
    marks_are(&b, "000010");
    const descent_gradient missing[2] = {none, pair[1]};
    ok(descent_optimizer_step(b.o, missing, 2, NULL, NULL));
    marks_are(&b, "000000");
    assert_true(b.w[0] == kept && b.w[4 * ROW] == listed * .75f - .25f);
    close_bench(&b);
}

static void only_lazy_accumulation_notes_rows(void **state)
{
    static const char *const without[] = {
        "{\"gradient_accumulation_steps\": 2}", "{\"sparse\": \"lazy\"}"};
    descent_tensor view = {.struct_size = sizeof view};
    bench b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_bench(&b, "sgd", without[i]);
        ok(descent_optimizer_build(b.o));
        refused(
            descent_optimizer_slot(b.o, 0, "gradient_accumulator_rows", &view),
            DESCENT_ERR_ARGUMENT, "no state is called");
        close_bench(&b);
    }
    open_bench(&b, "sgd",
               "{\"sparse\": \"lazy\", \"gradient_accumulation_steps\": 2}");
    ok(descent_optimizer_build(b.o));
    marks_are(&b, "000000");
    assert_int_equal(descent_optimizer_state_bytes(b.o),
                     COUNT * sizeof(float) + ROWS);
    close_bench(&b);
}

/* ---- Calls and tensors ---- */

/* 200 rows apart from each other, then 200 in a row, then backwards; where the
 * core has a share, by the tile. */
static void short_rows_share_calls_of_the_plugin(void **state)
{
    enum { TALL = 1000, WIDE = 30, LISTED = 200 };
    static const int64_t tall[] = {TALL, WIDE};
    static float w[TALL * WIDE], values[LISTED * WIDE];
    static int64_t indices[LISTED];
    static const struct {
        int64_t from, step;
        const char *options;
        uint64_t most;
    } cases[] = {
        {0, 3, "{\"sparse\": \"lazy\"}", 4},
        {0, 1, "{\"sparse\": \"lazy\"}", 1},
        {999, -1, "{\"sparse\": \"lazy\"}", 4},
        {0, 3,
         "{\"sparse\": \"lazy\", \"weight_decay\": 0.1, "
         "\"use_fused_step\": false}",
         12},
        {0, 1,
         "{\"sparse\": \"lazy\", \"weight_decay\": 0.1, "
         "\"use_fused_step\": false}",
         12},
    };

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        descent_runtime *runtime = check_runtime();
        descent_optimizer *o =
            check_optimizer(runtime, "adam", cases[k].options);
        descent_step_report report = {.struct_size = sizeof report};
        const descent_gradient g = rows(values, indices, LISTED);
        const descent_tensor t = {
            .struct_size = sizeof t,
            .dtype = DESCENT_DTYPE_F32,
            .name = "tall",
            .ndim = 2,
            .shape = tall,
            .data = w,
        };
        for (int64_t i = 0; i < LISTED; i++)
            indices[i] = cases[k].from + cases[k].step * i;
        ok(descent_optimizer_add(o, &t, 1));
        ok(descent_optimizer_step(o, &g, 1, NULL, &report));
        assert_in_range(report.step_calls + report.fused_calls, 1,
                        cases[k].most);
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

static void tensors_come_and_go_between_sparse_steps(void **state)
{
    static const int64_t indices[] = {5, 0};
    static const int64_t empty_shape[] = {4, 0};
    float other[COUNT];
    const descent_gradient g[3] = {
        rows(ones, indices, 2), rows(ones, indices, 2), rows(NULL, indices, 0)};
    descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = DESCENT_DTYPE_F32,
        .name = "other",
        .ndim = 2,
        .shape = shape,
        .data = other,
    };
    bench b;

    (void)state;
    memcpy(other, ones, sizeof other);
    open_bench(&b, "sgd",
               "{\"sparse\": \"lazy\", \"learning_rate\": 0.25, "
               "\"gradient_accumulation_steps\": 2}");
    go(&b, g);
    ok(descent_optimizer_add(b.o, &t, 1));
    t.name = "empty";
    t.shape = empty_shape;
    t.data = NULL;
    ok(descent_optimizer_add(b.o, &t, 1));
    ok(descent_optimizer_step(b.o, g, 3, NULL, NULL));
    expect(&b, (const float[]){.75f, 1, 1, 1, 1, .75f});
    assert_true(other[0] == .875f && other[ROW] == 1);
    ok(descent_optimizer_remove(b.o, "table"));
    ok(descent_optimizer_step(b.o, g + 1, 2, NULL, NULL));
    ok(descent_optimizer_step(b.o, g + 1, 2, NULL, NULL));
    expect(&b, (const float[]){.75f, 1, 1, 1, 1, .75f});
    assert_true(other[0] == .625f && other[ROW] == 1);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_14_lists_are_sorted_and_keep_the_order_of_equals),
        cmocka_unit_test(zeros_left_out_of_a_sum_change_no_bit),
        cmocka_unit_test(s12_14_gradients_that_do_not_fit_are_refused),
        cmocka_unit_test(a_refused_gradient_leaves_those_before_it_untaken),
        cmocka_unit_test(a_tensor_without_dimensions_has_no_rows),
        cmocka_unit_test(an_older_shorter_struct_is_dense),
        cmocka_unit_test(lazy_update_is_a_name_of_sparse),
        cmocka_unit_test(rules_over_whole_tensors_get_zeros_and_cannot_be_lazy),
        cmocka_unit_test(
            s12_14_rows_that_are_not_listed_neither_decay_nor_move),
        cmocka_unit_test(s12_14_an_empty_gradient_counts_and_does_nothing_else),
        cmocka_unit_test(s12_14_unsorted_rows_take_their_own_values),
        cmocka_unit_test(
            s12_14_repeated_rows_are_summed_before_the_rule_sees_them),
        cmocka_unit_test(
            s12_14_repeated_rows_are_summed_in_order_of_appearance),
        cmocka_unit_test(
            a_window_updates_the_rows_that_any_of_its_steps_listed),
        cmocka_unit_test(only_lazy_accumulation_notes_rows),
        cmocka_unit_test(short_rows_share_calls_of_the_plugin),
        cmocka_unit_test(tensors_come_and_go_between_sparse_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
