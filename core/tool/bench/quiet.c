/* SPDX-License-Identifier: MIT */
/* Use of the processors: see quiet.h. */
#include "tool/bench/quiet.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <descent/descent.h>

/* /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, ... */
static double busy(void)
{
    enum { COLUMNS = 8, IDLE = 3, WAITING = 4 };
    FILE *const file = fopen("/proc/stat", "r");
    unsigned long long ticks;
    double sum = 0;

    if (file == NULL)
        return (double)NAN;
    if (fscanf(file, "cpu") == EOF)
        sum = (double)NAN;
    for (int i = 0; i < COLUMNS; i++)
        if (fscanf(file, "%llu", &ticks) != 1)
            sum = (double)NAN;
        else if (i != IDLE && i != WAITING)
            sum += (double)ticks;
    fclose(file);
    return sum / (double)sysconf(_SC_CLK_TCK);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

quiet quiet_now(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (quiet){.clock = descent_clock(),
                   .busy = busy(),
                   .own = seconds(used.ru_utime) + seconds(used.ru_stime)};
}

double quiet_others(const quiet *then)
{
    const quiet now = quiet_now();
    const double others = now.busy - then->busy - (now.own - then->own);

    /* Ticks are coarse: a little less than nothing is nothing. */
    return others < 0 ? 0 : others / (now.clock - then->clock);
}
