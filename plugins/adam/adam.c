/* SPDX-License-Identifier: MIT */
/*
 * Adam and AMSGrad.
 *
 *   Kingma and Ba, "Adam: a method for stochastic optimization", 2015,
 *   in the form before its section 2.1, where epsilon stands outside the bias
 *   correction; Reddi, Kale and Kumar, "On the convergence of Adam and
 *   beyond", 2018.
 */
#include <descent/kernel.h>

enum { BETA_1, BETA_2, EPSILON, MODE, AMSGRAD };             /* params       */
enum { M, V, V_MAX };                                        /* slots        */
enum { ALPHA, TAKE_1, TAKE_2, TINY, COEFS };                 /* coefficients */
enum { HAT, PLAIN };

static const char *const modes[] = { "hat", "plain", NULL };

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
                     "Decay of the mean of past squared gradients."),
    DESCENT_PARAM_AS("epsilon", also_epsilon, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_WARN_ZERO | DESCENT_PARAM_KERAS3, 1e-7, 0, HUGE_VAL,
                     "Added to the root, so that no step divides by zero."),
    DESCENT_CHOICE("epsilon_mode", 0, HAT, modes,
                   "Add epsilon before (hat) or after (plain) the bias "
                   "correction of the root."),
    DESCENT_PARAM("amsgrad", DESCENT_PARAM_BOOL,
                  DESCENT_PARAM_STRUCTURAL | DESCENT_PARAM_KERAS3, 0,
                  0, 1, "Divide by the largest second moment seen so far."),
};

static const descent_preset presets[] = {
    /* AdamW: 0 is "decoupled". */
    DESCENT_PRESET("adamw", "weight_decay", 0.004),
    DESCENT_PRESET("adamw", "weight_decay_mode", 0),
    DESCENT_PRESET("adamw_torch", "weight_decay", 0.01),
    DESCENT_PRESET("mxnet", "epsilon", 1e-8),
    DESCENT_PRESET("torch", "epsilon", 1e-8),
    DESCENT_PRESET("torch", "epsilon_mode", PLAIN),
};

static const descent_slot slots[] = {
    DESCENT_SLOT("momentum", 0, 0, "Mean of past gradients."),
    DESCENT_SLOT("velocity", 0, 0, "Mean of past squared gradients."),
    DESCENT_SLOT_AS("velocity_hat", DESCENT_SLOT_LISTED, 0, NULL, 1u << 1,
                    "Largest velocity so far."),
};

DESCENT_RULE(adam, USES(M) | USES(V), {
    s[M] += (g - s[M]) * c[TAKE_1];
    s[V] += (g * g - s[V]) * c[TAKE_2];
    w    -= s[M] * c[ALPHA] / (SQRT(s[V]) + c[TINY]);
})

DESCENT_RULE(amsgrad, USES(M) | USES(V) | USES(V_MAX), {
    s[M]     += (g - s[M]) * c[TAKE_1];
    s[V]     += (g * g - s[V]) * c[TAKE_2];
    s[V_MAX]  = MAX(s[V_MAX], s[V]);
    w        -= s[M] * c[ALPHA] / (SQRT(s[V_MAX]) + c[TINY]);
})

static uint32_t variant(const descent_optimizer_type *type, const double *param)
{
    (void)type;
    return param[AMSGRAD] != 0;
}

static descent_status prepare(void *self, const descent_moment *at, double *coef)
{
    const double b1 = at->param[BETA_1], b2 = at->param[BETA_2];
    const double grown_1 = 1 - descent_power(b1, at->t);
    const double grown_2 = sqrt(1 - descent_power(b2, at->t));

    (void)self;
    coef[ALPHA] = at->lr * grown_2 / grown_1;
    coef[TAKE_1] = 1 - b1;
    coef[TAKE_2] = 1 - b2;
    coef[TINY] = at->param[EPSILON] * (at->param[MODE] == PLAIN ? grown_2 : 1);
    return DESCENT_OK;
}

DESCENT_PLUGIN(adam, "1.0.0", "Adam", "https://arxiv.org/abs/1412.6980",
               "Step along the mean gradient over the root mean square.",
               COEFS, prepare, variant, NULL, &adam_rule, &amsgrad_rule)
