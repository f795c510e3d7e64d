/* SPDX-License-Identifier: MIT */
/*
 * Adamax: Adam with the largest past gradient in place of the mean square.
 *
 *   Kingma and Ba, "Adam: a method for stochastic optimization", 2015,
 *   section 7.1.
 */
#include <descent/kernel.h>

enum { BETA_1, BETA_2, EPSILON, MODE };                      /* params       */
enum { M, U };                                               /* slots        */
enum { RATE, TAKE, KEEP, GROWN, FLOOR, TINY, COEFS };        /* coefficients */
enum { DENOMINATOR, IN_MAX };

static const char *const modes[] = { "denominator", "in_max", NULL };

static const char *const also_beta_1[] = { "beta1", NULL };
static const char *const also_beta_2[] = { "beta2", NULL };
static const char *const also_epsilon[] = { "eps", NULL };

static const descent_param params[] = {
    DESCENT_PARAM("learning_rate", DESCENT_PARAM_REAL, 0, 0.001, 0, HUGE_VAL,
                  "Step size."),
    DESCENT_PARAM_AS("beta_1", also_beta_1, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_MAX_OPEN | DESCENT_PARAM_KERAS3, 0.9, 0, 1,
                     "Decay of the mean of past gradients."),
    DESCENT_PARAM_AS("beta_2", also_beta_2, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_MAX_OPEN | DESCENT_PARAM_KERAS3, 0.999, 0, 1,
                     "Decay of the largest past gradient."),
    DESCENT_PARAM_AS("epsilon", also_epsilon, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_WARN_ZERO | DESCENT_PARAM_KERAS3, 1e-7, 0, HUGE_VAL,
                     "Added so that no step divides by zero."),
    DESCENT_CHOICE("epsilon_mode", 0, DENOMINATOR, modes,
                   "Add epsilon to the denominator at use, or to the gradient "
                   "inside the maximum."),
};

static const descent_preset presets[] = {
    DESCENT_PRESET("keras2", "learning_rate", 0.002),
    DESCENT_PRESET("mxnet", "learning_rate", 0.002),
    DESCENT_PRESET("mxnet", "epsilon", 1e-8),
    DESCENT_PRESET("torch", "learning_rate", 0.002),
    DESCENT_PRESET("torch", "epsilon", 1e-8),
    DESCENT_PRESET("torch", "epsilon_mode", IN_MAX),
};

static const descent_slot slots[] = {
    DESCENT_SLOT("momentum", 0, 0, "Mean of past gradients."),
    DESCENT_SLOT("norm", 0, 0, "Largest past gradient, decayed."),
};

DESCENT_RULE(adamax, USES(M) | USES(U), {
    s[M] += (g - s[M]) * c[TAKE];
    s[U]  = MAX(c[KEEP] * s[U], ABS(g) + c[FLOOR]);
    w    -= s[M] * c[RATE] / (c[GROWN] * (s[U] + c[TINY]));
})

static descent_status prepare(void *self, const descent_moment *at, double *coef)
{
    const int in_max = at->param[MODE] == IN_MAX;

    (void)self;
    coef[RATE] = at->lr;
    coef[TAKE] = 1 - at->param[BETA_1];
    coef[KEEP] = at->param[BETA_2];
    coef[GROWN] = 1 - descent_power(at->param[BETA_1], at->t);
    coef[FLOOR] = in_max ? at->param[EPSILON] : 0;
    coef[TINY] = in_max ? 0 : at->param[EPSILON];
    return DESCENT_OK;
}

DESCENT_PLUGIN(adamax, "1.0.0", "Adamax", "https://arxiv.org/abs/1412.6980",
               "Step along the mean gradient over the largest one.", COEFS,
               prepare, NULL, NULL, &adamax_rule)
