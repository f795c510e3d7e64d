/* SPDX-License-Identifier: MIT */
/* Plain loops, one for each rule and form: see limits.h.  Compiled with -O3 and
 * for this very processor, so nothing here runs before features_missing()
 * said that it can. */
#include "tool/bench/limits.h"

#include <descent/kernel.h>

const char *const limits_features[] = {
#ifdef __AVX__
    "avx",
#endif
#ifdef __AVX2__
    "avx2",
#endif
#ifdef __FMA__
    "fma",
#endif
#ifdef __BMI__
    "bmi",
#endif
#ifdef __BMI2__
    "bmi2",
#endif
#ifdef __AVX512F__
    "avx512f",
#endif
#ifdef __AVX512VL__
    "avx512vl",
#endif
#ifdef __AVX512DQ__
    "avx512dq",
#endif
#ifdef __AVX512BW__
    "avx512bw",
#endif
#ifdef __ARM_FEATURE_ATOMICS
    "atomics",
#endif
#ifdef __ARM_FEATURE_SVE
    "sve",
#endif
#ifdef __ARM_FEATURE_SVE2
    "sve2",
#endif
    NULL};

static inline float widen(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float wide;

    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

static inline uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* To nearest, ties to even. */
static inline uint16_t narrow(float x)
{
    const uint32_t bits = bits_of(x);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;

    return (uint16_t)(x == x ? rounded : bits >> 16 | 0x40);
}

/* ---- Only adding. ---- */

/* `slots` and `half` are literals. */
DESCENT_INLINE void add(const limits_arrays *x, size_t at, size_t from,
                        size_t n, size_t slots, int half)
{
    float *const w = x->weight + at;
    const float *const g = half ? NULL : x->gradient + from;
    const uint16_t *const g16 = half ? x->gradient16 + from : NULL;
    uint16_t *const w16 = half ? x->weight16 + at : NULL;
    float *s[LIMITS_SLOTS];
    const float zero = x->zero;

    for (size_t k = 0; k < slots; k++)
        s[k] = x->slot[k] + at;
    DESCENT_VECTOR
    for (size_t i = 0; i < n; i++) {
        w[i] += half ? widen(g16[i]) : g[i];
        if (half)
            w16[i] = (uint16_t)(bits_of(w[i]) >> 16);
        for (size_t k = 0; k < slots; k++)
            s[k][i] += zero;
    }
}

#define EACH_NUMBER(CASE, half)                                                \
    CASE(0, half)                                                              \
    CASE(1, half)                                                              \
    CASE(2, half)                                                              \
    CASE(3, half)                                                              \
    CASE(4, half)                                                              \
    CASE(5, half)                                                              \
    CASE(6, half)                                                              \
    CASE(7, half)                                                              \
    CASE(8, half)                                                              \
    CASE(9, half)
#define ADD(number, half)                                                      \
    case number:                                                               \
        add(x, at, from, n, number, half);                                     \
        break;

void limits_add(const limits_arrays *x, size_t at, size_t from, size_t n)
{
    switch (x->slots) {
        EACH_NUMBER(ADD, 0)
    default:
        break;
    }
}

void limits_add16(const limits_arrays *x, size_t at, size_t from, size_t n)
{
    switch (x->slots) {
        EACH_NUMBER(ADD, 1)
    default:
        break;
    }
}

void limits_triad(const limits_arrays *x, size_t at, size_t from, size_t n)
{
    float *restrict a = x->triad[0] + at;
    const float *restrict b = x->triad[1] + at;
    const float *restrict c = x->triad[2] + at;

    (void)from;
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] + 3 * c[i];
}

double limits_squares(const limits_arrays *x, size_t from, size_t n)
{
    enum { LANES = 64, PIECE = 1 << 12 };
    const float *const g = x->gradient + from;
    double sum = 0;

    for (size_t first = 0; first < n; first += PIECE) {
        const size_t end = n - first < PIECE ? n : first + PIECE;
        float lane[LANES] = {0};
        size_t i = first;

        for (; i + LANES <= end; i += LANES)
            for (size_t k = 0; k < LANES; k++)
                lane[k] += g[i + k] * g[i + k];
        for (; i < end; i++)
            lane[0] += g[i] * g[i];
        for (size_t k = 0; k < LANES; k++)
            sum += (double)lane[k];
    }
    return sum;
}

/* ---- The rules.  w, g: the weight and its gradient; p, q: slots. ---- */

#define RULE(name, ...)                                                        \
    DESCENT_INLINE float name##_rule(const float *c, float w, float g,         \
                                     float *slot_0, float *slot_1)             \
    {                                                                          \
        float p = *slot_0, q = *slot_1;                                        \
                                                                               \
        __VA_ARGS__                                                            \
        *slot_0 = p;                                                           \
        *slot_1 = q;                                                           \
        return w;                                                              \
    }

RULE(sgd, w += g * c[0];)
RULE(momentum, p = p * c[0] + g * c[1]; w += p;)
RULE(adam, p += (g - p) * c[0]; q += (g * g - q) * c[1];
     w -= p * c[2] / (SQRT(q) + c[3]);)
RULE(adagrad, p += g * g; w -= g * c[0] / SQRT(p + c[1]);)
RULE(rmsprop, p = c[0] * p + c[1] * (g * g); w -= g * c[2] / SQRT(p + c[3]);)
RULE(adadelta, p = c[0] * p + c[1] * (g * g);
     const float d = SQRT(q + c[2]) * g / SQRT(p + c[2]);
     q = c[0] * q + c[1] * (d * d); w -= c[3] * d;)
RULE(adamax, p += (g - p) * c[0]; q = MAX(c[1] * q, ABS(g));
     w -= p * c[2] / (c[3] * (q + c[4]));)
RULE(nadam, p += (g - p) * c[0]; q += (g * g - q) * c[1];
     w -= (p * c[2] + g * c[3]) / (SQRT(q) + c[4]);)

/* The three forms share a loop; `uses`, `average` and `half` are literals. */
#define SWEEP(name, uses)                                                      \
    DESCENT_INLINE void name##_sweep(const limits_arrays *x, size_t at,        \
                                     size_t from, size_t n, int average,       \
                                     int half)                                 \
    {                                                                          \
        float *restrict w = x->weight + at;                                    \
        const float *restrict g = half ? NULL : x->gradient + from;            \
        const uint16_t *restrict g16 = half ? x->gradient16 + from : NULL;     \
        uint16_t *restrict w16 = half ? x->weight16 + at : NULL;               \
        float *restrict a = (uses) > 0 ? x->slot[0] + at : NULL;               \
        float *restrict b = (uses) > 1 ? x->slot[1] + at : NULL;               \
        float *restrict mean = average ? x->average + at : NULL;               \
        const float scale = x->scale, decay = x->decay;                        \
        const float keep = x->keep, take = x->take;                            \
        float c[LIMITS_COEFS];                                                 \
                                                                               \
        memcpy(c, x->c, sizeof c);                                             \
        DESCENT_VECTOR                                                         \
        for (size_t i = 0; i < n; i++) {                                       \
            float p = (uses) > 0 ? a[i] : 0, q = (uses) > 1 ? b[i] : 0;        \
            float grad = half ? widen(g16[i]) : g[i], v = w[i];                \
                                                                               \
            if (average) {                                                     \
                grad *= scale;                                                 \
                v -= decay * v;                                                \
            }                                                                  \
            v = name##_rule(c, v, grad, &p, &q);                               \
            w[i] = v;                                                          \
            if (half)                                                          \
                w16[i] = narrow(v);                                            \
            if (average)                                                       \
                mean[i] = keep * mean[i] + take * v;                           \
            if ((uses) > 0)                                                    \
                a[i] = p;                                                      \
            if ((uses) > 1)                                                    \
                b[i] = q;                                                      \
        }                                                                      \
    }                                                                          \
    FORM(name, bare, 0, 0)                                                     \
    FORM(name, average, 1, 0)                                                  \
    FORM(name, bf16, 0, 1)
#define FORM(name, form, average, half)                                        \
    static void name##_##form(const limits_arrays *x, size_t at, size_t from,  \
                              size_t n)                                        \
    {                                                                          \
        name##_sweep(x, at, from, n, average, half);                           \
    }

#define EACH_RULE(ROW)                                                         \
    ROW(sgd, 0)                                                                \
    ROW(adam, 2)                                                               \
    ROW(adagrad, 1)                                                            \
    ROW(rmsprop, 1)                                                            \
    ROW(adadelta, 2)                                                           \
    ROW(adamax, 2)                                                             \
    ROW(nadam, 2)                                                              \
    ROW(momentum, 1)

EACH_RULE(SWEEP)

const limits_rule *limits_rule_at(size_t i)
{
#define TABLE_ROW(name, uses)                                                  \
    {#name, uses, name##_bare, name##_average, name##_bf16},
    static const limits_rule rules[] = {EACH_RULE(TABLE_ROW)};

    return i < sizeof rules / sizeof *rules ? &rules[i] : NULL;
}
