/* SPDX-License-Identifier: MIT */
#include "script/row_sparse.h"

#include <string.h>

tensor *row_sparse_values(lua_State *L, int index)
{
    tensor *t;

    lua_getiuservalue(L, index, 1);
    t = tensor_check_floating(L, lua_gettop(L));
    lua_pop(L, 1);
    return t;
}

/* The row numbers at `index`, a list or a Tensor of any dtype, as an i64
 * Tensor. */
static const tensor *check_numbers(lua_State *L, int index, int64_t rows)
{
    const tensor *given = class_test(L, index, CLASS_TENSOR);

    if (given == NULL && !lua_istable(L, index))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "indices is %s: expected a list of row numbers, or a "
                    "Tensor",
                    argument_kind(L, index));
    if (given != NULL && tensor_check(L, index)->dtype != TENSOR_I64) {
        tensor_convert(L, tensor_like(L, TENSOR_I64, given), given);
        lua_replace(L, index);
    }
    return tensor_check_indices(L, index, rows);
}

/* row_sparse(indices, values, rows) */
static int core_row_sparse(lua_State *L)
{
    const tensor *values, *numbers;
    lua_Integer rows;
    row_sparse *r;

    argument_end(L, 3);
    lua_settop(L, 3);
    if (class_test(L, 2, CLASS_TENSOR) == NULL)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "values is %s: expected a Tensor of one row for each "
                    "index",
                    argument_kind(L, 2));
    values = tensor_check_floating(L, 2);
    rows = argument_integer(L, 3, "rows", 0, LUA_MAXINTEGER);
    numbers = check_numbers(L, 1, rows);
    if (values->ndim == 0 || values->shape[0] != numbers->count)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "values is %s: expected %I rows, one for each index",
                    tensor_push_shape(L, values), (LUAI_UACINT)numbers->count);
    r = lua_newuserdatauv(
        L, sizeof *r + (size_t)numbers->count * sizeof *r->indices, 1);
    *r = (row_sparse){.ndim = values->ndim, .count = numbers->count};
    memcpy(r->shape, values->shape, sizeof r->shape);
    r->shape[0] = rows;
    for (int64_t i = 0; i < r->count; i++)
        r->indices[i] = ((const int64_t *)numbers->data)[i] - 1;
    class_set(L, CLASS_ROW_SPARSE);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

static void push_numbers(luaL_Buffer *b, lua_State *L, int64_t n,
                         const int64_t *numbers, const char *between,
                         int64_t add)
{
    for (int64_t i = 0; i < n; i++) {
        lua_pushfstring(L, "%s%I", i > 0 ? between : "",
                        (LUAI_UACINT)(numbers[i] + add));
        luaL_addvalue(b);
    }
}

/* "RowSparse[6,3] f32 of rows [5, 1]": at most eight rows. */
static int row_sparse_tostring(lua_State *L)
{
    const row_sparse *r = class_check(L, 1, CLASS_ROW_SPARSE);
    const int64_t most = 8, shown = r->count < most ? r->count : most;
    luaL_Buffer b;

    lua_getiuservalue(L, 1, 1);
    const tensor *values = lua_touserdata(L, -1);
    luaL_buffinit(L, &b);
    luaL_addstring(&b, "RowSparse[");
    push_numbers(&b, L, r->ndim, r->shape, ",", 0);
    luaL_addstring(&b, "] ");
    luaL_addstring(&b, tensor_dtype_name(values->dtype));
    luaL_addstring(&b, " of rows [");
    push_numbers(&b, L, shown, r->indices, ", ", 1);
    luaL_addstring(&b, r->count > most ? ", \xe2\x80\xa6]" : "]");
    luaL_pushresult(&b);
    return 1;
}

static int row_sparse_newindex(lua_State *L)
{
    error_raise(L, DESCENT_ERR_ARGUMENT,
                "a RowSparse cannot be changed: make another with "
                "descent.row_sparse");
}

/* indices: a new Tensor, numbers from 1 as they were given */
static int field_indices(lua_State *L)
{
    const row_sparse *r = class_check(L, 1, CLASS_ROW_SPARSE);
    tensor *t = tensor_new(L, TENSOR_I64, 1, &r->count);

    for (int64_t i = 0; i < r->count; i++)
        ((int64_t *)t->data)[i] = r->indices[i] + 1;
    return 1;
}

static int field_values(lua_State *L)
{
    class_check(L, 1, CLASS_ROW_SPARSE);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

static int field_rows(lua_State *L)
{
    const row_sparse *r = class_check(L, 1, CLASS_ROW_SPARSE);

    lua_pushinteger(L, r->shape[0]);
    return 1;
}

static int field_shape(lua_State *L)
{
    const row_sparse *r = class_check(L, 1, CLASS_ROW_SPARSE);

    lua_createtable(L, r->ndim, 0);
    for (int d = 0; d < r->ndim; d++) {
        lua_pushinteger(L, r->shape[d]);
        lua_rawseti(L, -2, d + 1);
    }
    return 1;
}

void row_sparse_open(lua_State *L)
{
    static const function_entry meta[] = {
        {"__tostring", row_sparse_tostring, 0},
        {"__newindex", row_sparse_newindex, 0},
        {NULL, NULL, 0}};
    static const function_entry fields[] = {{"indices", field_indices, 0},
                                            {"values", field_values, 0},
                                            {"rows", field_rows, 0},
                                            {"shape", field_shape, 0},
                                            {NULL, NULL, 0}};

    class_create(L, CLASS_ROW_SPARSE, meta);
    lua_newtable(L);
    class_finish(L, CLASS_ROW_SPARSE, fields, class_index);
}

const function_entry row_sparse_functions[] = {
    {"row_sparse", core_row_sparse, 0}, {NULL, NULL, 0}};
