/* SPDX-License-Identifier: MIT */
/* Golden vectors: three updates of three weights, as Keras 3 computes them in
 * f32 and as the formulas say in f64, and five updates in each storage format.
 * The conformance program has the long ones. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/formats.h"

enum { F32 = DESCENT_DTYPE_F32, F64, F16, BF16 };
enum { SIZE = 3, SLOTS = 3 };

static const double first[SIZE] = {1, -2, 0.5};

/* What an optimizer has to give. */
typedef struct golden {
    const char *kind, *options;
    double w[SIZE];
    struct {
        const char *name; /* or NULL */
        double value[SIZE];
    } slot[SLOTS];
} golden;

typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    descent_dtype dtype;
    double w[SIZE], g[SIZE]; /* room for any type */
} bench;

static void open_bench(bench *b, const char *kind, const char *options,
                       bool fused, descent_dtype dtype)
{
    const int64_t n = SIZE;
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = dtype,
        .name = "w",
        .ndim = 1,
        .shape = &n,
        .data = b->w,
        .gradient = b->g,
    };
    char json[256];

    snprintf(json, sizeof json, "{\"use_fused_step\": %s%s%s}",
             fused ? "true" : "false", options[0] == '\0' ? "" : ", ", options);
    b->runtime = check_runtime();
    b->o = check_optimizer(b->runtime, kind, json);
    b->dtype = dtype;
    for (size_t i = 0; i < SIZE; i++)
        put(dtype, b->w, i, first[i]);
    ok(descent_optimizer_add(b->o, &t, 1));
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

static void go(bench *b, double g0, double g1, double g2)
{
    put(b->dtype, b->g, 0, g0);
    put(b->dtype, b->g, 1, g1);
    put(b->dtype, b->g, 2, g2);
    check_step(b->o);
}

/* The gradients 0.1 t, -0.3 and 0.05 (-1)^t at t = 1, 2, 3. */
static void go_three(bench *b)
{
    go(b, 0.1, -0.3, -0.05);
    go(b, 0.2, -0.3, 0.05);
    go(b, 0.3, -0.3, -0.05);
}

static const void *slot_data(const bench *b, const char *name, uint32_t ndim)
{
    descent_tensor view = {.struct_size = sizeof view};

    ok(descent_optimizer_slot(b->o, 0, name, &view));
    assert_int_equal(view.ndim, ndim);
    return view.data;
}

/* The unit in the last place of a float. */
static double ulp(double x)
{
    const float magnitude = fabsf((float)x);

    return (double)(nextafterf(magnitude, INFINITY) - magnitude);
}

static void expect_near(double got, double expected, double limit,
                        const golden *row, const char *array, size_t i)
{
    if (!(fabs(got - expected) <= limit))
        fail_msg("%s {%s}: %s[%zu] = %.9g, expected %.9g", row->kind,
                 row->options, array, i, got, expected);
}

/* ---- As Keras 3 computes them in f32 ---- */

#define M 0.0561000034, -0.0813000053, -0.00455000065
#define V 1.39940021e-4, 2.6973011e-4, 7.4925033e-6
#define V_SGD -0.0561000034, 0.0813000053, 0.00455000019
#define PLAIN_SGD "\"learning_rate\": 0.1"

static const golden keras3[] = {
    {"sgd", PLAIN_SGD, {0.940000057, -1.91000009, 0.504999995}, {{NULL, {0}}}},
    {"sgd",
     PLAIN_SGD ", \"momentum\": 0.9",
     {0.904900014, -1.83169997, 0.509049952},
     {{"momentum", {V_SGD}}}},
    {"sgd",
     PLAIN_SGD ", \"momentum\": 0.9, \"nesterov\": true",
     {0.854409993, -1.7585299, 0.51314503},
     {{"momentum", {V_SGD}}}},
    {"adam",
     "",
     {0.997076869, -1.9970001, 0.50128305},
     {{"momentum", {M}}, {"velocity", {V}}}},
    {"adam",
     "\"amsgrad\": true",
     {0.997076869, -1.9970001, 0.50128305},
     {{"momentum", {M}}, {"velocity", {V}}, {"velocity_hat", {V}}}},
    {"adagrad",
     "",
     {0.998569667, -1.99825168, 0.500154376},
     {{"accumulator", {0.24000001, 0.370000005, 0.107499994}}}},
    {"rmsprop",
     "",
     {0.991390109, -1.99262261, 0.502788544},
     {{"velocity", {0.0134100001, 0.0243900008, 6.77500037e-4}}}},
    {"rmsprop",
     "\"momentum\": 0.5, \"centered\": true",
     {0.986496925, -1.98809326, 0.504341125},
     {{"velocity", {0.0134100001, 0.0243900008, 6.77500037e-4}},
      {"momentum", {0.00536420057, -0.00435768906, -0.00163672632}},
      {"average_gradient", {0.0561000034, -0.0813000053, -0.00455000019}}}},
    {"adadelta",
     "\"learning_rate\": 1",
     {0.994623959, -1.99570918, 0.501425803},
     {{"accumulated_grad", {0.00685125031, 0.0128362514, 3.56562494e-4}},
      {"accumulated_delta_var",
       {4.77945605e-7, 2.91996344e-7, 2.91766838e-7}}}},
    {"adamax",
     "",
     {0.997546792, -1.99699986, 0.501283169},
     {{"momentum", {M}}, {"norm", {0.300000012, 0.300000012, 0.0500000007}}}},
    {"nadam",
     "",
     {0.99706763, -1.99745238, 0.501003444},
     {{"momentum", {M}}, {"velocity", {V}}}},
    {"adam",
     "\"weight_decay\": 0.1, \"global_clipnorm\": 0.2",
     {0.996741891, -1.99642241, 0.501182318},
     {{"momentum", {0.028994929, -0.0440599695, -0.00239834771}}}},
};

/* Keras forms the scalars of an update in f32, which moves the change of a
 * weight by up to 5e-5 of it. */
static void compare_golden(const bench *b, const golden *row)
{
    for (size_t i = 0; i < SIZE; i++)
        expect_near(get(F32, b->w, i), row->w[i],
                    5e-5 * fabs(row->w[i] - first[i]) + 2 * ulp(row->w[i]), row,
                    "w", i);
    for (size_t k = 0; k < SLOTS && row->slot[k].name != NULL; k++) {
        const void *data = slot_data(b, row->slot[k].name, 1);
        for (size_t i = 0; i < SIZE; i++)
            expect_near(get(F32, data, i), row->slot[k].value[i],
                        2 * ulp(row->slot[k].value[i]), row, row->slot[k].name,
                        i);
    }
}

static void s12_01_golden_vectors_of_keras3_are_met_fused_or_not(void **state)
{
    static bench b;
    double fused[SIZE];

    (void)state;
    for (size_t k = 0; k < 2 * sizeof keras3 / sizeof *keras3; k++) {
        const golden *row = &keras3[k / 2];
        open_bench(&b, row->kind, row->options, k % 2 == 0, F32);
        go_three(&b);
        compare_golden(&b, row);
        if (k % 2 == 0)
            memcpy(fused, b.w, sizeof fused);
        assert_memory_equal(fused, b.w, SIZE * sizeof(float));
        close_bench(&b);
    }
}

static void s12_01_golden_product_of_nadam_is_met(void **state)
{
    static bench b;

    (void)state;
    open_bench(&b, "nadam", "", true, F32);
    go_three(&b);
    assert_true(fabs(*(const double *)slot_data(&b, "u_product", 0) -
                     0.113979928) < 5e-7 * 0.113979928);
    close_bench(&b);
}

/* ---- As the formulas say in f64 ---- */

static void flavours_are_met_in_f64(const char *kind)
{
    static const struct {
        const char *kind, *options;
        double w[SIZE];
    } rows[] = {
        {"nadam", "", {0.99706768, -1.99745229, 0.50100344}},
        {"nadam",
         "\"flavour\": \"keras2\"",
         {0.99403761, -1.9948553, 0.50201926}},
        {"nadam",
         "\"flavour\": \"torch\"",
         {0.9940376, -1.99485529, 0.50201927}},
        {"rmsprop", "", {0.99139014, -1.99262265, 0.50278853}},
        {"rmsprop",
         "\"flavour\": \"keras2\"",
         {0.99138996, -1.99262262, 0.50278905}},
    };
    static bench b;

    for (size_t k = 0; k < 2 * sizeof rows / sizeof *rows; k++) {
        const double *expected = rows[k / 2].w;
        if (strcmp(rows[k / 2].kind, kind) != 0)
            continue;
        open_bench(&b, rows[k / 2].kind, rows[k / 2].options, k % 2 == 0, F64);
        go_three(&b);
        /* To the last of the digits. */
        for (size_t i = 0; i < SIZE; i++)
            if (!(fabs(b.w[i] - expected[i]) <= 0.51e-8))
                fail_msg("%s {%s}: w[%zu] = %.10g, expected %.9g",
                         rows[k / 2].kind, rows[k / 2].options, i, b.w[i],
                         expected[i]);
        close_bench(&b);
    }
}

static void s12_01_golden_rmsprop_of_the_flavours_is_met(void **state)
{
    (void)state;
    flavours_are_met_in_f64("rmsprop");
}

static void s12_07_nadams_psi_is_1_or_0004(void **state)
{
    (void)state;
    flavours_are_met_in_f64("nadam");
}

/* ---- In every storage format ---- */

/* Five updates of 1 with the gradient 0.5.  Where Keras computes in 16 bits,
 * Adam and Adadelta do not move at all in bf16, and Nadam becomes NaN. */
static void s12_08_every_format_gives_the_recorded_f32_column(void **state)
{
    static const struct {
        const char *kind;
        double rate, w;
    } rows[] = {
        {"adam", 0.1, .500006},    {"nadam", 0.1, .604023},
        {"adamax", 0.1, .5},       {"rmsprop", 0.1, -.0645276},
        {"adagrad", 0.1, .705996}, {"adadelta", 1, .992794},
    };
    static const descent_dtype formats[] = {F64, F32, F16, BF16};
    static bench b;
    char options[128];

    (void)state;
    for (size_t k = 0; k < 4 * sizeof rows / sizeof *rows; k++) {
        const descent_dtype format = formats[k % 4];
        const char *kind = rows[k / 4].kind;
        double exact;
        snprintf(options, sizeof options,
                 "\"learning_rate\": %g, \"multi_precision\": true",
                 rows[k / 4].rate);
        open_bench(&b, kind, options, true, format);
        for (int step = 0; step < 5; step++)
            go(&b, 0.5, 0, 0);
        exact = format == F64 || format == F32
                    ? get(format, b.w, 0)
                    : get(F32, slot_data(&b, "master", 1), 0);
        if (!(fabs(exact - rows[k / 4].w) < 2e-5))
            fail_msg("%s in type %u: %.9g, expected %.9g", kind, format, exact,
                     rows[k / 4].w);
        put(format, b.g, 0, exact);
        assert_true(get(format, b.w, 0) == get(format, b.g, 0));
        close_bench(&b);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_01_golden_vectors_of_keras3_are_met_fused_or_not),
        cmocka_unit_test(s12_01_golden_product_of_nadam_is_met),
        cmocka_unit_test(s12_01_golden_rmsprop_of_the_flavours_is_met),
        cmocka_unit_test(s12_07_nadams_psi_is_1_or_0004),
        cmocka_unit_test(s12_08_every_format_gives_the_recorded_f32_column),
    };

    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
