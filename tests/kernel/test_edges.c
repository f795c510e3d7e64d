/* SPDX-License-Identifier: MIT */
/* Every loop of the seven, by every compiler and on every level, at the edges of
 * its arrays; and that loops which go wrong there are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/edges.h"

/* ---- All loops of one optimizer ---- */

static void check_loops(edges_subject s, const descent_optimizer_type *plain)
{
    const char *wrong;

    for (size_t c = 0; c < COMPILERS; c++) {
        s.type = kernels_load(c, plain->id);
        s.compiler = kernels_builds[c];
        if (s.type == NULL)
            continue;
        s.entry = s.fused ? s.type->fused_step : s.type->step;
        for (s.level = 0; s.level < LEVELS; s.level++)
            if (levels_has(levels[s.level]) &&
                (wrong = edges_check(&s)) != NULL)
                fail_msg("%s", wrong);
    }
}

static void loops_keep_to_their_arrays(void **state)
{
    const descent_optimizer_type *plain = kernels_load(0, *state);
    variant_values found[VARIANTS_MOST];
    const uint32_t variants = variants_of(plain, found);
    edges_subject s = {.type = plain};

    for (s.variant = 0; s.variant < variants; s.variant++)
        for (s.dtype = DESCENT_DTYPE_F32; s.dtype <= DESCENT_DTYPE_F64;
             s.dtype++) {
            edges_prepare(&s, &found[s.variant]);
            for (s.mask = 0; s.mask < EDGES_MASKS; s.mask++)
                for (s.fused = s.mask != 0; s.fused < 2; s.fused++) {
                    edges_expect(&s, plain);
                    check_loops(s, plain);
                }
        }
}

/* With 16-bit gradients and stored weights; of the masks, those of no, of one
 * and of all operations. */
static void loops_store_bf16(void **state)
{
    const descent_optimizer_type *plain = kernels_load(0, *state);
    variant_values found[VARIANTS_MOST];
    const uint32_t variants = variants_of(plain, found);
    edges_subject s = {
        .type = plain,
        .fused = 1,
        .dtype = DESCENT_DTYPE_F32,
        .stored = DESCENT_DTYPE_BF16,
    };

    assert_true((plain->fuses & DESCENT_FUSE_BF16) != 0);
    for (s.variant = 0; s.variant < variants; s.variant++) {
        edges_prepare(&s, &found[s.variant]);
        for (s.mask = 0; s.mask < EDGES_MASKS; s.mask++)
            if ((s.mask & (s.mask - 1)) == 0 || s.mask == EDGES_MASKS - 1) {
                edges_expect(&s, plain);
                check_loops(s, plain);
            }
    }
}

/* ---- Loops that are wrong ---- */

static edges_entry *right;
static const descent_span *span_of(const descent_pass *pass)
{
    return pass->spans;
}

static void look(const void *array, int64_t i)
{
    (void)((const volatile float *)array)[i];
}

static void look_16(const void *array, int64_t i)
{
    (void)((const volatile uint16_t *)array)[i];
}

static uint16_t truncated(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* Right for all but a weight half way between two numbers. */
static uint16_t halves_up(float x, uint16_t right_one)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (bits & 0xffff) == 0x8000 ? (uint16_t)((bits + 0x8000) >> 16)
                                     : right_one;
}

static void spoil(const void *array)
{
    *(volatile float *)(uintptr_t)array = 1;
}

#define WRONG(name, ...)                                                       \
    static descent_status name(void *self, const descent_pass *pass)           \
    {                                                                          \
        const descent_span *p = span_of(pass);                                 \
        float *w = p->weight;                                                  \
        uint16_t *h = p->stored;                                               \
        const int64_t n = p->count;                                            \
        const descent_status status = right(self, pass);                       \
        (void)w;                                                               \
        (void)h;                                                               \
        (void)n;                                                               \
        __VA_ARGS__;                                                           \
        return status;                                                         \
    }

WRONG(is_right, (void)0)
WRONG(reads_after, look(p->grad, n))
WRONG(reads_before, look(p->slot[1], -1))
WRONG(reads_whole_vectors, if (n > 0) look(p->average, (n + 7) / 8 * 8 - 1))
WRONG(reads_far_coefs, look(p->coef, DESCENT_MAX_COEFS))
WRONG(writes_after, w[n] = 1)
WRONG(writes_before, w[-1] = 1)
WRONG(writes_near, if (n == 1) w[20] = 1)
WRONG(writes_far, if (n == 1 && (uintptr_t)w % 4096 == 0) w[500] = 1)
WRONG(writes_gradient, if (n > 0) spoil(p->grad))
WRONG(wrong_length, if (n == 193) w[192] += 1)
WRONG(wrong_zero, if (n > 9) w[9] = w[9] == 0 ? 0 : w[9])
WRONG(wrong_alignment, if ((uintptr_t)w % 64 == 20 &&
                           (uintptr_t)p->slot[0] % 64 == 44 && n > 3) w[2] = 9)
WRONG(reads_wide, if (n > 0) look_16(p->grad, 2 * n - 1))
WRONG(stores_after, h[n] = 1)
WRONG(stores_before, h[-1] = 1)
WRONG(stores_truncated, for (int64_t i = 0; i < n; i++) h[i] = truncated(w[i]))
WRONG(stores_halves_up,
      for (int64_t i = 0; i < n; i++) h[i] = halves_up(w[i], h[i]))
WRONG(stores_signalling, if (n > 2) h[2] = 0x7f81)
WRONG(stores_nothing, if (n > 0) h[n - 1] = 1)

/* With an element whose result is a negative zero. */
static void set_out(edges_subject *s, const variant_values *values)
{
    edges_prepare(s, values);
    for (size_t k = 0; k < EDGES_ARRAYS; k++)
        ((float *)edges_input[k])[9] = k == EDGES_WEIGHT ? -0.0f : 0.0f;
    edges_expect(s, s->type);
}

typedef struct wrong_loop {
    edges_entry *entry;
    const char *found;
} wrong_loop;

/* Each is found in the place of `entry`, which is right. */
static void check_found(edges_subject s, edges_entry *entry,
                        const wrong_loop *loops, size_t n)
{
    variant_values found[VARIANTS_MOST];

    right = entry;
    variants_of(s.type, found);
    set_out(&s, &found[0]);
    s.entry = is_right;
    assert_null(edges_check(&s));
    for (size_t i = 0; i < n; i++) {
        s.entry = loops[i].entry;
        const char *wrong = edges_check(&s);
        if (wrong == NULL || strstr(wrong, loops[i].found) == NULL)
            fail_msg("\"%s\", expected \"%s\"", wrong, loops[i].found);
        edges_close(); /* what it wrote is gone */
        edges_open();
        set_out(&s, &found[0]);
    }
}

static void loops_that_are_wrong_are_found(void **state)
{
    static const wrong_loop loops[] = {
        {reads_after, " 0 elements: touches element 0 of gradient"},
        {reads_before, " 0 elements: touches element -1 of slot 1"},
        {reads_whole_vectors, " 1 elements: touches element 7 of average"},
        {reads_far_coefs, " 0 elements: touches element 16 of coefficients"},
        {writes_after, " 0 elements: writes near element 0 of weight"},
        {writes_before, " 0 elements: touches element -1 of weight"},
        {writes_near, " 1 elements: writes near element 0 of weight"},
        {writes_far, "writes far from element 0 of weight"},
        {writes_gradient, " 1 elements: touches element 0 of gradient"},
        {wrong_length, " 193 elements: is wrong at element 192 of weight"},
        {wrong_zero, " 10 elements: is wrong at element 9 of weight"},
        {wrong_alignment, "is wrong at element 2 of weight"},
        {stores_nothing, " 1 elements: is wrong at element 0 of stored"},
    };
    const edges_subject s = {
        .type = kernels_load(0, "adam"),
        .compiler = "gcc",
        .dtype = DESCENT_DTYPE_F32,
    };

    (void)state;
    check_found(s, s.type->step, loops, sizeof loops / sizeof *loops);
}

static void bf16_loops_that_are_wrong_are_found(void **state)
{
    static const wrong_loop loops[] = {
        {reads_wide, " 1 elements: touches element 1 of gradient"},
        {stores_after, " 0 elements: writes near element 0 of stored"},
        {stores_before, " 0 elements: touches element -1 of stored"},
        {stores_truncated, " 4 elements: is wrong at element 3 of stored"},
        {stores_halves_up, " 23 elements: is wrong at element 22 of stored"},
        {stores_signalling, " 3 elements: is wrong at element 2 of stored"},
        {stores_nothing, " 1 elements: is wrong at element 0 of stored"},
    };
    const edges_subject s = {
        .type = kernels_load(0, "adam"),
        .compiler = "gcc",
        .fused = 1,
        .dtype = DESCENT_DTYPE_F32,
        .stored = DESCENT_DTYPE_BF16,
    };

    (void)state;
    check_found(s, s.type->fused_step, loops, sizeof loops / sizeof *loops);
}

static int open_pages(void **state)
{
    (void)state;
    edges_open();
    return 0;
}

static int close_pages(void **state)
{
    (void)state;
    edges_close();
    printf("# %zu calls compared\n", edges_compared);
    return 0;
}

int main(void)
{
    static const struct {
        const char *what;
        CMUnitTestFunction test;
    } of_each[] = {
        {"keep_to_their_arrays", loops_keep_to_their_arrays},
        {"store_bf16", loops_store_bf16},
    };
    struct CMUnitTest tests[2 + 2 * KERNELS] = {
        cmocka_unit_test(loops_that_are_wrong_are_found),
        cmocka_unit_test(bf16_loops_that_are_wrong_are_found)};
    char names[2 * KERNELS][64];

    kernels_say_missing();
    for (size_t i = 0; i < 2 * KERNELS; i++) {
        snprintf(names[i], sizeof names[i], "loops_of_%s_%s",
                 kernels_optimizers[i % KERNELS], of_each[i / KERNELS].what);
        tests[2 + i] = (struct CMUnitTest){
            .name = names[i],
            .test_func = of_each[i / KERNELS].test,
            .initial_state = (void *)(uintptr_t)kernels_optimizers[i % KERNELS],
        };
    }
    return cmocka_run_group_tests(tests, open_pages, close_pages);
}
