/* SPDX-License-Identifier: MIT */
/* Constructors of tensors: zeros, tensor{...}, randn and the like. */
#include <string.h>

#include "script/random.h"
#include "script/tensor.h"

tensor_dtype tensor_dtype_check(lua_State *L, int index, const char *name)
{
    const char *text = argument_text(L, index, name);

    for (int i = 0; i < TENSOR_DTYPES; i++) {
        if (strcmp(text, tensor_dtype_name((tensor_dtype)i)) == 0)
            return (tensor_dtype)i;
    }
    error_option(L, name, index,
                 "%s = '%s': expected 'f32', 'f64', 'f16', 'bf16', 'u8' or "
                 "'i64'",
                 name, text);
}

static void shape_list(lua_State *L, int index, bool guess, int *ndim,
                       int64_t *shape)
{
    const lua_Unsigned n = lua_rawlen(L, index);

    if (n > DESCENT_MAX_DIMS)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "the shape has %I dimensions: expected 0 to %d",
                    (LUAI_UACINT)n, DESCENT_MAX_DIMS);
    for (*ndim = 0; *ndim < (int)n; ++*ndim) {
        lua_rawgeti(L, index, *ndim + 1);
        shape[*ndim] = argument_integer(L, lua_gettop(L), "shape",
                                        guess ? -1 : 0, LUA_MAXINTEGER);
        lua_pop(L, 1);
    }
}

int tensor_shape_check(lua_State *L, int first, bool guess, int *ndim,
                       int64_t *shape)
{
    *ndim = 0;
    if (lua_type(L, first) == LUA_TTABLE && lua_rawlen(L, first) > 0) {
        shape_list(L, first, guess, ndim, shape);
        return first + 1;
    }
    /* An empty list is the shape of a single number, {dtype = ...} options. */
    if (lua_type(L, first) == LUA_TTABLE) {
        lua_pushnil(L);
        if (lua_next(L, first) == 0)
            return first + 1;
        lua_pop(L, 2);
        return first;
    }
    for (; lua_type(L, first) == LUA_TNUMBER; first++) {
        if (*ndim == DESCENT_MAX_DIMS)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "the shape has more than %d dimensions",
                        DESCENT_MAX_DIMS);
        shape[(*ndim)++] =
            argument_integer(L, first, "shape", guess ? -1 : 0, LUA_MAXINTEGER);
    }
    return first;
}

/* The likely slip: a name without the table around it. */
static void refuse_bare_dtype(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TSTRING)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument %d is a string: expected {dtype = \"%s\"}", index,
                    tensor_dtype_name(tensor_dtype_check(L, index, "dtype")));
}

/* The options table {dtype = ...} that may stand at `index`. */
static tensor_dtype dtype_option(lua_State *L, int index,
                                 const char *const *known)
{
    tensor_dtype dtype = TENSOR_F32;

    refuse_bare_dtype(L, index);
    argument_end(L, index);
    if (!argument_table(L, index, "options"))
        return dtype;
    argument_known(L, index, known);
    if (argument_field(L, index, "dtype") != LUA_TNIL)
        dtype = tensor_dtype_check(L, lua_gettop(L), "dtype");
    lua_pop(L, 1);
    return dtype;
}

static const char *const dtype_only[] = {"dtype", NULL};

static tensor *new_from_arguments(lua_State *L, int first)
{
    int64_t shape[DESCENT_MAX_DIMS];
    int ndim;
    int next = tensor_shape_check(L, first, false, &ndim, shape);

    return tensor_new(L, dtype_option(L, next, dtype_only), ndim, shape);
}

static int make_zeros(lua_State *L)
{
    tensor *t = new_from_arguments(L, 1);

    memset(t->data, 0, tensor_bytes(t));
    return 1;
}

static int make_ones(lua_State *L)
{
    tensor *t = new_from_arguments(L, 1);

    lua_pushinteger(L, 1);
    tensor_fill(L, t, lua_gettop(L));
    lua_pop(L, 1);
    return 1;
}

/* full(shape, value[, options]) */
static int make_full(lua_State *L)
{
    int64_t shape[DESCENT_MAX_DIMS];
    tensor_dtype dtype;
    int ndim = 0;

    argument_end(L, 3);
    lua_settop(L, 3);
    if (lua_type(L, 1) == LUA_TNUMBER)
        shape[ndim++] = argument_integer(L, 1, "shape", 0, LUA_MAXINTEGER);
    else if (argument_table(L, 1, "shape"))
        shape_list(L, 1, false, &ndim, shape);
    argument_number(L, 2, "value");
    dtype = dtype_option(L, 3, dtype_only);
    tensor_fill(L, tensor_new(L, dtype, ndim, shape), 2);
    return 1;
}

/* arange(n[, options]): 0, 1, ..., n - 1 */
static int make_arange(lua_State *L)
{
    const int64_t n = argument_integer(L, 1, "n", 0, LUA_MAXINTEGER);
    tensor *t = tensor_new(L, dtype_option(L, 2, dtype_only), 1, &n);

    for (int64_t i = 0; i < n; i++) {
        lua_pushinteger(L, i);
        tensor_store(L, t, i, lua_gettop(L));
        lua_pop(L, 1);
    }
    return 1;
}

void tensor_measure_list(lua_State *L, int index, int *ndim, int64_t *shape)
{
    const int top = lua_gettop(L);

    luaL_checkstack(L, DESCENT_MAX_DIMS + 8, NULL);
    lua_pushvalue(L, index);
    for (*ndim = 0; lua_type(L, -1) == LUA_TTABLE;) {
        if (*ndim == DESCENT_MAX_DIMS)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "the list is nested deeper than %d", DESCENT_MAX_DIMS);
        shape[*ndim] = (int64_t)lua_rawlen(L, -1);
        if (shape[(*ndim)++] == 0)
            break;
        lua_rawgeti(L, -1, 1);
    }
    lua_settop(L, top);
}

/* tensor(list[, options]) */
static int make_tensor(lua_State *L)
{
    int64_t shape[DESCENT_MAX_DIMS];
    tensor_dtype dtype;
    int ndim = 0;

    argument_end(L, 2);
    lua_settop(L, 2);
    if (lua_type(L, 1) != LUA_TTABLE && lua_type(L, 1) != LUA_TNUMBER)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is %s: expected a list of numbers",
                    argument_kind(L, 1));
    dtype = dtype_option(L, 2, dtype_only);
    tensor_measure_list(L, 1, &ndim, shape);
    tensor_from_list(L, tensor_new(L, dtype, ndim, shape), 1);
    return 1;
}

static void check_length(lua_State *L, size_t got, const char *dtype,
                         int64_t count, size_t size)
{
    if (got != (size_t)count * size)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "bytes has %I bytes: %I elements of %s need %I",
                    (LUAI_UACINT)got, (LUAI_UACINT)count, dtype,
                    (LUAI_UACINT)((size_t)count * size));
}

/* from_string(bytes, dtype, shape): little-endian elements; i32 is widened. */
static int make_from_string(lua_State *L)
{
    int64_t shape[DESCENT_MAX_DIMS];
    const char *bytes = NULL;
    size_t length = 0;
    int64_t count;
    bool wide;
    int ndim = 0;
    tensor *t;

    argument_end(L, 3);
    lua_settop(L, 3);
    if (lua_type(L, 1) != LUA_TSTRING)
        argument_text(L, 1, "bytes");
    bytes = lua_tolstring(L, 1, &length);
    wide = strcmp(argument_text(L, 2, "dtype"), "i32") == 0;
    if (!wide)
        tensor_dtype_check(L, 2, "dtype");
    if (argument_table(L, 3, "shape"))
        shape_list(L, 3, false, &ndim, shape);
    count = tensor_shape_count(L, ndim, shape);
    if (!wide) {
        tensor_dtype dtype = tensor_dtype_check(L, 2, "dtype");

        check_length(L, length, tensor_dtype_name(dtype), count,
                     tensor_dtype_bytes(dtype));
        t = tensor_new(L, dtype, ndim, shape);
        memcpy(t->data, bytes, length);
        return 1;
    }
    check_length(L, length, "i32", count, sizeof(int32_t));
    t = tensor_new(L, TENSOR_I64, ndim, shape);
    for (int64_t i = 0; i < count; i++) {
        int32_t value;

        memcpy(&value, bytes + (size_t)i * sizeof value, sizeof value);
        ((int64_t *)t->data)[i] = value;
    }
    return 1;
}

static double number_field(lua_State *L, int index, const char *name,
                           double initial)
{
    double value = initial;

    if (!lua_istable(L, index))
        return initial;
    if (argument_field(L, index, name) != LUA_TNIL)
        value = argument_number(L, lua_gettop(L), name);
    lua_pop(L, 1);
    return value;
}

/* Push the generator of {rng = ...}, or the shared stream "init". */
static rng *generator(lua_State *L, int index)
{
    if (!lua_istable(L, index) || argument_field(L, index, "rng") == LUA_TNIL)
        return rng_stream(L, "init");
    if (class_test(L, -1, CLASS_RNG) == NULL)
        error_option(L, "rng", -1, "rng is %s: expected an Rng",
                     argument_kind(L, lua_gettop(L)));
    return lua_touserdata(L, -1);
}

static int make_random(lua_State *L, const char *const *known, bool normal)
{
    int64_t shape[DESCENT_MAX_DIMS];
    tensor_dtype dtype;
    double a, b;
    int ndim = 0;
    rng *r;

    argument_end(L, 2);
    lua_settop(L, 2);
    if (lua_type(L, 1) == LUA_TNUMBER)
        shape[ndim++] = argument_integer(L, 1, "shape", 0, LUA_MAXINTEGER);
    else if (argument_table(L, 1, "shape"))
        shape_list(L, 1, false, &ndim, shape);
    dtype = dtype_option(L, 2, known);
    if (dtype > TENSOR_F64)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "dtype = '%s': random numbers need 'f32' or 'f64'",
                    tensor_dtype_name(dtype));
    a = number_field(L, 2, known[1], 0);
    b = number_field(L, 2, known[2], 1);
    r = generator(L, 2);
    rng_fill(r, tensor_new(L, dtype, ndim, shape), normal, a,
             normal ? b : b - a);
    return 1;
}

static int make_randn(lua_State *L)
{
    static const char *const known[] = {"dtype", "mean", "std", "rng", NULL};

    return make_random(L, known, true);
}

static int make_rand(lua_State *L)
{
    static const char *const known[] = {"dtype", "min", "max", "rng", NULL};

    return make_random(L, known, false);
}

const function_entry tensor_functions[] = {{"tensor", make_tensor, 0},
                                           {"zeros", make_zeros, 0},
                                           {"ones", make_ones, 0},
                                           {"full", make_full, 0},
                                           {"arange", make_arange, 0},
                                           {"from_string", make_from_string, 0},
                                           {"randn", make_randn, 0},
                                           {"rand", make_rand, 0},
                                           {NULL, NULL, 0}};
