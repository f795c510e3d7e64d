/* SPDX-License-Identifier: MIT */
#include "base/cpu.h"
#include "support/edges.h"

#include <float.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engine/tile.h"
#include "support/bits.h"
#include "support/guarded.h"
#include "tensor/convert.h"
#include "tensor/view.h"

enum {
    MOST = EDGES_MOST,
    ARRAYS = EDGES_ARRAYS,
    WEIGHT = EDGES_WEIGHT,
    GRADIENT = EDGES_GRADIENT,
    AVERAGE = EDGES_AVERAGE,
    SLOTS = EDGES_SLOTS,
    STORED = EDGES_STORED
};
typedef edges_subject subject;

static guarded page[ARRAYS], coefs;
double edges_input[ARRAYS][MOST];
static double expected[ARRAYS][MOST];
static char complaint[256];
size_t edges_compared;

static const descent_fuse values = {
    .struct_size = sizeof values,
    .grad_scale = 0.37,
    .clip = 0.5,
    .l2 = 0.01,
    .decay = 0.003,
    .ema_keep = 0.9,
    .ema_take = 1 - 0.9,
};

static descent_dtype type_of(const subject *s, size_t array)
{
    return s->stored != 0 && (array == GRADIENT || array == STORED) ? s->stored
                                                                    : s->dtype;
}

static size_t size_of(const subject *s, size_t array)
{
    return dtype_size(type_of(s, array));
}

static const char *const array_names[ARRAYS] = {
    "weight", "gradient", "average", "slot 0", "slot 1", "slot 2",
    "slot 3", "slot 4",   "slot 5",  "slot 6", "slot 7", "stored",
};

static const char *complain(const subject *s, size_t n, const char *what,
                            ptrdiff_t element, const char *array)
{
    snprintf(complaint, sizeof complaint,
             "%s variant %u, f%zu%s, %s, %s, %s 0x%x, %zu elements: %s "
             "element %td of %s",
             s->type->id, s->variant, 8 * dtype_size(s->dtype),
             s->stored != 0 ? " and bf16" : "", s->compiler,
             cpu_isa_name(levels[s->level]), s->fused ? "fused_step" : "step",
             s->mask, n, what, element, array);
    return complaint;
}

/* ---- A call ---- */

typedef struct call {
    const subject *s;
    void *array[ARRAYS];
    size_t n;
} call;

static void run(void *argument)
{
    const call *c = argument;
    descent_fuse fuse = values;
    const descent_span span = {
        .struct_size = sizeof span,
        .count = (int64_t)c->n,
        .weight = c->array[WEIGHT],
        .grad = c->array[GRADIENT],
        .slot = &c->array[SLOTS],
        .coef = c->s->coef,
        .fuse = &fuse,
        .average = c->array[AVERAGE],
        .stored = c->array[STORED],
    };
    const descent_pass pass = {
        .struct_size = sizeof pass,
        .span_size = sizeof span,
        .count = 1,
        .spans = &span,
        .host = &kernels_host,
        .type = c->s->type,
        .variant = c->s->variant,
        .compute = c->s->dtype,
        .isa = levels[c->s->level],
        .stored = c->s->stored,
        .update = 1,
        .flags = c->n % 2 != 0 ? DESCENT_PASS_FAR : 0,
    };

    fuse.mask = c->s->mask;
    c->s->entry(NULL, &pass);
}

/* Gradients that are signalling NaNs; and weights that stay and are half way
 * between two of bf16, or too large for it. */
static void fill_for_bf16(const subject *s)
{
    static const float stay[] = {0x1.01p0f, 0x1.03p0f, FLT_MAX};

    for (size_t i = 2; i + 1 < MOST; i += 19) {
        ((uint16_t *)edges_input[GRADIENT])[i] = 0x7f81;
        for (size_t k = 0; k < ARRAYS; k++)
            memset((char *)edges_input[k] + (i + 1) * size_of(s, k), 0,
                   size_of(s, k));
        ((float *)edges_input[WEIGHT])[i + 1] = stay[i % 3];
    }
}

static void fill(const subject *s)
{
    for (size_t k = 0; k < ARRAYS; k++)
        bits_fill_every(type_of(s, k), edges_input[k], MOST, k + 1,
                        k == GRADIENT ? 7 : 31);
    if (s->stored == DESCENT_DTYPE_BF16)
        fill_for_bf16(s);
}

/* The core's operations on the whole, and the portable step on single elements,
 * by the first compiler; conversions are the core's. */
void edges_expect(const subject *s, const descent_optimizer_type *plain)
{
    subject one = *s;
    call c = {.s = &one, .n = 1};
    double wide[MOST];

    one.type = plain;
    one.entry = plain->step;
    one.level = 0;
    one.stored = 0;
    memcpy(expected, edges_input, sizeof expected);
    convert(s->dtype, wide, type_of(s, GRADIENT), edges_input[GRADIENT], MOST);
    tile_gradient(s->dtype, MOST, &values, s->mask, wide, expected[WEIGHT],
                  expected[GRADIENT]);
    if ((s->mask & DESCENT_FUSE_DECAY) != 0)
        tile_decay(s->dtype, MOST, values.decay, expected[WEIGHT]);
    for (size_t i = 0; i < MOST; i++) {
        for (size_t k = 0; k < ARRAYS; k++)
            c.array[k] = dtype_at(expected[k], s->dtype, (int64_t)i);
        run(&c);
    }
    memcpy(expected[GRADIENT], edges_input[GRADIENT], sizeof *edges_input);
    if ((s->mask & DESCENT_FUSE_EMA) != 0)
        tile_average(s->dtype, MOST, values.ema_keep, values.ema_take,
                     expected[WEIGHT], expected[AVERAGE]);
    if (s->stored != 0)
        convert(s->stored, expected[STORED], s->dtype, expected[WEIGHT], MOST);
}

/* The quiet NaN without a sign and with the fewest bits; more are larger. */
static const uint64_t quiet[] = {
    [DESCENT_DTYPE_F32] = 0x7fc00000,
    [DESCENT_DTYPE_F64] = UINT64_C(0x7ff8000000000000),
    [DESCENT_DTYPE_BF16] = 0x7fc0,
};

static int is_quiet(descent_dtype dtype, const void *element)
{
    const size_t size = dtype_size(dtype);
    uint64_t bits = 0;

    memcpy(&bits, element, size);
    return (bits & ~(UINT64_C(1) << (8 * size - 1))) >= quiet[dtype];
}

/* The first element that differs, or n; quiet NaNs are one value. */
static size_t first_difference(descent_dtype dtype, const void *found,
                               const void *array, size_t n)
{
    const size_t size = dtype_size(dtype);

    if (memcmp(found, array, n * size) == 0)
        return n;
    for (size_t i = 0; i < n; i++) {
        const char *x = (const char *)found + i * size;
        const char *y = (const char *)array + i * size;
        if (memcmp(x, y, size) != 0 &&
            !(is_quiet(dtype, x) && is_quiet(dtype, y)))
            return i;
    }
    return n;
}

/* ---- Where arrays lie ---- */

/* Distances of 0 to 16 elements from a guard.  Over 17 x 17 rows any two arrays
 * meet in every pair of distances, because 17 is a prime. */
enum { DISTANCES = 17, PLACINGS = 5 };

static void place(const subject *s, call *c, size_t placing, size_t row)
{
    for (size_t k = 0; k < ARRAYS; k++) {
        size_t distance = (row / DISTANCES + k * row) % DISTANCES;
        int high = 0;
        if (placing < 2) { /* all against one guard */
            distance = 0;
            high = placing == 1;
        } else if (placing == 2) {
            high = (int)((row * 0x9e37u >> k) & 1);
        }
        const size_t size = size_of(s, k);
        c->array[k] = guarded_put(&page[k], edges_input[k], c->n * size,
                                  distance * size, high);
    }
}

static const char *describe(const call *c, const void *address)
{
    ptrdiff_t bytes;

    for (size_t k = 0; k <= ARRAYS; k++) {
        const ptrdiff_t size = (ptrdiff_t)size_of(c->s, k);
        if (guarded_where(k < ARRAYS ? &page[k] : &coefs, address, &bytes))
            return complain(c->s, c->n, "touches",
                            (bytes - (bytes < 0 ? size - 1 : 0)) / size,
                            k < ARRAYS ? array_names[k] : "coefficients");
    }
    return complain(c->s, c->n, "touches what is not even near", 0, "anything");
}

/* What is wrong with one call, or NULL. */
static const char *check(const subject *s, size_t n, size_t placing, size_t row)
{
    call c = {.s = s, .n = n};
    const char *wrong = NULL;
    const void *address;

    place(s, &c, placing, row);
    address = guarded_call(run, &c);
    if (address != NULL)
        wrong = describe(&c, address);
    for (size_t k = 0; k < ARRAYS; k++) {
        const size_t i = first_difference(
            type_of(s, k), page[k].own + page[k].at, expected[k], n);
        if (i < n && wrong == NULL)
            wrong = complain(s, n, "is wrong at", (ptrdiff_t)i, array_names[k]);
        if (!guarded_take(&page[k]) && wrong == NULL)
            wrong = complain(s, n, "writes near", 0, array_names[k]);
    }
    edges_compared++;
    return wrong;
}

/* What is wrong at any length and place, or NULL. */
const char *edges_check(const subject *s)
{
    const char *wrong = NULL;
    size_t row = 0;

    guarded_watch();
    for (size_t n = 0; n <= MOST && wrong == NULL; n++)
        for (size_t p = 0; p < PLACINGS && wrong == NULL; p++)
            wrong = check(s, n, p, row += p > 1);
    for (size_t k = 0; k < ARRAYS; k++)
        if (!guarded_intact(&page[k]) && wrong == NULL)
            wrong = complain(s, MOST, "writes far from", 0, array_names[k]);
    return wrong;
}

void edges_prepare(subject *s, const variant_values *v)
{
    double coef[DESCENT_MAX_COEFS], scalar[DESCENT_MAX_SLOTS] = {1};
    float coef_f32[DESCENT_MAX_COEFS];

    fill(s);
    guarded_take(&coefs);
    kernels_prepare(s->type, v, 1, scalar, coef, coef_f32);
    s->coef = guarded_put(
        &coefs, s->dtype == DESCENT_DTYPE_F64 ? (void *)coef : (void *)coef_f32,
        DESCENT_MAX_COEFS * dtype_size(s->dtype), 0, 1);
}

void edges_open(void)
{
    for (size_t k = 0; k < ARRAYS; k++)
        guarded_open(&page[k], k == GRADIENT);
    guarded_open(&coefs, 1);
}

void edges_close(void)
{
    for (size_t k = 0; k < ARRAYS; k++)
        guarded_close(&page[k]);
    guarded_close(&coefs);
}
