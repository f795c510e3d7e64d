/* SPDX-License-Identifier: MIT */
/* Figures from seconds: see figure.h. */
#include "tool/bench/figure.h"

#include <math.h>
#include <stdio.h>

/* The limit: the faster one. */
static size_t faster(const contender *things, size_t rounds)
{
    const contender *const add = &things[FIGURE_ADD];
    const contender *const plain = &things[FIGURE_PLAIN];

    if (add->run == NULL || plain->run == NULL)
        return add->run != NULL ? FIGURE_ADD : FIGURE_PLAIN;
    return measure_median(add->seconds, rounds) <
                   measure_median(plain->seconds, rounds)
               ? FIGURE_ADD
               : FIGURE_PLAIN;
}

/* The median of a[i] / b[i], and the distance of the quartiles. */
static double ratio(const double *a, const double *b, size_t rounds,
                    double *spread)
{
    double each[MEASURE_ROUNDS];

    for (size_t i = 0; i < rounds; i++)
        each[i] = a[i] / b[i];
    *spread = measure_quantile(each, rounds, 0.75) -
              measure_quantile(each, rounds, 0.25);
    return measure_median(each, rounds);
}

static void compute_rates(figure *f, const contender *limit,
                          const contender *triad, size_t triad_bytes)
{
    const double bytes = (double)(f->parameters * f->bytes);
    double spread;

    f->rate = f->triad = f->share = (double)NAN;
    if (triad->run == NULL)
        return;
    f->rate = bytes / ((double)f->parameters * f->ns * 1e-9);
    f->triad = (double)triad_bytes / measure_median(triad->seconds, f->rounds);
    f->share = ratio(triad->seconds, limit->seconds, f->rounds, &spread) *
               bytes / (double)triad_bytes;
}

void figure_compute(figure *f, const contender things[FIGURE_THINGS],
                    size_t triad_bytes)
{
    static const char *const names[] = {
        [FIGURE_ADD] = "add", [FIGURE_PLAIN] = "plain"};
    const double nano = 1e9 / (double)f->parameters;
    const size_t which = faster(things, f->rounds);
    const contender *const step = &things[FIGURE_STEP];
    const contender *const limit = &things[which];
    const contender *const plain = &things[FIGURE_PLAIN];

    f->limit = f->what->kind == CASE_LUA ? "C" : names[which];
    f->ns = nano * measure_median(step->seconds, f->rounds);
    f->least = nano * measure_quantile(step->seconds, f->rounds, 0);
    f->limit_least = nano * measure_quantile(limit->seconds, f->rounds, 0);
    f->limit_ns = nano * measure_median(limit->seconds, f->rounds);
    f->ratio = ratio(step->seconds, limit->seconds, f->rounds, &f->spread);
    f->plain = plain->run == NULL ? (double)NAN
                                  : ratio(step->seconds, plain->seconds,
                                          f->rounds, &f->plain_spread);
    compute_rates(f, limit, &things[FIGURE_TRIAD], triad_bytes);
}

/* Bytes of the third level of cache that one processor uses, or 0; what sysconf
 * says is on some machines that of all processors together. */
static size_t cache_bytes(void)
{
    FILE *const file =
        fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
    size_t kib = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%zuK", &kib) != 1)
        kib = 0;
    fclose(file);
    return kib << 10;
}

static bool wants_plain(const figure *f)
{
    return f->what->kind == CASE_BF16 ||
           f->parameters * f->bytes <= cache_bytes();
}

bool figure_by_plain(const figure *f)
{
    return wants_plain(f) && !isnan(f->plain);
}

double figure_goal(const figure *f)
{
    if (f->what->about == GOAL_RATIO && wants_plain(f) && isnan(f->plain))
        return (double)NAN;
    return cases_goal(f->what, f->optimizer);
}

double figure_value(const figure *f)
{
    switch (f->what->about) {
    case GOAL_TENSOR:
        return f->ns * (double)f->parameters / (double)f->tensors * 1e-3;
    case GOAL_EXCESS:
        return (f->ratio - 1) * f->limit_ns * 1e-3;
    default:
        return figure_by_plain(f) ? f->plain : f->ratio;
    }
}

double figure_value_spread(const figure *f)
{
    /* The spread of the ratio is one of times of the limit. */
    const double micro = f->spread * f->limit_ns * 1e-3;

    switch (f->what->about) {
    case GOAL_TENSOR:
        return micro * (double)f->parameters / (double)f->tensors;
    case GOAL_EXCESS:
        return micro;
    default:
        return figure_by_plain(f) ? f->plain_spread : f->spread;
    }
}

verdict figure_verdict(const figure *f)
{
    const double goal = figure_goal(f);
    const double over = figure_value(f) - goal;

    if (isnan(goal))
        return VERDICT_NONE;
    return over <= 0                        ? VERDICT_HELD
           : over <= figure_value_spread(f) ? VERDICT_UNCLEAR
                                            : VERDICT_MISSED;
}
