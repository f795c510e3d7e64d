/* SPDX-License-Identifier: MIT */
/* Steps that are large enough for several threads give one hash, whatever the
 * number of threads, the entry and the tensors a call: for every variant of the
 * seven, every format, everything on. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/variants.h"

enum { TENSORS = 30, MOST = 90001, STEPS = 4 };

#ifdef DESCENT_SANITIZED
enum { STRIDE = 9 }; /* of the cases */
#else
enum { STRIDE = 1 };
#endif

static const char *const kinds[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};

static const struct {
    descent_dtype dtype;
    const char *master;
} formats[] = {
    {DESCENT_DTYPE_F32, NULL},     {DESCENT_DTYPE_F64, NULL},
    {DESCENT_DTYPE_F16, "f32"},    {DESCENT_DTYPE_BF16, "f32"},
    {DESCENT_DTYPE_BF16, "kahan"}, {DESCENT_DTYPE_BF16, "stochastic"},
};
enum { FORMATS = sizeof formats / sizeof *formats };

static const double aggregates[] = {NAN, 1, 4};

typedef struct setting {
    const char *kind;
    const variant_values *values;
    size_t format;
    int everything;
    uint32_t threads;
    int fused;
    double aggregate;
} setting;

static double weight[TENSORS][MOST], gradient[TENSORS][MOST];

/* A large one, some about as large as a span, many small ones. */
static int64_t size_of(size_t i)
{
    static const int64_t first[] = {MOST, 16384, 16385, 1, 512, 16383};

    return i < 6 ? first[i] : (int64_t)(7 + 13 * i);
}

static void fill(descent_dtype dtype, void *array, size_t n, uint64_t seed)
{
    static double wide[MOST];
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        wide[i] = (double)(int64_t)x * 0x1p-63;
    }
    if (dtype == DESCENT_DTYPE_F64)
        memcpy(array, wide, n * sizeof *wide);
    else
        ok(descent_convert(dtype, array, DESCENT_DTYPE_F64, wide, n));
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static size_t bytes_of(const descent_tensor *t)
{
    static const size_t size[] = {[DESCENT_DTYPE_F32] = 4,
                                  [DESCENT_DTYPE_F64] = 8,
                                  [DESCENT_DTYPE_F16] = 2,
                                  [DESCENT_DTYPE_BF16] = 2};
    size_t n = size[t->dtype];

    for (uint32_t d = 0; d < t->ndim; d++)
        n *= (size_t)t->shape[d];
    return n;
}

/* Of all weights and state. */
static uint64_t hash_of(const descent_optimizer *o)
{
    uint64_t hash = 1;
    const char *name;

    for (size_t i = 0; i < TENSORS; i++) {
        descent_tensor t = {.struct_size = sizeof t};
        ok(descent_optimizer_tensor(o, i, &t));
        hash = mix(hash, t.data, bytes_of(&t));
        for (size_t k = 0; (name = descent_optimizer_slot_name(o, k)) != NULL;
             k++) {
            ok(descent_optimizer_slot(o, i, name, &t));
            hash = mix(hash, t.data, bytes_of(&t));
        }
    }
    return hash;
}

static void turn_everything_on(descent_options *options)
{
    static const char *const truths[] = {"use_ema", "loss_scale", "report_norm",
                                         "flush_denormals"};
    static const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"global_clipnorm", 3},          {"weight_decay", 0.01},
        {"ema_overwrite_frequency", 2},  {"gradient_accumulation_steps", 2},
        {"loss_scale.initial_scale", 8}, {"loss_scale.dynamic_growth_steps", 2},
    };

    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++)
        ok(descent_options_set_boolean(options, truths[i], 1));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ok(descent_options_set_number(options, numbers[i].name,
                                      numbers[i].value));
}

static descent_optimizer *create(descent_runtime *runtime, const setting *s)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    descent_optimizer *o = NULL;

    ok(descent_runtime_find(runtime, s->kind, &info));
    descent_options *options = variants_options(runtime, info.type, s->values);
    if (s->everything)
        turn_everything_on(options);
    if (formats[s->format].master != NULL)
        ok(descent_options_set_text(options, "master",
                                    formats[s->format].master));
    ok(descent_options_set_boolean(options, "use_fused_step", s->fused));
    if (!isnan(s->aggregate))
        ok(descent_options_set_number(options, "aggregate_num", s->aggregate));
    ok(descent_optimizer_create(runtime, s->kind, options, &o));
    descent_options_free(options);
    return o;
}

static void bind(descent_optimizer *o, descent_dtype dtype)
{
    for (size_t i = 0; i < TENSORS; i++) {
        char name[8];
        const int64_t n = size_of(i);
        const descent_tensor t = {
            .struct_size = sizeof t,
            .dtype = dtype,
            .name = name,
            .ndim = 1,
            .shape = &n,
            .data = weight[i],
            .gradient = gradient[i],
        };
        snprintf(name, sizeof name, "w%zu", i);
        fill(dtype, weight[i], (size_t)n, i);
        ok(descent_optimizer_add(o, &t, 1));
    }
}

typedef struct outcome {
    uint64_t hash, calls;
    double norm;
} outcome;

static outcome run(const setting *s)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .threads = s->threads};
    const descent_dtype dtype = formats[s->format].dtype;
    descent_runtime *runtime = NULL;
    outcome out = {.norm = 0};

    ok(descent_runtime_create(&options, &runtime));
    descent_optimizer *o = create(runtime, s);
    bind(o, dtype);
    for (uint64_t step = 1; step <= STEPS; step++) {
        descent_step_report report = {.struct_size = sizeof report};
        for (size_t i = 0; i < TENSORS; i++)
            fill(dtype, gradient[i], (size_t)size_of(i), 1000 * step + i);
        ok(descent_optimizer_step(o, NULL, 0, NULL, &report));
        out.calls += report.step_calls + report.fused_calls;
        out.norm += isnan(report.grad_norm) ? 0 : report.grad_norm;
    }
    out.hash = hash_of(o);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    return out;
}

static void compare(const setting *s, const outcome *expected)
{
    const outcome found = run(s);

    if (found.hash != expected->hash || found.norm != expected->norm)
        fail_msg("%s, format %zu, everything %d differs with %u threads, "
                 "use_fused_step %d, aggregate_num %g",
                 s->kind, s->format, s->everything, s->threads, s->fused,
                 s->aggregate);
}

static const uint32_t threads[] = {1, 2, 3, 5, 8};

/* The threads, and in turn the entries and the tensors a call. */
static void compare_threads(setting s, size_t turn)
{
    s.threads = 1;
    s.fused = 1;
    s.aggregate = NAN;
    const outcome expected = run(&s);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        s.threads = threads[i];
        s.fused = (int)((turn + i) % 2);
        s.aggregate = aggregates[(turn + i) % 3];
        compare(&s, &expected);
    }
}

static void compare_kind(const char *kind)
{
    descent_runtime *runtime = check_runtime();
    descent_plugin_info info = {.struct_size = sizeof info};
    variant_values found[VARIANTS_MOST];
    setting s = {.kind = kind};
    size_t turn = 0;

    ok(descent_runtime_find(runtime, kind, &info));
    const uint32_t n = variants_of(info.type, found);
    for (uint32_t v = 0; v < n; v++) {
        s.values = &found[v];
        for (s.format = 0; s.format < FORMATS; s.format++)
            for (s.everything = 0; s.everything < 2; s.everything++)
                if (turn++ % STRIDE == 0)
                    compare_threads(s, turn);
    }
    descent_runtime_free(runtime);
}

static void threads_change_no_bit_of_any_variant(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        compare_kind(kinds[k]);
}

static void nor_with_any_entry_and_any_number_a_call(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_plugin_info info = {.struct_size = sizeof info};
    variant_values found[VARIANTS_MOST];
    setting s = {.kind = "adam", .values = found, .everything = 1};

    (void)state;
    ok(descent_runtime_find(runtime, s.kind, &info));
    variants_of(info.type, found);
    for (s.format = 0; s.format < FORMATS; s.format += 3) {
        s.threads = s.fused = 1;
        s.aggregate = NAN;
        const outcome expected = run(&s);
        for (size_t i = 0; i < 5 * 2 * 3; i += 1 + STRIDE / 2) {
            s.threads = threads[i % 5];
            s.fused = (int)(i / 5 % 2);
            s.aggregate = aggregates[i / 10];
            compare(&s, &expected);
        }
    }
    descent_runtime_free(runtime);
}

static void calls_do_not_depend_on_threads(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_plugin_info info = {.struct_size = sizeof info};
    variant_values found[VARIANTS_MOST];
    setting s = {.kind = "adam", .values = found, .fused = 1};

    (void)state;
    ok(descent_runtime_find(runtime, s.kind, &info));
    variants_of(info.type, found);
    for (size_t k = 0; k < 3; k++) {
        s.aggregate = aggregates[k];
        s.threads = 1;
        const uint64_t calls = run(&s).calls;
        assert_true(calls > STEPS);
        s.threads = 3;
        assert_int_equal(run(&s).calls, calls);
    }
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_no_bit_of_any_variant),
        cmocka_unit_test(nor_with_any_entry_and_any_number_a_call),
        cmocka_unit_test(calls_do_not_depend_on_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
