/* SPDX-License-Identifier: MIT */
/*
 * Nadam: Adam with Nesterov's momentum and a momentum that warms up.
 *
 *   Dozat, "Incorporating Nesterov momentum into Adam", 2016.
 *
 * The momentum of update t is u_t = beta_1 * (1 - 0.5 * 0.96^(t * psi)); the
 * product of all u so far is the scalar state u_product.
 */
#include <descent/kernel.h>

enum { BETA_1, BETA_2, EPSILON, PSI, PRECISION };            /* params       */
enum { M, V };                                               /* slots        */
enum { ALONG_M, ALONG_G, TAKE_1, TAKE_2, TINY, COEFS };      /* coefficients */
enum { PRODUCT };                                            /* scalars      */
enum { IN_F64, IN_F32 };

static const char *const precisions[] = { "f64", "f32", NULL };

static const char *const also_beta_1[] = { "beta1", NULL };
static const char *const also_beta_2[] = { "beta2", NULL };
static const char *const also_epsilon[] = { "eps", NULL };
static const char *const also_psi[] = { "schedule_decay", "momentum_decay", NULL };

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
    DESCENT_PARAM_AS("nadam_psi",
                     also_psi,
                     DESCENT_PARAM_REAL, 0, 1, 0, HUGE_VAL,
                     "How fast the momentum warms up, in the exponent."),
    DESCENT_CHOICE("nadam_product", DESCENT_PARAM_STRUCTURAL, IN_F64,
                   precisions, "The precision that u_product is kept in."),
};

static const descent_preset presets[] = {
    DESCENT_PRESET("keras2", "learning_rate", 0.002),
    DESCENT_PRESET("keras2", "nadam_psi", 0.004),
    DESCENT_PRESET("mxnet", "epsilon", 1e-8),
    DESCENT_PRESET("mxnet", "nadam_psi", 0.004),
    DESCENT_PRESET("torch", "learning_rate", 0.002),
    DESCENT_PRESET("torch", "epsilon", 1e-8),
    DESCENT_PRESET("torch", "nadam_psi", 0.004),
    DESCENT_PRESET("torch", "nadam_product", IN_F32),
};

static const descent_slot slots[] = {
    DESCENT_SLOT("momentum", 0, 0, "Mean of past gradients."),
    DESCENT_SLOT("velocity", 0, 0, "Mean of past squared gradients."),
    DESCENT_SCALAR("u_product", 1, 0, "Product of all momenta so far."),
};

DESCENT_RULE(nadam, USES(M) | USES(V), {
    s[M] += (g - s[M]) * c[TAKE_1];
    s[V] += (g * g - s[V]) * c[TAKE_2];
    w    -= (s[M] * c[ALONG_M] + g * c[ALONG_G]) / (SQRT(s[V]) + c[TINY]);
})

static descent_status prepare(void *self, const descent_moment *at, double *coef)
{
    const double b1 = at->param[BETA_1], b2 = at->param[BETA_2];
    const double psi = at->param[PSI], t = (double)at->t;
    const double u = b1 * (1 - 0.5 * descent_pow(0.96, t * psi));
    const double next = b1 * (1 - 0.5 * descent_pow(0.96, (t + 1) * psi));
    const double wide = at->scalar[PRODUCT] * u;
    const double product = at->param[PRECISION] == IN_F32
                               ? (float)((float)at->scalar[PRODUCT] * (float)u)
                               : wide;
    /* The bias correction of the root goes to the other side of the division,
     * which saves one an element. */
    const double grown = sqrt(1 - descent_power(b2, at->t));
    const double alpha = at->lr * grown;

    (void)self;
    at->scalar[PRODUCT] = product;
    coef[ALONG_M] = alpha * next / (1 - product * next);
    coef[ALONG_G] = alpha * (1 - u) / (1 - product);
    coef[TAKE_1] = 1 - b1;
    coef[TAKE_2] = 1 - b2;
    coef[TINY] = at->param[EPSILON] * grown;
    return DESCENT_OK;
}

DESCENT_PLUGIN(nadam, "1.0.0", "Nadam",
               "https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
               "Step along the gradient and its mean over the root mean square; "
               "leaving the defaults is recommended.",
               COEFS, prepare, NULL, NULL, &nadam_rule)
