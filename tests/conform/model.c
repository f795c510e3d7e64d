/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Inputs are short decimals, meant to be rounded once: printing 15 digits gives
 * back the decimal that the parser read.  No such decimal is so near to a tie of
 * the 16-bit format that its double could stand for the other side. */
static void store(descent_dtype dtype, void *data, size_t i, double x)
{
    char decimal[32];

    if (dtype == DESCENT_DTYPE_F16) {
        descent_convert(dtype, (uint16_t *)data + i, DESCENT_DTYPE_F64, &x, 1);
        return;
    }
    if (dtype == DESCENT_DTYPE_F64) {
        ((double *)data)[i] = x;
        return;
    }
    snprintf(decimal, sizeof decimal, "%.15g", x);
    ((float *)data)[i] = strtof(decimal, NULL);
}

static double load(descent_dtype dtype, const void *data, size_t i)
{
    double x;

    if (dtype != DESCENT_DTYPE_F16)
        return dtype == DESCENT_DTYPE_F64 ? ((const double *)data)[i]
                                          : (double)((const float *)data)[i];
    descent_convert(DESCENT_DTYPE_F64, &x, dtype, (const uint16_t *)data + i,
                    1);
    return x;
}

static bool fill(trial *t, model *m, size_t i, const json_t *list, size_t size,
                 void *data)
{
    if (!read_numbers(t, list, m->tensors[i].name, size, m->numbers))
        return false;
    for (size_t k = 0; k < size; k++)
        store(m->dtype, data, k, m->numbers[k]);
    return true;
}

static bool read_shape(trial *t, const json_t *list, int64_t *shape,
                       size_t *size)
{
    const size_t n = json_array_size(list);

    if (n > DESCENT_MAX_DIMS)
        return trial_fault(t, "a variable has %zu dimensions", n);
    *size = 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *extent = json_array_get(list, i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0 ||
            json_integer_value(extent) > 1 << 20 || *size > 1 << 20)
            return trial_fault(t, "a variable's shape is no shape");
        shape[i] = json_integer_value(extent);
        *size *= (size_t)shape[i];
    }
    return true;
}

static bool read_variable(trial *t, model *m, size_t i, json_t *variable)
{
    const size_t width = sizeof(double); /* enough for each type */
    const char *name = take_text(t, variable, "name");
    const json_t *shape = take(t, variable, "shape", JSON_ARRAY);
    const json_t *init = take(t, variable, "init", JSON_ARRAY);
    descent_tensor *tensor = &m->tensors[i];
    int64_t *extents = calloc(DESCENT_MAX_DIMS, sizeof *extents);
    double *numbers;

    *tensor = (descent_tensor){.struct_size = sizeof *tensor,
                               .dtype = m->dtype,
                               .name = name,
                               .ndim = (uint32_t)json_array_size(shape),
                               .shape = extents};
    if (name == NULL || shape == NULL || init == NULL || extents == NULL ||
        !expect_empty(t, variable, "variable") ||
        !read_shape(t, shape, extents, &m->sizes[i]))
        return trial_fault(t, "variable %zu", i);
    tensor->data = calloc(m->sizes[i] + 1, width);
    tensor->gradient = calloc(m->sizes[i] + 1, width);
    m->indices[i] = calloc((size_t)extents[0] + 1, sizeof **m->indices);
    if (m->sizes[i] > m->largest)
        m->largest = m->sizes[i];
    numbers = realloc(m->numbers, (m->largest + 1) * sizeof *numbers);
    if (numbers != NULL)
        m->numbers = numbers;
    if (tensor->data == NULL || tensor->gradient == NULL || numbers == NULL ||
        m->indices[i] == NULL)
        return trial_fault(t, "out of memory");
    return fill(t, m, i, init, m->sizes[i], tensor->data);
}

static bool read_dtype(trial *t, model *m)
{
    static const struct {
        const char *name;
        descent_dtype dtype;
    } dtypes[] = {
        {"float64", DESCENT_DTYPE_F64},
        {"float32", DESCENT_DTYPE_F32},
        {"float16", DESCENT_DTYPE_F16},
    };
    const char *dtype = take_text(t, t->json, "dtype");

    if (dtype == NULL)
        return false;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtype, dtypes[i].name) == 0)
            m->dtype = dtypes[i].dtype;
    return m->dtype != 0 ||
           trial_fault(t, "dtype \"%s\" is not translated", dtype);
}

bool model_read(trial *t, model *m)
{
    json_t *variables;
    size_t n;

    if (!read_dtype(t, m) ||
        (variables = take(t, t->json, "variables", JSON_ARRAY)) == NULL)
        return false;
    n = json_array_size(variables);
    if (n == 0)
        return trial_fault(t, "no variables");
    m->tensors = calloc(n, sizeof *m->tensors);
    m->gradients = calloc(n, sizeof *m->gradients);
    m->indices = calloc(n, sizeof(*m->indices));
    m->sizes = calloc(n, sizeof *m->sizes);
    if (m->tensors == NULL || m->gradients == NULL || m->indices == NULL ||
        m->sizes == NULL)
        return trial_fault(t, "out of memory");
    while (m->count < n) {
        const size_t i = m->count++; /* counted first, so that it is freed */
        if (!read_variable(t, m, i, json_array_get(variables, i)))
            return false;
    }
    return true;
}

void model_free(model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free((void *)(uintptr_t)m->tensors[i].shape);
        free(m->tensors[i].data);
        free((void *)(uintptr_t)m->tensors[i].gradient);
        free(m->indices[i]);
    }
    free(m->indices);
    free(m->tensors);
    free(m->gradients);
    free(m->sizes);
    free(m->numbers);
}

/* Read {"indices", "values"} of some rows, at most as many as there are. */
static bool fill_rows(trial *t, model *m, size_t i, json_t *rows,
                      descent_gradient *g)
{
    const descent_tensor *tensor = &m->tensors[i];
    const json_t *indices = take(t, rows, "indices", JSON_ARRAY);
    const json_t *values = take(t, rows, "values", JSON_ARRAY);
    const size_t n = json_array_size(indices), all = (size_t)tensor->shape[0];

    if (indices == NULL || values == NULL ||
        !expect_empty(t, rows, "row_sparse"))
        return false;
    if (tensor->ndim == 0 || n > all)
        return trial_fault(t, "%s: more rows than there are", tensor->name);
    for (size_t k = 0; k < n; k++) {
        if (!json_is_integer(json_array_get(indices, k)))
            return trial_fault(t, "%s: row %zu is no integer", tensor->name, k);
        m->indices[i][k] = json_integer_value(json_array_get(indices, k));
    }
    g->indices = m->indices[i];
    g->rows = (int64_t)n;
    return fill(t, m, i, values, all == 0 ? 0 : n * (m->sizes[i] / all),
                (void *)(uintptr_t)g->data);
}

bool model_gradients(trial *t, model *m, const json_t *gradients)
{
    if (!json_is_array(gradients) || json_array_size(gradients) != m->count)
        return trial_fault(t, "gradients: expected one for each variable");
    for (size_t i = 0; i < m->count; i++) {
        json_t *list = json_array_get(gradients, i);
        json_t *rows = json_object_get(list, "row_sparse");
        void *data = (void *)(uintptr_t)m->tensors[i].gradient;
        m->gradients[i] =
            (descent_gradient){.struct_size = sizeof(descent_gradient)};
        if (json_is_null(list))
            continue;
        m->gradients[i].data = data;
        if (rows != NULL && json_object_size(list) == 1
                ? !fill_rows(t, m, i, rows, &m->gradients[i])
                : !fill(t, m, i, list, m->sizes[i], data))
            return false;
    }
    return true;
}

/* An array is like its variable, or f32 beside a 16-bit one; a scalar is one
 * double. */
static bool has_form(const model *m, size_t i, const descent_tensor *got,
                     size_t size)
{
    if (got->ndim == 0 && got->dtype == DESCENT_DTYPE_F64)
        return m->sizes[i] >= 1;
    return size == m->sizes[i] &&
           (got->dtype == m->dtype ||
            (m->dtype == DESCENT_DTYPE_F16 && got->dtype == DESCENT_DTYPE_F32));
}

bool model_compare(trial *t, model *m, long step, const char *what,
                   const json_t *lists,
                   bool (*view)(trial *t, void *user, size_t i,
                                descent_tensor *out),
                   void *user, tolerance allowed)
{
    if (!json_is_array(lists) || json_array_size(lists) != m->count)
        return trial_fault(t,
                           "step %ld, %s: expected one list for each "
                           "variable",
                           step, what);
    for (size_t i = 0; i < m->count; i++) {
        descent_tensor got = {.struct_size = sizeof got};
        char name[128];
        size_t size = 1;
        snprintf(name, sizeof name, "%s %s", what, m->tensors[i].name);
        if (!view(t, user, i, &got))
            return false;
        for (uint32_t d = 0; d < got.ndim; d++)
            size *= (size_t)got.shape[d];
        if (!has_form(m, i, &got, size))
            return trial_fault(t, "%s: wrong type or shape", name);
        if (!read_numbers(t, json_array_get(lists, i), name, size, m->numbers))
            return false;
        for (size_t k = 0; k < size; k++)
            if (!compare(t, step, name, (long)k, load(got.dtype, got.data, k),
                         m->numbers[k], allowed))
                return false;
    }
    return true;
}
