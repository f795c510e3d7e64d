/* SPDX-License-Identifier: MIT */
/* The element-wise loops of tensors: math.c includes this once for float and
 * once for double, having defined REAL, NAME(x), the name of a loop, and
 * MATH(x), the name of a function of <math.h>. */

#define UNARY(name, expression)                                                \
    static void NAME(name)(int64_t n, void *data)                              \
    {                                                                          \
        REAL *x = data;                                                        \
                                                                               \
        for (int64_t i = 0; i < n; i++) {                                      \
            const REAL u = x[i];                                               \
                                                                               \
            x[i] = (expression);                                               \
        }                                                                      \
    }

UNARY(neg, -u)
UNARY(sign, u != u ? u : (REAL)((u > 0) - (u < 0)))
UNARY(abs, MATH(fabs)(u))
UNARY(sqrt, MATH(sqrt)(u))
UNARY(square, u *u)
UNARY(reciprocal, 1 / u)
UNARY(exp, MATH(exp)(u))
UNARY(log, MATH(log)(u))
UNARY(sin, MATH(sin)(u))
UNARY(cos, MATH(cos)(u))
UNARY(tanh, MATH(tanh)(u))
UNARY(relu, u > 0 || u != u ? u : 0)
UNARY(sigmoid, 1 / (1 + MATH(exp)(-u)))

/* With a tensor of the same shape, and with one number; `a` is alpha. */
#define BINARY(name, expression)                                               \
    static void NAME(name##_tensor)(int64_t n, void *data, const void *other,  \
                                    double alpha)                              \
    {                                                                          \
        REAL *x = data;                                                        \
        const REAL *y = other;                                                 \
        const REAL a = (REAL)alpha;                                            \
                                                                               \
        (void)a;                                                               \
        for (int64_t i = 0; i < n; i++) {                                      \
            const REAL u = x[i], v = y[i];                                     \
                                                                               \
            x[i] = (expression);                                               \
        }                                                                      \
    }                                                                          \
    static void NAME(name##_number)(int64_t n, void *data, double other,       \
                                    double alpha)                              \
    {                                                                          \
        REAL *x = data;                                                        \
        const REAL v = (REAL)other;                                            \
        const REAL a = (REAL)alpha;                                            \
                                                                               \
        (void)a;                                                               \
        for (int64_t i = 0; i < n; i++) {                                      \
            const REAL u = x[i];                                               \
                                                                               \
            x[i] = (expression);                                               \
        }                                                                      \
    }

BINARY(add, u + a * v)
BINARY(sub, u - a * v)
BINARY(mul, u *v)
BINARY(div, u / v)
BINARY(max, v > u || v != v ? v : u)
BINARY(min, v < u || v != v ? v : u)
BINARY(pow, MATH(pow)(u, v))
BINARY(lerp, u + a * (v - u))
BINARY(relu_gradient, v > 0 ? u : 0)
BINARY(tanh_gradient, u *(1 - v * v))
BINARY(sigmoid_gradient, u *v *(1 - v))

#define TERNARY(name, expression)                                              \
    static void NAME(name)(int64_t n, void *data, const void *first,           \
                           const void *second, double number)                  \
    {                                                                          \
        REAL *x = data;                                                        \
        const REAL *p = first, *q = second;                                    \
        const REAL a = (REAL)number;                                           \
                                                                               \
        for (int64_t i = 0; i < n; i++)                                        \
            x[i] = (expression);                                               \
    }

TERNARY(addcmul, x[i] + a * (p[i] * q[i]))
TERNARY(addcdiv, x[i] + a * (p[i] / q[i]))

/* Rows of `columns`: each becomes softmax or its logarithm, shifted by the
 * maximum so that nothing overflows. */
static void NAME(softmax)(int64_t rows, int64_t columns, void *data,
                          bool logarithm)
{
    REAL *x = data;

    for (int64_t r = 0; r < rows; r++, x += columns) {
        REAL top = x[0], sum = 0;

        for (int64_t i = 1; i < columns; i++)
            top = x[i] > top ? x[i] : top;
        for (int64_t i = 0; i < columns; i++) {
            const REAL e = MATH(exp)(x[i] - top);

            sum += e;
            x[i] = logarithm ? x[i] - top : e;
        }
        if (logarithm)
            sum = MATH(log)(sum);
        for (int64_t i = 0; i < columns; i++)
            x[i] = logarithm ? x[i] - sum : x[i] / sum;
    }
}

#undef UNARY
#undef BINARY
#undef TERNARY
#undef REAL
#undef NAME
#undef MATH
