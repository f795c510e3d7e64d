/* SPDX-License-Identifier: MIT */
/* Every loop that a plugin brings gives the bits of the plainest one: the
 * core's operations on whole arrays followed by the portable step.  Compared by
 * hash over weights and state after ten steps, for every variant, precision,
 * combination of options, level and compiler, over odd cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/tile.h"
#include "base/cpu.h"
#include "support/bits.h"
#include "support/kernels.h"

#ifdef DESCENT_SANITIZED
enum { ELEMENTS = 1003, STEPS = 2 };
#else
enum { ELEMENTS = 100003, STEPS = 10 };
#endif
enum { MASKS = 32 };

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

static double weight[ELEMENTS], average[ELEMENTS], gradient[STEPS][ELEMENTS],
    work[ELEMENTS], slot[DESCENT_MAX_SLOTS][ELEMENTS];

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

/* The core's operations before the rule, on everything at once. */
static void *core_before(const run *r, const descent_fuse *fuse, const void *g)
{
    tile_gradient(r->dtype, ELEMENTS, fuse, r->mask, g, weight, work);
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
        .host = &kernels_host,
        .spans = spans,
        .type = r->type,
        .variant = r->variant,
        .compute = r->dtype,
        .isa = r->isa,
        .update = 1,
        .flags = r->isa != DESCENT_ISA_ANY ? DESCENT_PASS_FAR : 0,
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
    void *g = gradient[t - 1];

    kernels_prepare(r->type, &r->values, t, r->scalar, coef, coef_f32);
    call(r, &fuse, r->fused ? g : core_before(r, &fuse, g), c);
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

static void compare(run r, uint64_t expected, const char *compiler)
{
    for (size_t level = 0; level < LEVELS; level++) {
        if (!levels_has(levels[level]))
            continue;
        for (r.fused = 0; r.fused < 2; r.fused++) {
            r.isa = levels[level];
            if (hash_of(r) != expected)
                fail_msg("%s variant %u, f%d, mask 0x%x, %s, %s, %s",
                         r.type->id, r.variant,
                         r.dtype == DESCENT_DTYPE_F64 ? 64 : 32, r.mask,
                         compiler, cpu_isa_name(levels[level]),
                         r.fused ? "fused_step" : "step");
        }
    }
}

/* All of one variant in one precision. */
static void compare_masks(run r, const descent_optimizer_type *const *types)
{
    for (r.mask = 0; r.mask < MASKS; r.mask++) {
        r.type = types[0];
        r.fused = 0;
        r.isa = DESCENT_ISA_ANY;
        const uint64_t expected = hash_of(r);
        for (size_t c = 0; c < COMPILERS; c++) {
            r.type = types[c];
            if (r.type != NULL)
                compare(r, expected, kernels_builds[c]);
        }
    }
}

static void all_loops_give_the_same_bits(void **state)
{
    const char *name = *state;
    const descent_optimizer_type *types[COMPILERS];
    variant_values values[VARIANTS_MOST];
    run r = {0};

    for (size_t c = 0; c < COMPILERS; c++)
        types[c] = kernels_load(c, name);
    const uint32_t variants = variants_of(types[0], values);
    for (r.dtype = DESCENT_DTYPE_F32; r.dtype <= DESCENT_DTYPE_F64; r.dtype++) {
        for (uint64_t t = 1; t <= STEPS; t++)
            bits_fill(r.dtype, gradient[t - 1], ELEMENTS, 100 + t);
        for (r.variant = 0; r.variant < variants; r.variant++) {
            r.values = values[r.variant];
            compare_masks(r, types);
        }
    }
}

int main(void)
{
    struct CMUnitTest tests[KERNELS];
    char names[KERNELS][64];

    kernels_say_missing();
    for (size_t i = 0; i < KERNELS; i++) {
        snprintf(names[i], sizeof names[i],
                 "all_loops_of_%s_give_the_same_bits", kernels_optimizers[i]);
        tests[i] = (struct CMUnitTest){
            .name = names[i],
            .test_func = all_loops_give_the_same_bits,
            .initial_state = (void *)(uintptr_t)kernels_optimizers[i],
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
