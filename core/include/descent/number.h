/* SPDX-License-Identifier: MIT */
/*
 * descent/number.h - exponential, logarithm and power whose bits do not depend
 * on the C library or the processor, for `prepare` functions: plain +, -, *, /
 * on pairs of doubles, error below one ulp.  No loop over elements should call
 * them.
 *
 * Each function is a range reduction and a power series, evaluated on
 * unevaluated sums of two doubles ("pairs"), which carry about 104 bits.  Only
 * the last addition rounds noticeably, so errors stay within a hair of half an
 * ulp.  Names that end in an underscore are not for use elsewhere.
 */
#ifndef DESCENT_NUMBER_H
#define DESCENT_NUMBER_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A contracted a * b + c would break the exact products below. */
#if defined __clang__
#pragma STDC FP_CONTRACT OFF
#elif defined __GNUC__
#pragma GCC optimize("fp-contract=off")
#endif

typedef struct descent_pair_ {
    double hi, lo; /* |lo| <= ulp(hi) / 2 */
} descent_pair_;

/* A power series whose first `paired` coefficients matter beyond 53 bits. */
typedef struct descent_series_ {
    int paired, count;
    descent_pair_ c[15];
} descent_series_;

static const descent_pair_ DESCENT_LN2_ = {0.6931471805599453,
                                           2.3190468138462996e-17};

/* (exp(r) - 1) / r: 1 / (i + 1)!, for |r| <= ln 2 / 32. */
static const descent_series_ DESCENT_EXP_ = {
    3,
    10,
    {
        {1, 0},
        {0.5, 0},
        {0.16666666666666666, 9.25185853854297e-18},
        {0.041666666666666664, 0},
        {0.008333333333333333, 0},
        {0.001388888888888889, 0},
        {0.0001984126984126984, 0},
        {2.48015873015873e-05, 0},
        {2.7557319223985893e-06, 0},
        {2.755731922398589e-07, 0},
    }};

/* artanh(s) / s in s * s: 1 / (2 i + 1), for |s| <= 0.172. */
static const descent_series_ DESCENT_ARTANH_ = {
    5,
    15,
    {
        {1, 0},
        {0.3333333333333333, 1.850371707708594e-17},
        {0.2, -1.1102230246251566e-17},
        {0.14285714285714285, 7.93016446160826e-18},
        {0.1111111111111111, 6.1679056923619804e-18},
        {0.09090909090909091, 0},
        {0.07692307692307693, 0},
        {0.06666666666666667, 0},
        {0.058823529411764705, 0},
        {0.05263157894736842, 0},
        {0.047619047619047616, 0},
        {0.043478260869565216, 0},
        {0.04, 0},
        {0.037037037037037035, 0},
        {0.034482758620689655, 0},
    }};

static inline uint64_t descent_to_bits_(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double descent_from_bits_(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2 to the power k, -1022 <= k <= 1023. */
static inline double descent_power_of_two_(int k)
{
    return descent_from_bits_((uint64_t)(k + 1023) << 52);
}

static inline descent_pair_ descent_make_pair_(double hi, double lo)
{
    const descent_pair_ made = {hi, lo};

    return made;
}

/* a + b exactly, for |a| >= |b| or a = 0. */
static inline descent_pair_ descent_quick_sum_(double a, double b)
{
    const double s = a + b;

    return descent_make_pair_(s, b - (s - a));
}

/* a + b exactly. */
static inline descent_pair_ descent_exact_sum_(double a, double b)
{
    const double s = a + b;
    const double v = s - a;

    return descent_make_pair_(s, (a - (s - v)) + (b - v));
}

/* The upper 26 bits of a, for |a| < 2^996. */
static inline double descent_upper_(double a)
{
    const double t = a * 134217729.0;

    return t - (t - a);
}

/* a * b exactly (Dekker), but for underflow of the low part. */
static inline descent_pair_ descent_exact_product_(double a, double b)
{
    const double p = a * b;
    const double a1 = descent_upper_(a), b1 = descent_upper_(b);
    const double a2 = a - a1, b2 = b - b1;

    return descent_make_pair_(p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2);
}

static inline descent_pair_ descent_add_(descent_pair_ a, descent_pair_ b)
{
    const descent_pair_ s = descent_exact_sum_(a.hi, b.hi),
                        t = descent_exact_sum_(a.lo, b.lo);
    const descent_pair_ u = descent_quick_sum_(s.hi, s.lo + t.hi);

    return descent_quick_sum_(u.hi, u.lo + t.lo);
}

static inline descent_pair_ descent_multiply_(descent_pair_ a, descent_pair_ b)
{
    const descent_pair_ p = descent_exact_product_(a.hi, b.hi);

    return descent_quick_sum_(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static inline descent_pair_ descent_widen_(double a)
{
    return descent_make_pair_(a, 0);
}

static inline descent_pair_ descent_evaluate_(const descent_series_ *s,
                                              descent_pair_ z)
{
    double tail = s->c[s->count - 1].hi;
    descent_pair_ sum;

    for (int i = s->count - 2; i >= s->paired; i--)
        tail = s->c[i].hi + z.hi * tail;
    sum = descent_widen_(tail);
    for (int i = s->paired - 1; i >= 0; i--)
        sum = descent_add_(s->c[i], descent_multiply_(z, sum));
    return sum;
}

/* v * 2^k for v about 1, rounded once also where the result is subnormal. */
static inline double descent_scale_(descent_pair_ v, int k)
{
    double x = v.hi;

    if (k < -1022 || (k == -1022 && x < 1)) {
        /* Adding `big` rounds to the multiples of 2^(-1074 - k). */
        const double big = descent_power_of_two_(-1022 - k);
        const descent_pair_ s = descent_exact_sum_(big, v.hi);
        x = (s.hi + (s.lo + v.lo)) - big;
    }
    return x * descent_power_of_two_(k / 2) * descent_power_of_two_(k - k / 2);
}

/* exp(x) for -746 <= x <= 710: x = k ln 2 + 16 r. */
static inline double descent_exp_pair_(descent_pair_ x)
{
    const int k = (int)(x.hi * 1.4426950408889634 + (x.hi < 0 ? -0.5 : 0.5));
    descent_pair_ r =
        descent_add_(x, descent_multiply_(DESCENT_LN2_, descent_widen_(-k)));
    descent_pair_ p;

    r = descent_make_pair_(r.hi / 16, r.lo / 16);
    p = descent_multiply_(r,
                          descent_evaluate_(&DESCENT_EXP_, r)); /* exp(r) - 1 */
    for (int i = 0; i < 4; i++)
        p = descent_add_(descent_make_pair_(2 * p.hi, 2 * p.lo),
                         descent_multiply_(p, p));
    return descent_scale_(descent_add_(descent_widen_(1), p), k);
}

/* log(x) for 0 < x < inf: x = 2^e m, log(m) = 2 artanh((m - 1) / (m + 1)). */
static inline descent_pair_ descent_log_pair_(double x)
{
    const int subnormal = x < 2.2250738585072014e-308;
    uint64_t bits =
        descent_to_bits_(subnormal ? x * 1.8014398509481984e+16 : x);
    int e = (int)(bits >> 52) - 1023 - (subnormal ? 54 : 0);
    double m =
        descent_from_bits_((bits & 0xfffffffffffff) | (uint64_t)1023 << 52);
    descent_pair_ s, rest;
    double quotient;

    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    s = descent_exact_sum_(m, 1);
    quotient = (m - 1) / s.hi;
    rest = descent_add_(descent_widen_(m - 1),
                        descent_multiply_(s, descent_widen_(-quotient)));
    s = descent_quick_sum_(quotient, rest.hi / s.hi);
    s = descent_multiply_(
        s, descent_evaluate_(&DESCENT_ARTANH_, descent_multiply_(s, s)));
    return descent_add_(descent_multiply_(DESCENT_LN2_, descent_widen_(e)),
                        descent_make_pair_(2 * s.hi, 2 * s.lo));
}

/* e to the power x. */
static inline double descent_exp(double x)
{
    if (isnan(x))
        return x;
    if (x > 710)
        return HUGE_VAL;
    return x < -746 ? 0 : descent_exp_pair_(descent_widen_(x));
}

/* The natural logarithm of x. */
static inline double descent_log(double x)
{
    if (x == 0)
        return -HUGE_VAL;
    if (x < 0)
        return (double)NAN;
    return isfinite(x) ? descent_log_pair_(x).hi : x;
}

/* y is no integer, an odd one, or an even one. */
enum descent_parity_ { DESCENT_FRACTION_, DESCENT_ODD_, DESCENT_EVEN_ };
static inline enum descent_parity_ descent_parity_of_(double y)
{
    if (fabs(y) >= 9007199254740992.0)
        return DESCENT_EVEN_;
    if ((double)(int64_t)y != y)
        return DESCENT_FRACTION_;
    return (int64_t)y % 2 != 0 ? DESCENT_ODD_ : DESCENT_EVEN_;
}

/* x to the power y, with the special cases of C11's pow. */
static inline double descent_pow(double x, double y)
{
    const double a = fabs(x);
    const enum descent_parity_ parity =
        isfinite(y) ? descent_parity_of_(y) : DESCENT_EVEN_;
    const double sign = signbit(x) && parity == DESCENT_ODD_ ? -1 : 1;
    descent_pair_ log_a;
    double product;

    if (x == 1 || y == 0)
        return 1;
    if (isnan(x) || isnan(y))
        return x + y;
    if (isinf(y))
        return a == 1 ? 1 : (a > 1) == (y > 0) ? HUGE_VAL : 0;
    if (a == 0 || isinf(a))
        return sign * ((a == 0) == (y < 0) ? HUGE_VAL : 0);
    if (x < 0 && parity == DESCENT_FRACTION_)
        return (double)NAN;
    if (a == 1)
        return sign;
    log_a = descent_log_pair_(a);
    product = log_a.hi * y;
    if (product > 710)
        return sign * HUGE_VAL;
    if (product < -746)
        return sign * 0;
    return sign *
           descent_exp_pair_(descent_multiply_(log_a, descent_widen_(y)));
}

#endif
