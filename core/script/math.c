/* SPDX-License-Identifier: MIT */
/* Element-wise arithmetic of tensors: each operation in place, its name ending
 * in '_', and without '_' into a new tensor. */
#include "script/tensor.h"

#include <math.h>
#include <string.h>

#define REAL float
#define NAME(name) name##_f32
#define MATH(name) name##f
#include "script/loops.h"

#define REAL double
#define NAME(name) name##_f64
#define MATH(name) name
#include "script/loops.h"

typedef struct unary {
    const char *name;
    void (*run[2])(int64_t n, void *x);
} unary;

typedef struct binary {
    const char *name;
    void (*with_tensor[2])(int64_t n, void *x, const void *y, double alpha);
    void (*with_number[2])(int64_t n, void *x, double y, double alpha);
} binary;

typedef struct ternary {
    const char *name;
    void (*run[2])(int64_t n, void *x, const void *a, const void *b, double v);
} ternary;

#define UNARY(name)                                                            \
    {                                                                          \
#name,                                                                 \
        {                                                                      \
            name##_f32, name##_f64                                             \
        }                                                                      \
    }
#define BINARY(name)                                                           \
    {                                                                          \
#name, {name##_tensor_f32, name##_tensor_f64 },                        \
        {                                                                      \
            name##_number_f32, name##_number_f64                               \
        }                                                                      \
    }

static const unary unaries[] = {
    UNARY(neg),        UNARY(sign), UNARY(abs),    UNARY(sqrt), UNARY(square),
    UNARY(reciprocal), UNARY(exp),  UNARY(log),    UNARY(sin),  UNARY(cos),
    UNARY(tanh),       UNARY(relu), UNARY(sigmoid)};
enum { UNARY_NEG = 0, UNARIES = sizeof unaries / sizeof *unaries };

static const binary binaries[] = {BINARY(add),
                                  BINARY(sub),
                                  BINARY(mul),
                                  BINARY(div),
                                  BINARY(pow),
                                  BINARY(lerp),
                                  BINARY(relu_gradient),
                                  BINARY(tanh_gradient),
                                  BINARY(sigmoid_gradient),
                                  BINARY(max),
                                  BINARY(min)};
enum {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_DIV,
    BINARY_LERP = 5,
    BINARIES = sizeof binaries / sizeof *binaries
};

static const ternary ternaries[] = {UNARY(addcmul), UNARY(addcdiv)};
enum { TERNARIES = sizeof ternaries / sizeof *ternaries };

static lua_Integer operation(lua_State *L)
{
    return lua_tointeger(L, lua_upvalueindex(3));
}

static int math_unary(lua_State *L)
{
    tensor *x = tensor_check_real_writable(L, 1);

    unaries[operation(L)].run[x->dtype](x->count, x->data);
    lua_settop(L, 1);
    return 1;
}

static void apply_binary(lua_State *L, const binary *op, tensor *x, int index,
                         double alpha)
{
    const tensor *y = class_test(L, index, CLASS_TENSOR);

    if (y != NULL && !(tensor_is_live(y) && y->count == 1 && x->count != 1)) {
        y = tensor_check(L, index);
        tensor_check_match(L, x, y);
        op->with_tensor[x->dtype](x->count, x->data, y->data, alpha);
    } else {
        op->with_number[x->dtype](x->count, x->data,
                                  argument_number(L, index, "operand"), alpha);
    }
}

void tensor_scale(tensor *t, double factor)
{
    const descent_dtype stored = tensor_core_dtype(t->dtype);
    const size_t size = tensor_dtype_bytes(t->dtype);
    char *data = t->data;

    if (t->dtype <= TENSOR_F64) {
        binaries[BINARY_MUL].with_number[t->dtype](t->count, t->data, factor,
                                                   1);
        return;
    }
    for (int64_t i = 0; i < t->count; i++, data += size) {
        const double scaled = tensor_element(t, i) * factor;

        descent_convert(stored, data, DESCENT_DTYPE_F64, &scaled, 1);
    }
}

static int math_binary(lua_State *L)
{
    const lua_Integer i = operation(L);
    tensor *x = tensor_check_real_writable(L, 1);
    double alpha = 1;

    if (i == BINARY_LERP || !lua_isnoneornil(L, 3))
        alpha = argument_number(L, 3, i == BINARY_LERP ? "weight" : "alpha");
    apply_binary(L, &binaries[i], x, 2, alpha);
    lua_settop(L, 1);
    return 1;
}

/* addcmul_(a, b[, v]), addcdiv_(a, b[, v]) */
static int math_ternary(lua_State *L)
{
    tensor *x = tensor_check_real_writable(L, 1);
    const tensor *a = tensor_check(L, 2), *b = tensor_check(L, 3);
    double v = lua_isnoneornil(L, 4) ? 1 : argument_number(L, 4, "value");

    tensor_check_match(L, x, a);
    tensor_check_match(L, x, b);
    ternaries[operation(L)].run[x->dtype](x->count, x->data, a->data, b->data,
                                          v);
    lua_settop(L, 1);
    return 1;
}

static int math_fill(lua_State *L)
{
    tensor_fill(L, tensor_check_writable(L, 1), 2);
    lua_settop(L, 1);
    return 1;
}

static int math_zero(lua_State *L)
{
    tensor *x = tensor_check_writable(L, 1);

    memset(x->data, 0, tensor_bytes(x));
    lua_settop(L, 1);
    return 1;
}

/* clamp_(low, high); NaN stays. */
static int math_clamp(lua_State *L)
{
    tensor *x = tensor_check_real_writable(L, 1);
    double low = argument_number(L, 2, "low");
    double high = argument_number(L, 3, "high");

    if (!(low <= high))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "low = %f and high = %f: expected low <= high", low, high);
    for (int64_t i = 0; i < x->count; i++) {
        double v = tensor_element(x, i);

        v = v < low ? low : v > high ? high : v;
        if (x->dtype == TENSOR_F32)
            ((float *)x->data)[i] = (float)v;
        else
            ((double *)x->data)[i] = v;
    }
    lua_settop(L, 1);
    return 1;
}

/* where_(mask, y): x stays where the mask is not 0, and becomes y elsewhere. */
static int math_where(lua_State *L)
{
    tensor *x = tensor_check_real_writable(L, 1);
    const tensor *mask = tensor_check(L, 2);
    const tensor *y = class_test(L, 3, CLASS_TENSOR);
    double number = 0;

    if (!tensor_same_shape(x, mask)) {
        const char *left = tensor_push_shape(L, x);

        error_raise(L, DESCENT_ERR_ARGUMENT, "%s does not go with mask %s",
                    left, tensor_push_shape(L, mask));
    }
    if (y != NULL)
        tensor_check_match(L, x, tensor_check(L, 3));
    else
        number = argument_number(L, 3, "operand");
    tensor_check_overlap(L, x, mask);
    for (int64_t i = 0; i < x->count; i++) {
        if (tensor_element(mask, i) != 0)
            continue;
        if (x->dtype == TENSOR_F32)
            ((float *)x->data)[i] = (float)(y ? tensor_element(y, i) : number);
        else
            ((double *)x->data)[i] = y ? tensor_element(y, i) : number;
    }
    lua_settop(L, 1);
    return 1;
}

static int softmax_rows(lua_State *L, bool logarithm)
{
    tensor *x = tensor_check_real_writable(L, 1);
    int64_t columns = x->ndim > 0 ? x->shape[x->ndim - 1] : 1;

    if (x->count > 0 && x->dtype == TENSOR_F32)
        softmax_f32(x->count / columns, columns, x->data, logarithm);
    else if (x->count > 0)
        softmax_f64(x->count / columns, columns, x->data, logarithm);
    lua_settop(L, 1);
    return 1;
}

static int math_softmax(lua_State *L)
{
    return softmax_rows(L, false);
}

static int math_log_softmax(lua_State *L)
{
    return softmax_rows(L, true);
}

/* The allocating form of the in-place function that is upvalue 3. */
static int math_allocating(lua_State *L)
{
    tensor_clone(L, tensor_check(L, 1));
    lua_replace(L, 1);
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* x + y and so on, where either may be a number. */
static int math_operator(lua_State *L)
{
    const binary *op = &binaries[operation(L)];
    const tensor *right;
    tensor *result;

    if (class_test(L, 1, CLASS_TENSOR) != NULL) {
        result = tensor_clone(L, tensor_check_real(L, 1));
        apply_binary(L, op, result, 2, 1);
        return 1;
    }
    right = tensor_check_real(L, 2);
    argument_number(L, 1, "left operand");
    result = tensor_like(L, right->dtype, right);
    tensor_fill(L, result, 1);
    apply_binary(L, op, result, 2, 1);
    return 1;
}

static int math_negate(lua_State *L)
{
    tensor *x = tensor_clone(L, tensor_check_real(L, 1));

    unaries[UNARY_NEG].run[x->dtype](x->count, x->data);
    return 1;
}

const function_entry tensor_math_operators[] = {
    {"__add", math_operator, BINARY_ADD},
    {"__sub", math_operator, BINARY_SUB},
    {"__mul", math_operator, BINARY_MUL},
    {"__div", math_operator, BINARY_DIV},
    {"__unm", math_negate, 0},
    {NULL, NULL, 0}};

/* Add NAME_ and NAME to the method table at the top. */
static void register_both(lua_State *L, const char *name,
                          lua_CFunction function, int extra)
{
    const char *in_place = lua_pushfstring(L, "%s_", name);

    lua_pushvalue(L, -2);
    functions_register(
        L, "Tensor:",
        (const function_entry[]){{in_place, function, extra}, {NULL, NULL, 0}});
    lua_pushfstring(L, "Tensor:%s", name);
    lua_pushlightuserdata(L, context_of(L));
    lua_getfield(L, -3, in_place);
    lua_pushcclosure(L, math_allocating, 3);
    lua_setfield(L, -2, name);
    lua_pop(L, 2);
}

void tensor_math_register(lua_State *L)
{
    static const function_entry others[] = {
        {"addcmul", math_ternary, 0},
        {"addcdiv", math_ternary, 1},
        {"fill", math_fill, 0},
        {"zero", math_zero, 0},
        {"clamp", math_clamp, 0},
        {"where", math_where, 0},
        {"softmax", math_softmax, 0},
        {"log_softmax", math_log_softmax, 0},
        {NULL, NULL, 0}};

    for (int i = 0; i < UNARIES; i++)
        register_both(L, unaries[i].name, math_unary, i);
    for (int i = 0; i < BINARIES; i++)
        register_both(L, binaries[i].name, math_binary, i);
    for (int i = 0; others[i].name != NULL; i++)
        register_both(L, others[i].name, others[i].function, others[i].extra);
}
