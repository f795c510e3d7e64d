/* SPDX-License-Identifier: MIT */
/* Conversions between number formats, against a slow reference that decodes
 * every pattern by its definition and searches for the nearest. */
#include "tensor/convert.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/levels.h"

enum { F32 = DESCENT_DTYPE_F32, F64, F16, BF16 };
enum { PATTERNS = 1 << 16 };

/* Sign, `exponent` bits, `fraction` bits. */
typedef struct format {
    descent_dtype dtype;
    int exponent, fraction;
} format;
static const format formats[] = {{F16, 5, 10}, {BF16, 8, 7}};

static uint32_t infinity_of(const format *f)
{
    return ((1u << f->exponent) - 1) << f->fraction;
}

/* The value of a pattern without sign; the infinite one stands for the next
 * number after the largest, as if the exponents went on. */
static double decode(const format *f, uint32_t pattern)
{
    const int bias = (1 << (f->exponent - 1)) - 1;
    const int exponent = (int)(pattern >> f->fraction);
    const double part =
        ldexp(pattern & ((1u << f->fraction) - 1), -f->fraction);

    return exponent == 0 ? ldexp(part, 1 - bias)
                         : ldexp(1 + part, exponent - bias);
}

static uint16_t encode(const format *f, double x)
{
    const uint16_t sign = signbit(x) ? 0x8000 : 0;
    uint32_t low = 0, high = infinity_of(f);

    x = fabs(x);
    if (x >= decode(f, high))
        return sign | (uint16_t)high;
    while (high - low > 1) { /* decode(low) <= x < decode(high) */
        const uint32_t middle = (low + high) / 2;
        if (decode(f, middle) <= x)
            low = middle;
        else
            high = middle;
    }
    const double below = x - decode(f, low), above = decode(f, high) - x;
    if (below > above || (below == above && low % 2 != 0))
        low = high;
    return sign | (uint16_t)low;
}

static int is_nan(const format *f, uint16_t pattern)
{
    return (pattern & 0x7fffu) > infinity_of(f);
}

static int is_quiet(const format *f, uint16_t pattern)
{
    return is_nan(f, pattern) && (pattern >> (f->fraction - 1) & 1) != 0;
}

static uint16_t patterns[PATTERNS], back[PATTERNS];
static float single[PATTERNS];
static double wide[PATTERNS];

static void every_pattern_widens_exactly(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const format *f = &formats[k];
        for (uint32_t i = 0; i < PATTERNS; i++)
            patterns[i] = (uint16_t)i;
        convert(F32, single, f->dtype, patterns, PATTERNS);
        convert(F64, wide, f->dtype, patterns, PATTERNS);
        for (uint32_t i = 0; i < PATTERNS; i++) {
            uint32_t bits;
            memcpy(&bits, &single[i], sizeof bits);
            assert_int_equal(bits >> 31, i >> 15);
            if (is_nan(f, (uint16_t)i)) {
                assert_true(isnan(single[i]) && isnan(wide[i]));
                assert_true((bits & 0x00400000) != 0); /* quiet */
                continue;
            }
            const double size = (i & 0x7fff) == infinity_of(f)
                                    ? INFINITY
                                    : decode(f, i & 0x7fff);
            assert_true(fabs((double)single[i]) == size);
            assert_true(wide[i] == (double)single[i]);
        }
    }
}

static void every_pattern_comes_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const format *f = &formats[k];
        for (int way = 0; way < 2; way++) {
            void *between = way == 0 ? (void *)single : (void *)wide;
            const descent_dtype through = way == 0 ? F32 : F64;
            for (uint32_t i = 0; i < PATTERNS; i++)
                patterns[i] = (uint16_t)i;
            convert(through, between, f->dtype, patterns, PATTERNS);
            convert(f->dtype, back, through, between, PATTERNS);
            for (uint32_t i = 0; i < PATTERNS; i++) {
                if (!is_nan(f, patterns[i]))
                    assert_int_equal(back[i], patterns[i]);
                else
                    assert_true(is_quiet(f, back[i]) &&
                                back[i] >> 15 == patterns[i] >> 15);
            }
        }
    }
}

/* Round x from f64 and, where it is one, from f32. */
static void check_rounding(const format *f, double x)
{
    const float narrow = (float)x;
    const uint16_t expected = encode(f, x), expected_f32 = encode(f, narrow);
    uint16_t got;

    convert(f->dtype, &got, F64, &x, 1);
    if (got != expected)
        fail_msg("%a to type %u: %04x, expected %04x", x, f->dtype, got,
                 expected);
    convert(f->dtype, &got, F32, &narrow, 1);
    if (got != expected_f32)
        fail_msg("f32 %a to type %u: %04x, expected %04x", (double)narrow,
                 f->dtype, got, expected_f32);
}

/* Halfway between neighbours, and just beside it: where an f32 or f64 may lie
 * that a rounding on the way would push over the middle. */
static void what_lies_between_goes_to_the_nearest(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const format *f = &formats[k];
        for (uint32_t i = 0; i < infinity_of(f); i++) {
            const double low = decode(f, i), high = decode(f, i + 1);
            const double middle = low + (high - low) / 2;
            const double points[] = {
                middle,
                nextafter(middle, 0),
                nextafter(middle, INFINITY),
                (double)nextafterf((float)middle, 0),
                (double)nextafterf((float)middle, INFINITY),
                low + (high - low) / 4,
                nextafter(high, 0),
            };
            for (size_t j = 0; j < sizeof points / sizeof *points; j++)
                check_rounding(f, i % 2 == 0 ? points[j] : -points[j]);
        }
    }
}

static void extremes_are_infinite_zero_or_nan(void **state)
{
    static const double values[] = {
        0.0,     -0.0,    INFINITY, -INFINITY,  DBL_MAX,     -DBL_MAX,
        FLT_MAX, FLT_MIN, DBL_MIN,  -DBL_MIN,   0x1p-149,    0x1p-1074,
        65519.9, 65520,   65504,    0x1.ffp127, 0x1.feffp127};
    const double nan64 = -NAN;
    const float nan32 = NAN;
    uint16_t got;

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof values / sizeof *values; i++)
            check_rounding(&formats[k], values[i]);
        convert(formats[k].dtype, &got, F64, &nan64, 1);
        assert_true(is_quiet(&formats[k], got) && got >> 15 == 1);
        convert(formats[k].dtype, &got, F32, &nan32, 1);
        assert_true(is_quiet(&formats[k], got) && got >> 15 == 0);
    }
}

static void the_16_bit_formats_convert_into_each_other(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const format *from = &formats[k], *to = &formats[1 - k];
        for (uint32_t i = 0; i < PATTERNS; i++)
            patterns[i] = (uint16_t)i;
        convert(to->dtype, back, from->dtype, patterns, PATTERNS);
        convert(F64, wide, from->dtype, patterns, PATTERNS);
        for (uint32_t i = 0; i < PATTERNS; i++) {
            if (isnan(wide[i]))
                assert_true(is_quiet(to, back[i]));
            else
                assert_int_equal(back[i], encode(to, wide[i]));
        }
    }
}

/* Vector code and what it leaves over give the bits of single elements. */
static void length_and_alignment_change_no_bit(void **state)
{
    enum { MOST = 68 };
    static const size_t size[] = {0, 4, 8, 2, 2};
    double in[MOST], out[MOST + 2];

    (void)state;
    for (descent_dtype to = F32; to <= BF16; to++) {
        for (descent_dtype from = F32; from <= BF16; from++) {
            for (size_t i = 0; i < MOST; i++)
                wide[i] = ldexp((double)i - 31.7, (int)(i % 40) - 26);
            convert(from, in, F64, wide, MOST);
            for (size_t n = 0; n + 1 < MOST; n++) {
                const size_t at = n % 2;
                const char *x = (const char *)in + at * size[from];
                char *y = (char *)out + at * size[to];
                memset(out, 0x5a, sizeof out);
                ok(descent_convert(to, y, from, x, n));
                for (size_t i = 0; i < n; i++) {
                    double one;
                    convert(to, &one, from, x + i * size[from], 1);
                    assert_memory_equal(&one, y + i * size[to], size[to]);
                }
                assert_int_equal(y[n * size[to]], 0x5a);
            }
        }
    }
}

static void types_that_are_none_are_refused(void **state)
{
    float x = 0;

    (void)state;
    refused(descent_convert(7, &x, F32, &x, 1), DESCENT_ERR_ARGUMENT,
            "dtype = 7 is none");
    refused(descent_convert(F32, &x, 0, &x, 1), DESCENT_ERR_ARGUMENT,
            "dtype = 0 is none");
    refused(descent_convert(F64, NULL, F32, &x, 1), DESCENT_ERR_ARGUMENT,
            "out is NULL");
    ok(descent_convert(F64, NULL, F32, NULL, 0));
}

/* ---- Rounding by chance ---- */

/* All of the 16 upper bits, in any order, make the mean right exactly. */
static void chance_rounds_up_as_often_as_is_fair(void **state)
{
    static const float values[] = {1.00390625f, 0.9999f, -3.14159f, 1e-20f,
                                   0x1.7p-20f,  6.1e-5f, 65000.5f,  1000.3f};

    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            const format *f = &formats[k];
            const uint32_t near = encode(f, fabs((double)values[i]));
            const double gap = decode(f, near + 1) - decode(f, near);
            double sum = 0;
            for (uint32_t r = 0; r < PATTERNS; r++) {
                const uint32_t random = r << 16 | 0x8000;
                uint16_t got;
                double x;
                convert_stochastic(f->dtype, &got, &values[i], &random, 1);
                convert(F64, &x, f->dtype, &got, 1);
                sum += x;
            }
            /* 2^-16 of the distance of neighbours is the last bit drawn. */
            if (!(fabs(sum / PATTERNS - (double)values[i]) <= gap * 0x1p-16))
                fail_msg("mean %.9g of %.9g", sum / PATTERNS,
                         (double)values[i]);
        }
}

static void chance_moves_no_number_that_fits(void **state)
{
    static const uint32_t randoms[] = {0, 1, 0x7fffffff, UINT32_MAX};

    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (size_t r = 0; r < 4; r++) {
            const format *f = &formats[k];
            for (uint32_t i = 0; i < PATTERNS; i++) {
                float x;
                uint16_t got;
                const uint16_t pattern = (uint16_t)i;
                convert(F32, &x, f->dtype, &pattern, 1);
                convert_stochastic(f->dtype, &got, &x, &randoms[r], 1);
                if (is_nan(f, pattern))
                    assert_true(is_quiet(f, got));
                else
                    assert_int_equal(got, pattern);
            }
        }
}

static void chance_carries_nothing_into_infinity(void **state)
{
    /* Above the largest finite number, below and beyond the middle to the
     * next. */
    static const float near[] = {65510, 0x1.fefp127f};
    static const float far[] = {65530, 0x1.ffep127f};
    static const uint32_t up = UINT32_MAX, down = 0;

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const uint32_t infinity = infinity_of(&formats[k]);
        uint16_t got;
        convert_stochastic(formats[k].dtype, &got, &near[k], &up, 1);
        assert_int_equal(got, infinity - 1);
        convert_stochastic(formats[k].dtype, &got, &far[k], &up, 1);
        assert_int_equal(got, infinity);
        convert_stochastic(formats[k].dtype, &got, &far[k], &down, 1);
        assert_int_equal(got, infinity - 1);
    }
}

/* ---- Kahan's compensation ---- */

static void what_rounding_takes_away_comes_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const double step = formats[k].dtype == BF16 ? 0x1p-12 : 0x1p-15;
        const float start = 1;
        uint16_t weight, plain, lost = 0;
        float w;
        convert(formats[k].dtype, &weight, F32, &start, 1);
        plain = weight;
        for (int i = 0; i < 1000; i++) {
            float updated;
            convert(F32, &w, formats[k].dtype, &weight, 1);
            updated = w + (float)step;
            convert_compensated(formats[k].dtype, &weight, &lost, &updated, 1);
            convert(F32, &w, formats[k].dtype, &plain, 1);
            w += (float)step;
            convert(formats[k].dtype, &plain, F32, &w, 1);
        }
        convert(F32, &w, formats[k].dtype, &weight, 1);
        /* Within the distance of two neighbours; without, nothing moved. */
        assert_true(fabs((double)w - (1 + 1000 * step)) <= 16 * step);
        convert(F32, &w, formats[k].dtype, &plain, 1);
        assert_true(w == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_widens_exactly),
        cmocka_unit_test(every_pattern_comes_back),
        cmocka_unit_test(what_lies_between_goes_to_the_nearest),
        cmocka_unit_test(extremes_are_infinite_zero_or_nan),
        cmocka_unit_test(the_16_bit_formats_convert_into_each_other),
        cmocka_unit_test(length_and_alignment_change_no_bit),
        cmocka_unit_test(types_that_are_none_are_refused),
        cmocka_unit_test(chance_rounds_up_as_often_as_is_fair),
        cmocka_unit_test(chance_moves_no_number_that_fits),
        cmocka_unit_test(chance_carries_nothing_into_infinity),
        cmocka_unit_test(what_rounding_takes_away_comes_back),
    };

    return levels_run_tests(tests, sizeof tests / sizeof *tests);
}
