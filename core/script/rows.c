/* SPDX-License-Identifier: MIT */
/* Tensor methods over the rows of a matrix: what models need of broadcasting,
 * gathering and class labels. */
#include <string.h>

#include "script/tensor.h"

/* A tensor seen as rows of `columns` elements: its last dimension. */
static int64_t columns_of(lua_State *L, const tensor *x)
{
    if (x->ndim == 0 || x->shape[x->ndim - 1] == 0)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s has no rows",
                    tensor_push_shape(L, x));
    return x->shape[x->ndim - 1];
}

static void check_vector(lua_State *L, const tensor *v, tensor_dtype dtype,
                         int64_t length, const char *name)
{
    if (v->ndim != 1 || v->shape[0] != length || v->dtype != dtype)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s is %s: expected %s [%I]", name,
                    tensor_push_shape(L, v), tensor_dtype_name(dtype),
                    (LUAI_UACINT)length);
}

/* The result vector at `index`, or a new one on the top of the stack. */
static tensor *result_vector(lua_State *L, int index, const tensor *x,
                             tensor_dtype dtype, int64_t length)
{
    tensor *out;

    if (lua_isnoneornil(L, index))
        return tensor_new(L, dtype, 1, &length);
    out = tensor_check_writable(L, index);
    check_vector(L, out, dtype, length, "out");
    tensor_check_apart(L, out, x);
    lua_pushvalue(L, index);
    return out;
}

#define ROW_LOOP(name, REAL)                                                   \
    static void name(int64_t rows, int64_t columns, void *data,                \
                     const void *row, int operation)                           \
    {                                                                          \
        REAL *x = data;                                                        \
        const REAL *v = row;                                                   \
                                                                               \
        for (int64_t r = 0; r < rows; r++, x += columns) {                     \
            if (operation == '+')                                              \
                for (int64_t i = 0; i < columns; i++)                          \
                    x[i] += v[i];                                              \
            else if (operation == '-')                                         \
                for (int64_t i = 0; i < columns; i++)                          \
                    x[i] -= v[i];                                              \
            else if (operation == '*')                                         \
                for (int64_t i = 0; i < columns; i++)                          \
                    x[i] *= v[i];                                              \
            else                                                               \
                for (int64_t i = 0; i < columns; i++)                          \
                    x[i] /= v[i];                                              \
        }                                                                      \
    }

ROW_LOOP(row_loop_f32, float)
ROW_LOOP(row_loop_f64, double)

/* add_row_(v) and its kin: the operation is upvalue 3. */
static int rows_with_row(lua_State *L)
{
    const int operation = (int)lua_tointeger(L, lua_upvalueindex(3));
    tensor *x = tensor_check_real_writable(L, 1);
    const tensor *v = tensor_check(L, 2);
    const int64_t columns = columns_of(L, x);

    check_vector(L, v, x->dtype, columns, "the row");
    tensor_check_overlap(L, x, v);
    (x->dtype == TENSOR_F32 ? row_loop_f32 : row_loop_f64)(
        x->count / columns, columns, x->data, v->data, operation);
    lua_settop(L, 1);
    return 1;
}

/* Sum over the rows into out[columns], row after row, in the tensor's dtype. */
#define SUM_ROWS(name, REAL)                                                   \
    static void name(int64_t rows, int64_t columns, const void *data,          \
                     void *result)                                             \
    {                                                                          \
        const REAL *x = data;                                                  \
        REAL *out = result;                                                    \
                                                                               \
        for (int64_t r = 0; r < rows; r++, x += columns)                       \
            for (int64_t i = 0; i < columns; i++)                              \
                out[i] += x[i];                                                \
    }

SUM_ROWS(sum_rows_f32, float)
SUM_ROWS(sum_rows_f64, double)

/* sum_rows([out[, add]]) */
static int rows_sum_rows(lua_State *L)
{
    const tensor *x = tensor_check_real(L, 1);
    const int64_t columns = columns_of(L, x);
    const bool add = lua_toboolean(L, 3);
    tensor *out;

    lua_settop(L, 2);
    out = result_vector(L, 2, x, x->dtype, columns);
    if (!add || lua_isnil(L, 2))
        memset(out->data, 0, tensor_bytes(out));
    (x->dtype == TENSOR_F32 ? sum_rows_f32 : sum_rows_f64)(
        x->count / columns, columns, x->data, out->data);
    return 1;
}

static void store_real(tensor *t, int64_t i, double value)
{
    if (t->dtype == TENSOR_F32)
        ((float *)t->data)[i] = (float)value;
    else
        ((double *)t->data)[i] = value;
}

/* sum_columns([out]) */
static int rows_sum_columns(lua_State *L)
{
    const tensor *x = tensor_check_real(L, 1);
    const int64_t columns = columns_of(L, x), rows = x->count / columns;
    tensor *out;

    lua_settop(L, 2);
    out = result_vector(L, 2, x, x->dtype, rows);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;

        for (int64_t i = 0; i < columns; i++)
            sum += tensor_element(x, r * columns + i);
        store_real(out, r, sum);
    }
    return 1;
}

static int64_t best_column(const tensor *x, int64_t row, int64_t columns)
{
    int64_t best = 0;

    for (int64_t i = 1; i < columns; i++) {
        if (tensor_element(x, row * columns + i) >
            tensor_element(x, row * columns + best))
            best = i;
    }
    return best;
}

/* argmax_rows([out]): the 1-based column of each row's first maximum */
static int rows_argmax(lua_State *L)
{
    const tensor *x = tensor_check(L, 1);
    const int64_t columns = columns_of(L, x), rows = x->count / columns;
    tensor *out;

    lua_settop(L, 2);
    out = result_vector(L, 2, x, TENSOR_I64, rows);
    for (int64_t r = 0; r < rows; r++)
        ((int64_t *)out->data)[r] = best_column(x, r, columns) + 1;
    return 1;
}

/* The labels at `index`: one integer 0 <= label < columns for each row. */
static const tensor *check_labels(lua_State *L, int index, int64_t rows,
                                  int64_t columns)
{
    const tensor *labels = tensor_check(L, index);

    if (labels->dtype < TENSOR_U8)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "labels is %s: expected i64 or u8 [%I]",
                    tensor_push_shape(L, labels), (LUAI_UACINT)rows);
    check_vector(L, labels, labels->dtype, rows, "labels");
    for (int64_t r = 0; r < rows; r++) {
        double label = tensor_element(labels, r);

        if (label < 0 || label >= (double)columns)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "label %I = %f: expected 0 to %I", (LUAI_UACINT)(r + 1),
                        label, (LUAI_UACINT)(columns - 1));
    }
    return labels;
}

static int64_t label_at(const tensor *labels, int64_t row)
{
    return (int64_t)tensor_element(labels, row);
}

static int rows_count_matches(lua_State *L)
{
    const tensor *x = tensor_check(L, 1);
    const int64_t columns = columns_of(L, x), rows = x->count / columns;
    const tensor *labels = check_labels(L, 2, rows, columns);
    lua_Integer n = 0;

    for (int64_t r = 0; r < rows; r++)
        n += best_column(x, r, columns) == label_at(labels, r);
    lua_pushinteger(L, n);
    return 1;
}

/* add_at_labels_(labels, v) */
static int rows_add_at_labels(lua_State *L)
{
    tensor *x = tensor_check_real_writable(L, 1);
    const int64_t columns = columns_of(L, x), rows = x->count / columns;
    const tensor *labels = check_labels(L, 2, rows, columns);
    const double v = argument_number(L, 3, "value");

    for (int64_t r = 0; r < rows; r++) {
        const int64_t i = r * columns + label_at(labels, r);

        store_real(x, i, tensor_element(x, i) + v);
    }
    lua_settop(L, 1);
    return 1;
}

/* pick_labels(labels[, out]): each row's element at its label */
static int rows_pick_labels(lua_State *L)
{
    const tensor *x = tensor_check_real(L, 1);
    const int64_t columns = columns_of(L, x), rows = x->count / columns;
    const tensor *labels = check_labels(L, 2, rows, columns);
    tensor *out;

    lua_settop(L, 3);
    out = result_vector(L, 3, x, x->dtype, rows);
    for (int64_t r = 0; r < rows; r++)
        store_real(out, r,
                   tensor_element(x, r * columns + label_at(labels, r)));
    return 1;
}

const tensor *tensor_check_indices(lua_State *L, int index, int64_t rows)
{
    const tensor *indices;

    if (lua_type(L, index) == LUA_TTABLE) {
        const int64_t n = (int64_t)lua_rawlen(L, index);
        tensor *list = tensor_new(L, TENSOR_I64, 1, &n);

        tensor_from_list(L, list, index);
        lua_replace(L, index);
    }
    indices = tensor_check(L, index);
    if (indices->ndim != 1 || indices->dtype != TENSOR_I64)
        error_raise(L, DESCENT_ERR_ARGUMENT, "indices is %s: expected i64 [n]",
                    tensor_push_shape(L, indices));
    for (int64_t i = 0; i < indices->count; i++) {
        const int64_t row = ((const int64_t *)indices->data)[i];

        if (row < 1 || row > rows)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "index %I = %I: expected 1 to %I", (LUAI_UACINT)(i + 1),
                        (LUAI_UACINT)row, (LUAI_UACINT)rows);
    }
    return indices;
}

/* gather(indices[, out]): the rows with these numbers */
static int rows_gather(lua_State *L)
{
    const tensor *x = tensor_check(L, 1);
    int64_t shape[DESCENT_MAX_DIMS];
    const tensor *indices;
    size_t bytes;
    tensor *out;

    lua_settop(L, 3);
    if (x->ndim == 0)
        columns_of(L, x);
    indices = tensor_check_indices(L, 2, x->shape[0]);
    memcpy(shape, x->shape, sizeof shape);
    shape[0] = indices->count;
    if (lua_isnil(L, 3)) {
        out = tensor_new(L, x->dtype, x->ndim, shape);
    } else {
        out = tensor_check_writable(L, 3);
        if (out->dtype != x->dtype || out->ndim != x->ndim ||
            memcmp(out->shape, shape, (size_t)x->ndim * sizeof *shape) != 0)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "out is %s: %I rows of this Tensor do not fit",
                        tensor_push_shape(L, out), (LUAI_UACINT)indices->count);
        tensor_check_apart(L, out, x);
        tensor_check_apart(L, out, indices);
    }
    bytes = x->shape[0] > 0 ? tensor_bytes(x) / (size_t)x->shape[0] : 0;
    for (int64_t i = 0; i < indices->count; i++) {
        const int64_t row = ((const int64_t *)indices->data)[i] - 1;

        memcpy((char *)out->data + (size_t)i * bytes,
               (const char *)x->data + (size_t)row * bytes, bytes);
    }
    return 1;
}

const function_entry tensor_row_methods[] = {
    {"add_row_", rows_with_row, '+'},
    {"sub_row_", rows_with_row, '-'},
    {"mul_row_", rows_with_row, '*'},
    {"div_row_", rows_with_row, '/'},
    {"sum_rows", rows_sum_rows, 0},
    {"sum_columns", rows_sum_columns, 0},
    {"argmax_rows", rows_argmax, 0},
    {"count_matches", rows_count_matches, 0},
    {"add_at_labels_", rows_add_at_labels, 0},
    {"pick_labels", rows_pick_labels, 0},
    {"gather", rows_gather, 0},
    {NULL, NULL, 0}};
