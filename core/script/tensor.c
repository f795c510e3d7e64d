/* SPDX-License-Identifier: MIT */
/* The class of tensors: making them, views, and the checks that every method
 * begins with. */
#include "script/tensor.h"

#include <string.h>

enum { ALIGNMENT = 64 };

static const size_t dtype_bytes[TENSOR_DTYPES] = {4, 8, 2, 2, 1, 8};

size_t tensor_dtype_bytes(tensor_dtype dtype)
{
    return dtype_bytes[dtype];
}

const char *tensor_dtype_name(tensor_dtype dtype)
{
    static const char *const names[] = {"f32",  "f64", "f16",
                                        "bf16", "u8",  "i64"};

    return names[dtype];
}

descent_dtype tensor_core_dtype(tensor_dtype dtype)
{
    static const descent_dtype dtypes[TENSOR_DTYPES] = {
        DESCENT_DTYPE_F32,  DESCENT_DTYPE_F64, DESCENT_DTYPE_F16,
        DESCENT_DTYPE_BF16, DESCENT_DTYPE_U8,  DESCENT_DTYPE_I64};

    return dtypes[dtype];
}

tensor_dtype tensor_dtype_from_core(descent_dtype dtype)
{
    tensor_dtype t = TENSOR_F32;

    while (tensor_core_dtype(t) != dtype)
        t++;
    return t;
}

bool tensor_is_live(const tensor *t)
{
    return t->live && t->root->live;
}

size_t tensor_bytes(const tensor *t)
{
    return (size_t)t->count * dtype_bytes[t->dtype];
}

bool tensor_same_shape(const tensor *a, const tensor *b)
{
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

int64_t tensor_shape_count(lua_State *L, int ndim, const int64_t *shape)
{
    const int64_t most = INT64_C(1) << 48;
    int64_t count = 1;
    bool empty = false;

    /* A dimension of 0 must not hide an overflow of the others. */
    for (int d = 0; d < ndim; d++) {
        if (shape[d] == 0) {
            empty = true;
        } else if (shape[d] > most / count) {
            error_raise(L, DESCENT_ERR_MEMORY,
                        "the tensor has more than 2^48 elements");
        } else {
            count *= shape[d];
        }
    }
    return empty ? 0 : count;
}

/* Push the userdata of a tensor without memory. */
static tensor *push_header(lua_State *L, tensor_dtype dtype, int ndim,
                           const int64_t *shape)
{
    const int64_t count = tensor_shape_count(L, ndim, shape);
    tensor *t = lua_newuserdatauv(L, sizeof *t, 1);

    *t = (tensor){.dtype = dtype, .ndim = ndim, .count = count, .root = t};
    if (ndim > 0)
        memcpy(t->shape, shape, (size_t)ndim * sizeof *shape);
    class_set(L, CLASS_TENSOR);
    return t;
}

/* Runs protected: push a block of the size at 1. */
static int push_block(lua_State *L)
{
    lua_newuserdatauv(L, (size_t)lua_tointeger(L, 1), 0);
    return 1;
}

/* Push a block of memory.  A large one is asked for in a protected call, as
 * Lua's own error would tell neither place nor size. */
static char *new_block(lua_State *L, const tensor *t)
{
    const size_t large = (size_t)1 << 20, bytes = tensor_bytes(t) + ALIGNMENT;

    if (bytes < large)
        return lua_newuserdatauv(L, bytes, 0);
    lua_pushcfunction(L, push_block);
    lua_pushinteger(L, (lua_Integer)bytes);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        error_raise(L, DESCENT_ERR_MEMORY,
                    "not enough memory: %s needs %I bytes",
                    tensor_push_shape(L, t), (LUAI_UACINT)tensor_bytes(t));
    return lua_touserdata(L, -1);
}

tensor *tensor_new(lua_State *L, tensor_dtype dtype, int ndim,
                   const int64_t *shape)
{
    tensor *t;
    char *block;

    luaL_checkstack(L, 8, NULL);
    t = push_header(L, dtype, ndim, shape);
    block = new_block(L, t);
    lua_setiuservalue(L, -2, 1);
    t->data = block + (ALIGNMENT - (uintptr_t)block % ALIGNMENT);
    t->live = true;
    return t;
}

tensor *tensor_like(lua_State *L, tensor_dtype dtype, const tensor *like)
{
    return tensor_new(L, dtype, like->ndim, like->shape);
}

tensor *tensor_clone(lua_State *L, const tensor *t)
{
    tensor *copy = tensor_like(L, t->dtype, t);

    memcpy(copy->data, t->data, tensor_bytes(t));
    return copy;
}

tensor *tensor_view(lua_State *L, int index, int64_t first, int ndim,
                    const int64_t *shape)
{
    const tensor *of = lua_touserdata(L, index);
    tensor *view;

    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, NULL);
    view = push_header(L, of->dtype, ndim, shape);
    /* A view of a view belongs to the same owner, so chains cannot grow. */
    if (of->root == of)
        lua_pushvalue(L, index);
    else
        lua_getiuservalue(L, index, 1);
    lua_setiuservalue(L, -2, 1);
    view->root = of->root;
    view->data = (char *)of->data + (size_t)first * dtype_bytes[of->dtype];
    view->readonly = of->readonly;
    view->live = true;
    return view;
}

tensor *tensor_check(lua_State *L, int index)
{
    tensor *t = class_check(L, index, CLASS_TENSOR);

    if (!tensor_is_live(t))
        error_raise(L, DESCENT_ERR_STATE,
                    "the Tensor was freed, or the optimizer that held it was "
                    "closed or changed");
    return t;
}

static bool ranges_overlap(const char *a, const char *a_end, const char *b,
                           const char *b_end)
{
    return a < b_end && b < a_end;
}

tensor *tensor_check_writable(lua_State *L, int index)
{
    tensor *t = tensor_check(L, index);
    const char *data = t->data;

    if (t->readonly)
        error_raise(L, DESCENT_ERR_STATE, "the Tensor is read-only");
    if (t->root->locks > 0 &&
        ranges_overlap(data, data + tensor_bytes(t), t->root->lock_low,
                       t->root->lock_high))
        error_raise(L, DESCENT_ERR_STATE,
                    "x is read-only during the call of an objective");
    return t;
}

static tensor *check_real(lua_State *L, tensor *t)
{
    if (t->dtype != TENSOR_F32 && t->dtype != TENSOR_F64)
        error_raise(L, DESCENT_ERR_SUPPORT,
                    "arithmetic needs dtype f32 or f64, this Tensor is %s: "
                    "convert it with x:to(\"f32\")",
                    tensor_dtype_name(t->dtype));
    return t;
}

static tensor *check_floating(lua_State *L, tensor *t)
{
    if (t->dtype >= TENSOR_U8)
        error_raise(L, DESCENT_ERR_SUPPORT,
                    "weights and gradients need dtype f32, f64, f16 or bf16, "
                    "this Tensor is %s",
                    tensor_dtype_name(t->dtype));
    return t;
}

tensor *tensor_check_floating(lua_State *L, int index)
{
    return check_floating(L, tensor_check(L, index));
}

tensor *tensor_check_floating_writable(lua_State *L, int index)
{
    return check_floating(L, tensor_check_writable(L, index));
}

tensor *tensor_check_real(lua_State *L, int index)
{
    return check_real(L, tensor_check(L, index));
}

tensor *tensor_check_real_writable(lua_State *L, int index)
{
    return check_real(L, tensor_check_writable(L, index));
}

void tensor_check_overlap(lua_State *L, const tensor *a, const tensor *b)
{
    const char *p = a->data, *q = b->data;

    if (p == q && tensor_bytes(a) == tensor_bytes(b) && a->dtype == b->dtype)
        return;
    if (ranges_overlap(p, p + tensor_bytes(a), q, q + tensor_bytes(b)))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "the operands are overlapping views of one Tensor");
}

void tensor_check_apart(lua_State *L, const tensor *out, const tensor *of)
{
    const char *p = out->data, *q = of->data;

    if (ranges_overlap(p, p + tensor_bytes(out), q, q + tensor_bytes(of)))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "out is one of the operands, or overlaps it: expected "
                    "memory of its own");
}

void tensor_check_like(lua_State *L, const tensor *a, const tensor *b)
{
    if (a->dtype != b->dtype || !tensor_same_shape(a, b)) {
        const char *left = tensor_push_shape(L, a);

        error_raise(L, DESCENT_ERR_ARGUMENT, "%s does not go with %s", left,
                    tensor_push_shape(L, b));
    }
}

void tensor_check_match(lua_State *L, const tensor *a, const tensor *b)
{
    tensor_check_like(L, a, b);
    tensor_check_overlap(L, a, b);
}

void tensor_lock(tensor *t)
{
    tensor *root = t->root;
    const char *low = t->data, *high = low + tensor_bytes(t);

    if (root->locks++ == 0) {
        root->lock_low = low;
        root->lock_high = high;
    }
    if (low < root->lock_low)
        root->lock_low = low;
    if (high > root->lock_high)
        root->lock_high = high;
}

void tensor_unlock(tensor *t)
{
    t->root->locks--;
}

const char *tensor_push_shape(lua_State *L, const tensor *t)
{
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    luaL_addstring(&b, tensor_dtype_name(t->dtype));
    luaL_addstring(&b, " [");
    for (int d = 0; d < t->ndim; d++) {
        lua_pushfstring(L, d > 0 ? ",%I" : "%I", (LUAI_UACINT)t->shape[d]);
        luaL_addvalue(&b);
    }
    luaL_addchar(&b, ']');
    luaL_pushresult(&b);
    return lua_tostring(L, -1);
}

static int tensor_close(lua_State *L)
{
    tensor *t = class_check(L, 1, CLASS_TENSOR);

    /* What an optimizer points to stays until the optimizer is closed. */
    if (t->root == t && t->pins > 0)
        return 0;
    t->live = false;
    /* A finalizer may interrupt a function that is at work on the memory: then
     * it goes only when the collector comes for the Tensor. */
    if (t->root == t && !context_in_finalizer(L)) {
        lua_pushnil(L);
        lua_setiuservalue(L, 1, 1);
    }
    return 0;
}

static int tensor_free(lua_State *L)
{
    const tensor *t = class_check(L, 1, CLASS_TENSOR);

    if (t->root == t && t->pins > 0)
        error_raise(L, DESCENT_ERR_STATE,
                    "the Tensor is bound to an optimizer: remove it there or "
                    "close the optimizer first");
    return tensor_close(L);
}

void tensor_open(lua_State *L)
{
    static const function_entry meta[] = {{"__tostring", tensor_tostring, 0},
                                          {"__len", tensor_length, 0},
                                          {"__newindex", tensor_newindex, 0},
                                          {"__close", tensor_close, 0},
                                          {NULL, NULL, 0}};
    static const function_entry own[] = {{"free", tensor_free, 0},
                                         {NULL, NULL, 0}};
    static const function_entry *const groups[] = {own,
                                                   tensor_shape_methods,
                                                   tensor_access_methods,
                                                   tensor_reduce_methods,
                                                   tensor_row_methods,
                                                   tensor_matrix_methods,
                                                   tensor_text_methods};

    class_create(L, CLASS_TENSOR, meta);
    functions_register_as(L, "Tensor", tensor_math_operators);
    lua_newtable(L);
    /* In this order: max() and min() of the reductions also serve operands. */
    tensor_math_register(L);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        functions_register(L, "Tensor:", groups[i]);
    class_finish(L, CLASS_TENSOR, tensor_fields, tensor_index);
}
