/* SPDX-License-Identifier: MIT */
/* The core's loops at the processor's levels: one body, compiled for each, of
 * which a call takes the best that its thread may use.  Every operation rounds
 * once, so the bits are the same from all of them. */
#ifndef DESCENT_BASE_LEVELS_H
#define DESCENT_BASE_LEVELS_H

#include <descent/plugin.h>

enum { LEVEL_ANY, LEVEL_AVX2, LEVEL_AVX512, LEVELS };

/* Let loops that this thread calls use the levels in `isa`, which the processor
 * has; a thread begins with DESCENT_ISA_ANY.  Returns what was before. */
descent_isa levels_allow(descent_isa isa);
/* The best of them, a LEVEL_*. */
int levels_best(void);

/* Before a loop over elements, none of which is read after another is written.
 */
#if defined __clang__
#define LEVELS_EACH _Pragma("clang loop vectorize(assume_safety)")
#else
#define LEVELS_EACH _Pragma("GCC ivdep")
#endif

/* Define a function of all levels; the call is AT_LEVEL(add)(n, x, y):
 *     LEVELS_DEFINE(add, (size_t n, float *x, float y), (n, x, y))
 *     {
 *         LEVELS_EACH
 *         for (size_t i = 0; i < n; i++)
 *             x[i] += y;
 *     }
 */
#if defined __x86_64__
#define LEVELS_DEFINE(name, parameters, arguments)                             \
    LEVELS_BODY_ name parameters;                                              \
    LEVELS_ONE_(name, any, , parameters, arguments)                            \
    LEVELS_ONE_(name, avx2, LEVELS_AVX2, parameters, arguments)                \
    LEVELS_ONE_(name, avx512, LEVELS_AVX512_, parameters, arguments)           \
    LEVELS_TABLE(name, parameters, any, avx2, avx512)                          \
    LEVELS_BODY_ name parameters
#else /* AArch64: NEON is the baseline */
#define LEVELS_DEFINE(name, parameters, arguments)                             \
    LEVELS_BODY_ name parameters;                                              \
    LEVELS_ONE_(name, any, , parameters, arguments)                            \
    LEVELS_TABLE(name, parameters, any, any, any)                              \
    LEVELS_BODY_ name parameters
#endif
#define AT_LEVEL(name) (name##_levels[levels_best()])

/* What it is made of, for one that is not the same source for each. */
#define LEVELS_AVX2 __attribute__((target("avx2,f16c")))
#define LEVELS_TABLE(name, parameters, any, avx2, avx512)                      \
    static void(*const name##_levels[LEVELS])                                  \
        parameters = {name##_##any, name##_##avx2, name##_##avx512};

#define LEVELS_BODY_ static inline __attribute__((always_inline)) void
#define LEVELS_ONE_(name, level, attribute, parameters, arguments)             \
    attribute static void name##_##level parameters                            \
    {                                                                          \
        name arguments;                                                        \
    }
#if defined __clang__
#define LEVELS_AVX512_                                                         \
    __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw")))
#else
#define LEVELS_AVX512_                                                         \
    __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,"                \
                          "prefer-vector-width=512")))
#endif

#endif
