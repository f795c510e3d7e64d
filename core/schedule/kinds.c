/* SPDX-License-Identifier: MIT */
/* The schedules of Keras 3 (keras.optimizers.schedules), in double precision
 * and as pure functions of n, and "hold", which makes a schedule of a number.
 */
#include "schedule/kinds.h"

#include <math.h>

#include "base/number.h"
#include "base/text.h"

static const double PI = 0x1.921fb54442d18p+1;

#define NUMBER(name, initial, minimum, flags, help)                            \
    {                                                                          \
        sizeof(descent_param), DESCENT_PARAM_REAL, flags, name, help, initial, \
            minimum, HUGE_VAL, NULL, NULL                                      \
    }
#define ANY_NUMBER(name, initial, help)                                        \
    NUMBER(name, initial, -HUGE_VAL, 0, help)
#define POSITIVE(name, help) NUMBER(name, 1, 0, DESCENT_PARAM_MIN_OPEN, help)
#define SWITCH(name, help)                                                     \
    {                                                                          \
        sizeof(descent_param), DESCENT_PARAM_BOOL, 0, name, help, 0, 0, 1,     \
            NULL, NULL                                                         \
    }
#define LIST(name, help)                                                       \
    {                                                                          \
        sizeof(descent_param), SCHEDULE_LIST, 0, name, help, 0, 0, 0, NULL,    \
            NULL                                                               \
    }

/* From 1 at x = 0 to 0 at x = 1 along half a cosine. */
static double half_cosine(double x)
{
    return 0.5 * (1 + number_cos(PI * x));
}

/* ---- hold ---- */

static const descent_param hold_options[] = {
    ANY_NUMBER("value", 0, "The value at every step."),
};

static double hold(const schedule_argument *a, uint64_t n)
{
    (void)n;
    return a[0].number;
}

/* ---- exponential_decay, inverse_time_decay ---- */

enum { RATE, STEPS, DECAY_RATE, STAIRCASE };
static const descent_param decay_options[] = {
    ANY_NUMBER("initial_learning_rate", 0, "The rate at step 0."),
    POSITIVE("decay_steps", "Steps in which the rate decays once."),
    ANY_NUMBER("decay_rate", 0, "What one decay applies."),
    SWITCH("staircase", "Decay in jumps, once every decay_steps."),
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
    ANY_NUMBER("initial_learning_rate", 0, "The rate at step 0."),
    POSITIVE("decay_steps", "Steps to the end of the decay."),
    ANY_NUMBER("end_learning_rate", 1e-4, "The rate at the end."),
    ANY_NUMBER("power", 1, "The exponent of what is left of the way."),
    SWITCH("cycle", "Lengthen the decay whenever its end is passed."),
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

/* ---- piecewise_constant_decay ---- */

enum { BOUNDARIES, VALUES };
static const descent_param piecewise_options[] = {
    LIST("boundaries", "The last step of every piece but the last."),
    LIST("values", "The rate of every piece."),
};

static descent_status piecewise_check(const schedule_argument *a)
{
    const double *b = a[BOUNDARIES].list;
    char before[TEXT_NUMBER], after[TEXT_NUMBER];

    if (a[VALUES].count != a[BOUNDARIES].count + 1)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "piecewise_constant_decay.values has %zu numbers: "
                           "expected %zu, one more than boundaries",
                           a[VALUES].count, a[BOUNDARIES].count + 1);
    for (size_t i = 1; i < a[BOUNDARIES].count; i++)
        if (!(b[i] > b[i - 1]))
            return status_fail(
                DESCENT_ERR_ARGUMENT,
                "piecewise_constant_decay.boundaries: %s follows "
                "%s: expected strictly increasing numbers",
                text_number(b[i], after), text_number(b[i - 1], before));
    return DESCENT_OK;
}

/* n <= b without rounding n. */
static int at_most(uint64_t n, double b)
{
    return b >= 0 && (b >= 0x1p64 || n <= (uint64_t)b);
}

static double piecewise_constant_decay(const schedule_argument *a, uint64_t n)
{
    size_t piece = 0;

    while (piece < a[BOUNDARIES].count &&
           !at_most(n, a[BOUNDARIES].list[piece]))
        piece++;
    return a[VALUES].list[piece];
}

/* ---- cosine_decay ---- */

enum { ALPHA = 2, WARMUP_TARGET, WARMUP_STEPS };
static const descent_param cosine_options[] = {
    ANY_NUMBER("initial_learning_rate", 0, "The rate at step 0."),
    POSITIVE("decay_steps", "Steps of the decay, without those of the warmup."),
    ANY_NUMBER("alpha", 0, "The last rate, as a part of the highest."),
    ANY_NUMBER("warmup_target", NAN, "The rate that the warmup ends with."),
    NUMBER("warmup_steps", 0, 0, 0, "Steps of the warmup."),
};

/* Without a target there is no warmup, as in Keras. */
static double cosine_decay(const schedule_argument *a, uint64_t n)
{
    const double x = (double)n;
    const double warmup =
        isnan(a[WARMUP_TARGET].number) ? 0 : a[WARMUP_STEPS].number;
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
    ANY_NUMBER("initial_learning_rate", 0, "The rate at step 0."),
    POSITIVE("first_decay_steps", "Steps of the first period."),
    NUMBER("t_mul", 2, 1, 0, "Each period's length over the one before."),
    ANY_NUMBER("m_mul", 1, "Each period's first rate over the one before."),
    ANY_NUMBER("alpha", 0, "The lowest rate, as a part of the initial one."),
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

/* ---- The table ---- */

#define KIND(name, options, required, check)                                   \
    {                                                                          \
#name, options, sizeof options / sizeof *options, required, name,      \
            check                                                              \
    }

static const schedule_kind kinds[] = {
    KIND(exponential_decay, decay_options, 3, NULL),
    KIND(inverse_time_decay, decay_options, 3, NULL),
    KIND(polynomial_decay, polynomial_options, 2, NULL),
    KIND(piecewise_constant_decay, piecewise_options, 2, piecewise_check),
    KIND(cosine_decay, cosine_options, 2, NULL),
    KIND(cosine_decay_restarts, restarts_options, 2, NULL),
    KIND(hold, hold_options, 1, NULL),
};

const schedule_kind *schedule_kind_at(size_t i)
{
    return i < sizeof kinds / sizeof *kinds ? &kinds[i] : NULL;
}
