/* SPDX-License-Identifier: MIT */
/*
 * Adadelta: steps in the units of past steps.
 *
 *   Zeiler, "ADADELTA: an adaptive learning rate method", 2012, whose rate is 1.
 */
#include <descent/kernel.h>

enum { RHO, EPSILON };                                       /* params       */
enum { A, E };                                               /* slots        */
enum { KEEP, TAKE, TINY, RATE, COEFS };                      /* coefficients */

static const char *const also_epsilon[] = { "eps", NULL };

static const descent_param params[] = {
    DESCENT_PARAM("learning_rate", DESCENT_PARAM_REAL, 0, 0.001, 0, HUGE_VAL,
                  "Step size; the paper's is 1.0."),
    DESCENT_PARAM("rho", DESCENT_PARAM_REAL, DESCENT_PARAM_KERAS3, 0.95, 0, 1,
                  "Decay of the means of squared gradients and steps."),
    DESCENT_PARAM_AS("epsilon", also_epsilon, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_WARN_ZERO | DESCENT_PARAM_KERAS3, 1e-7, 0, HUGE_VAL,
                     "Added inside both roots; it sets the first steps."),
};

static const descent_preset presets[] = {
    DESCENT_PRESET("keras2", "learning_rate", 1),
    DESCENT_PRESET("mxnet", "learning_rate", 1),
    DESCENT_PRESET("mxnet", "rho", 0.9),
    DESCENT_PRESET("mxnet", "epsilon", 1e-6),
    DESCENT_PRESET("torch", "learning_rate", 1),
    DESCENT_PRESET("torch", "rho", 0.9),
    DESCENT_PRESET("torch", "epsilon", 1e-6),
};

static const descent_slot slots[] = {
    DESCENT_SLOT_AS("accumulated_grad", DESCENT_SLOT_LEADS, 0, NULL, 0,
                    "Mean of past squared gradients."),
    DESCENT_SLOT("accumulated_delta_var", 0, 0, "Mean of past squared steps."),
};

DESCENT_RULE(adadelta, USES(A) | USES(E), {
    s[A] = c[KEEP] * s[A] + c[TAKE] * (g * g);
    real d = SQRT(s[E] + c[TINY]) * g / SQRT(s[A] + c[TINY]);
    s[E] = c[KEEP] * s[E] + c[TAKE] * (d * d);
    w   -= c[RATE] * d;
})

static descent_status prepare(void *self, const descent_moment *at, double *coef)
{
    (void)self;
    coef[KEEP] = at->param[RHO];
    coef[TAKE] = 1 - at->param[RHO];
    coef[TINY] = at->param[EPSILON];
    coef[RATE] = at->lr;
    return DESCENT_OK;
}

DESCENT_PLUGIN(adadelta, "1.0.0", "Adadelta", "https://arxiv.org/abs/1212.5701",
               "Step along the gradient, scaled by past steps over past "
               "gradients; leaving the defaults is recommended.",
               COEFS, prepare, NULL, NULL, &adadelta_rule)
