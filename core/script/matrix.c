/* SPDX-License-Identifier: MIT */
/* The matrix product, by OpenBLAS on one thread: the sum's order, and with it
 * every bit, must not depend on the number of processors. */
#include <cblas.h>
#include <limits.h>
#include <string.h>

#include "script/tensor.h"

typedef struct product {
    int m, n, k;
    bool ta, tb, add;
} product;

static bool flag(lua_State *L, const char *name)
{
    bool on;

    argument_field(L, 3, name);
    on = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return on;
}

/* Rows and columns of a factor; a vector is a row on the left and a column on
 * the right. */
static void extent(const tensor *t, bool transposed, bool left, int64_t *rows,
                   int64_t *columns)
{
    *rows = t->ndim == 2 ? t->shape[0] : left ? 1 : t->shape[0];
    *columns = t->ndim == 2 ? t->shape[1] : left ? t->shape[0] : 1;
    if (transposed && t->ndim == 2) {
        const int64_t other = *rows;

        *rows = *columns;
        *columns = other;
    }
}

static void multiply(const product *p, const tensor *x, const tensor *y,
                     tensor *out)
{
    const CBLAS_TRANSPOSE a = p->ta ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE b = p->tb ? CblasTrans : CblasNoTrans;
    const int lda = p->ta ? p->m : p->k, ldb = p->tb ? p->k : p->n;

    if (out->count == 0)
        return;
    if (p->k == 0) {
        if (!p->add)
            memset(out->data, 0, tensor_bytes(out));
        return;
    }
    if (x->dtype == TENSOR_F32)
        cblas_sgemm(CblasRowMajor, a, b, p->m, p->n, p->k, 1, x->data, lda,
                    y->data, ldb, p->add ? 1 : 0, out->data, p->n);
    else
        cblas_dgemm(CblasRowMajor, a, b, p->m, p->n, p->k, 1, x->data, lda,
                    y->data, ldb, p->add ? 1 : 0, out->data, p->n);
}

static void check_factors(lua_State *L, const tensor *x, const tensor *y,
                          product *p)
{
    int64_t m, k, inner, n;

    extent(x, p->ta, true, &m, &k);
    extent(y, p->tb, false, &inner, &n);
    if (x->dtype != y->dtype || k != inner || x->ndim + y->ndim < 3) {
        const char *left = tensor_push_shape(L, x);

        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "%s%s does not multiply %s%s: the inner sizes are %I and "
                    "%I",
                    left, p->ta ? " transposed" : "", tensor_push_shape(L, y),
                    p->tb ? " transposed" : "", (LUAI_UACINT)k,
                    (LUAI_UACINT)inner);
    }
    if (m > INT_MAX || n > INT_MAX || k > INT_MAX)
        error_raise(L, DESCENT_ERR_SUPPORT,
                    "a dimension is above 2^31 - 1, the most of the product");
    p->m = (int)m;
    p->n = (int)n;
    p->k = (int)k;
}

static const tensor *check_matrix(lua_State *L, int index)
{
    const tensor *t = tensor_check_real(L, index);

    if (t->ndim != 1 && t->ndim != 2)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "%s: expected a matrix or a vector",
                    tensor_push_shape(L, t));
    return t;
}

/* Check {out = ...}, the value at the top, against the shape of the result. */
static tensor *check_out(lua_State *L, const tensor *x, const tensor *y,
                         int ndim, const int64_t *shape)
{
    tensor *out = tensor_check_writable(L, lua_gettop(L));

    if (out->dtype != x->dtype || out->ndim != ndim ||
        memcmp(out->shape, shape, (size_t)ndim * sizeof *shape) != 0)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "out is %s: the product is [%I%s%I]",
                    tensor_push_shape(L, out), (LUAI_UACINT)shape[0],
                    ndim == 2 ? "," : "] of ",
                    (LUAI_UACINT)(ndim == 2 ? shape[1] : shape[0]));
    tensor_check_apart(L, out, x);
    tensor_check_apart(L, out, y);
    return out;
}

/* matmul(y[, {ta, tb, out, add}]) */
static int matrix_matmul(lua_State *L)
{
    static const char *const known[] = {"ta", "tb", "out", "add", NULL};
    const tensor *x = check_matrix(L, 1), *y = check_matrix(L, 2);
    product p = {0, 0, 0, false, false, false};
    int64_t shape[2];
    int ndim = 0;
    bool given = argument_table(L, 3, "options");

    lua_settop(L, 3);
    if (given) {
        argument_known(L, 3, known);
        p.ta = flag(L, "ta") && x->ndim == 2;
        p.tb = flag(L, "tb") && y->ndim == 2;
        p.add = flag(L, "add");
    }
    check_factors(L, x, y, &p);
    if (x->ndim == 2)
        shape[ndim++] = p.m;
    if (y->ndim == 2)
        shape[ndim++] = p.n;
    if (given && argument_field(L, 3, "out") != LUA_TNIL) {
        multiply(&p, x, y, check_out(L, x, y, ndim, shape));
        return 1;
    }
    if (p.add)
        error_raise(L, DESCENT_ERR_ARGUMENT, "add = true needs out");
    multiply(&p, x, y, tensor_new(L, x->dtype, ndim, shape));
    return 1;
}

const function_entry tensor_matrix_methods[] = {{"matmul", matrix_matmul, 0},
                                                {NULL, NULL, 0}};
