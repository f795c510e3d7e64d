/* SPDX-License-Identifier: MIT */
/* Row-sparse gradients against dense ones, bit for bit: what is not listed is
 * zero, or, updated lazily, is as if it were a tensor without a gradient. */
#include <stdio.h>
#include <string.h>

#include "support/bits.h"
#include "support/check.h"

enum { F32 = DESCENT_DTYPE_F32, F64, F16, BF16 };
enum { ROWS = 300, ROW = 5, COUNT = ROWS * ROW, MOST = 2 * ROWS, STEPS = 6 };

static const size_t bytes_of[] = {0, 4, 8, 2, 2};
static const char *const kinds[] = {"sgd",      "adam",   "adagrad", "rmsprop",
                                    "adadelta", "adamax", "nadam"};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Types of weights and gradients, and what is kept beside weights. */
static const struct {
    descent_dtype weight, gradient;
    const char *options;
} types[] = {
    {F32, F32, ""},
    {F64, F64, ""},
    {F32, F64, ""},
    {F32, BF16, ""},
    {F64, F16, ""},
    {F16, F16, ""},
    {BF16, F32, ", \"master\": \"f32\""},
    {BF16, BF16, ", \"master\": \"kahan\", \"slot_dtype\": \"same\""},
};
enum { TYPES = sizeof types / sizeof *types };

static const char *const work[] = {
    "",
    ", \"global_clipnorm\": 1.5, \"weight_decay\": 0.1",
    ", \"clipvalue\": 0.5, \"weight_decay\": 0.1, \"weight_decay_mode\": "
    "\"l2\", \"rescale_grad\": 0.5",
    ", \"use_ema\": true, \"ema_momentum\": 0.7, \"ema_overwrite_frequency\": "
    "2, \"loss_scale_factor\": 8, \"maximize\": true",
    ", \"gradient_accumulation_steps\": 3, \"global_clipnorm\": 1.5, "
    "\"weight_decay\": 0.1, \"use_ema\": true, \"loss_scale_factor\": 8",
};
enum { WORKS = sizeof work / sizeof *work };

/* ---- Gradients ---- */

/* The list of one step, its values in the gradient's type, and the same as a
 * dense array of the compute type. */
typedef struct list {
    size_t n;
    int64_t indices[MOST];
    unsigned char values[MOST * ROW * 8];
    unsigned char dense[COUNT * 8];
} list;

static void put(descent_dtype dtype, void *array, size_t i, double x)
{
    ok(descent_convert(dtype, (char *)array + i * bytes_of[dtype], F64, &x, 1));
}

static double get(descent_dtype dtype, const void *array, size_t i)
{
    double x;

    ok(descent_convert(F64, &x, dtype,
                       (const char *)array + i * bytes_of[dtype], 1));
    return x;
}

/* Numbers that every format, sums of a few of them and of all their squares
 * hold exactly. */
static double sample(size_t i, size_t step)
{
    return ((double)((i * 37 + step * 11) % 61) - 30) / 16;
}

static void fill_list(list *l, descent_dtype dtype, descent_dtype compute,
                      size_t step)
{
    memset(l->dense, 0, sizeof l->dense);
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; k < ROW; k++) {
            const size_t to = (size_t)l->indices[i] * ROW + k;
            const double x = sample(i * ROW + k, step);
            put(dtype, l->values, i * ROW + k, x);
            put(compute, l->dense, to, get(compute, l->dense, to) + x);
        }
    }
}

/* Few rows out of order, some of them twice and some next to each other; in
 * one step none. */
static void list_some(list *l, size_t step)
{
    l->n = step == 3 ? 0 : 20 + step;
    for (size_t i = 0; i < l->n; i++)
        l->indices[i] = (int64_t)((i * 7919 + step * 31) % 97 * 3);
    for (size_t i = 0; i + 4 < l->n; i += 5) {
        l->indices[i + 1] = l->indices[i] + 1;
        l->indices[i + 2] = l->indices[i] + 2;
        l->indices[i + 4] = l->indices[i];
    }
}

/* All rows, in order or in another, then some again. */
static void list_all(list *l, size_t step)
{
    static const size_t strides[STEPS] = {1, 1, 7, 11, 13, 17};

    l->n = ROWS + 10;
    for (size_t i = 0; i < ROWS; i++)
        l->indices[i] = (int64_t)((step == 1 ? i : ROWS - 1 - i) *
                                  strides[step - 1] % ROWS);
    for (size_t i = ROWS; i < l->n; i++)
        l->indices[i] = (int64_t)((i * 13) % ROWS);
}

/* ---- Optimizers over a table and a bias ---- */

typedef struct bench {
    descent_optimizer *o;
    descent_dtype dtype;
    int rows; /* each row of the table is a tensor of its own */
    double table[COUNT], bias[3];
} bench;

static descent_tensor describe(const char *name, descent_dtype dtype,
                               const int64_t *shape, uint32_t ndim, void *data)
{
    return (descent_tensor){
        .struct_size = sizeof(descent_tensor),
        .dtype = dtype,
        .name = name,
        .ndim = ndim,
        .shape = shape,
        .data = data,
    };
}

static void open_bench(bench *b, descent_runtime *runtime, const char *kind,
                       const char *json, descent_dtype dtype, int rows)
{
    static const int64_t shape[] = {ROWS, ROW}, three = 3;
    descent_tensor t = describe("table", dtype, shape, 2, b->table);
    char name[16];

    b->o = check_optimizer(runtime, kind, json);
    b->dtype = dtype;
    b->rows = rows;
    for (size_t i = 0; i < COUNT; i++)
        put(dtype, b->table, i, sample(i, 0));
    for (size_t i = 0; i < 3; i++)
        put(dtype, b->bias, i, 1);
    if (!rows)
        ok(descent_optimizer_add(b->o, &t, 1));
    for (size_t i = 0; rows && i < ROWS; i++) {
        snprintf(name, sizeof name, "row %zu", i);
        t = describe(name, dtype, shape + 1, 1,
                     (char *)b->table + i * ROW * bytes_of[dtype]);
        ok(descent_optimizer_add(b->o, &t, 1));
    }
    t = describe("bias", dtype, &three, 1, b->bias);
    ok(descent_optimizer_add(b->o, &t, 1));
}

static descent_gradient of_bias(void)
{
    static const float ones[3] = {1, 1, 1};

    return (descent_gradient){
        .struct_size = sizeof(descent_gradient), .dtype = F32, .data = ones};
}

static void go(bench *b, const descent_gradient *table)
{
    const descent_gradient g[2] = {*table, of_bias()};

    ok(descent_optimizer_step(b->o, g, 2, NULL, NULL));
}

static void go_sparse(bench *b, const list *l, descent_dtype dtype)
{
    go(b, &(descent_gradient){.struct_size = sizeof(descent_gradient),
                              .dtype = dtype,
                              .data = l->values,
                              .indices = l->indices,
                              .rows = (int64_t)l->n});
}

static void go_dense(bench *b, const list *l, descent_dtype compute)
{
    go(b, &(descent_gradient){.struct_size = sizeof(descent_gradient),
                              .dtype = compute,
                              .data = l->dense});
}

/* With the listed rows' gradients; the others have none. */
static void go_rows(bench *b, const list *l, descent_dtype compute)
{
    static descent_gradient g[ROWS + 1];

    for (size_t i = 0; i < ROWS; i++)
        g[i] = (descent_gradient){.struct_size = sizeof *g, .dtype = compute};
    for (size_t i = 0; i < l->n; i++)
        g[l->indices[i]].data =
            l->dense + (size_t)l->indices[i] * ROW * bytes_of[compute];
    g[ROWS] = of_bias();
    ok(descent_optimizer_step(b->o, g, ROWS + 1, NULL, NULL));
}

/* Element i of the table's state array. */
static double state_of(const bench *b, const char *name, size_t i)
{
    descent_tensor view = {.struct_size = sizeof view};

    ok(descent_optimizer_slot(b->o, b->rows ? i / ROW : 0, name, &view));
    if (view.ndim == 0)
        return get(view.dtype, view.data, 0);
    return view.shape[0] == 0
               ? 0
               : get(view.dtype, view.data, b->rows ? i % ROW : i);
}

static void compare(const bench *a, const bench *b, const char *place)
{
    const char *name;

    for (size_t i = 0; i < COUNT; i++)
        if (get(a->dtype, a->table, i) != get(a->dtype, b->table, i))
            fail_msg("%s: weight %zu is %a, expected %a", place, i,
                     get(a->dtype, a->table, i), get(a->dtype, b->table, i));
    assert_memory_equal(a->bias, b->bias, 3 * bytes_of[a->dtype]);
    for (size_t k = 0; (name = descent_optimizer_slot_name(b->o, k)) != NULL;
         k++)
        for (size_t i = 0; i < COUNT; i++)
            if (state_of(a, name, i) != state_of(b, name, i))
                fail_msg("%s: %s of %zu is %a, expected %a", place, name, i,
                         state_of(a, name, i), state_of(b, name, i));
}

/* ---- All rules, types and options ---- */

typedef void expectation(bench *b, const list *l, descent_dtype compute);

/* Run a sparse optimizer and its counterpart side by side in all
 * combinations. */
static void side_by_side(const char *sparse, void (*make)(list *, size_t),
                         expectation *expected, int rows)
{
    static bench a, b;
    static list l;
    descent_runtime *runtime = check_runtime();
    char json[512], place[640];

    for (size_t n = 0; n < KINDS * TYPES * WORKS * 2; n++) {
        const size_t type = n / 2 % TYPES, what = n / 2 / TYPES % WORKS;
        const char *kind = kinds[n / 2 / TYPES / WORKS];
        const descent_dtype weight = types[type].weight;
        const descent_dtype compute = weight == F64 ? F64 : F32;
        snprintf(json, sizeof json,
                 "{\"learning_rate\": 0.01, \"use_fused_step\": %s%s%s%s}",
                 n % 2 == 0 ? "true" : "false", types[type].options, work[what],
                 strcmp(kind, "sgd") == 0 ? ", \"momentum\": 0.9" : "");
        open_bench(&b, runtime, kind, json, weight, rows);
        json[strlen(json) - 1] = '\0';
        strncat(json, sparse, sizeof json - 1 - strlen(json));
        open_bench(&a, runtime, kind, json, weight, 0);
        for (size_t step = 1; step <= STEPS; step++) {
            make(&l, step);
            fill_list(&l, types[type].gradient, compute, step);
            go_sparse(&a, &l, types[type].gradient);
            expected(&b, &l, compute);
        }
        snprintf(place, sizeof place, "%s %s", kind, json);
        compare(&a, &b, place);
        descent_optimizer_free(a.o);
        descent_optimizer_free(b.o);
    }
    descent_runtime_free(runtime);
}

static void s12_14_rows_are_a_gradient_with_zeros_elsewhere(void **state)
{
    (void)state;
    side_by_side("}", list_some, go_dense, 0);
}

static void s12_14_lazily_the_rows_are_tensors_of_their_own(void **state)
{
    (void)state;
    side_by_side(", \"sparse\": \"lazy\"}", list_some, go_rows, 1);
}

static void s12_14_lazily_all_rows_are_a_dense_gradient(void **state)
{
    (void)state;
    side_by_side(", \"lazy_update\": true}", list_all, go_dense, 0);
}

/* ---- Random rounding, odd numbers, norms ---- */

static void run_pair(const char *json_a, const char *json_b, list *l,
                     descent_dtype weight, descent_dtype dtype,
                     void (*make)(list *, size_t))
{
    static bench a, b;
    descent_runtime *runtime = check_runtime();

    open_bench(&a, runtime, "adam", json_a, weight, 0);
    open_bench(&b, runtime, "adam", json_b, weight, 0);
    for (size_t step = 1; step <= STEPS; step++) {
        make(l, step);
        fill_list(l, dtype, F32, step);
        go_sparse(&a, l, dtype);
        go_dense(&b, l, F32);
    }
    compare(&a, &b, json_a);
    descent_optimizer_free(a.o);
    descent_optimizer_free(b.o);
    descent_runtime_free(runtime);
}

static void chance_rounds_rows_as_it_rounds_tensors(void **state)
{
    static list l;

    (void)state;
    run_pair("{\"master\": \"stochastic\", \"seed\": 5}",
             "{\"master\": \"stochastic\", \"seed\": 5}", &l, BF16, BF16,
             list_some);
    run_pair("{\"master\": \"stochastic\", \"sparse\": \"lazy\"}",
             "{\"master\": \"stochastic\"}", &l, BF16, BF16, list_all);
}

static void clipping_each_tensor_is_clipping_it_dense(void **state)
{
    static list l;

    (void)state;
    run_pair("{\"clipnorm\": 0.5}", "{\"clipnorm\": 0.5}", &l, F32, F32,
             list_some);
    run_pair("{\"clipnorm\": 0.5, \"sparse\": \"lazy\"}", "{\"clipnorm\": 0.5}",
             &l, F32, F16, list_all);
}

/* A tensor of nine blocks, of which few have rows: which ones, changes how
 * the sums are added; lanes begin anywhere. */
static void s12_14_norms_are_those_of_the_dense_gradient(void **state)
{
    enum { TALL = 3300, WIDE = 11, NAMED = 12 };
    static float table[TALL * WIDE], dense[TALL * WIDE], values[NAMED * WIDE];
    static int64_t indices[NAMED];
    static const int64_t shape[] = {TALL, WIDE};
    static const size_t blocks[][4] = {
        {2, 4, 5, 6}, {1, 2, 3, 8}, {0, 3, 5, 7}, {8, 8, 8, 8}};
    const char *const modes[] = {"dense", "lazy"};

    (void)state;
    for (size_t m = 0; m < 64; m++) {
        descent_runtime *runtime = check_runtime();
        char json[128];
        double norm[2];
        snprintf(json, sizeof json,
                 "{\"global_clipnorm\": 1, \"learning_rate\": 0, "
                 "\"sparse\": \"%s\"}",
                 modes[m % 2]);
        const descent_tensor t = describe("t", F32, shape, 2, table);
        memset(dense, 0, sizeof dense);
        for (size_t i = 0; i < NAMED * WIDE; i++)
            values[i] = (float)((i + 1) * (m + 7) * 48271 % 65521) * 0.37f;
        for (size_t i = 0; i < NAMED; i++) {
            indices[i] = (int64_t)(blocks[m / 2 % 4][i % 4] * 4096 / WIDE + 5 +
                                   i * (1 + m / 8));
            memcpy(dense + indices[i] * WIDE, values + i * WIDE,
                   WIDE * sizeof *dense);
        }
        for (size_t k = 0; k < 2; k++) {
            descent_optimizer *o = check_optimizer(runtime, "sgd", json);
            descent_step_report report = {.struct_size = sizeof report};
            const descent_gradient g = {
                .struct_size = sizeof g,
                .data = k == 0 ? values : dense,
                .indices = k == 0 ? indices : NULL,
                .rows = k == 0 ? NAMED : 0,
            };
            ok(descent_optimizer_add(o, &t, 1));
            ok(descent_optimizer_step(o, &g, 1, NULL, &report));
            norm[k] = report.grad_norm;
            descent_optimizer_free(o);
        }
        assert_true(norm[0] > 0);
        assert_memory_equal(&norm[0], &norm[1], sizeof *norm);
        descent_runtime_free(runtime);
    }
}

static void odd_numbers_pass_as_they_do_in_dense_gradients(void **state)
{
    static float a[COUNT], b[COUNT], dense[COUNT], values[MOST * ROW];
    static list l;
    static const int64_t shape[] = {ROWS, ROW};
    float *const tables[] = {a, b};

    (void)state;
    for (size_t seed = 1; seed <= 10; seed++) {
        descent_runtime *runtime = check_runtime();
        list_some(&l, seed % 3);
        memset(dense, 0, sizeof dense);
        bits_fill(F32, values, l.n * ROW, seed * 77);
        for (size_t i = 0; i < l.n * ROW; i++) {
            float *to = &dense[(size_t)l.indices[i / ROW] * ROW + i % ROW];
            if (i % 9 == 0)
                bits_fill(F32, &values[i], 1, i * seed);
            *to = *to + values[i];
        }
        for (size_t k = 0; k < 2; k++) {
            descent_optimizer *o = check_optimizer(
                runtime, "adam", "{\"clipvalue\": 1, \"weight_decay\": 0.1}");
            const descent_tensor t = describe("t", F32, shape, 2, tables[k]);
            const descent_gradient g = {
                .struct_size = sizeof g,
                .data = k == 0 ? values : dense,
                .indices = k == 0 ? l.indices : NULL,
                .rows = k == 0 ? (int64_t)l.n : 0,
            };
            bits_fill(F32, tables[k], COUNT, 3);
            ok(descent_optimizer_add(o, &t, 1));
            ok(descent_optimizer_step(o, &g, 1, NULL, NULL));
            descent_optimizer_free(o);
        }
        assert_true(bits_hash(1, F32, a, COUNT) == bits_hash(1, F32, b, COUNT));
        descent_runtime_free(runtime);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_14_rows_are_a_gradient_with_zeros_elsewhere),
        cmocka_unit_test(s12_14_lazily_the_rows_are_tensors_of_their_own),
        cmocka_unit_test(s12_14_lazily_all_rows_are_a_dense_gradient),
        cmocka_unit_test(chance_rounds_rows_as_it_rounds_tensors),
        cmocka_unit_test(clipping_each_tensor_is_clipping_it_dense),
        cmocka_unit_test(s12_14_norms_are_those_of_the_dense_gradient),
        cmocka_unit_test(odd_numbers_pass_as_they_do_in_dense_gradients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
