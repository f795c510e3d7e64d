/* SPDX-License-Identifier: MIT */
/*
 * RMSprop, plain and centered, with and without momentum.
 *
 *   Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning",
 *   2012; centered: Graves, "Generating sequences with recurrent neural
 *   networks", 2013.
 *
 * The centered radicand v - a*a cancels and can come out negative in any
 * precision; it is held at zero, where others go on with NaN.
 */
#include <descent/kernel.h>

enum { RHO, MOMENTUM, EPSILON, CENTERED, MODE, MOMENTUM_MODE, USED }; /* params */
enum { V, B, A };                                            /* slots        */
enum { KEEP, TAKE, MU, PUSH, SCALE, INNER, OUTER, COEFS };   /* coefficients */
enum { IN_SQRT, OUT_SQRT, IN_IF_CENTERED };
enum { ALWAYS, IF_CENTERED };
enum { LR_INSIDE, LR_OUTSIDE };

static const char *const modes[] = { "in_sqrt", "out_sqrt",
                                     "in_sqrt_if_centered", NULL };
static const char *const used[] = { "always", "if_centered", NULL };
static const char *const momentum_modes[] = { "lr_inside", "lr_outside", NULL };

static const char *const also_rho[] = { "alpha", "gamma1", NULL };
static const char *const also_momentum[] = { "gamma2", NULL };
static const char *const also_epsilon[] = { "eps", NULL };

static const descent_param params[] = {
    DESCENT_PARAM("learning_rate", DESCENT_PARAM_REAL, 0, 0.001, 0, HUGE_VAL,
                  "Step size."),
    DESCENT_PARAM_AS("rho", also_rho, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_KERAS3, 0.9, 0, 1,
                     "Decay of the mean of past squared gradients."),
    DESCENT_PARAM_AS("momentum", also_momentum, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_SELECTS | DESCENT_PARAM_KERAS3 |
                         DESCENT_PARAM_WARN_ABOVE, 0, 0, 1,
                     "Part of the previous step that is taken again; more than "
                     "1 is an error in keras3, a warning elsewhere."),
    DESCENT_PARAM_AS("epsilon", also_epsilon, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_WARN_ZERO | DESCENT_PARAM_KERAS3, 1e-7, 0, HUGE_VAL,
                     "Added so that no step divides by zero."),
    DESCENT_PARAM("centered", DESCENT_PARAM_BOOL,
                  DESCENT_PARAM_STRUCTURAL | DESCENT_PARAM_KERAS3, 0,
                  0, 1, "Divide by the deviation instead of the mean square."),
    DESCENT_CHOICE("epsilon_mode", 0, IN_SQRT, modes,
                   "Whether epsilon stands inside the square root."),
    DESCENT_CHOICE("momentum_mode", DESCENT_PARAM_STRUCTURAL, LR_INSIDE,
                   momentum_modes,
                   "Whether the buffer holds steps (lr_inside) or scaled "
                   "gradients."),
    DESCENT_CHOICE("momentum_used", DESCENT_PARAM_STRUCTURAL, ALWAYS, used,
                   "When momentum counts: MXNet's only does when centered."),
};

static const descent_preset presets[] = {
    DESCENT_PRESET("keras2", "epsilon_mode", OUT_SQRT),
    DESCENT_PRESET("mxnet", "epsilon", 1e-8),
    DESCENT_PRESET("mxnet", "epsilon_mode", IN_IF_CENTERED),
    DESCENT_PRESET("mxnet", "momentum", 0.9),
    DESCENT_PRESET("mxnet", "momentum_used", IF_CENTERED),
    DESCENT_PRESET("torch", "learning_rate", 0.01),
    DESCENT_PRESET("torch", "rho", 0.99),
    DESCENT_PRESET("torch", "epsilon", 1e-8),
    DESCENT_PRESET("torch", "epsilon_mode", OUT_SQRT),
    DESCENT_PRESET("torch", "momentum_mode", LR_OUTSIDE),
};

/* Variants: 0 plain, 1 momentum, 2 centered, 3 both. */
static const descent_slot slots[] = {
    DESCENT_SLOT_AS("velocity", DESCENT_SLOT_LEADS, 0, NULL, 0,
                    "Mean of past squared gradients."),
    DESCENT_SLOT("momentum", 0, 1u << 1 | 1u << 3, "Steps with momentum."),
    DESCENT_SLOT("average_gradient", 0, 1u << 2 | 1u << 3,
                 "Mean of past gradients."),
};

DESCENT_RULE(plain, USES(V), {
    s[V] = c[KEEP] * s[V] + c[TAKE] * (g * g);
    w   -= g * c[PUSH] / (SQRT(s[V] + c[INNER]) + c[OUTER]);
})

DESCENT_RULE(momentum, USES(V) | USES(B), {
    s[V] = c[KEEP] * s[V] + c[TAKE] * (g * g);
    s[B] = c[MU] * s[B] + g * c[PUSH] / (SQRT(s[V] + c[INNER]) + c[OUTER]);
    w   -= s[B] * c[SCALE];
})

DESCENT_RULE(centered, USES(V) | USES(A), {
    s[V] = c[KEEP] * s[V] + c[TAKE] * (g * g);
    s[A] = c[KEEP] * s[A] + c[TAKE] * g;
    real spread = MAX(s[V] - s[A] * s[A], 0);
    w   -= g * c[PUSH] / (SQRT(spread + c[INNER]) + c[OUTER]);
})

DESCENT_RULE(both, USES(V) | USES(B) | USES(A), {
    s[V] = c[KEEP] * s[V] + c[TAKE] * (g * g);
    s[A] = c[KEEP] * s[A] + c[TAKE] * g;
    real spread = MAX(s[V] - s[A] * s[A], 0);
    s[B] = c[MU] * s[B] + g * c[PUSH] / (SQRT(spread + c[INNER]) + c[OUTER]);
    w   -= s[B] * c[SCALE];
})

static uint32_t variant(const descent_optimizer_type *type, const double *param)
{
    const int centered = param[CENTERED] != 0;
    const int counts = centered || param[USED] == ALWAYS;

    (void)type;
    return (centered ? 2u : 0u) + (counts && param[MOMENTUM] != 0 ? 1u : 0u);
}

static descent_status prepare(void *self, const descent_moment *at, double *coef)
{
    const int centered = (at->variant & 2) != 0;
    const int inside = at->param[MODE] == IN_SQRT ||
                       (at->param[MODE] == IN_IF_CENTERED && centered);
    const int outside = (at->variant & 1) != 0 &&
                        at->param[MOMENTUM_MODE] == LR_OUTSIDE;

    (void)self;
    coef[KEEP] = at->param[RHO];
    coef[TAKE] = 1 - at->param[RHO];
    coef[MU] = at->param[MOMENTUM];
    coef[PUSH] = outside ? 1 : at->lr;
    coef[SCALE] = outside ? at->lr : 1;
    coef[INNER] = inside ? at->param[EPSILON] : 0;
    coef[OUTER] = inside ? 0 : at->param[EPSILON];
    return DESCENT_OK;
}

DESCENT_PLUGIN(rmsprop, "1.0.0", "RMSprop", "https://arxiv.org/abs/1308.0850",
               "Step along the gradient over its root mean square; leaving the "
               "defaults, but the rate, is recommended.",
               COEFS,
               prepare, variant, NULL, &plain_rule, &momentum_rule,
               &centered_rule, &both_rule)
