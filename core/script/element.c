/* SPDX-License-Identifier: MIT */
/* Single elements, and conversion between dtypes and from Lua lists. */
#include <math.h>
#include <string.h>

#include "script/tensor.h"

/* Types are valid here, so that conversions cannot fail. */
static double half_element(const tensor *t, int64_t i)
{
    double value = 0;

    descent_convert(DESCENT_DTYPE_F64, &value, tensor_core_dtype(t->dtype),
                    (const uint16_t *)t->data + i, 1);
    return value;
}

double tensor_element(const tensor *t, int64_t i)
{
    switch (t->dtype) {
    case TENSOR_F32:
        return ((const float *)t->data)[i];
    case TENSOR_F64:
        return ((const double *)t->data)[i];
    case TENSOR_F16:
    case TENSOR_BF16:
        return half_element(t, i);
    case TENSOR_U8:
        return ((const unsigned char *)t->data)[i];
    default:
        return (double)((const int64_t *)t->data)[i];
    }
}

void tensor_push_element(lua_State *L, const tensor *t, int64_t i)
{
    switch (t->dtype) {
    case TENSOR_F32:
    case TENSOR_F64:
    case TENSOR_F16:
    case TENSOR_BF16:
        lua_pushnumber(L, tensor_element(t, i));
        break;
    case TENSOR_U8:
        lua_pushinteger(L, ((const unsigned char *)t->data)[i]);
        break;
    default:
        lua_pushinteger(L, ((const int64_t *)t->data)[i]);
    }
}

_Noreturn static void fail_range(lua_State *L, tensor_dtype dtype, double value)
{
    error_raise(L, DESCENT_ERR_ARGUMENT, "%s cannot hold %f: expected %s",
                tensor_dtype_name(dtype), value,
                dtype == TENSOR_U8 ? "an integer from 0 to 255"
                                   : "a 64-bit integer");
}

static int64_t integer_from(lua_State *L, tensor_dtype dtype, double value)
{
    const double low = dtype == TENSOR_U8 ? 0 : -0x1p63;
    const double end = dtype == TENSOR_U8 ? 256 : 0x1p63;

    if (!(value >= low && value < end) || value != floor(value))
        fail_range(L, dtype, value);
    return (int64_t)value;
}

static void store_integer(lua_State *L, tensor *t, int64_t i, int64_t value)
{
    if (t->dtype == TENSOR_I64) {
        ((int64_t *)t->data)[i] = value;
        return;
    }
    if (value < 0 || value > 255)
        fail_range(L, t->dtype, (double)value);
    ((unsigned char *)t->data)[i] = (unsigned char)value;
}

static void store_number(lua_State *L, tensor *t, int64_t i, double value)
{
    if (t->dtype == TENSOR_F32)
        ((float *)t->data)[i] = (float)value;
    else if (t->dtype == TENSOR_F64)
        ((double *)t->data)[i] = value;
    else if (t->dtype < TENSOR_U8)
        descent_convert(tensor_core_dtype(t->dtype), (uint16_t *)t->data + i,
                        DESCENT_DTYPE_F64, &value, 1);
    else
        store_integer(L, t, i, integer_from(L, t->dtype, value));
}

void tensor_store(lua_State *L, tensor *t, int64_t i, int index)
{
    if (lua_isinteger(L, index) && t->dtype >= TENSOR_U8)
        store_integer(L, t, i, lua_tointeger(L, index));
    else
        store_number(L, t, i, argument_number(L, index, "value"));
}

void tensor_fill(lua_State *L, tensor *t, int index)
{
    const size_t size = tensor_dtype_bytes(t->dtype);
    char *data = t->data;

    /* The value is checked even where there is nothing to fill. */
    if (t->count == 0) {
        argument_number(L, index, "value");
        return;
    }
    tensor_store(L, t, 0, index);
    for (int64_t i = 1; i < t->count; i++)
        memcpy(data + (size_t)i * size, data, size);
}

/* Check all before the first write, so that a refusal changes nothing. */
static void check_integers(lua_State *L, const tensor *to, const tensor *from)
{
    for (int64_t i = 0; i < from->count; i++)
        integer_from(L, to->dtype, tensor_element(from, i));
}

void tensor_convert(lua_State *L, tensor *to, const tensor *from)
{
    if (to->dtype == from->dtype) {
        memmove(to->data, from->data, tensor_bytes(to));
        return;
    }
    if (to->dtype < TENSOR_U8 && from->dtype < TENSOR_U8) {
        descent_convert(tensor_core_dtype(to->dtype), to->data,
                        tensor_core_dtype(from->dtype), from->data,
                        (size_t)to->count);
        return;
    }
    if (to->dtype >= TENSOR_U8 && from->dtype != TENSOR_U8)
        check_integers(L, to, from);
    for (int64_t i = 0; i < to->count; i++)
        store_number(L, to, i, tensor_element(from, i));
}

/* Fill the `step` elements from `first` on with the list at the top, which
 * holds the dimensions from d on. */
static void from_list(lua_State *L, tensor *t, int d, int64_t first,
                      int64_t step)
{
    const int64_t rows = t->shape[d];
    const int64_t inner = rows > 0 ? step / rows : 0;

    luaL_checkstack(L, 6, NULL);
    if (lua_type(L, -1) != LUA_TTABLE)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "the list holds %s where dimension %d of the shape needs "
                    "a list of %I",
                    argument_kind(L, lua_gettop(L)), d + 1, (LUAI_UACINT)rows);
    if ((int64_t)lua_rawlen(L, -1) != rows)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "row %I of the list has %I entries: expected %I",
                    (LUAI_UACINT)(step > 0 ? first / step + 1 : 1),
                    (LUAI_UACINT)lua_rawlen(L, -1), (LUAI_UACINT)rows);
    for (int64_t i = 0; i < rows; i++) {
        lua_rawgeti(L, -1, i + 1);
        if (d + 1 < t->ndim)
            from_list(L, t, d + 1, first + i * inner, inner);
        else if (lua_type(L, -1) != LUA_TNUMBER)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "entry %I of the list is %s: expected a number",
                        (LUAI_UACINT)(i + 1), argument_kind(L, lua_gettop(L)));
        else
            tensor_store(L, t, first + i, lua_gettop(L));
        lua_pop(L, 1);
    }
}

void tensor_from_list(lua_State *L, tensor *t, int index)
{
    if (t->ndim == 0) {
        tensor_store(L, t, 0, index);
        return;
    }
    lua_pushvalue(L, index);
    from_list(L, t, 0, 0, t->count);
    lua_pop(L, 1);
}
