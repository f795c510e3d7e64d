/* SPDX-License-Identifier: MIT */
/* The cosine, beside the functions that plugins have too (descent/number.h, in
 * whose terms this is written). */
#include "base/number.h"

#include <descent/number.h>

typedef descent_pair_ pair;
typedef descent_series_ series;

static const pair HALF_PI = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
static const double QUARTER_PI = 0x1.921fb54442d18p-1;

/* cos(r) and sin(r) / r in r * r: +-1 / (2 i)! and +-1 / (2 i + 1)!, for
 * |r| <= pi / 4. */
static const series COS = {
    3,
    12,
    {
        {1, 0},
        {-0.5, 0},
        {0x1.5555555555555p-5, 0x1.5555555555555p-59},
        {-0x1.6c16c16c16c17p-10, 0},
        {0x1.a01a01a01a01ap-16, 0},
        {-0x1.27e4fb7789f5cp-22, 0},
        {0x1.1eed8eff8d898p-29, 0},
        {-0x1.93974a8c07c9dp-37, 0},
        {0x1.ae7f3e733b81fp-45, 0},
        {-0x1.6827863b97d97p-53, 0},
        {0x1.e542ba4020225p-62, 0},
        {-0x1.0ce396db7f853p-70, 0},
    },
};
static const series SIN = {
    3,
    12,
    {
        {1, 0},
        {-0x1.5555555555555p-3, -0x1.5555555555555p-57},
        {0x1.1111111111111p-7, 0x1.1111111111111p-63},
        {-0x1.a01a01a01a01ap-13, 0},
        {0x1.71de3a556c734p-19, 0},
        {-0x1.ae64567f544e4p-26, 0},
        {0x1.6124613a86d09p-33, 0},
        {-0x1.ae7f3e733b81fp-41, 0},
        {0x1.952c77030ad4ap-49, 0},
        {-0x1.2f49b46814157p-57, 0},
        {0x1.71b8ef6dcf572p-66, 0},
        {-0x1.761b41316381ap-75, 0},
    },
};

/* The bits of 2 / pi after 64 zero bits: enough for every double. */
static const uint32_t TWO_OVER_PI[40] = {
    0x00000000, 0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0,
    0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0,
    0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484,
    0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b,
    0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7,
    0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea,
    0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab,
};

double number_exp(double x)
{
    return descent_exp(x);
}

double number_log(double x)
{
    return descent_log(x);
}

double number_pow(double x, double y)
{
    return descent_pow(x, y);
}

/* Reduce a > pi / 4 to a quarter turn q (mod 4) and |r| <= pi / 4 (Payne and
 * Hanek): of a * 2 / pi, with a = m 2^e and integer m, only the 256 bits of
 * 2 / pi matter that neither make multiples of 4 nor vanish. */
static unsigned reduce(double a, pair *r)
{
    const uint64_t bits = descent_to_bits_(a);
    const int e = (int)(bits >> 52) - 1075;
    const uint64_t m = (bits & 0xfffffffffffff) | (uint64_t)1 << 52;
    const int first = (e - 2 + 64) / 32; /* word, counting the zeros */
    const int shift = (e - 2 + 64) % 32;
    const uint32_t *word = TWO_OVER_PI + first;
    const uint32_t factor[2] = {(uint32_t)m, (uint32_t)(m >> 32)};
    uint32_t p[9] = {0}; /* the product modulo 4, highest word first */
    unsigned q;
    int negative;
    pair fraction = {0, 0};

    for (int k = 0; k < 2; k++) {
        uint64_t carry = 0;
        for (int i = 7 - k; i >= 0; i--) {
            carry += p[i] + (uint64_t)word[i + k] * factor[k];
            p[i] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    for (int i = 0; i < 8; i++)
        p[i] = (uint32_t)((((uint64_t)p[i] << 32 | p[i + 1]) << shift) >> 32);
    q = p[0] >> 30;
    negative = (p[0] >> 29 & 1) != 0; /* nearer to the next quarter turn */
    for (int i = 6; i >= 0; i--) {
        uint32_t digits = negative ? ~p[i] : p[i];
        if (i == 0)
            digits &= 0x3fffffff;
        fraction = descent_add_(
            descent_widen_(digits * descent_power_of_two_(-30 - 32 * i)),
            fraction);
    }
    if (negative)
        fraction = (pair){-fraction.hi, -fraction.lo};
    *r = descent_multiply_(fraction, HALF_PI);
    return q + negative;
}

double number_cos(double x)
{
    pair r = descent_widen_(fabs(x)), z;
    unsigned q = 0;
    double value;

    if (!isfinite(x))
        return NAN;
    if (r.hi > QUARTER_PI)
        q = reduce(r.hi, &r);
    z = descent_multiply_(r, r);
    value = q % 2 == 0 ? descent_evaluate_(&COS, z).hi
                       : descent_multiply_(r, descent_evaluate_(&SIN, z)).hi;
    /* cos(r + q pi / 2) is cos r, -sin r, -cos r, sin r. */
    return q % 4 == 1 || q % 4 == 2 ? -value : value;
}
