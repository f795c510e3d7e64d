/* SPDX-License-Identifier: MIT */
#include "support/trial.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bits.h"
#include "support/kernels.h"
#include "tensor/view.h"

enum { CUTS = 4, PIECES = TRIAL_TENSORS * (CUTS + 1) };

#ifdef DESCENT_SANITIZED
enum { WATCHED = 1 };
const trial_way trial_reference = {1, "any", "own", 0, 0, 0};
#else
enum { WATCHED = 0 };
const trial_way trial_reference = {1, "any", "gcc", 0, 0, 0};
#endif

int trial_may_use(size_t build)
{
    return (build == OWN || !WATCHED) && kernels_folder(build) != NULL;
}

/* The memory of a tensor, whole. */
typedef struct part {
    char *weight, *gradient;
    int64_t *index;
    int64_t listed; /* rows, of a gradient that lists them, else -1 */
} part;

/* Rows of a part: what the optimizer takes for a tensor. */
typedef struct piece {
    size_t part;
    int64_t first, rows;
    char *gradient; /* the rows it lists, with their indices */
    int64_t *index;
    int64_t listed;
} piece;

typedef struct bench {
    const trial *t;
    part part[TRIAL_TENSORS];
    piece piece[PIECES];
    size_t pieces;
    descent_runtime *runtime;
    descent_optimizer *o;
    uint64_t hash;
} bench;

static uint64_t chance(uint64_t seed, uint64_t a, uint64_t b)
{
    return bits_mix(bits_mix(seed * 0x9e3779b97f4a7c15u + a) + b);
}

static size_t row_bytes(const bench *b, size_t i)
{
    const trial_tensor *x = &b->t->tensor[i];

    return (size_t)x->columns * dtype_size(x->dtype);
}

/* ---- Tensors ---- */

/* Rows that a gradient of a tensor may have. */
static size_t most_rows(const bench *b, size_t i)
{
    return (size_t)b->t->tensor[i].rows * (b->t->sparse > 0 ? 2 : 1) + 1;
}

static void add_piece(bench *b, size_t i, int64_t first, int64_t end)
{
    piece *p = &b->piece[b->pieces++];

    *p = (piece){.part = i, .first = first, .rows = end - first};
    if (b->t->sparse > 0) {
        p->gradient = malloc(most_rows(b, i) * row_bytes(b, i));
        p->index = malloc(most_rows(b, i) * sizeof *p->index);
    }
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void cut_part(bench *b, size_t i, unsigned seed)
{
    const int64_t rows = b->t->tensor[i].rows;
    int64_t at[CUTS + 2] = {0};
    size_t n = 1;

    for (size_t k = 0; seed != 0 && rows > 1 && k < chance(seed, i, 99) % 5;
         k++)
        at[n++] = (int64_t)(chance(seed, i, k) % (uint64_t)rows);
    at[n++] = rows;
    qsort(at, n, sizeof *at, by_size);
    for (size_t k = 1; k < n; k++)
        if (at[k] > at[k - 1] || rows == 0)
            add_piece(b, i, at[k - 1], at[k]);
}

static void make_parts(bench *b, unsigned cut)
{
    const trial *t = b->t;

    for (size_t i = 0; i < t->tensors; i++) {
        part *p = &b->part[i];
        const size_t rows = (size_t)t->tensor[i].rows;
        p->weight = malloc((rows + 1) * row_bytes(b, i));
        p->gradient = malloc(most_rows(b, i) * row_bytes(b, i));
        p->index = malloc(most_rows(b, i) * sizeof *p->index);
        bits_fill_every(t->tensor[i].dtype, p->weight,
                        rows * (size_t)t->tensor[i].columns,
                        chance(t->data, i, 0), 8 * t->special);
        cut_part(b, i, cut);
    }
}

static void free_parts(bench *b)
{
    for (size_t i = 0; i < b->t->tensors; i++) {
        free(b->part[i].weight);
        free(b->part[i].gradient);
        free(b->part[i].index);
    }
    for (size_t i = 0; i < b->pieces; i++) {
        free(b->piece[i].gradient);
        free(b->piece[i].index);
    }
}

static descent_status bind(bench *b)
{
    descent_status status = DESCENT_OK;

    for (size_t i = 0; i < b->pieces && status == DESCENT_OK; i++) {
        const piece *p = &b->piece[i];
        const int64_t shape[] = {p->rows, b->t->tensor[p->part].columns};
        char name[48];
        const descent_tensor tensor = {
            .struct_size = sizeof tensor,
            .dtype = b->t->tensor[p->part].dtype,
            .name = name,
            .ndim = 2,
            .shape = shape,
            .data = b->part[p->part].weight +
                    (size_t)p->first * row_bytes(b, p->part),
        };
        snprintf(name, sizeof name, "w%zu.%zu", p->part, (size_t)p->first);
        status = descent_optimizer_add(b->o, &tensor, 1);
    }
    return status;
}

/* ---- Gradients ---- */

static void make_gradient(bench *b, size_t i, unsigned step)
{
    const trial *t = b->t;
    const trial_tensor *x = &t->tensor[i];
    const uint64_t seed = chance(t->data, i, step);
    part *p = &b->part[i];
    int64_t rows = x->rows;

    p->listed = -1;
    if (seed % 8 < t->sparse && x->rows > 0) {
        rows = p->listed = (int64_t)(bits_mix(seed) % (uint64_t)(2 * rows));
        for (int64_t k = 0; k < rows; k++)
            p->index[k] =
                (int64_t)(chance(seed, 1, (uint64_t)k) % (uint64_t)x->rows);
    }
    bits_fill_every(x->dtype, p->gradient, (size_t)(rows * x->columns), seed,
                    step % 2 == 0 ? t->special : 0);
}

/* What a piece gets of its part's list, in the same order. */
static void take_rows(const bench *b, piece *p)
{
    const part *whole = &b->part[p->part];
    const size_t bytes = row_bytes(b, p->part);

    p->listed = 0;
    for (int64_t k = 0; k < whole->listed; k++) {
        const int64_t row = whole->index[k] - p->first;
        if (row < 0 || row >= p->rows)
            continue;
        p->index[p->listed] = row;
        memcpy(p->gradient + (size_t)p->listed * bytes,
               whole->gradient + (size_t)k * bytes, bytes);
        p->listed++;
    }
}

static descent_gradient gradient_of(const bench *b, piece *p, unsigned step)
{
    const part *whole = &b->part[p->part];
    descent_gradient g = {.struct_size = sizeof g};

    if (chance(b->t->data, p->part, step + 1000) % 8 < b->t->missing)
        return g;
    if (whole->listed < 0) {
        g.data = whole->gradient + (size_t)p->first * row_bytes(b, p->part);
        return g;
    }
    take_rows(b, p);
    g.data = p->gradient;
    g.indices = p->index;
    g.rows = p->listed;
    return g;
}

/* ---- Hashes ---- */

static void mix(bench *b, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        b->hash = bits_mix(b->hash ^ ((const unsigned char *)bytes)[i]);
}

static size_t count_of(const descent_tensor *x)
{
    size_t n = 1;

    for (uint32_t d = 0; d < x->ndim; d++)
        n *= (size_t)x->shape[d];
    return n;
}

/* One state array, part by part; a part's scalars are equal. */
static void hash_slot(bench *b, const char *name)
{
    for (size_t i = 0; i < b->pieces; i++) {
        descent_tensor view = {.struct_size = sizeof view};
        if (descent_optimizer_slot(b->o, i, name, &view) != DESCENT_OK)
            continue;
        if (view.ndim > 0 || b->piece[i].first == 0)
            b->hash =
                bits_hash(b->hash, view.dtype, view.data, count_of(&view));
    }
}

static void hash_all(bench *b)
{
    const uint64_t counters[] = {descent_optimizer_iterations(b->o),
                                 descent_optimizer_updates(b->o)};
    const char *name;

    mix(b, counters, sizeof counters);
    for (size_t i = 0; i < b->t->tensors; i++)
        b->hash =
            bits_hash(b->hash, b->t->tensor[i].dtype, b->part[i].weight,
                      (size_t)(b->t->tensor[i].rows * b->t->tensor[i].columns));
    for (size_t i = 0; (name = descent_optimizer_slot_name(b->o, i)) != NULL;
         i++)
        hash_slot(b, name);
}

/* ---- Running ---- */

static descent_status create(bench *b, const trial_way *way)
{
    char text[TRIAL_OPTIONS * 52 + 64];
    const char *folders[] = {way->plugins, NULL};
    const descent_runtime_options setup = {
        .struct_size = sizeof setup,
        .flags = DESCENT_RUNTIME_IGNORE_ENVIRONMENT,
        .directories = folders,
        .isa = way->isa,
        .threads = way->threads,
    };
    descent_options *options = NULL;
    size_t n;
    descent_status status;

    for (size_t i = 0; i < BUILDS; i++)
        if (strcmp(way->plugins, kernels_builds[i]) == 0)
            folders[0] = kernels_folder(i);
    n = (size_t)snprintf(text, sizeof text, "{\"use_fused_step\": %s",
                         way->fused ? "true" : "false");
    if (way->aggregate > 0)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              ", \"aggregate_num\": %u", way->aggregate);
    for (size_t i = 0; i < b->t->options; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", %s",
                              b->t->option[i]);
    n += (size_t)snprintf(text + n, sizeof text - n, "}");
    if ((status = descent_runtime_create(&setup, &b->runtime)) != DESCENT_OK)
        return status;
    status = descent_options_from_json(b->runtime, text, n, &options);
    if (status == DESCENT_OK)
        status =
            descent_optimizer_create(b->runtime, b->t->kind, options, &b->o);
    descent_options_free(options);
    return status;
}

/* A step may be refused: always the same ones. */
static void step(bench *b, unsigned number)
{
    descent_gradient gradients[PIECES];
    descent_step_report report = {.struct_size = sizeof report};

    for (size_t i = 0; i < b->t->tensors; i++)
        make_gradient(b, i, number);
    for (size_t i = 0; i < b->pieces; i++)
        gradients[i] = gradient_of(b, &b->piece[i], number);
    const descent_status status =
        descent_optimizer_step(b->o, gradients, b->pieces, NULL, &report);
    mix(b, &status, sizeof status);
    mix(b, &report.skipped, sizeof report.skipped);
    b->hash = bits_hash(b->hash, DESCENT_DTYPE_F64, &report.loss_scale, 1);
    if (!trial_may_be_cut(b->t))
        b->hash = bits_hash(b->hash, DESCENT_DTYPE_F64, &report.grad_norm, 1);
}

/* Threads of this process. */
static unsigned count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned n = 0;

    while (tasks != NULL && readdir(tasks) != NULL)
        n++;
    if (tasks != NULL)
        closedir(tasks);
    return n;
}

const char *trial_run(const trial *t, const trial_way *way,
                      trial_result *result)
{
    bench b = {.t = t};
    const unsigned before = count_threads();
    unsigned started = 0;
    descent_status status = create(&b, way);

    make_parts(&b, way->cut);
    if (status == DESCENT_OK)
        status = bind(&b);
    if (status == DESCENT_OK) {
        for (unsigned i = 1; i <= t->steps; i++)
            step(&b, i);
        hash_all(&b);
        started = count_threads() - before;
    }
    descent_optimizer_free(b.o);
    descent_runtime_free(b.runtime);
    free_parts(&b);
    *result = (trial_result){b.hash, started};
    return status == DESCENT_OK ? NULL : descent_error_message();
}
