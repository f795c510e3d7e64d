/* SPDX-License-Identifier: MIT */
/* The bits of an f32, and those of the 16-bit formats beside them. */
#ifndef DESCENT_TENSOR_BITS_H
#define DESCENT_TENSOR_BITS_H

#include <stdint.h>
#include <string.h>

/* f32: sign, 8 exponent bits, 23 of significand; exponents of f16 are 112
 * lower, those of bf16 the same. */
#define F32_SIGN 0x80000000
enum {
    F32_INFINITY = 0x7f800000,
    F32_QUIET = 0x00400000,
    F16_INFINITY = 0x7c00,
    BF16_INFINITY = 0x7f80
};

static inline uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Without the sign: as integers these are ordered as the magnitudes are. */
static inline int32_t size_of(float x)
{
    return (int32_t)(bits_of(x) & ~F32_SIGN);
}

/* The 16-bit pattern of a size, with the sign of x. */
static inline uint16_t with_sign(float x, int32_t size)
{
    return (uint16_t)((bits_of(x) & F32_SIGN) >> 16 | (uint32_t)size);
}

#endif
