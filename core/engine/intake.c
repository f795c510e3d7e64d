/* SPDX-License-Identifier: MIT */
/* Finding and judging the gradients of a step. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "engine/rows.h"
#include "tensor/view.h"

static descent_status check_gradient(const descent_gradient *g, const entry *e)
{
    char got[128], expected[128];

    if (!DESCENT_HAS(g, strides) || g->reserved != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "gradient: struct_size = %u, reserved = %u, "
                           "expected %zu and 0",
                           g->struct_size, g->reserved, sizeof *g);
    if (g->shape != NULL || g->ndim != 0) {
        if (g->ndim != e->ndim || g->shape == NULL ||
            memcmp(g->shape, e->shape, e->ndim * sizeof *e->shape) != 0)
            return status_fail(
                DESCENT_ERR_ARGUMENT, "gradient of '%s': shape %s, expected %s",
                e->name,
                g->shape == NULL
                    ? "NULL"
                    : view_shape_text(g->ndim > DESCENT_MAX_DIMS ? 0 : g->ndim,
                                      g->shape, got, sizeof got),
                view_shape_text(e->ndim, e->shape, expected, sizeof expected));
    }
    if (g->dtype != 0 && dtype_size(g->dtype) == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "gradient of '%s': dtype = %u is none", e->name,
                           g->dtype);
    return view_check_strides(e->name, e->ndim, e->shape, g->strides);
}

/* Older, shorter structs have no rows. */
static bool is_sparse(const descent_gradient *g)
{
    return DESCENT_HAS(g, rows) && g->indices != NULL;
}

static descent_status check_rows(const descent_gradient *g, const entry *e)
{
    if (!DESCENT_HAS(g, rows) || g->indices != NULL || g->rows == 0)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "gradient of '%s': rows = %lld, but indices is NULL: "
                       "expected %lld indices, or rows = 0",
                       e->name, (long long)g->rows, (long long)g->rows);
}

/* No gradient, for now. */
static void drop(descent_optimizer *o, entry *e)
{
    o->changed = o->changed || e->active;
    e->active = false;
    rows_forget(e);
}

/* Take a dense gradient for this step, unless it is none or shares memory with
 * a weight; pointers found good once are not looked up again. */
static descent_status take_dense(descent_optimizer *o, entry *e,
                                 descent_dtype dtype, const void *data)
{
    const bool trusted = data == e->trusted && dtype == e->trusted_dtype;
    const bool same = e->active && !e->sparse && !e->partial;

    if (same && trusted && data == e->now && dtype == e->now_dtype)
        return DESCENT_OK;
    /* A tensor without elements needs no memory to have a gradient. */
    if (data == NULL && e->count > 0) {
        drop(o, e);
        return DESCENT_OK;
    }
    TRY(view_check_pointer(e->name, "gradient", dtype, e->count, data));
    if (!trusted)
        TRY(plan_check_gradient(o, e, dtype, e->count, data));
    o->changed = o->changed || !same;
    o->aimed = false;
    rows_forget(e);
    e->trusted = data;
    e->trusted_dtype = dtype;
    e->now = data;
    e->now_dtype = dtype;
    e->active = true;
    return DESCENT_OK;
}

/* Likewise one of some rows. */
static descent_status take_rows(descent_optimizer *o, entry *e,
                                const descent_gradient *g, descent_dtype dtype)
{
    const bool same = e->active && e->sparse;
    descent_status status;

    rows_forget(e);
    e->active = false;
    status = rows_take(o, e, g, dtype);
    o->changed = o->changed || !same || status != DESCENT_OK;
    o->sparse++;
    return status;
}

static descent_status take_given(descent_optimizer *o, entry *e,
                                 const descent_gradient *g)
{
    descent_dtype dtype;

    TRY(check_gradient(g, e));
    TRY(check_rows(g, e));
    dtype = g->dtype != 0 ? g->dtype : e->dtype;
    return is_sparse(g) ? take_rows(o, e, g, dtype)
                        : take_dense(o, e, dtype, g->data);
}

/* What replaces an option in one call. */
static descent_status check_flags(const descent_step_options *options)
{
    const uint32_t known = DESCENT_STEP_RESCALE | DESCENT_STEP_BATCH;
    char number[TEXT_NUMBER];

    if (!DESCENT_HAS(options, tensor_count) || (options->flags & ~known) != 0 ||
        (options->flags != 0 && !DESCENT_HAS(options, batch_size)))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "step options: struct_size = %u, flags = 0x%x, "
                           "expected %zu and flags of 0x%x",
                           options->struct_size, options->flags,
                           sizeof *options, known);
    if ((options->flags & DESCENT_STEP_RESCALE) != 0 &&
        !isfinite(options->rescale_grad))
        return status_fail(
            DESCENT_ERR_ARGUMENT,
            "step options: rescale_grad = %s: expected a finite number",
            text_number(options->rescale_grad, number));
    if ((options->flags & DESCENT_STEP_BATCH) != 0 &&
        !(options->batch_size > 0 && isfinite(options->batch_size)))
        return status_fail(
            DESCENT_ERR_ARGUMENT,
            "step options: batch_size = %s: expected a finite number > 0",
            text_number(options->batch_size, number));
    return DESCENT_OK;
}

descent_status intake_check_options(const descent_optimizer *o,
                                    const descent_step_options *options,
                                    size_t *n)
{
    *n = o->count;
    if (options == NULL)
        return DESCENT_OK;
    TRY(check_flags(options));
    if (options->tensors == NULL)
        return DESCENT_OK;
    *n = options->tensor_count;
    for (size_t i = 0; i < *n; i++) {
        const size_t index = options->tensors[i];
        if (index >= o->count || (i > 0 && index <= options->tensors[i - 1]))
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "step options: tensors[%zu] = %zu, expected "
                               "rising indices less than %zu",
                               i, index, o->count);
    }
    return DESCENT_OK;
}

static descent_status take_all(descent_optimizer *o,
                               const descent_gradient *gradients,
                               const size_t *subset, size_t n)
{
    const char *at = (const char *)gradients;

    for (size_t i = 0; i < o->count && subset != NULL; i++) {
        drop(o, &o->entries[i]);
        o->entries[i].chosen = false;
    }
    o->chosen = n;
    o->active = o->sparse = 0;
    for (size_t i = 0; i < n; i++) {
        entry *e = &o->entries[subset == NULL ? i : subset[i]];
        e->chosen = true;
        if (gradients == NULL)
            TRY(take_dense(o, e, e->dtype, e->gradient));
        else
            TRY(take_given(o, e, (const void *)at));
        at += gradients == NULL ? 0 : gradients->struct_size;
        o->active += e->active;
    }
    return DESCENT_OK;
}

descent_status intake_gradients(descent_optimizer *o,
                                const descent_gradient *gradients,
                                const descent_step_options *options, size_t n)
{
    const size_t *subset = options == NULL ? NULL : options->tensors;

    if (gradients == NULL && subset == NULL && o->bound)
        return DESCENT_OK; /* as in the last step */
    o->bound = false;
    TRY(take_all(o, gradients, subset, n));
    o->bound = gradients == NULL && subset == NULL;
    return DESCENT_OK;
}
