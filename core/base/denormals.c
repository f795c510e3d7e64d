/* SPDX-License-Identifier: MIT */
/* Only the bits that flush change: exceptions that were raised meanwhile stay
 * raised. */
#include "base/denormals.h"

#if defined __x86_64__

#include <xmmintrin.h>

static const uint64_t FLUSH = 0x8040; /* results (FTZ) and operands (DAZ) */

static uint64_t get(void)
{
    return _mm_getcsr();
}

static void set(uint64_t mode)
{
    _mm_setcsr((unsigned)mode);
}

#else /* AArch64 */

static const uint64_t FLUSH = UINT64_C(1) << 24; /* FPCR.FZ is about both */

static uint64_t get(void)
{
    uint64_t mode;

    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}

static void set(uint64_t mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}

#endif

uint64_t denormals_flush(bool flush)
{
    const uint64_t before = get();

    if (flush)
        set(before | FLUSH);
    return before;
}

void denormals_restore(uint64_t before)
{
    const uint64_t now = get();

    if (((now ^ before) & FLUSH) != 0)
        set((now & ~FLUSH) | (before & FLUSH));
}

uint64_t denormals_mode(void)
{
    return get();
}

uint64_t denormals_set_mode(uint64_t mode)
{
    const uint64_t before = get();

    if (mode != before)
        set(mode);
    return before;
}
