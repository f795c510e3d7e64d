/* SPDX-License-Identifier: MIT */
/* Tensors, gradients and an optimizer as an application has them: see
 * subject.h. */
#include "tool/bench/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/bench/opponent.h"

enum { ALIGN = 64, ROWS = 4096 };

static descent_status no_memory(void)
{
    return descent_error_set(DESCENT_ERR_MEMORY, "bench: out of memory");
}

static size_t size_of(descent_dtype dtype)
{
    return dtype == DESCENT_DTYPE_BF16 ? sizeof(uint16_t) : sizeof(float);
}

/* Numbers without a pattern, within `range` of zero. */
static float number(uint64_t i, float range)
{
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return range * ((float)(int32_t)(x >> 32) * 0x1p-31f);
}

static void fill(char *to, descent_dtype dtype, size_t n, float range)
{
    for (size_t i = 0; i < n; i++) {
        const float x = number(i, range);
        uint32_t bits;

        memcpy(&bits, &x, sizeof bits);
        if (dtype == DESCENT_DTYPE_BF16)
            ((uint16_t *)(void *)to)[i] = (uint16_t)(bits >> 16);
        else
            ((float *)(void *)to)[i] = x;
    }
}

static descent_status make_shapes(subject *s)
{
    const size_t step = ALIGN / size_of(s->dtype);
    size_t at = 0;

    if (s->what->list(&s->list) != 0)
        return no_memory();
    s->offset = malloc((s->list.count + 1) * sizeof *s->offset);
    if (s->offset == NULL)
        return no_memory();
    for (size_t i = 0; i < s->list.count; i++) {
        const size_t n = shape_elements(&s->list.at[i]);

        s->offset[i] = at;
        at += (n + step - 1) / step * step;
        s->elements += n;
    }
    s->offset[s->list.count] = at;
    s->updated = s->elements;
    return DESCENT_OK;
}

/* Distinct rows, far from each other and in no order. */
static descent_status make_rows(subject *s)
{
    const shape *const table = &s->list.at[0];
    enum { STRIDE = 20011 }; /* a prime */

    s->row_count = ROWS;
    s->rows = malloc(ROWS * sizeof *s->rows);
    if (s->rows == NULL)
        return no_memory();
    for (int64_t i = 0; i < ROWS; i++)
        s->rows[i] = i * STRIDE % table->dims[0];
    s->updated = ROWS * (size_t)table->dims[1];
    return DESCENT_OK;
}

static descent_status make_arrays(subject *s)
{
    const size_t all = s->offset[s->list.count];
    const size_t size = size_of(s->dtype);
    const size_t gradients = s->rows != NULL ? s->updated : all;

    s->weights = blocks_take(&s->memory, all * size);
    s->gradients = blocks_take(&s->memory, gradients * size);
    if (s->weights == NULL || s->gradients == NULL)
        return no_memory();
    fill(s->weights, s->dtype, all, 0x1p-4f);
    fill(s->gradients, s->dtype, gradients, 0x1p-9f);
    s->gradient = (descent_gradient){.struct_size = sizeof s->gradient,
                                     .data = s->gradients,
                                     .indices = s->rows,
                                     .rows = (int64_t)s->row_count};
    return DESCENT_OK;
}

static descent_status set_options(const subject *s, descent_options *options)
{
    descent_status status = DESCENT_OK;

    if (s->rule != NULL && s->rule->momentum != 0)
        status =
            descent_options_set_number(options, "momentum", s->rule->momentum);
    if (s->what->kind == CASE_AVERAGE && status == DESCENT_OK) {
        status = descent_options_set_number(options, "global_clipnorm", 1);
        if (status == DESCENT_OK)
            status = descent_options_set_number(options, "weight_decay", 0.01);
        if (status == DESCENT_OK)
            status = descent_options_set_boolean(options, "use_ema", 1);
    }
    if (s->what->kind == CASE_BF16 && status == DESCENT_OK)
        status = descent_options_set_text(options, "master", "f32");
    if (s->what->kind == CASE_ROWS && status == DESCENT_OK)
        status = descent_options_set_text(options, "sparse", "lazy");
    return status;
}

static descent_status make_optimizer(subject *s, const char *name)
{
    const char *const kind = s->rule != NULL ? s->rule->kind : name;
    descent_options *options;
    descent_status status = descent_options_create(s->runtime, &options);

    if (status != DESCENT_OK)
        return status;
    status = set_options(s, options);
    if (status == DESCENT_OK)
        status =
            descent_optimizer_create(s->runtime, kind, options, &s->optimizer);
    descent_options_free(options);
    return status;
}

static descent_status add_tensors(subject *s)
{
    const size_t count = s->list.count, size = size_of(s->dtype);
    descent_tensor *const tensors = calloc(count, sizeof *tensors);
    char(*const names)[24] = calloc(count, sizeof *names);
    descent_status status;

    for (size_t i = 0; tensors != NULL && names != NULL && i < count; i++) {
        const shape *const from = &s->list.at[i];

        snprintf(names[i], sizeof names[i], "t%zu", i);
        tensors[i] = (descent_tensor){
            .struct_size = sizeof *tensors,
            .dtype = s->dtype,
            .name = names[i],
            .ndim = from->ndim,
            .shape = from->dims,
            .data = s->weights + s->offset[i] * size,
            .gradient =
                s->rows != NULL ? NULL : s->gradients + s->offset[i] * size};
    }
    status = tensors != NULL && names != NULL
                 ? descent_optimizer_add(s->optimizer, tensors, count)
                 : no_memory();
    free(tensors);
    free(names);
    return status;
}

descent_status subject_open(subject *s, const bench_case *what,
                            const char *name)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .threads = 1};
    descent_status status;

    s->what = what;
    s->rule = rules_find(name);
    s->dtype = what->kind == CASE_BF16 ? DESCENT_DTYPE_BF16 : DESCENT_DTYPE_F32;
    status = make_shapes(s);
    if (status == DESCENT_OK && what->kind == CASE_ROWS)
        status = make_rows(s);
    if (status == DESCENT_OK)
        status = make_arrays(s);
    if (status == DESCENT_OK)
        status = descent_runtime_create(&options, &s->runtime);
    if (status == DESCENT_OK)
        status = make_optimizer(s, name);
    if (status == DESCENT_OK)
        status = add_tensors(s);
    if (status == DESCENT_OK)
        subject_step(s, 1);
    if (status == DESCENT_OK)
        status = s->failed;
    return status == DESCENT_OK ? opponent_open(s) : status;
}

void subject_close(subject *s)
{
    crew_free(s->crew);
    descent_optimizer_free(s->optimizer);
    descent_runtime_free(s->runtime);
    blocks_free(&s->memory);
    shapes_free(&s->list);
    free(s->offset);
    free(s->rows);
    *s = (subject){0};
}

descent_status subject_set_threads(subject *s, uint32_t threads)
{
    /* Less than this is not worth a hand-off. */
    enum { LEAST = 50000 };

    crew_free(s->crew);
    s->crew = crew_create(s->updated < LEAST ? 1 : threads);
    if (s->crew == NULL)
        return descent_error_set(DESCENT_ERR_MEMORY,
                                 "bench: cannot start %u threads",
                                 (unsigned)threads);
    return descent_runtime_set_threads(s->runtime, threads);
}

void subject_step(void *subject_, size_t times)
{
    subject *const s = subject_;
    const descent_gradient *const sparse =
        s->rows != NULL ? &s->gradient : NULL;

    for (; times > 0 && s->failed == DESCENT_OK; times--)
        s->failed = descent_optimizer_step(s->optimizer, sparse, sparse != NULL,
                                           NULL, NULL);
}
