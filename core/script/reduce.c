/* SPDX-License-Identifier: MIT */
/* Reductions of tensors: f64 accumulators in a tree that depends on the number
 * of elements alone. */
#include <math.h>
#include <string.h>

#include "script/tensor.h"

/* The sum of at most LEAF elements of x, or of x and y: four lanes, so that the
 * compiler may use vectors without changing the order. */
enum { LEAF = 128 };
typedef double (*leaf_sum)(const void *x, const void *y, int64_t n);

#define SUM(name, REAL, expression)                                            \
    static double name##_##REAL(const void *first, const void *second,         \
                                int64_t n)                                     \
    {                                                                          \
        const REAL *x = first, *y = second;                                    \
        double lanes[4] = {0, 0, 0, 0};                                        \
                                                                               \
        (void)y;                                                               \
        for (int64_t i = 0; i < n; i++) {                                      \
            const double u = (double)x[i];                                     \
                                                                               \
            lanes[i % 4] += (expression);                                      \
        }                                                                      \
        return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);                  \
    }
/* 16-bit elements are widened first; no sum of two tensors takes them. */
#define HALF(name, DTYPE)                                                      \
    static double name##_##DTYPE(const void *first, const void *second,        \
                                 int64_t n)                                    \
    {                                                                          \
        double wide[LEAF];                                                     \
                                                                               \
        (void)second;                                                          \
        descent_convert(DESCENT_DTYPE_F64, wide, DTYPE, first, (size_t)n);     \
        return name##_double(wide, wide, n);                                   \
    }
#define SUMS(name, expression)                                                 \
    SUM(name, float, expression)                                               \
    SUM(name, double, expression)                                              \
    SUM(name, uint8_t, expression)                                             \
    SUM(name, int64_t, expression)                                             \
    HALF(name, DESCENT_DTYPE_F16)                                              \
    HALF(name, DESCENT_DTYPE_BF16)                                             \
    static const leaf_sum name[TENSOR_DTYPES] = {name##_float,                 \
                                                 name##_double,                \
                                                 name##_DESCENT_DTYPE_F16,     \
                                                 name##_DESCENT_DTYPE_BF16,    \
                                                 name##_uint8_t,               \
                                                 name##_int64_t};

SUMS(sum_values, u)
SUMS(sum_absolute, fabs(u))
SUMS(sum_squares, u *u)
SUMS(sum_products, u *(double)y[i])

/* Sum elements [first, first + n): halves, down to leaves. */
static double tree_sum(leaf_sum leaf, const tensor *x, const tensor *y,
                       int64_t first, int64_t n)
{
    const size_t at = (size_t)first * tensor_dtype_bytes(x->dtype);
    int64_t half;

    if (n <= LEAF)
        return leaf((const char *)x->data + at,
                    y != NULL ? (const char *)y->data + at : NULL, n);
    half = (n / 2 + LEAF - 1) / LEAF * LEAF;
    return tree_sum(leaf, x, y, first, half) +
           tree_sum(leaf, x, y, first + half, n - half);
}

static const tensor *check_not_empty(lua_State *L)
{
    const tensor *x = tensor_check(L, 1);

    if (x->count == 0)
        error_raise(L, DESCENT_ERR_ARGUMENT, "the Tensor has no elements");
    return x;
}

/* Integer sums wrap around, as Lua's do. */
static int reduce_sum(lua_State *L)
{
    const tensor *x = tensor_check(L, 1);
    uint64_t sum = 0;

    if (x->dtype < TENSOR_U8) {
        lua_pushnumber(L, tree_sum(sum_values[x->dtype], x, NULL, 0, x->count));
        return 1;
    }
    for (int64_t i = 0; i < x->count; i++)
        sum += x->dtype == TENSOR_U8 ? ((const unsigned char *)x->data)[i]
                                     : ((const uint64_t *)x->data)[i];
    lua_pushinteger(L, (lua_Integer)sum);
    return 1;
}

static int reduce_mean(lua_State *L)
{
    const tensor *x = check_not_empty(L);

    lua_pushnumber(L, tree_sum(sum_values[x->dtype], x, NULL, 0, x->count) /
                          (double)x->count);
    return 1;
}

/* The index of the first greatest, or least, of n elements; NaN beats all. */
static int64_t extreme(const tensor *x, int64_t first, int64_t n, bool least)
{
    int64_t best = first;
    double top = tensor_element(x, first);

    for (int64_t i = first + 1; i < first + n && top == top; i++) {
        const double v = tensor_element(x, i);

        if (v != v || (least ? v < top : v > top)) {
            best = i;
            top = v;
        }
    }
    return best;
}

/* max() and min() reduce; with an operand they are element-wise: upvalue 3 is
 * 1 for min. */
static int reduce_extreme(lua_State *L)
{
    const bool least = lua_tointeger(L, lua_upvalueindex(3)) == 1;
    const tensor *x;

    if (!lua_isnoneornil(L, 2)) {
        tensor_clone(L, tensor_check(L, 1));
        lua_getfield(L, -1, least ? "min_" : "max_");
        lua_insert(L, -2);
        lua_pushvalue(L, 2);
        lua_call(L, 2, 1);
        return 1;
    }
    x = check_not_empty(L);
    tensor_push_element(L, x, extreme(x, 0, x->count, least));
    return 1;
}

static int reduce_argmax(lua_State *L)
{
    const tensor *x = check_not_empty(L);

    lua_pushinteger(L, extreme(x, 0, x->count, false) + 1);
    return 1;
}

static int reduce_dot(lua_State *L)
{
    const tensor *x = tensor_check_real(L, 1), *y = tensor_check(L, 2);

    tensor_check_like(L, x, y);
    lua_pushnumber(L, tree_sum(sum_products[x->dtype], x, y, 0, x->count));
    return 1;
}

/* norm([p]): p = 1, 2 (default) or math.huge */
static int reduce_norm(lua_State *L)
{
    const tensor *x = tensor_check(L, 1);
    double p = lua_isnoneornil(L, 2) ? 2 : argument_number(L, 2, "p");
    double most = 0;

    if (p == 1) {
        lua_pushnumber(L,
                       tree_sum(sum_absolute[x->dtype], x, NULL, 0, x->count));
    } else if (p == 2) {
        lua_pushnumber(
            L, sqrt(tree_sum(sum_squares[x->dtype], x, NULL, 0, x->count)));
    } else if (p == (double)INFINITY) {
        for (int64_t i = 0; i < x->count && most == most; i++) {
            const double v = fabs(tensor_element(x, i));

            most = v > most || v != v ? v : most;
        }
        lua_pushnumber(L, most);
    } else {
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "p = %f: expected 1, 2 or math.huge", p);
    }
    return 1;
}

static int reduce_count_nonfinite(lua_State *L)
{
    const tensor *x = tensor_check(L, 1);
    lua_Integer n = 0;

    for (int64_t i = 0; i < x->count; i++)
        n += !isfinite(tensor_element(x, i));
    lua_pushinteger(L, n);
    return 1;
}

static int reduce_equal(lua_State *L)
{
    const tensor *x = tensor_check(L, 1), *y = tensor_check(L, 2);

    lua_pushboolean(L, x->dtype == y->dtype && tensor_same_shape(x, y) &&
                           memcmp(x->data, y->data, tensor_bytes(x)) == 0);
    return 1;
}

static double tolerance(lua_State *L, const char *name, double initial)
{
    double value = initial;

    if (!lua_istable(L, 3))
        return initial;
    if (argument_field(L, 3, name) != LUA_TNIL)
        value = argument_number(L, lua_gettop(L), name);
    lua_pop(L, 1);
    return value;
}

/* close(y[, {rtol, atol}]): |x - y| <= atol + rtol * |y| everywhere */
static int reduce_close(lua_State *L)
{
    static const char *const known[] = {"rtol", "atol", NULL};
    const tensor *x = tensor_check(L, 1), *y = tensor_check(L, 2);
    double rtol, atol;
    bool near = tensor_same_shape(x, y);

    if (argument_table(L, 3, "options"))
        argument_known(L, 3, known);
    rtol = tolerance(L, "rtol", 1e-5);
    atol = tolerance(L, "atol", 1e-8);
    for (int64_t i = 0; near && i < x->count; i++) {
        const double a = tensor_element(x, i), b = tensor_element(y, i);

        near = a == b || (isfinite(b) && fabs(a - b) <= atol + rtol * fabs(b));
    }
    lua_pushboolean(L, near);
    return 1;
}

const function_entry tensor_reduce_methods[] = {
    {"sum", reduce_sum, 0},
    {"mean", reduce_mean, 0},
    {"argmax", reduce_argmax, 0},
    {"dot", reduce_dot, 0},
    {"norm", reduce_norm, 0},
    {"count_nonfinite", reduce_count_nonfinite, 0},
    {"equal", reduce_equal, 0},
    {"close", reduce_close, 0},
    {"max", reduce_extreme, 0},
    {"min", reduce_extreme, 1},
    {NULL, NULL, 0}};
