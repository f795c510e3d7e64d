/* SPDX-License-Identifier: MIT */
/* The schedules of Keras 3 (keras.optimizers.schedules), in double precision
 * and as pure functions of n. */
#include "base/text.h"
#include "schedule/rows.h"

/* ---- exponential_decay, inverse_time_decay ---- */

enum { RATE, STEPS, DECAY_RATE, STAIRCASE };
static const descent_param decay_options[] = {
    NEEDED_REAL("initial_learning_rate", "The rate at step 0."),
    NEEDED_POSITIVE("decay_steps", "Steps in which the rate decays once."),
    NEEDED_REAL("decay_rate", "What one decay applies."),
    SWITCH("staircase", 0, "Decay in jumps, once every decay_steps."),
};

static double decays(const schedule_argument *a, uint64_t n)
{
    const double x = (double)n / a[STEPS].number;

    return a[STAIRCASE].number != 0 ? floor(x) : x;
}

static double exponential_decay(const schedule_argument *a, uint64_t n)
{
    return a[RATE].number * number_pow(a[DECAY_RATE].number, decays(a, n));
}

static double inverse_time_decay(const schedule_argument *a, uint64_t n)
{
    return a[RATE].number / (1 + a[DECAY_RATE].number * decays(a, n));
}

/* ---- polynomial_decay ---- */

enum { END = 2, POWER, CYCLE };
static const descent_param polynomial_options[] = {
    NEEDED_REAL("initial_learning_rate", "The rate at step 0."),
    NEEDED_POSITIVE("decay_steps", "Steps to the end of the decay."),
    REAL("end_learning_rate", 1e-4, "The rate at the end."),
    REAL("power", 1, "The exponent of what is left of the way."),
    SWITCH("cycle", 0, "Lengthen the decay whenever its end is passed."),
};

static double polynomial_decay(const schedule_argument *a, uint64_t n)
{
    const double x = (double)n;
    const double cycles =
        a[CYCLE].number != 0 && n > 0 ? ceil(x / a[STEPS].number) : 1;
    const double way = fmin(x / (a[STEPS].number * cycles), 1);

    return (a[RATE].number - a[END].number) *
               number_pow(1 - way, a[POWER].number) +
           a[END].number;
}

static uint64_t polynomial_duration(const schedule_argument *a)
{
    return a[CYCLE].number != 0 ? DESCENT_ENDLESS
                                : schedule_steps(a[STEPS].number);
}

/* ---- piecewise_constant_decay ---- */

enum { BOUNDARIES, VALUES };
static const descent_param piecewise_options[] = {
    NEEDED_LIST("boundaries", "The last step of every piece but the last."),
    NEEDED_LIST("values", "The rate of every piece."),
};

static descent_status piecewise_check(const schedule_argument *a)
{
    if (a[VALUES].count != a[BOUNDARIES].count + 1)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "piecewise_constant_decay.values has %zu numbers: "
                           "expected %zu, one more than boundaries",
                           a[VALUES].count, a[BOUNDARIES].count + 1);
    return schedule_check_rising("piecewise_constant_decay", "boundaries",
                                 &a[BOUNDARIES]);
}

static double piecewise_constant_decay(const schedule_argument *a, uint64_t n)
{
    size_t piece = 0;

    while (piece < a[BOUNDARIES].count &&
           schedule_passes(n, a[BOUNDARIES].list[piece]))
        piece++;
    return a[VALUES].list[piece];
}

/* ---- cosine_decay ---- */

enum { ALPHA = 2, WARMUP_TARGET, WARMUP_STEPS };
static const descent_param cosine_options[] = {
    NEEDED_REAL("initial_learning_rate", "The rate at step 0."),
    NEEDED_POSITIVE("decay_steps",
                    "Steps of the decay, without those of the warmup."),
    REAL("alpha", 0, "The last rate, as a part of the highest."),
    REAL("warmup_target", NAN, "The rate that the warmup ends with."),
    REAL_WITHIN("warmup_steps", 0, 0, HUGE_VAL, "Steps of the warmup."),
};

/* Without a target there is no warmup, as in Keras. */
static double cosine_warmup(const schedule_argument *a)
{
    return isnan(a[WARMUP_TARGET].number) ? 0 : a[WARMUP_STEPS].number;
}

static uint64_t cosine_duration(const schedule_argument *a)
{
    return schedule_steps(cosine_warmup(a) + a[STEPS].number);
}

static double cosine_decay(const schedule_argument *a, uint64_t n)
{
    const double x = (double)n;
    const double warmup = cosine_warmup(a);
    const double top = isnan(a[WARMUP_TARGET].number) ? a[RATE].number
                                                      : a[WARMUP_TARGET].number;
    const double way = fmin((x - warmup) / a[STEPS].number, 1);

    if (x < warmup)
        return a[RATE].number + (top - a[RATE].number) * (x / warmup);
    return top * ((1 - a[ALPHA].number) * half_cosine(way) + a[ALPHA].number);
}

/* ---- cosine_decay_restarts ---- */

enum { T_MUL = 2, M_MUL, FLOOR };
static const descent_param restarts_options[] = {
    NEEDED_REAL("initial_learning_rate", "The rate at step 0."),
    NEEDED_POSITIVE("first_decay_steps", "Steps of the first period."),
    REAL_WITHIN("t_mul", 2, 1, HUGE_VAL,
                "Each period's length over the one before."),
    REAL("m_mul", 1, "Each period's first rate over the one before."),
    REAL("alpha", 0, "The lowest rate, as a part of the initial one."),
};

/* The period is found by bisection over the lengths of 1, 2, 4, ... periods
 * from the first on: S(2 i) = S(i) (1 + T^i) and S(i + j) = S(i) + T^i S(j) are
 * sums of positive terms, exact for whole lengths, and serve T = 1 as well. */
static double cosine_decay_restarts(const schedule_argument *a, uint64_t n)
{
    enum { LEVELS = 128 };
    const double x = (double)n;
    double length[LEVELS], growth[LEVELS]; /* S(2^k), T^(2^k) */
    double start = 0, scale = 1, period = 0;
    int k = 0;

    length[0] = a[STEPS].number;
    growth[0] = a[T_MUL].number;
    for (; length[k] <= x; k++) {
        if (k + 1 == LEVELS)
            return NAN; /* periods of less than 2^-63 steps */
        length[k + 1] = length[k] * (1 + growth[k]);
        growth[k + 1] = growth[k] * growth[k];
    }
    while (k-- > 0) {
        if (start + scale * length[k] <= x) {
            start += scale * length[k];
            scale *= growth[k];
            period += ldexp(1, k);
        }
    }
    return a[RATE].number *
           ((1 - a[FLOOR].number) * number_pow(a[M_MUL].number, period) *
                half_cosine((x - start) / (scale * a[STEPS].number)) +
            a[FLOOR].number);
}

const schedule_kind schedule_keras[] = {
    KIND("exponential_decay", "ExponentialDecay", decay_options,
         .value = exponential_decay),
    KIND("inverse_time_decay", "InverseTimeDecay", decay_options,
         .value = inverse_time_decay),
    KIND("polynomial_decay", "PolynomialDecay", polynomial_options,
         .value = polynomial_decay, .duration = polynomial_duration),
    KIND("piecewise_constant_decay", "PiecewiseConstantDecay",
         piecewise_options, .value = piecewise_constant_decay,
         .check = piecewise_check),
    KIND("cosine_decay", "CosineDecay", cosine_options, .value = cosine_decay,
         .duration = cosine_duration),
    KIND("cosine_decay_restarts", "CosineDecayRestarts", restarts_options,
         .value = cosine_decay_restarts),
    {.name = NULL},
};
