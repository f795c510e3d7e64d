/* SPDX-License-Identifier: MIT */
/*
 * Lion: steps of one size, along the sign of an average.
 *
 *   Chen et al., "Symbolic discovery of optimization algorithms", 2023.
 *
 * A plugin as a third party writes one, from the installed headers alone:
 *
 *     cc $(pkg-config --cflags descent-plugin) -fPIC -shared lion.c \
 *        -o lion.so $(pkg-config --libs descent-plugin)
 */
#include <descent/kernel.h>

enum { BETA_1, BETA_2 };                              /* params       */
enum { M };                                           /* slots        */
enum { RATE, KEEP_1, TAKE_1, KEEP_2, TAKE_2, COEFS }; /* coefficients */

static const descent_param params[] = {
    DESCENT_PARAM("learning_rate", DESCENT_PARAM_REAL, 0, 0.001, 0, HUGE_VAL,
                  "Step size; a tenth to a third of what suits Adam."),
    DESCENT_PARAM("beta_1", DESCENT_PARAM_REAL, 0, 0.9, 0, 1,
                  "Weight of the mean against the gradient in the step."),
    DESCENT_PARAM("beta_2", DESCENT_PARAM_REAL, 0, 0.99, 0, 1,
                  "Decay of the mean of past gradients."),
};

static const descent_preset presets[] = {
    DESCENT_PRESET("torch", "learning_rate", 0.0001),
};

static const descent_slot slots[] = {
    DESCENT_SLOT("momentum", 0, 0, "Mean of past gradients."),
};

DESCENT_RULE(lion, USES(M), {
    real along = c[KEEP_1] * s[M] + c[TAKE_1] * g;
    w -= c[RATE] * SIGN(along);
    s[M] = c[KEEP_2] * s[M] + c[TAKE_2] * g;
})

static descent_status prepare(void *self, const descent_moment *at,
                              double *coef)
{
    (void)self;
    coef[RATE] = at->lr;
    coef[KEEP_1] = at->param[BETA_1];
    coef[TAKE_1] = 1 - at->param[BETA_1];
    coef[KEEP_2] = at->param[BETA_2];
    coef[TAKE_2] = 1 - at->param[BETA_2];
    return DESCENT_OK;
}

DESCENT_PLUGIN(lion, "0.1.0", "Lion", "https://arxiv.org/abs/2302.06675",
               "Step along the sign of an average of gradients.", COEFS,
               prepare, NULL, NULL, &lion_rule)
