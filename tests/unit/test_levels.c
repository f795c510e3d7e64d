/* SPDX-License-Identifier: MIT */
/* The core's loops give at every level of the processor the bits of the
 * portable ones, whatever the length and the alignment, and write nothing
 * else. */
#include <string.h>

#include "base/cpu.h"
#include "base/denormals.h"
#include "base/random.h"
#include "engine/tile.h"
#include "support/bits.h"
#include "support/levels.h"
#include "support/rule.h"
#include "tensor/convert.h"
#include "tensor/finite.h"
#include "tensor/norm.h"
#include "tensor/view.h"

enum { F32 = DESCENT_DTYPE_F32, F64, F16, BF16 };
enum { LONGEST = 67, ROOM = LONGEST + 3, SETS = 3 };

/* ---- Arrays ---- */

/* What the loops read and write, by set and type; `out` is both. */
static _Alignas(64) double in[SETS][BF16 + 1][ROOM];
static _Alignas(64) double out[2][BF16 + 1][ROOM];
static uint32_t randoms[ROOM];

/* Halves of every kind, but where `finite` no NaN: of two, which one an
 * addition passes on is the compiler's choice. */
static void fill(uint64_t seed, bool finite)
{
    for (size_t k = 0; k < SETS; k++) {
        bits_fill(F64, in[k][F64], ROOM, SETS * seed + k);
        bits_fill(F32, in[k][F32], ROOM, SETS * seed + k);
        random_words(seed, k, 1, 0, (uint32_t *)(void *)in[k][F16], ROOM / 2);
        random_words(seed, k, 2, 0, (uint32_t *)(void *)in[k][BF16], ROOM / 2);
        for (descent_dtype type = F32; finite && type <= BF16; type++)
            for (int64_t i = 0; i < ROOM; i++)
                if (finite_until(type, type, dtype_at(in[k][type], type, i),
                                 1) == 0)
                    memset(dtype_at(in[k][type], type, i), 0x23,
                           dtype_size(type));
    }
    memcpy(out[0], in[0], sizeof out[0]);
    memcpy(out[1], in[1], sizeof out[1]);
    random_words(seed, 9, 9, 0, randoms, ROOM);
}

/* ---- Loops: on n elements from number `at` of their arrays ---- */

static size_t at;

static const void *input(size_t set, descent_dtype type)
{
    return dtype_at(in[set][type], type, (int64_t)at);
}

static void *output(size_t set, descent_dtype type)
{
    return dtype_at(out[set][type], type, (int64_t)at);
}

static void all_conversions(size_t n)
{
    static const descent_dtype types[] = {F32, F64, F16, BF16};

    for (size_t to = 0; to < 4; to++)
        for (size_t from = 0; from < 4; from++)
            convert(types[to], output(from % 2, types[to]), types[from],
                    input(from / 2, types[from]), n);
}

static void one_of_chance(descent_dtype to, size_t n)
{
    convert_stochastic(to, output(0, to), input(1, F32), randoms + at, n);
}
static void chance(size_t n)
{
    one_of_chance(F16, n);
    one_of_chance(BF16, n);
}

static void compensation(size_t n)
{
    convert_compensated(F16, output(0, F16), output(1, F16), input(2, F32), n);
    convert_compensated(BF16, output(0, BF16), output(1, BF16), input(2, F32),
                        n);
}

static void tiles(size_t n)
{
    static const uint32_t masks[] = {
        DESCENT_FUSE_SCALE, DESCENT_FUSE_CLIP | DESCENT_FUSE_L2,
        DESCENT_FUSE_SCALE | DESCENT_FUSE_CLIP | DESCENT_FUSE_L2};
    const descent_fuse fuse = {.grad_scale = 0.7, .clip = 0.9, .l2 = 0.1};

    for (descent_dtype type = F32; type <= F64; type++) {
        for (size_t m = 0; m < sizeof masks / sizeof *masks; m++)
            tile_gradient(type, n, &fuse, masks[m], input(m, type),
                          output(1, type), output(0, type));
        tile_decay(type, n, 0.01, output(1, type));
        tile_average(type, n, 0.9, 0.1, input(2, type), output(1, type));
        tile_add(type, n, output(0, type), 0.3, input(1, type),
                 output(0, type));
    }
}

static void norms(size_t n)
{
    for (descent_dtype type = F32; type <= F64; type++) {
        norm_sum sum = {0};
        norm_sum_add(&sum, type, (int64_t)at, input(0, type), n, 0.3);
        norm_sum_add(&sum, type, NORM_BLOCK - 20, input(1, type), n, 1);
        ((double *)output(0, F64))[type - F32] = norm_sum_end(&sum);
    }
}

static void words(size_t n)
{
    random_words(5, 6, 7, ((uint64_t)1 << 34) - 5 + at, output(0, F32), n);
}

static const struct {
    const char *name;
    void (*run)(size_t n);
    bool finite;
} loops[] = {
    {"convert", all_conversions, false},
    {"chance", chance, false},
    {"compensation", compensation, true},
    {"tiles", tiles, true},
    {"norms", norms, true},
    {"words", words, true},
};

static void run_at(size_t k, descent_isa level, size_t n)
{
    descent_isa before;

    fill(n, loops[k].finite);
    before = levels_allow(level);
    loops[k].run(n);
    levels_allow(before);
}

static void s12_01_every_level_gives_the_portable_bits(void **state)
{
    static double expected[2][BF16 + 1][ROOM];

    (void)state;
    for (size_t k = 0; k < sizeof loops / sizeof *loops; k++)
        for (size_t l = 1; l < LEVELS && levels_has(levels[l]); l++)
            for (size_t n = 0; n <= LONGEST; n++) {
                at = n % 3;
                run_at(k, DESCENT_ISA_ANY, n);
                memcpy(expected, out, sizeof out);
                run_at(k, levels[l], n);
                if (memcmp(expected, out, sizeof out) != 0)
                    fail_msg("%s at %s, %zu elements from number %zu",
                             loops[k].name, cpu_isa_name(levels[l]), n, at);
            }
}

/* ---- Every kind of number ---- */

enum { LOWER = 32, SWEEP = 1 << 12 };

/* Bits below the upper 16: where 13, 16 or none of them are rounded away, ties
 * and what lies beside them. */
static uint32_t lower(uint32_t i)
{
    const uint32_t ends[] = {0, 0x1000, 0x2000, 0x8000};

    return (ends[i % 4] + (i / 4 % 8) * 0x3001 - 1) & 0xffff;
}

/* Convert SWEEP patterns with these upper bits, and hash the results. */
static uint64_t sweep_some(descent_dtype from, uint32_t first)
{
    static double x[SWEEP], y[SWEEP];
    static uint32_t random[SWEEP];
    uint64_t hash = first;

    memset(x, 0, sizeof x);
    for (uint32_t i = 0; i < SWEEP; i++) {
        const uint32_t bits = (first + i / LOWER) << 16 | lower(i % LOWER);
        const uint64_t wide = (uint64_t)bits << 32 | (bits * 0x9e3779b9u & 3);
        memcpy((char *)x + i * dtype_size(from),
               from == F64 ? (const void *)&wide : (const void *)&bits,
               dtype_size(from));
        random[i] = bits * 0x85ebca6bu;
    }
    for (descent_dtype to = F32; to <= BF16; to++) {
        convert(to, y, from, x, SWEEP);
        for (size_t i = 0; i < SWEEP * dtype_size(to) / 8; i++)
            hash = (hash ^ ((const uint64_t *)(const void *)y)[i]) *
                   0x9e3779b97f4a7c15u;
    }
    for (descent_dtype to = F16; to <= BF16 && from == F32; to++) {
        uint16_t *narrow = (uint16_t *)(void *)y;
        convert_stochastic(to, narrow, (const float *)(void *)x, random, SWEEP);
        for (size_t i = 0; i < SWEEP; i++)
            hash = (hash ^ narrow[i]) * 0x9e3779b97f4a7c15u;
    }
    return hash;
}

static uint64_t sweep(descent_dtype from, descent_isa level)
{
    const descent_isa before = levels_allow(level);
    uint64_t hash = 0;

    for (uint32_t first = 0; first < 1u << 16; first += SWEEP / LOWER)
        hash = hash * 31 + sweep_some(from, first);
    levels_allow(before);
    return hash;
}

static void every_level_converts_every_kind_of_number_alike(void **state)
{
    static const descent_dtype wide[] = {F32, F64};

    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (size_t l = 1; l < LEVELS && levels_has(levels[l]); l++)
            assert_true(sweep(wide[k], levels[l]) ==
                        sweep(wide[k], DESCENT_ISA_ANY));
}

/* All 65,536, with the payloads of NaNs. */
static void every_level_widens_every_half_alike(void **state)
{
    static uint16_t halves[1 << 16], other[2][1 << 16];
    static double wide[2][1 << 16];

    (void)state;
    for (uint32_t i = 0; i < 1u << 16; i++)
        halves[i] = (uint16_t)i;
    for (descent_dtype from = F16; from <= BF16; from++)
        for (size_t l = 1; l < LEVELS && levels_has(levels[l]); l++)
            for (descent_dtype to = F32; to <= BF16; to++) {
                void *const results[] = {to < F16 ? (void *)wide[0] : other[0],
                                         to < F16 ? (void *)wide[1] : other[1]};
                for (size_t i = 0; i < 2; i++) {
                    levels_allow(i == 0 ? DESCENT_ISA_ANY : levels[l]);
                    convert(to, results[i], from, halves, 1 << 16);
                }
                levels_allow(DESCENT_ISA_ANY);
                assert_memory_equal(results[0], results[1],
                                    dtype_size(to) << 16);
            }
}

/* Also of f16, whose denormal numbers are normal ones in f32, no bit is lost
 * where the processor has been told to flush such. */
static void flushing_changes_no_half(void **state)
{
    static uint16_t halves[1 << 16], back[2][1 << 16];
    static float wide[2][1 << 16];
    const uint64_t before = denormals_mode();

    (void)state;
    for (uint32_t i = 0; i < 1u << 16; i++)
        halves[i] = (uint16_t)i;
    for (size_t l = 0; l < LEVELS && levels_has(levels[l]); l++) {
        levels_allow(levels[l]);
        for (size_t flush = 0; flush < 2; flush++) {
            denormals_flush(flush == 1);
            convert(F32, wide[flush], F16, halves, 1 << 16);
            convert(F16, back[flush], F32, wide[flush], 1 << 16);
        }
        denormals_set_mode(before);
        assert_memory_equal(wide[0], wide[1], sizeof wide[0]);
        assert_memory_equal(back[0], back[1], sizeof back[0]);
        assert_int_equal(back[0][1], 1);
    }
    levels_allow(DESCENT_ISA_ANY);
}

/* ---- Who chooses ---- */

static int seen;

static descent_status look(void *self, const descent_pass *pass)
{
    (void)self;
    (void)pass;
    seen = levels_best();
    return DESCENT_OK;
}

static descent_status prepare(void *self, const descent_moment *moment,
                              double *coef)
{
    (void)self;
    coef[0] = moment->lr;
    return DESCENT_OK;
}

static const descent_optimizer_type type = {
    RULE("look", DESCENT_SCOPE_ELEMENT, look),
    .runs = DESCENT_RUNS_F32,
    .coef_count = 1,
    .prepare = prepare,
};
RULE_ENTRY(entry, "look", &type, 1)

static void the_runtime_chooses_for_the_length_of_a_step(void **state)
{
    static const char *const names[LEVELS] = {"any", "avx2", "avx512"};

    (void)state;
    for (int i = 0; i < LEVELS; i++) {
        const descent_runtime_options options = {.struct_size = sizeof options,
                                                 .isa = names[i]};
        descent_runtime *runtime;
        float w[1] = {1}, g[1] = {1};
        ok(descent_runtime_create(&options, &runtime));
        ok(descent_runtime_register(runtime, entry, NULL));
        descent_optimizer *o = check_optimizer(runtime, "look", NULL);
        check_bind(o, "w", w, g, 1);
        check_step(o);
        assert_string_equal(names[seen], descent_runtime_isa(runtime));
        assert_int_equal(levels_best(), LEVEL_ANY);
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_01_every_level_gives_the_portable_bits),
        cmocka_unit_test(every_level_converts_every_kind_of_number_alike),
        cmocka_unit_test(every_level_widens_every_half_alike),
        cmocka_unit_test(flushing_changes_no_half),
        cmocka_unit_test(the_runtime_chooses_for_the_length_of_a_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
