/* SPDX-License-Identifier: MIT */
#include <descent/descent.h>
#include <time.h>

double descent_clock(void)
{
    struct timespec now = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
