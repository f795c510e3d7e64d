/* SPDX-License-Identifier: MIT */
/* The elementary functions against the C library's in extended precision. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"

enum { POINTS = 40000 };

/* Half an ulp, and one of the extended reference's own last place. */
static const double MOST_ULP = 0.5005;

static uint64_t seed = 0x9e3779b97f4a7c15;

/* Uniform in [a, b): good enough for choosing points. */
static double between(double a, double b)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return a + (b - a) * ((double)(seed >> 11) * 0x1p-53);
}

/* Distance in units of the last place of the double nearest to `right`. */
static double ulps(double got, long double right)
{
    const double nearest = fabs((double)right);
    const double ulp = nextafter(nearest, INFINITY) - nearest;

    if (isinf(nearest))
        return got == (double)right ? 0 : INFINITY;
    return (double)(fabsl((long double)got - right) / (long double)ulp);
}

static void expect(const char *what, double x, double y, double got,
                   long double right)
{
    const double error = ulps(got, right);

    if (!(error <= MOST_ULP))
        fail_msg("%s(%a, %a) = %a, expected %La: %g ulp", what, x, y, got,
                 right, error);
}

/* A range of arguments. */
typedef struct range {
    double from, to;
} range;

/* The C library's extended functions are the reference; where long double is no
 * wider than double they prove nothing below one ulp. */
static void need_extended(void)
{
    if (LDBL_MANT_DIG <= DBL_MANT_DIG) {
        puts("# not run: long double is no wider than double");
        skip();
    }
}

static void exp_is_right_to_half_an_ulp(void **state)
{
    static const range ranges[] = {
        {-745.2, -708}, {-708, 709.78}, {-1, 1},      {-0.35, 0.35},
        {-1e-3, 1e-3},  {-1e-9, 1e-9},  {0.34, 0.36}, {709.7, 709.9},
    };

    (void)state;
    need_extended();
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
        for (int i = 0; i < POINTS; i++) {
            const double x = between(ranges[k].from, ranges[k].to);
            expect("exp", x, 0, number_exp(x), expl((long double)x));
        }
    }
}

static void log_is_right_to_half_an_ulp(void **state)
{
    static const range exponents[] = {
        {-1074, -1022}, {-1022, 1023.9}, {-1, 1}, {-0.01, 0.01}, {-1e-9, 1e-9},
    };

    (void)state;
    need_extended();
    for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++) {
        for (int i = 0; i < POINTS; i++) {
            const double x = exp2(between(exponents[k].from, exponents[k].to));
            expect("log", x, 0, number_log(x), logl((long double)x));
        }
    }
    for (int i = -2000; i <= 2000; i++) {
        const double x = 1 + i * 0x1p-53;
        expect("log", x, 0, number_log(x), logl((long double)x));
    }
}

static void cos_is_right_to_half_an_ulp(void **state)
{
    static const range ranges[] = {
        {-7, 7},
        {-1e-5, 1e-5},
        {0.78, 0.79},
        {-1e5, 1e5},
    };

    (void)state;
    need_extended();
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
        for (int i = 0; i < POINTS; i++) {
            const double x = between(ranges[k].from, ranges[k].to);
            expect("cos", x, 0, number_cos(x), cosl((long double)x));
        }
    }
    for (int i = 0; i < POINTS; i++) {
        const double x = exp2(between(0, 62)); /* cosl's own reduction ends */
        expect("cos", x, 0, number_cos(x), cosl((long double)x));
    }
}

/* powl itself loses bits where the exponent is large, so points whose power is
 * known to be moderate are enough to see a wrong digit. */
static void pow_is_right_to_half_an_ulp(void **state)
{
    (void)state;
    need_extended();
    for (int i = 0; i < POINTS; i++) {
        const double x = exp2(between(-20, 20)), y = between(-30, 30);
        expect("pow", x, y, number_pow(x, y),
               powl((long double)x, (long double)y));
    }
    for (int i = 0; i < POINTS; i++) {
        const double x = 1 + between(-1e-3, 1e-3), y = between(-1e5, 1e5);
        expect("pow", x, y, number_pow(x, y),
               powl((long double)x, (long double)y));
    }
    for (int t = 1; t < 20000; t += 7) {
        static const double betas[] = {0.9, 0.99, 0.999, 0.96, 0.5};
        for (size_t k = 0; k < sizeof betas / sizeof *betas; k++)
            expect("pow", betas[k], t, number_pow(betas[k], t),
                   powl((long double)betas[k], (long double)t));
    }
}

/* Nearest doubles to the true values, from 400-digit arithmetic: the arguments
 * nearest to a multiple of pi / 2, and beyond every short reduction. */
static void cos_survives_hard_arguments(void **state)
{
    static const struct {
        double x, right;
    } rows[] = {
        {0x1.6ac5b262ca1ffp+849, -0x1.14ae72e6ba22fp-61},
        {0x1.6c6cbc45dc8dep+4, -0x1.6a09e667f3bcdp-1},
        {0x1.fff972474538fp+1023, 0x1.f52db3881f45bp-3},
        {0x1.0f0cf064dd592p+73, 0x1.0be2cef01c8f4p-1},
        {0x1.7e43c8800759cp+996, -0x1.2699022adc4c1p-1},
        {0x1.921fb54442d18p-1, 0x1.6a09e667f3bcdp-1},
        {0x1.921fb54442d19p-1, 0x1.6a09e667f3bccp-1},
        {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54},
        {0x1.2d97c7f3321d2p+2, -0x1.a79394c9e8a0ap-53},
        {0x1.921fb54442d18p+1, -0x1.0000000000000p+0},
        {0x1.921fb54442d18p+54, 0x1.cdaf2beee1467p-2},
        {0x1.2e5f0f521a58dp+4, 0x1.ff64e7cbb5f42p-1},
        {0x1.5cba89af1f855p+52, -0x1.0000000000000p+0},
        {0x1.4619a4eaf6011p+121, 0x1.cb96632c9bf79p-1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(number_cos(rows[i].x) == rows[i].right &&
                    number_cos(-rows[i].x) == rows[i].right);
}

/* Likewise from 400-digit arithmetic. */
static void pow_survives_hard_arguments(void **state)
{
    static const struct {
        double x, y, right;
    } rows[] = {
        {0x1.0000000000001p+0, 0x1.5e00000000000p+61, 0x1.d945df4f8ea07p+1009},
        {0x1.fffffffffffffp-1, 0x1.5e00000000000p+62, 0x1.14f2b0fb92fc2p-1010},
        {0x1.0000000001000p+0, 0x1.5e27cc3d10000p+49, 0x1.42eee533c65f9p+1010},
        {0x1.fff2e48e8a71ep-1, 0x1.c3a9000000000p+22, 0x0.0000000000052p-1022},
        {0x1.ff7ced916872bp-1, 0x1.6b48000000000p+19, 0x0.0000000000001p-1022},
        {0x0.0000000000001p-1022, -0x1.e666666666666p-1,
         0x1.3b2c47bff8272p+1020},
        {0x0.0000000000001p-1022, 0x1.ff7ced916872bp-1,
         0x0.0000000000002p-1022},
        {0x1.fffffffffffffp+1023, 0x1.fffeb074a771dp-1,
         0x1.fc60f7aafdad9p+1023},
        {0x1.000001ad7f29bp+0, -0x1.a731670000000p+32, 0x0.3380a63e4515ep-1022},
        {0x1.3333333333333p-2, 0x1.2c26666666666p+9, 0x0.000009d89aa63p-1022},
        {0x1.3333333333333p-2, 0x1.3400000000000p+9, 0x0.0000000000010p-1022},
        {0x1.c666666666666p+2, 0x1.6a00000000000p+8, 0x1.9773c18d5ca04p+1023},
        {0x1.56e1fc2f8f359p-997, 0x1.0000000000000p-60, 0x1.ffffffffffffbp-1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(number_pow(rows[i].x, rows[i].y) == rows[i].right);
}

static void exact_powers_are_exact(void **state)
{
    (void)state;
    for (int n = -1074; n <= 1023; n++) {
        assert_true(number_pow(2, n) == ldexp(1, n));
        assert_true(number_pow(0.5, -n) == ldexp(1, n));
        assert_true(number_pow(-2, n) == (n % 2 ? -1 : 1) * ldexp(1, n));
    }
    for (double x = 1; x < 300; x++) {
        assert_true(number_pow(x, 1) == x);
        assert_true(number_pow(x, 2) == x * x);
        assert_true(number_pow(x, 6) == x * x * x * x * x * x);
        assert_true(number_pow(x * x, 0.5) == x);
        assert_true(number_pow(x, -1) == 1 / x);
    }
    assert_true(number_pow(10, 22) == 1e22);
}

/* Equal, NaN to NaN, and zeros with their sign. */
static int same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static void special_values_are_those_of_the_standard(void **state)
{
    static const double values[] = {
        0,
        -0.0,
        1,
        -1,
        2,
        -2,
        3,
        -3,
        0.5,
        -0.5,
        2.5,
        -2.5,
        1e300,
        -1e300,
        5e-324,
        -5e-324,
        0x1p53,
        0x1.8p53,
        -0x1p53,
        0x1.fffffffffffffp52,
        0x1.fffffffffffffp1023,
        NAN,
        INFINITY,
        -INFINITY,
    };
    const size_t n = sizeof values / sizeof *values;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            const double right = pow(values[i], values[j]);
            const double got = number_pow(values[i], values[j]);
            if (!same(got, right) && ulps(got, (long double)right) > 1)
                fail_msg("pow(%a, %a) = %a, expected %a", values[i], values[j],
                         got, right);
            assert_int_equal(signbit(got) && !isnan(got),
                             signbit(right) && !isnan(right));
        }
    }
    assert_true(number_exp(0) == 1 && number_exp(-0.0) == 1);
    assert_true(number_exp(INFINITY) == INFINITY);
    assert_true(same(number_exp(-INFINITY), 0) && isnan(number_exp(NAN)));
    assert_true(number_exp(709.79) == INFINITY && number_exp(-745.14) == 0);
    assert_true(number_exp(-745.13) == 5e-324 && number_exp(1e308) == INFINITY);
    assert_true(same(number_log(1), 0) && number_log(0) == -INFINITY);
    assert_true(number_log(-0.0) == -INFINITY && isnan(number_log(-1)));
    assert_true(isnan(number_log(-INFINITY)) && isnan(number_log(NAN)));
    assert_true(number_log(INFINITY) == INFINITY);
    assert_true(number_cos(0) == 1 && number_cos(-0.0) == 1);
    assert_true(number_cos(5e-324) == 1 && number_cos(1e-9) == 1);
    assert_true(isnan(number_cos(INFINITY)) && isnan(number_cos(-INFINITY)));
    assert_true(isnan(number_cos(NAN)));
}

/* A fingerprint of many results: the same bits from every compiler and on every
 * processor. */
static void bits_are_the_same_everywhere(void **state)
{
    uint64_t hash = 14695981039346656037u;

    (void)state;
    seed = 1;
    for (int i = 0; i < POINTS; i++) {
        const double m = between(1, 2);
        const double x = ldexp(m, (int)between(-40, 40));
        const double y = between(-20, 20);
        const double out[] = {number_exp(y), number_log(x), number_pow(x, y),
                              number_cos(x)};
        for (size_t k = 0; k < sizeof out / sizeof *out; k++) {
            uint64_t bits;
            memcpy(&bits, &out[k], sizeof bits);
            hash = (hash ^ bits) * 1099511628211u;
        }
    }
    assert_int_equal(hash, 0xa5e14953e56b10a3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_right_to_half_an_ulp),
        cmocka_unit_test(log_is_right_to_half_an_ulp),
        cmocka_unit_test(cos_is_right_to_half_an_ulp),
        cmocka_unit_test(pow_is_right_to_half_an_ulp),
        cmocka_unit_test(cos_survives_hard_arguments),
        cmocka_unit_test(pow_survives_hard_arguments),
        cmocka_unit_test(exact_powers_are_exact),
        cmocka_unit_test(special_values_are_those_of_the_standard),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
