/* SPDX-License-Identifier: MIT */
/* Tensor methods that read and write elements, and x[i]. */
#include <string.h>

#include "script/tensor.h"

/* The flat index of the element named by the n arguments from `first` on. */
static int64_t flat_index(lua_State *L, const tensor *t, int first, int n)
{
    int64_t flat = 0;

    if (n != t->ndim)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%d indices given: %s needs %d", n,
                    tensor_push_shape(L, t), t->ndim);
    for (int d = 0; d < n; d++)
        flat = flat * t->shape[d] +
               argument_integer(L, first + d, "index", 1, t->shape[d]) - 1;
    return flat;
}

static int access_get(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);

    tensor_push_element(L, t, flat_index(L, t, 2, lua_gettop(L) - 1));
    return 1;
}

/* set_(i, j, ..., value) */
static int access_set(lua_State *L)
{
    tensor *t = tensor_check_writable(L, 1);
    const int top = lua_gettop(L);

    tensor_store(L, t, flat_index(L, t, 2, top > 2 ? top - 2 : 0), top);
    lua_settop(L, 1);
    return 1;
}

static int access_item(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);

    if (t->count != 1)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s has %I elements: expected one",
                    tensor_push_shape(L, t), (LUAI_UACINT)t->count);
    tensor_push_element(L, t, 0);
    return 1;
}

static void push_list(lua_State *L, const tensor *t, int d, int64_t first,
                      int64_t step)
{
    const int64_t rows = t->shape[d];
    const int64_t inner = rows > 0 ? step / rows : 0;

    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, rows < 1 << 24 ? (int)rows : 0, 0);
    for (int64_t i = 0; i < rows; i++) {
        if (d + 1 < t->ndim)
            push_list(L, t, d + 1, first + i * inner, inner);
        else
            tensor_push_element(L, t, first + i);
        lua_rawseti(L, -2, i + 1);
    }
}

static int access_totable(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);

    if (t->ndim == 0)
        tensor_push_element(L, t, 0);
    else
        push_list(L, t, 0, 0, t->count);
    return 1;
}

/* Copy the value at `index`, a tensor, list or number, into t. */
static void copy_value(lua_State *L, tensor *t, int index)
{
    const tensor *from;

    if (lua_type(L, index) == LUA_TTABLE) {
        /* First into a tensor of its own: a bad list changes nothing. */
        tensor *list = tensor_like(L, t->dtype, t);

        tensor_from_list(L, list, index);
        memcpy(t->data, list->data, tensor_bytes(t));
        return;
    }
    from = tensor_check(L, index);
    if (!tensor_same_shape(t, from)) {
        const char *left = tensor_push_shape(L, t);

        error_raise(L, DESCENT_ERR_ARGUMENT, "%s does not go with %s", left,
                    tensor_push_shape(L, from));
    }
    tensor_check_overlap(L, t, from);
    tensor_convert(L, t, from);
}

static int access_copy(lua_State *L)
{
    copy_value(L, tensor_check_writable(L, 1), 2);
    lua_settop(L, 1);
    return 1;
}

static int access_bytes(lua_State *L)
{
    const tensor *t = tensor_check(L, 1);

    lua_pushlstring(L, t->data, tensor_bytes(t));
    return 1;
}

static void push_shape_list(lua_State *L, const tensor *t)
{
    lua_createtable(L, t->ndim, 0);
    for (int d = 0; d < t->ndim; d++) {
        lua_pushinteger(L, t->shape[d]);
        lua_rawseti(L, -2, d + 1);
    }
}

static int field_shape(lua_State *L)
{
    push_shape_list(L, tensor_check(L, 1));
    return 1;
}

static int field_dtype(lua_State *L)
{
    lua_pushstring(L, tensor_dtype_name(tensor_check(L, 1)->dtype));
    return 1;
}

static int field_ndim(lua_State *L)
{
    lua_pushinteger(L, tensor_check(L, 1)->ndim);
    return 1;
}

/* x[i], or a name. */
int tensor_index(lua_State *L)
{
    const tensor *t;
    lua_Integer i;

    if (lua_type(L, 2) != LUA_TNUMBER)
        return class_index(L);
    t = tensor_check(L, 1);
    if (t->ndim == 0)
        flat_index(L, t, 2, 1);
    i = argument_integer(L, 2, "index", 1, t->shape[0]) - 1;
    if (t->ndim == 1)
        tensor_push_element(L, t, i);
    else
        tensor_view(L, 1, i * (t->count / t->shape[0]), t->ndim - 1,
                    t->shape + 1);
    return 1;
}

int tensor_newindex(lua_State *L)
{
    tensor *t = tensor_check_writable(L, 1);
    tensor *row;
    int64_t i;

    if (lua_type(L, 2) != LUA_TNUMBER)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "field '%s' cannot be set: a Tensor has elements, x[i]",
                    luaL_tolstring(L, 2, NULL));
    if (t->ndim == 0)
        flat_index(L, t, 2, 1);
    i = argument_integer(L, 2, "index", 1, t->shape[0]) - 1;
    if (t->ndim == 1) {
        tensor_store(L, t, i, 3);
        return 0;
    }
    row = tensor_view(L, 1, i * (t->count / t->shape[0]), t->ndim - 1,
                      t->shape + 1);
    if (lua_type(L, 3) == LUA_TNUMBER)
        tensor_fill(L, row, 3);
    else
        copy_value(L, row, 3);
    return 0;
}

const function_entry tensor_fields[] = {{"shape", field_shape, 0},
                                        {"dtype", field_dtype, 0},
                                        {"ndim", field_ndim, 0},
                                        {NULL, NULL, 0}};

const function_entry tensor_access_methods[] = {{"get", access_get, 0},
                                                {"set_", access_set, 0},
                                                {"item", access_item, 0},
                                                {"totable", access_totable, 0},
                                                {"copy_", access_copy, 0},
                                                {"bytes", access_bytes, 0},
                                                {NULL, NULL, 0}};
