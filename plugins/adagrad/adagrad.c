/* SPDX-License-Identifier: MIT */
/*
 * Adagrad: each weight's rate falls with the sum of its squared gradients.
 *
 *   Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning
 *   and stochastic optimization", 2011.
 */
#include <descent/kernel.h>

enum { START, EPSILON, MODE, LR_DECAY };                     /* params       */
enum { A };                                                  /* slots        */
enum { RATE, INNER, OUTER, COEFS };                          /* coefficients */
enum { IN_SQRT, OUT_SQRT };

static const char *const modes[] = { "in_sqrt", "out_sqrt", NULL };

static const char *const also_epsilon[] = { "eps", NULL };

static const descent_param params[] = {
    DESCENT_PARAM("learning_rate", DESCENT_PARAM_REAL, 0, 0.001, 0, HUGE_VAL,
                  "Step size; the paper's is 1.0."),
    DESCENT_PARAM("initial_accumulator_value", DESCENT_PARAM_REAL,
                  DESCENT_PARAM_STRUCTURAL | DESCENT_PARAM_KERAS3, 0.1, 0, HUGE_VAL,
                  "What the sum of squares starts from."),
    DESCENT_PARAM_AS("epsilon", also_epsilon, DESCENT_PARAM_REAL,
                     DESCENT_PARAM_WARN_ZERO | DESCENT_PARAM_KERAS3, 1e-7, 0, HUGE_VAL,
                     "Added so that no step divides by zero."),
    DESCENT_CHOICE("epsilon_mode", 0, IN_SQRT, modes,
                   "Whether epsilon stands inside the square root."),
    DESCENT_PARAM("lr_decay", DESCENT_PARAM_REAL, 0, 0, 0, HUGE_VAL,
                  "Divide the rate by 1 + (t - 1) * lr_decay."),
};

static const descent_preset presets[] = {
    DESCENT_PRESET("keras2", "learning_rate", 0.01),
    DESCENT_PRESET("keras2", "initial_accumulator_value", 0),
    DESCENT_PRESET("keras2", "epsilon_mode", OUT_SQRT),
    DESCENT_PRESET("mxnet", "learning_rate", 0.01),
    DESCENT_PRESET("mxnet", "initial_accumulator_value", 0),
    DESCENT_PRESET("mxnet", "epsilon", 1e-6),
    DESCENT_PRESET("mxnet", "epsilon_mode", OUT_SQRT),
    DESCENT_PRESET("torch", "learning_rate", 0.01),
    DESCENT_PRESET("torch", "initial_accumulator_value", 0),
    DESCENT_PRESET("torch", "epsilon", 1e-10),
    DESCENT_PRESET("torch", "epsilon_mode", OUT_SQRT),
};

static const descent_slot slots[] = {
    DESCENT_SLOT_AS("accumulator", DESCENT_SLOT_LEADS, 0,
                    "initial_accumulator_value", 0,
                    "Sum of past squared gradients."),
};

DESCENT_RULE(adagrad, USES(A), {
    s[A] += g * g;
    w    -= g * c[RATE] / (SQRT(s[A] + c[INNER]) + c[OUTER]);
})

static descent_status prepare(void *self, const descent_moment *at, double *coef)
{
    const int inside = at->param[MODE] == IN_SQRT;

    (void)self;
    coef[RATE] = at->lr / (1 + (double)(at->t - 1) * at->param[LR_DECAY]);
    coef[INNER] = inside ? at->param[EPSILON] : 0;
    coef[OUTER] = inside ? 0 : at->param[EPSILON];
    return DESCENT_OK;
}

DESCENT_PLUGIN(adagrad, "1.0.0", "Adagrad",
               "https://jmlr.org/papers/v12/duchi11a.html",
               "Step less where the gradients have been large; leaving the "
               "defaults is recommended.",
               COEFS,
               prepare, NULL, NULL, &adagrad_rule)
