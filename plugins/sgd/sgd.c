/* SPDX-License-Identifier: MIT */
/*
 * Stochastic gradient descent, plain, with momentum and with Nesterov's.
 *
 *   Polyak, "Some methods of speeding up the convergence of iteration methods",
 *   1964; Sutskever, Martens, Dahl and Hinton, "On the importance of
 *   initialization and momentum in deep learning", 2013, for the two forms here.
 */
#define DESCENT_CHECK check
#include <descent/kernel.h>

enum { MOMENTUM, NESTEROV, MODE, DAMPENING, FIRST, KEPT };   /* params       */
enum { V };                                                  /* slots        */
enum { MU, PUSH, AHEAD, SCALE, COEFS };                      /* coefficients */
enum { LR_INSIDE, LR_OUTSIDE };
enum { FROM_ZERO, FROM_GRADIENT };
enum { WHEN_USED, ALWAYS };

static const char *const modes[] = { "lr_inside", "lr_outside", NULL };
static const char *const kept[] = { "when_used", "always", NULL };
static const char *const firsts[] = { "zero", "gradient", NULL };

static const descent_param params[] = {
    DESCENT_PARAM("learning_rate", DESCENT_PARAM_REAL, 0, 0.01, 0, HUGE_VAL,
                  "Step size."),
    DESCENT_PARAM("momentum", DESCENT_PARAM_REAL,
                  DESCENT_PARAM_SELECTS | DESCENT_PARAM_KERAS3 |
                      DESCENT_PARAM_WARN_ABOVE, 0, 0, 1,
                  "Part of the previous step that is taken again; more than 1 "
                  "is an error in keras3, a warning elsewhere."),
    DESCENT_PARAM("nesterov", DESCENT_PARAM_BOOL,
                  DESCENT_PARAM_STRUCTURAL | DESCENT_PARAM_KERAS3, 0,
                  0, 1, "Look one step of momentum ahead."),
    DESCENT_CHOICE("momentum_mode", DESCENT_PARAM_STRUCTURAL, LR_INSIDE, modes,
                   "Whether the buffer holds steps (lr_inside) or gradients."),
    DESCENT_PARAM("dampening", DESCENT_PARAM_REAL, 0, 0, 0, 1,
                  "Part of the gradient kept out of the buffer."),
    DESCENT_CHOICE("momentum_start", DESCENT_PARAM_STRUCTURAL, FROM_ZERO,
                   firsts, "What the buffer holds before the first update."),
    DESCENT_CHOICE("momentum_slot", DESCENT_PARAM_STRUCTURAL, WHEN_USED, kept,
                   "Whether the buffer is kept where momentum is 0, too."),
};

static const descent_preset presets[] = {
    DESCENT_PRESET("keras2", "momentum_slot", ALWAYS),
    DESCENT_PRESET("mxnet", "learning_rate", 0.1),
    DESCENT_PRESET("torch", "learning_rate", 0.001),
    DESCENT_PRESET("torch", "momentum_mode", LR_OUTSIDE),
    DESCENT_PRESET("torch", "momentum_start", FROM_GRADIENT),
};

static const descent_slot slots[] = {
    DESCENT_SLOT("momentum", 0, 1u << 1 | 1u << 2, "The velocity."),
};

DESCENT_RULE(plain, 0, {
    w += g * c[PUSH];
})

DESCENT_RULE(momentum, USES(V), {
    s[V] = s[V] * c[MU] + g * c[PUSH];
    w   += s[V] * c[SCALE];
})

DESCENT_RULE(nesterov, USES(V), {
    s[V] = s[V] * c[MU] + g * c[PUSH];
    w   += (s[V] * c[MU] + g * c[AHEAD]) * c[SCALE];
})

static uint32_t variant(const descent_optimizer_type *type, const double *param)
{
    (void)type;
    if (param[MOMENTUM] == 0)
        return param[KEPT] == ALWAYS;
    return param[NESTEROV] == 0 ? 1 : 2;
}

/* What PyTorch's constructor refuses, and others let pass. */
static descent_status check(const descent_optimizer_type *type,
                            const descent_host *host, const char *flavour,
                            const double *param)
{
    (void)type;
    if (strcmp(flavour, "torch") != 0 || param[NESTEROV] == 0 ||
        (param[MOMENTUM] > 0 && param[DAMPENING] == 0))
        return DESCENT_OK;
    return (host->fail)(host, DESCENT_ERR_ARGUMENT,
                        "sgd.nesterov = true: expected momentum > 0 and "
                        "dampening = 0 with it in the flavour torch");
}

static descent_status prepare(void *self, const descent_moment *at, double *coef)
{
    const int    momentum = at->variant != 0;
    const int    outside = momentum && at->param[MODE] == LR_OUTSIDE;
    const int    whole = !momentum || (at->t == 1 &&
                                    at->param[FIRST] == FROM_GRADIENT);
    const double push = whole ? 1 : 1 - at->param[DAMPENING];

    (void)self;
    /* Adding the negative rounds as subtracting does. */
    coef[MU] = at->param[MOMENTUM];
    coef[PUSH] = outside ? push : push * -at->lr;
    coef[AHEAD] = outside ? 1 : -at->lr;
    coef[SCALE] = outside ? -at->lr : 1;
    return DESCENT_OK;
}

DESCENT_PLUGIN(sgd, "1.0.0", "SGD", "https://doi.org/10.1016/0041-5553(64)90137-5",
               "Step against the gradient, with momentum if wanted.", COEFS,
               prepare, variant, NULL, &plain_rule, &momentum_rule,
               &nesterov_rule)
