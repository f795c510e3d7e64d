/* SPDX-License-Identifier: MIT */
/*
 * descent/kernel.h - writes an element-wise optimizer's step and fused_step
 * from its rule.
 *
 *     DESCENT_RULE(adam, USES(M) | USES(V), { s[M] += ...; w -= ...; })
 *
 * The rule is plain arithmetic on one element.  It sees
 *     w     the weight (assign to it)          g     the final gradient
 *     s[]   the slots, in table order           c[]   what prepare() wrote
 *     real  the compute type, float or double
 * and may call SQRT ABS MAX MIN SIGN.  No branches on data, no calls, and no
 * floating literals but exact ones: put constants in coefficients.
 *
 * From it come, for float and double and for each processor level, a bare loop
 * (step) and a loop with scaling, clipping, decay and averaging folded in
 * (fused_step), also for bf16 weights beside f32 masters.  Compile with
 * `pkg-config --cflags descent-plugin`: each operation must round once, so that
 * every level gives the same bits.
 */
#ifndef DESCENT_KERNEL_H
#define DESCENT_KERNEL_H

#include <math.h>
#include <string.h>
#include "number.h"
#include "plugin.h"

#if defined __FAST_MATH__ || defined __ASSOCIATIVE_MATH__ ||                  \
    defined __RECIPROCAL_MATH__ ||                                            \
    (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__)
#  error "fast-math changes results between machines; Descent refuses it"
#endif
#if defined __GNUC__ && !defined __clang__
#  pragma GCC optimize("fp-contract=off")
#endif

#undef SQRT
#undef ABS
#undef MAX
#undef MIN
#undef SIGN
#undef USES
#if defined __cplusplus
#  define DESCENT_C extern "C"
static inline float  descent_sqrt(float x)  { return sqrtf(x); }
static inline double descent_sqrt(double x) { return sqrt(x); }
static inline float  descent_abs(float x)   { return fabsf(x); }
static inline double descent_abs(double x)  { return fabs(x); }
#  define SQRT(x) descent_sqrt(x)
#  define ABS(x)  descent_abs(x)
#else
#  define DESCENT_C
#  define SQRT(x) _Generic((x), float: sqrtf, double: sqrt)(x)
#  define ABS(x)  _Generic((x), float: fabsf, double: fabs)(x)
#endif
/* A NaN in an operand of MAX, MIN or SIGN is the result. */
#define MAX(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define MIN(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#define SIGN(x)   ((x) != (x) ? (x) : (real)(((x) > 0) - ((x) < 0)))
#define USES(slot) (1u << (slot))

/* base to the power n by repeated squaring: unlike pow(), the same bits from
 * every C library and processor.  Where a bit is 0 it multiplies by 1: a branch
 * would be guessed wrong, as the low bits of a step's number always change. */
static inline double descent_power(double base, uint64_t n)
{
    double result = 1;

    for (; n != 0; n >>= 1) {
        const double by[] = {1, base};
        result *= by[n & 1];
        base *= base;
    }
    return result;
}

#define DESCENT_INLINE static inline __attribute__((always_inline))
#if defined __clang__
#  define DESCENT_VECTOR _Pragma("clang loop vectorize(assume_safety)")
#else
#  define DESCENT_VECTOR _Pragma("GCC ivdep")
#endif

#define DESCENT_FUSE_ALL (DESCENT_FUSE_SCALE | DESCENT_FUSE_CLIP |            \
    DESCENT_FUSE_L2 | DESCENT_FUSE_DECAY | DESCENT_FUSE_EMA |                 \
    DESCENT_FUSE_BF16)

/* bf16 is the upper half of an f32. */
DESCENT_INLINE float descent_from_bf16(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float x;

    bits |= (bits & 0x7fffffffu) > 0x7f800000u ? 0x00400000u : 0;
    memcpy(&x, &bits, sizeof x);
    return x;
}
DESCENT_INLINE uint16_t descent_to_bf16(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((x != x ? bits | 0x00400000u
                              : bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

/* Numbers of f32 are taken in blocks, which compilers unroll, but for the level
 * that every x86-64 has.  Where memory is what a rule waits for, each block asks
 * for the lines of the one after the next: a processor looks no farther ahead
 * than its window, which roots and divisions fill before memory is busy.  In the
 * caches that costs a little, and a rule without slots gains nothing. */
static inline int descent_is_far(const descent_pass *pass)
{
    return DESCENT_HAS(pass, flags) && (pass->flags & DESCENT_PASS_FAR) != 0;
}
#define DESCENT_BLOCK 32
#define DESCENT_AHEAD (2 * DESCENT_BLOCK)
DESCENT_INLINE void descent_ahead(const void *array, int64_t i, size_t size)
{
    const uintptr_t at = (uintptr_t)array + (size_t)(i + DESCENT_AHEAD) * size;

    for (size_t k = 0; k < DESCENT_BLOCK * size; k += 64)
        __builtin_prefetch((const void *)(at + k));
}

/* The loops.  `fused`, `average` and `bf16` are literals, so each use is one
 * loop; so are the tests of `uses`. */
#define DESCENT_LOOPS_(name, uses, R, real_, ...)                             \
DESCENT_INLINE void name##_##R##_rule(const real_ *c, real_ *w_, real_ g,     \
                                      real_ *s)                               \
{                                                                             \
    typedef real_ real;                                                       \
    real w = *w_;                                                             \
    (void)c; (void)g; (void)s; (void)sizeof(real);                            \
    __VA_ARGS__                                                               \
    *w_ = w;                                                                  \
}                                                                             \
typedef struct {                                                              \
    real_ *weight, *mean, *slot[DESCENT_MAX_SLOTS];                           \
    const real_ *grad;                                                        \
    const uint16_t *grad16;                                                   \
    uint16_t *stored;                                                         \
    real_ c[DESCENT_MAX_COEFS], scale, clip, l2, decay, keep, take;           \
    int has_l2, has_decay;                                                    \
} name##_##R##_span;                                                          \
DESCENT_INLINE void name##_##R##_element(const name##_##R##_span *x,          \
                                         int64_t i, int fused, int average,   \
                                         int bf16)                            \
{                                                                             \
    real_ w = x->weight[i], s[DESCENT_MAX_SLOTS];                             \
    real_ g = bf16 ? (real_)descent_from_bf16(x->grad16[i]) : x->grad[i];     \
    for (int k = 0; k < DESCENT_MAX_SLOTS; k++)                               \
        if ((uses) >> k & 1)                                                  \
            s[k] = x->slot[k][i];                                             \
    if (fused) {                                                              \
        g = g * x->scale;                                                     \
        g = g > x->clip ? x->clip : g;                                        \
        g = g < -x->clip ? -x->clip : g;                                      \
        g = x->has_l2 ? g + x->l2 * w : g;                                    \
        w = x->has_decay ? w - x->decay * w : w;                              \
    }                                                                         \
    name##_##R##_rule(x->c, &w, g, s);                                        \
    if (average)                                                              \
        x->mean[i] = x->keep * x->mean[i] + x->take * w;                      \
    x->weight[i] = w;                                                         \
    if (bf16)                                                                 \
        x->stored[i] = descent_to_bf16((float)w);                             \
    for (int k = 0; k < DESCENT_MAX_SLOTS; k++)                               \
        if ((uses) >> k & 1)                                                  \
            x->slot[k][i] = s[k];                                             \
}                                                                             \
DESCENT_INLINE void name##_##R##_ahead(const name##_##R##_span *x, int64_t i, \
                                       int average, int bf16)                 \
{                                                                             \
    descent_ahead(x->weight, i, sizeof(real_));                               \
    if (bf16) {                                                               \
        descent_ahead(x->grad16, i, sizeof(uint16_t));                        \
        descent_ahead(x->stored, i, sizeof(uint16_t));                        \
    } else {                                                                  \
        descent_ahead(x->grad, i, sizeof(real_));                             \
    }                                                                         \
    if (average)                                                              \
        descent_ahead(x->mean, i, sizeof(real_));                             \
    for (int k = 0; k < DESCENT_MAX_SLOTS; k++)                               \
        if ((uses) >> k & 1)                                                  \
            descent_ahead(x->slot[k], i, sizeof(real_));                      \
}                                                                             \
DESCENT_INLINE void name##_##R##_loop(const descent_span *p, int blocks,      \
                                      int far, int fused, int average,        \
                                      int bf16)                               \
{                                                                             \
    const int64_t n = p->count;                                               \
    const descent_fuse *f = p->fuse;                                          \
    const uint32_t on = fused ? f->mask : 0;                                  \
    name##_##R##_span x = {                                                   \
        (real_ *)p->weight, (real_ *)p->average, { NULL },                    \
        (const real_ *)p->grad, (const uint16_t *)p->grad,                    \
        bf16 ? (uint16_t *)p->stored : NULL, { 0 },                           \
        on & DESCENT_FUSE_SCALE ? (real_)f->grad_scale : 1,                   \
        on & DESCENT_FUSE_CLIP ? (real_)f->clip : (real_)HUGE_VAL,            \
        on & DESCENT_FUSE_L2 ? (real_)f->l2 : 0,                              \
        on & DESCENT_FUSE_DECAY ? (real_)f->decay : 0,                        \
        average ? (real_)f->ema_keep : 0, average ? (real_)f->ema_take : 0,   \
        (on & DESCENT_FUSE_L2) != 0, (on & DESCENT_FUSE_DECAY) != 0 };        \
    int64_t i = 0;                                                            \
    for (int k = 0; k < DESCENT_MAX_SLOTS; k++)                               \
        x.slot[k] = (uses) >> k & 1 ? (real_ *)p->slot[k] : NULL;             \
    for (int k = 0; k < DESCENT_MAX_COEFS; k++)                               \
        x.c[k] = ((const real_ *)p->coef)[k];                                 \
    for (; (blocks) && i + DESCENT_BLOCK <= n; i += DESCENT_BLOCK) {          \
        if ((uses) != 0 && far && n - i >= DESCENT_AHEAD + DESCENT_BLOCK)     \
            name##_##R##_ahead(&x, i, average, bf16);                         \
        DESCENT_VECTOR                                                        \
        for (int64_t k = 0; k < DESCENT_BLOCK; k++)                           \
            name##_##R##_element(&x, i + k, fused, average, bf16);            \
    }                                                                         \
    DESCENT_VECTOR                                                            \
    for (int64_t j = i; j < n; j++)                                           \
        name##_##R##_element(&x, j, fused, average, bf16);                    \
}

/* Where nothing is to be done around it, the bare rule: in cache multiplying by
 * 1 and comparing with infinity take their time. */
#define DESCENT_FUSED_(name, R, p, blocks, far, bf16)                         \
    do {                                                                      \
        if ((p)->fuse->mask == 0)                                             \
            name##_##R##_loop(p, blocks, far, 0, 0, bf16);                    \
        else if ((p)->fuse->mask & DESCENT_FUSE_EMA)                          \
            name##_##R##_loop(p, blocks, far, 1, 1, bf16);                    \
        else                                                                  \
            name##_##R##_loop(p, blocks, far, 1, 0, bf16);                    \
    } while (0)
/* `may` is 1 where 16-bit weights may be stored, `blocks` where the loops are
 * many elements' at once: what is used less is not compiled twice. */
#define DESCENT_LEVEL_(name, R, may, blocks, level, attribute)                \
attribute static void name##_##R##_##level##_step(const descent_pass *pass)   \
{                                                                             \
    const char *at = (const char *)pass->spans;                               \
    const int far = descent_is_far(pass);                                     \
    for (size_t i = 0; i < pass->count; i++, at += pass->span_size)           \
        name##_##R##_loop((const descent_span *)(const void *)at, blocks,     \
                          far, 0, 0, 0);                                      \
}                                                                             \
attribute static void name##_##R##_##level##_fused(const descent_pass *pass)  \
{                                                                             \
    const char *at = (const char *)pass->spans;                               \
    const int far = descent_is_far(pass);                                     \
    for (size_t i = 0; i < pass->count; i++, at += pass->span_size) {         \
        const descent_span *p = (const descent_span *)(const void *)at;       \
        if ((may) && pass->stored == DESCENT_DTYPE_BF16)                      \
            DESCENT_FUSED_(name, R, p, blocks, far, may);                     \
        else                                                                  \
            DESCENT_FUSED_(name, R, p, blocks, far, 0);                       \
    }                                                                         \
}

#if defined __x86_64__ && defined __clang__
#  define DESCENT_AVX512_ "avx512f,avx512vl,avx512dq,avx512bw"
#else
#  define DESCENT_AVX512_                                                     \
    "avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512"
#endif

/* A compiled rule: [f32, f64][portable, AVX2, AVX-512][step, fused_step]. */
typedef void descent_loop(const descent_pass *);
typedef struct descent_rule {
    descent_loop *loop[2][3][2];
    const char   *text;
    uint32_t      uses;                 /* mask of slots */
} descent_rule;

#if defined __x86_64__
#  define DESCENT_LEVELS_(name, R, may)                                       \
    DESCENT_LEVEL_(name, R, may, 0, any, )                                    \
    DESCENT_LEVEL_(name, R, may, may, avx2, __attribute__((target("avx2"))))  \
    DESCENT_LEVEL_(name, R, may, may, avx512,                                 \
                   __attribute__((target(DESCENT_AVX512_))))
#  define DESCENT_LOOPS_OF_(name, R)                                          \
    { { name##_##R##_any_step,    name##_##R##_any_fused },                   \
      { name##_##R##_avx2_step,   name##_##R##_avx2_fused },                  \
      { name##_##R##_avx512_step, name##_##R##_avx512_fused } }
#else                                   /* AArch64: NEON is the baseline */
#  define DESCENT_LEVELS_(name, R, may)                                       \
    DESCENT_LEVEL_(name, R, may, may, any, )
#  define DESCENT_LOOPS_OF_(name, R)                                          \
    { { name##_##R##_any_step, name##_##R##_any_fused },                      \
      { name##_##R##_any_step, name##_##R##_any_fused },                      \
      { name##_##R##_any_step, name##_##R##_any_fused } }
#endif

/* Define the rule `name` over the slots in the mask `uses`. */
#define DESCENT_RULE(name, uses, ...)                                         \
    DESCENT_LOOPS_(name, uses, f32, float, __VA_ARGS__)                       \
    DESCENT_LOOPS_(name, uses, f64, double, __VA_ARGS__)                      \
    DESCENT_LEVELS_(name, f32, 1)                                             \
    DESCENT_LEVELS_(name, f64, 0)                                             \
    static const descent_rule name##_rule = {                                 \
        { DESCENT_LOOPS_OF_(name, f32), DESCENT_LOOPS_OF_(name, f64) },       \
        #__VA_ARGS__, uses };

/* Run the pass with the best loop that it allows. */
static inline descent_status descent_run_rule(const descent_rule *rule,
                                              const descent_pass *pass,
                                              int fused)
{
    const int level = pass->isa & DESCENT_ISA_AVX512 ? 2
                    : pass->isa & DESCENT_ISA_AVX2   ? 1 : 0;

    rule->loop[pass->compute == DESCENT_DTYPE_F64][level][fused](pass);
    return DESCENT_OK;
}

/* Refuse, with a sentence, a type whose rules and table of slots disagree: a
 * rule that uses a slot its variant does not have would read stray memory. */
static inline int descent_rules_fit(const descent_host *host,
                                    const descent_optimizer_type *type,
                                    const descent_rule *const *rules)
{
    for (uint32_t v = 0; v < type->variant_count; v++) {
        uint32_t has = 0;

        for (uint32_t k = 0; k < type->slot_count; k++)
            if (type->slots[k].shape == DESCENT_SLOT_LIKE_WEIGHT &&
                (type->slots[k].variants == 0 ||
                 (type->slots[k].variants >> v & 1) != 0))
                has |= 1u << k;
        if (rules[v] == NULL) {
            (host->fail)(host, DESCENT_ERR_ABI, "%s: rule %u of %u is NULL",
                         type->id, (unsigned)v + 1,
                         (unsigned)type->variant_count);
            return 0;
        }
        if (rules[v]->uses != has) {
            (host->fail)(host, DESCENT_ERR_ABI,
                         "%s: rule %u says USES(...) = 0x%x, but the table "
                         "gives its variant the slots 0x%x",
                         type->id, (unsigned)v + 1, (unsigned)rules[v]->uses,
                         (unsigned)has);
            return 0;
        }
    }
    return 1;
}

#define DESCENT_TABLE(array)                                                  \
    array, sizeof *(array), sizeof(array) / sizeof *(array)

/* A plugin without presets, or without slots, says so before including this. */
#ifdef DESCENT_NO_PRESETS
#  define DESCENT_PRESETS_ NULL, sizeof(descent_preset), 0
#else
#  define DESCENT_PRESETS_ DESCENT_TABLE(presets)
#endif
#ifdef DESCENT_NO_SLOTS
#  define DESCENT_SLOTS_ NULL, sizeof(descent_slot), 0
#else
#  define DESCENT_SLOTS_ DESCENT_TABLE(slots)
#endif

/* One whose values may not go together gives its type's `check` likewise. */
#ifdef DESCENT_CHECK
#  define DESCENT_CHECK_ DESCENT_CHECK
#else
#  define DESCENT_CHECK_ NULL
#endif

/* Table entries, so that sizes are never forgotten. */
#define DESCENT_PARAM(name, type, flags, initial, min, max, help)             \
    { sizeof(descent_param), type, flags, name, help, initial, min, max,      \
      NULL, NULL }
/* The same with other accepted names, a NULL-ended array. */
#define DESCENT_PARAM_AS(name, aliases, type, flags, initial, min, max, help) \
    { sizeof(descent_param), type, flags, name, help, initial, min, max,      \
      NULL, aliases }
/* One of a NULL-ended array of words; `initial` is an index. */
#define DESCENT_CHOICE(name, flags, initial, choices, help)                   \
    { sizeof(descent_param), DESCENT_PARAM_CHOICE, flags, name, help,         \
      initial, 0, sizeof(choices) / sizeof *(choices) - 2.0, choices, NULL }
#define DESCENT_PRESET(flavour, param, value)                                 \
    { sizeof(descent_preset), 0, flavour, param, value }
#define DESCENT_SLOT(name, initial, variants, help)                           \
    { sizeof(descent_slot), DESCENT_SLOT_LIKE_WEIGHT, 0, name, help,          \
      DESCENT_DTYPE_COMPUTE, variants, initial, NULL }
#define DESCENT_SLOT_FROM(name, initial_param, variants, help)                \
    { sizeof(descent_slot), DESCENT_SLOT_LIKE_WEIGHT, 0, name, help,          \
      DESCENT_DTYPE_COMPUTE, variants, 0, initial_param }
/* The same two with flags, DESCENT_SLOT_*. */
#define DESCENT_SLOT_AS(name, flags, initial, initial_param, variants, help)  \
    { sizeof(descent_slot), DESCENT_SLOT_LIKE_WEIGHT, flags, name, help,      \
      DESCENT_DTYPE_COMPUTE, variants, initial, initial_param }
#define DESCENT_SCALAR(name, initial, variants, help)                         \
    { sizeof(descent_slot), DESCENT_SLOT_SCALAR, 0, name, help,               \
      DESCENT_DTYPE_F64, variants, initial, NULL }

/* Static builds give each plugin its own entry, e.g. adam_plugin_v1. */
#ifndef DESCENT_ENTRY_NAME
#  define DESCENT_ENTRY_NAME descent_plugin_v1
#endif

/* Export a one-optimizer plugin whose tables are called params, presets and
 * slots.  The arguments:
 *   id            the name, not in quotes: the file is id.so
 *   version_ title_ reference_ summary_   strings, as in descent_optimizer_type
 *   coefs_        how many numbers prepare writes
 *   prepare_ variant_ create_state_   functions as there, or NULL
 *   ...           addresses of its rules, one a variant, in variant order; the
 *                 rule that DESCENT_RULE(name, ...) defines is name_rule */
#define DESCENT_PLUGIN(id, version_, title_, reference_, summary_, coefs_,    \
                       prepare_, variant_, create_state_, ...)                \
static const descent_rule *const id##_rules[] = { __VA_ARGS__ };              \
static descent_status id##_step(void *self, const descent_pass *pass)         \
{                                                                             \
    (void)self;                                                               \
    return descent_run_rule(id##_rules[pass->variant], pass, 0);              \
}                                                                             \
static descent_status id##_fused_step(void *self, const descent_pass *pass)   \
{                                                                             \
    (void)self;                                                               \
    return descent_run_rule(id##_rules[pass->variant], pass, 1);              \
}                                                                             \
static const char *id##_text(const descent_optimizer_type *type,              \
                             uint32_t v)                                      \
{                                                                             \
    (void)type;                                                               \
    return id##_rules[v]->text;                                               \
}                                                                             \
static const descent_optimizer_type id##_type = {                             \
    sizeof(descent_optimizer_type), DESCENT_SCOPE_ELEMENT, 0, #id, title_,    \
    reference_, summary_, DESCENT_TABLE(params), DESCENT_PRESETS_,            \
    DESCENT_SLOTS_, coefs_, sizeof(id##_rules) / sizeof *id##_rules,          \
    DESCENT_RUNS_F32 | DESCENT_RUNS_F64, DESCENT_FUSE_ALL, 1, 0, NULL,        \
    NULL, NULL, variant_, create_state_, prepare_, id##_step,                 \
    id##_fused_step, id##_text, NULL, DESCENT_CHECK_ };                       \
DESCENT_C DESCENT_EXPORT const descent_plugin *                               \
DESCENT_ENTRY_NAME(const descent_host *host);                                 \
const descent_plugin *DESCENT_ENTRY_NAME(const descent_host *host)            \
{                                                                             \
    static const descent_plugin plugin = {                                    \
        DESCENT_MAGIC, sizeof(descent_plugin), DESCENT_ABI_MAJOR,             \
        DESCENT_ABI_MINOR, 0, "descent-" #id, version_, NULL, NULL,            \
        sizeof(descent_optimizer_type), 1, &id##_type };                      \
    return descent_rules_fit(host, &id##_type, id##_rules) ? &plugin : NULL;  \
}

#endif
