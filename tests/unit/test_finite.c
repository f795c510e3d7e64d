/* SPDX-License-Identifier: MIT */
/* The search for NaN and infinity finds the first one, wherever it stands, and
 * nothing else. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/levels.h"
#include "tensor/finite.h"
#include "tensor/view.h"

enum { LONGEST = 9000 };

static const descent_dtype dtypes[] = {DESCENT_DTYPE_F32, DESCENT_DTYPE_F64,
                                       DESCENT_DTYPE_F16, DESCENT_DTYPE_BF16};

static void every_16_bit_pattern_is_judged_as_it_converts(void **state)
{
    (void)state;
    for (int k = 2; k < 4; k++)
        for (uint32_t pattern = 0; pattern < 1u << 16; pattern++) {
            const uint16_t x = (uint16_t)pattern;
            double value;
            ok(descent_convert(DESCENT_DTYPE_F64, &value, dtypes[k], &x, 1));
            assert_int_equal(finite_until(dtypes[k], DESCENT_DTYPE_F32, &x, 1),
                             isfinite(value) != 0);
        }
}

/* Elements near the ends of what is a number, and beyond. */
static void edges_of_f32_and_f64_are_judged_rightly(void **state)
{
    static const double values[] = {
        0,         -0.0,         1,        DBL_MAX,  -DBL_MAX, DBL_MIN,
        0x1p-1074, -0x1p-1074,   FLT_MAX,  -FLT_MAX, FLT_MIN,  0x1p-149,
        NAN,       -(double)NAN, INFINITY, -INFINITY};
    static const uint32_t patterns[] = {0x7f800001, 0x7fffffff, 0xff800001,
                                        0xffffffff, 0x7f800000, 0xff800000};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const float x = (float)values[i];
        assert_int_equal(
            finite_until(DESCENT_DTYPE_F32, DESCENT_DTYPE_F32, &x, 1),
            isfinite(x) != 0);
        assert_int_equal(
            finite_until(DESCENT_DTYPE_F64, DESCENT_DTYPE_F64, &values[i], 1),
            isfinite(values[i]) != 0);
    }
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        assert_int_equal(
            finite_until(DESCENT_DTYPE_F32, DESCENT_DTYPE_F32, &patterns[i], 1),
            0);
}

static void an_f64_that_is_infinite_in_f32_is_found(void **state)
{
    const double limit = 0x1.ffffffp+127; /* halfway to 2^128: rounds up */
    const double values[] = {
        limit, nextafter(limit, 0), FLT_MAX, 1e300, -limit, -FLT_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(
            finite_until(DESCENT_DTYPE_F64, DESCENT_DTYPE_F32, &values[i], 1),
            isfinite((float)values[i]) != 0);
}

/* Arrays of `n` ones, with something else at `at` and at the end. */
static void search(descent_dtype dtype, int64_t n, int64_t at, double bad)
{
    static _Alignas(32) char room[(LONGEST + 3) * sizeof(double)];
    char *array = dtype_at(room, dtype, n % 4);
    const double one = 1;

    for (int64_t i = 0; i < n; i++)
        ok(descent_convert(dtype, dtype_at(array, dtype, i), DESCENT_DTYPE_F64,
                           i == at || (at < n && i == n - 1) ? &bad : &one, 1));
    assert_int_equal(finite_until(dtype, dtype_compute(dtype), array, n),
                     at < n ? at : n);
}

static void the_first_one_is_found_wherever_it_stands(void **state)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    static const int64_t lengths[] = {0,  1,  2,    7,    8,    17,
                                      33, 67, 4095, 4096, 4097, LONGEST};

    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            const int64_t n = lengths[l], step = n > 67 ? 509 : 1;
            for (int64_t at = 0; at < n; at += step)
                search(dtypes[k], n, at, bad[at % 3]);
            if (n > 0)
                search(dtypes[k], n, n - 1, bad[k % 3]);
            search(dtypes[k], n, n, bad[0]); /* there is none */
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_16_bit_pattern_is_judged_as_it_converts),
        cmocka_unit_test(edges_of_f32_and_f64_are_judged_rightly),
        cmocka_unit_test(an_f64_that_is_infinite_in_f32_is_found),
        cmocka_unit_test(the_first_one_is_found_wherever_it_stands),
    };

    return levels_run_tests(tests, sizeof tests / sizeof *tests);
}
