/* SPDX-License-Identifier: MIT */
/* Tensor methods about shape and memory: views, copies, conversion. */
#include <string.h>

#include "script/tensor.h"

static int shape_numel(lua_State *L)
{
    lua_pushinteger(L, tensor_check(L, 1)->count);
    return 1;
}

/* reshape(shape...): a view; one dimension may be -1, the one that fits. */
static int shape_reshape(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);
    int64_t shape[DESCENT_MAX_DIMS];
    int64_t known = 1;
    int ndim, open = -1;

    tensor_shape_check(L, 2, true, &ndim, shape);
    for (int d = 0; d < ndim; d++) {
        if (shape[d] < 0 && open >= 0)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "the shape has -1 more than once");
        if (shape[d] < 0) {
            open = d;
            shape[d] = 1;
        }
    }
    known = tensor_shape_count(L, ndim, shape);
    if (open >= 0 && known > 0) {
        shape[open] = t->count / known;
        known *= shape[open];
    }
    if (known != t->count)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "%s has %I elements: the new shape needs %I",
                    tensor_push_shape(L, t), (LUAI_UACINT)t->count,
                    (LUAI_UACINT)known);
    tensor_view(L, 1, 0, ndim, shape);
    return 1;
}

static const tensor *check_rows(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);

    if (t->ndim == 0)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "a Tensor without dimensions has no rows");
    return t;
}

static int shape_row(lua_State *L)
{
    const tensor *t = check_rows(L);
    lua_Integer i = argument_integer(L, 2, "row", 1, t->shape[0]);

    tensor_view(L, 1, (i - 1) * (t->count / t->shape[0]), t->ndim - 1,
                t->shape + 1);
    return 1;
}

/* rows(i, j): rows i to j, both included; j = i - 1 gives none. */
static int shape_rows(lua_State *L)
{
    const tensor *t = check_rows(L);
    lua_Integer i = argument_integer(L, 2, "first row", 1, t->shape[0] + 1);
    lua_Integer j = argument_integer(L, 3, "last row", i - 1, t->shape[0]);
    int64_t shape[DESCENT_MAX_DIMS];
    int64_t inner = t->shape[0] > 0 ? t->count / t->shape[0] : 0;

    memcpy(shape, t->shape, sizeof shape);
    shape[0] = j - i + 1;
    tensor_view(L, 1, (i - 1) * inner, t->ndim, shape);
    return 1;
}

static int shape_clone(lua_State *L)
{
    tensor_clone(L, tensor_check(L, 1));
    return 1;
}

static int shape_to(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);
    tensor_dtype dtype = tensor_dtype_check(L, 2, "dtype");

    tensor_convert(L, tensor_like(L, dtype, t), t);
    return 1;
}

static int shape_is_view(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);

    lua_pushboolean(L, t->root != t);
    return 1;
}

static int shape_readonly(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);

    tensor_view(L, 1, 0, t->ndim, t->shape)->readonly = true;
    return 1;
}

static int shape_is_readonly(lua_State *L)
{
    lua_pushboolean(L, tensor_check(L, 1)->readonly);
    return 1;
}

int tensor_length(lua_State *L)
{
    lua_pushinteger(L, check_rows(L)->shape[0]);
    return 1;
}

const function_entry tensor_shape_methods[] = {
    {"numel", shape_numel, 0},
    {"reshape", shape_reshape, 0},
    {"row", shape_row, 0},
    {"rows", shape_rows, 0},
    {"clone", shape_clone, 0},
    {"to", shape_to, 0},
    {"is_view", shape_is_view, 0},
    {"readonly", shape_readonly, 0},
    {"is_readonly", shape_is_readonly, 0},
    {NULL, NULL, 0}};
