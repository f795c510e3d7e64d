/* SPDX-License-Identifier: MIT */
/* The schedulers of PyTorch (torch.optim.lr_scheduler) that are closed forms of
 * the epoch, which is n here.  They multiply the optimizer's rate; so does
 * base_lr = 1, the default, where the rate is another factor. */
#include "schedule/rows.h"

enum { BASE_LR, A, B, C };

/* ---- step, multi_step, exponential ---- */

static const descent_param step_options[] = {
    BASE_LR_OPTION,
    NEEDED_COUNT("step_size", NULL, 1, "Steps between two drops."),
    REAL("gamma", 0.1, "What a drop multiplies by."),
};

static double step(const schedule_argument *a, uint64_t n)
{
    const uint64_t drops = n / (uint64_t)a[A].number;

    return a[BASE_LR].number * number_pow(a[B].number, (double)drops);
}

static const descent_param multi_step_options[] = {
    BASE_LR_OPTION,
    NEEDED_LIST("milestones", "The steps of the drops; one may be repeated."),
    REAL("gamma", 0.1, "What a drop multiplies by."),
};

static double multi_step(const schedule_argument *a, uint64_t n)
{
    double drops = 0;

    for (size_t i = 0; i < a[A].count; i++)
        drops += schedule_reaches(n, a[A].list[i]) ? 1 : 0;
    return a[BASE_LR].number * number_pow(a[B].number, drops);
}

static const descent_param exponential_options[] = {
    BASE_LR_OPTION,
    NEEDED_REAL("gamma", "What each step multiplies by."),
};

static double exponential(const schedule_argument *a, uint64_t n)
{
    return a[BASE_LR].number * number_pow(a[A].number, (double)n);
}

/* ---- constant, linear, polynomial ---- */

static const descent_param constant_options[] = {
    BASE_LR_OPTION,
    REAL_WITHIN("factor", 1.0 / 3, 0, 1, "What the first steps are scaled by."),
    COUNT("total_iters", 5, 0, "How many those are."),
};

static double constant(const schedule_argument *a, uint64_t n)
{
    return (double)n < a[B].number ? a[BASE_LR].number * a[A].number
                                   : a[BASE_LR].number;
}

static const descent_param linear_options[] = {
    BASE_LR_OPTION,
    ROW(DESCENT_PARAM_REAL, DESCENT_PARAM_MIN_OPEN, "start_factor", NULL, NULL,
        1.0 / 3, 0, 1, "The factor at step 0."),
    REAL_WITHIN("end_factor", 1, 0, 1, "The factor at the end."),
    COUNT("total_iters", 5, 1, "Steps to the end."),
};

static double linear(const schedule_argument *a, uint64_t n)
{
    return a[BASE_LR].number *
           between(a[A].number, a[B].number, (double)n / a[C].number);
}

static const descent_param polynomial_options[] = {
    BASE_LR_OPTION,
    COUNT("total_iters", 5, 1, "Steps to the end."),
    REAL("power", 1, "The exponent of what is left of the way."),
};

static double polynomial(const schedule_argument *a, uint64_t n)
{
    const double left = 1 - fmin((double)n / a[A].number, 1);

    return a[BASE_LR].number * number_pow(left, a[B].number);
}

static uint64_t lasts_a(const schedule_argument *a)
{
    return schedule_steps(a[A].number);
}

static uint64_t lasts_b(const schedule_argument *a)
{
    return schedule_steps(a[B].number);
}

static uint64_t lasts_c(const schedule_argument *a)
{
    return schedule_steps(a[C].number);
}

/* ---- cosine_annealing, cosine_annealing_warm_restarts ---- */

static const descent_param annealing_options[] = {
    BASE_LR_OPTION,
    NEEDED_COUNT("T_max", NULL, 1, "Steps from the top to the bottom."),
    REAL("eta_min", 0, "The rate at the bottom."),
};

/* It rises again after T_max, with the period 2 T_max. */
static double cosine_annealing(const schedule_argument *a, uint64_t n)
{
    const uint64_t half = (uint64_t)a[A].number, phase = n % (2 * half);
    const uint64_t way = phase <= half ? phase : 2 * half - phase;

    return a[B].number + (a[BASE_LR].number - a[B].number) *
                             half_cosine((double)way / a[A].number);
}

static const descent_param restarts_options[] = {
    BASE_LR_OPTION,
    NEEDED_COUNT("T_0", NULL, 1, "Steps of the first period."),
    COUNT("T_mult", 1, 1, "Each period's length over the one before."),
    REAL("eta_min", 0, "The rate that each period falls to."),
};

static double warm_restarts(const schedule_argument *a, uint64_t n)
{
    const uint64_t growth = (uint64_t)a[B].number;
    uint64_t length = (uint64_t)a[A].number;

    if (growth == 1)
        n %= length;
    while (n >= length) {
        n -= length;
        length = schedule_steps_multiply(length, growth);
    }
    return a[C].number + (a[BASE_LR].number - a[C].number) *
                             half_cosine((double)n / (double)length);
}

const schedule_kind schedule_torch[] = {
    KIND("step", "StepLR", step_options, .value = step),
    KIND("multi_step", "MultiStepLR", multi_step_options, .value = multi_step),
    KIND("constant", "ConstantLR", constant_options, .value = constant,
         .duration = lasts_b),
    KIND("linear", "LinearLR", linear_options, .value = linear,
         .duration = lasts_c),
    KIND("exponential", "ExponentialLR", exponential_options,
         .value = exponential),
    KIND("polynomial", "PolynomialLR", polynomial_options, .value = polynomial,
         .duration = lasts_a),
    KIND("cosine_annealing", "CosineAnnealingLR", annealing_options,
         .value = cosine_annealing),
    KIND("cosine_annealing_warm_restarts", "CosineAnnealingWarmRestarts",
         restarts_options, .value = warm_restarts),
    {.name = NULL},
};
