/* SPDX-License-Identifier: MIT */
/* Every loop that a plugin brings gives the bits of the plainest one: the
 * core's operations on whole arrays followed by the portable step.  Compared by
 * hash over weights and state after ten steps, for every variant, precision,
 * combination of options, level and compiler, over odd cuts. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "engine/tile.h"
#include "support/bits.h"
#include "support/variants.h"

#ifdef DESCENT_SANITIZED
enum { ELEMENTS = 1003, STEPS = 2 };
#else
enum { ELEMENTS = 100003, STEPS = 10 };
#endif
enum { ARRAYS = DESCENT_MAX_SLOTS + 2, MASKS = 32 };

static const char *const optimizers[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};
static const char *const compilers[] = {"gcc", "clang"};
static const struct {
    const char *name;
    descent_isa isa;
} levels[] = {
    {"any", DESCENT_ISA_ANY},
    {"avx2", DESCENT_ISA_AVX2},
    {"avx512", DESCENT_ISA_AVX2 | DESCENT_ISA_AVX512},
};

/* ---- One run ---- */

typedef struct run {
    const descent_optimizer_type *type;
    variant_values values;
    uint32_t variant;
    descent_dtype dtype;
    uint32_t mask;
    descent_isa isa;
    int fused; /* else the core's operations, step */
    double scalar[DESCENT_MAX_SLOTS];
} run;

static double weight[ELEMENTS], average[ELEMENTS], gradient[ELEMENTS],
    work[ELEMENTS], slot[DESCENT_MAX_SLOTS][ELEMENTS];

static descent_status no_fail(const descent_host *host, descent_status code,
                              const char *format, ...)
{
    (void)host;
    (void)format;
    return code;
}

static const descent_host host = {
    .struct_size = sizeof host,
    .abi_major = DESCENT_ABI_MAJOR,
    .version = DESCENT_VERSION,
    .fail = no_fail,
};

static size_t size_of(descent_dtype dtype)
{
    return dtype == DESCENT_DTYPE_F64 ? sizeof(double) : sizeof(float);
}

static void *at(void *array, descent_dtype dtype, size_t element)
{
    return (char *)array + element * size_of(dtype);
}

static void begin(run *r)
{
    bits_fill(r->dtype, weight, ELEMENTS, 1);
    memset(average, 0, sizeof average);
    for (size_t k = 0; k < r->type->slot_count; k++) {
        const descent_slot *s = descent_type_slot(r->type, k);
        memset(slot[k], 0, sizeof slot[k]);
        if (s->shape == DESCENT_SLOT_SCALAR)
            r->scalar[0] = s->initial;
    }
}

static void prepare(run *r, uint64_t t, double *coef, float *coef_f32)
{
    const descent_moment moment = {
        .struct_size = sizeof moment,
        .param_count = VARIANTS_PARAMS,
        .host = &host,
        .update = t,
        .t = t,
        .lr = 0.01,
        .param = r->values.value,
        .scalar = r->scalar,
    };

    memset(coef, 0, DESCENT_MAX_COEFS * sizeof *coef);
    assert_int_equal(r->type->prepare(NULL, &moment, coef), DESCENT_OK);
    for (int i = 0; i < DESCENT_MAX_COEFS; i++)
        coef_f32[i] = (float)coef[i];
}

/* The core's operations before the rule, on everything at once. */
static void *core_before(const run *r, const descent_fuse *fuse)
{
    tile_gradient(r->dtype, ELEMENTS, fuse, r->mask, gradient, weight, work);
    if ((r->mask & DESCENT_FUSE_DECAY) != 0)
        tile_decay(r->dtype, ELEMENTS, fuse->decay, weight);
    return work;
}

/* Hand the arrays over in spans of odd sizes. */
static void call(const run *r, const descent_fuse *fuse, void *g,
                 const void *coef)
{
    static const size_t cuts[] = {1, 2, 3, 7, 97, 256, 1001, 33333, ELEMENTS};
    void *slots[16][DESCENT_MAX_SLOTS];
    descent_span spans[16];
    descent_pass pass = {
        .struct_size = sizeof pass,
        .span_size = sizeof *spans,
        .host = &host,
        .spans = spans,
        .type = r->type,
        .variant = r->variant,
        .compute = r->dtype,
        .isa = r->isa,
        .update = 1,
    };

    for (size_t first = 0, i = 0; first < ELEMENTS; i++) {
        const size_t left = ELEMENTS - first;
        const size_t n = cuts[i] < left ? cuts[i] : left;
        for (size_t k = 0; k < r->type->slot_count; k++)
            slots[i][k] = at(slot[k], r->dtype, first);
        spans[i] = (descent_span){
            .struct_size = sizeof *spans,
            .count = (int64_t)n,
            .weight = at(weight, r->dtype, first),
            .grad = at(g, r->dtype, first),
            .slot = slots[i],
            .coef = coef,
            .fuse = fuse,
            .average = at(average, r->dtype, first),
            .first = (int64_t)first,
        };
        pass.count = i + 1;
        first += n;
    }
    assert_int_equal(
        (r->fused ? r->type->fused_step : r->type->step)(NULL, &pass),
        DESCENT_OK);
}

static void step(run *r, uint64_t t)
{
    double coef[DESCENT_MAX_COEFS];
    float coef_f32[DESCENT_MAX_COEFS];
    const descent_fuse fuse = {
        .struct_size = sizeof fuse,
        .mask = r->mask,
        .grad_scale = 0.37,
        .clip = 0.5,
        .l2 = 0.01,
        .decay = 0.003,
        .ema_keep = t == 1 ? 0 : 0.9,
        .ema_take = t == 1 ? 1 : 1 - 0.9,
    };
    const void *c = r->dtype == DESCENT_DTYPE_F64 ? (void *)coef : coef_f32;

    bits_fill(r->dtype, gradient, ELEMENTS, 100 + t);
    prepare(r, t, coef, coef_f32);
    call(r, &fuse, r->fused ? (void *)gradient : core_before(r, &fuse), c);
    if (!r->fused && (r->mask & DESCENT_FUSE_EMA) != 0)
        tile_average(r->dtype, ELEMENTS, fuse.ema_keep, fuse.ema_take, weight,
                     average);
}

static uint64_t hash_of(run r)
{
    uint64_t hash;

    begin(&r);
    for (uint64_t t = 1; t <= STEPS; t++)
        step(&r, t);
    hash = bits_hash(1, r.dtype, weight, ELEMENTS);
    hash = bits_hash(hash, r.dtype, average, ELEMENTS);
    for (size_t k = 0; k < r.type->slot_count; k++)
        hash = bits_hash(hash, r.dtype, slot[k], ELEMENTS);
    return hash;
}

/* ---- All runs of one optimizer ---- */

static const descent_optimizer_type *load(const char *compiler,
                                          const char *name)
{
    const char *build = getenv("DESCENT_TEST_BUILD");
    char path[4096];
    void *handle;
    const descent_plugin *(*entry)(const descent_host *);

    snprintf(path, sizeof path, "%s/tests/kernels/%s/%s.so",
             build == NULL ? "build" : build, compiler, name);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return NULL;
    *(void **)&entry = dlsym(handle, DESCENT_ENTRY);
    assert_non_null(*(void **)&entry);
    return entry(&host)->types;
}

static void compare(run r, uint64_t expected, const char *compiler)
{
    const descent_isa can = cpu_isa();

    for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
        if ((levels[level].isa & can) != levels[level].isa)
            continue;
        for (r.fused = 0; r.fused < 2; r.fused++) {
            r.isa = levels[level].isa;
            if (hash_of(r) != expected)
                fail_msg("%s variant %u, f%d, mask 0x%x, %s, %s, %s",
                         r.type->id, r.variant,
                         r.dtype == DESCENT_DTYPE_F64 ? 64 : 32, r.mask,
                         compiler, levels[level].name,
                         r.fused ? "fused_step" : "step");
        }
    }
}

static void all_loops_give_the_same_bits(void **state)
{
    const char *name = *state;
    const descent_optimizer_type *types[2];
    variant_values values[VARIANTS_MOST];
    run r = {0};

    for (int c = 0; c < 2; c++)
        types[c] = load(compilers[c], name);
    assert_non_null(types[0]);
    const uint32_t variants = variants_of(types[0], values);
    for (r.variant = 0; r.variant < variants; r.variant++)
        for (r.dtype = DESCENT_DTYPE_F32; r.dtype <= DESCENT_DTYPE_F64;
             r.dtype++)
            for (r.mask = 0; r.mask < MASKS; r.mask++) {
                r.values = values[r.variant];
                r.type = types[0];
                r.fused = 0;
                r.isa = DESCENT_ISA_ANY;
                const uint64_t expected = hash_of(r);
                compare(r, expected, compilers[0]);
                if (types[1] == NULL)
                    continue;
                r.type = types[1];
                compare(r, expected, compilers[1]);
            }
}

int main(void)
{
    enum { N = sizeof optimizers / sizeof *optimizers };
    struct CMUnitTest tests[N];
    char names[N][64];

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if ((levels[i].isa & cpu_isa()) != levels[i].isa)
            printf("# not run: level %s, which this processor lacks\n",
                   levels[i].name);
    if (load(compilers[1], optimizers[0]) == NULL)
        printf("# not run: plugins built by clang, which is not installed\n");
    for (size_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i],
                 "all_loops_of_%s_give_the_same_bits", optimizers[i]);
        tests[i] = (struct CMUnitTest){
            .name = names[i],
            .test_func = all_loops_give_the_same_bits,
            .initial_state = (void *)(uintptr_t)optimizers[i],
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
