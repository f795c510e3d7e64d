/* SPDX-License-Identifier: MIT */
#include "base/cpu.h"
#include "support/edges.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engine/tile.h"
#include "support/bits.h"
#include "support/guarded.h"

enum {
    MOST = EDGES_MOST,
    ARRAYS = EDGES_ARRAYS,
    WEIGHT = EDGES_WEIGHT,
    GRADIENT = EDGES_GRADIENT,
    AVERAGE = EDGES_AVERAGE,
    SLOTS = EDGES_SLOTS
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

static size_t size_of(const subject *s)
{
    return s->dtype == DESCENT_DTYPE_F64 ? sizeof(double) : sizeof(float);
}

static const char *const array_names[ARRAYS] = {
    "weight", "gradient", "average", "slot 0", "slot 1", "slot 2",
    "slot 3", "slot 4",   "slot 5",  "slot 6", "slot 7",
};

static const char *complain(const subject *s, size_t n, const char *what,
                            ptrdiff_t element, const char *array)
{
    snprintf(complaint, sizeof complaint,
             "%s variant %u, f%zu, %s, %s, %s 0x%x, %zu elements: %s "
             "element %td of %s",
             s->type->id, s->variant, 8 * size_of(s), s->compiler,
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
        .update = 1,
    };

    fuse.mask = c->s->mask;
    c->s->entry(NULL, &pass);
}

static void fill(const subject *s)
{
    for (size_t k = 0; k < ARRAYS; k++)
        bits_fill_every(s->dtype, edges_input[k], MOST, k + 1,
                        k == GRADIENT ? 7 : 31);
}

static void *element(const subject *s, void *array, size_t i)
{
    return (char *)array + i * size_of(s);
}

/* The core's operations on the whole, and the portable step on single elements,
 * by the first compiler. */
void edges_expect(const subject *s, const descent_optimizer_type *plain)
{
    subject one = *s;
    call c = {.s = &one, .n = 1};

    one.type = plain;
    one.entry = plain->step;
    one.level = 0;
    memcpy(expected, edges_input, sizeof expected);
    tile_gradient(s->dtype, MOST, &values, s->mask, edges_input[GRADIENT],
                  expected[WEIGHT], expected[GRADIENT]);
    if ((s->mask & DESCENT_FUSE_DECAY) != 0)
        tile_decay(s->dtype, MOST, values.decay, expected[WEIGHT]);
    for (size_t i = 0; i < MOST; i++) {
        for (size_t k = 0; k < ARRAYS; k++)
            c.array[k] = element(s, expected[k], i);
        run(&c);
    }
    memcpy(expected[GRADIENT], edges_input[GRADIENT], sizeof *edges_input);
    if ((s->mask & DESCENT_FUSE_EMA) != 0)
        tile_average(s->dtype, MOST, values.ema_keep, values.ema_take,
                     expected[WEIGHT], expected[AVERAGE]);
}

/* The first element that differs, or n; NaNs are one value. */
static size_t first_difference(const subject *s, const void *found,
                               const void *array, size_t n)
{
    if (memcmp(found, array, n * size_of(s)) == 0)
        return n;
    for (size_t i = 0; i < n; i++) {
        const double *x = found, *y = array;
        const float *xf = found, *yf = array;
        const int both = s->dtype == DESCENT_DTYPE_F64
                             ? isnan(x[i]) && isnan(y[i])
                             : isnan(xf[i]) && isnan(yf[i]);
        if (!both &&
            memcmp((const char *)found + i * size_of(s),
                   (const char *)array + i * size_of(s), size_of(s)) != 0)
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
        c->array[k] = guarded_put(&page[k], edges_input[k], c->n * size_of(s),
                                  distance * size_of(s), high);
    }
}

static const char *describe(const call *c, const void *address)
{
    const ptrdiff_t size = (ptrdiff_t)size_of(c->s);
    ptrdiff_t bytes;

    for (size_t k = 0; k <= ARRAYS; k++)
        if (guarded_where(k < ARRAYS ? &page[k] : &coefs, address, &bytes))
            return complain(c->s, c->n, "touches",
                            (bytes - (bytes < 0 ? size - 1 : 0)) / size,
                            k < ARRAYS ? array_names[k] : "coefficients");
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
        const size_t i =
            first_difference(s, page[k].own + page[k].at, expected[k], n);
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
        DESCENT_MAX_COEFS * size_of(s), 0, 1);
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
