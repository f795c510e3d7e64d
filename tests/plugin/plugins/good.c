/* SPDX-License-Identifier: MIT */
/* A plugin as third parties write it, from a rule. */
#include <descent/kernel.h>

enum { FRICTION };
enum { BUFFER };

static const descent_param params[] = {
    DESCENT_PARAM("learning_rate", DESCENT_PARAM_REAL, 0, 0.1, 0, HUGE_VAL,
                  "Step size."),
    DESCENT_PARAM("friction", DESCENT_PARAM_REAL, DESCENT_PARAM_MAX_OPEN, 0.9,
                  0, 1, "Part of the speed that is kept."),
};
static const descent_preset presets[] = {
    DESCENT_PRESET("torch", "friction", 0.5),
};
static const descent_slot slots[] = {
    DESCENT_SLOT("speed", 0, 0, "Sum of past steps."),
};

DESCENT_RULE(good, USES(BUFFER), {
    s[BUFFER] = s[BUFFER] * c[0] - g * c[1];
    w += s[BUFFER];
})

static descent_status prepare(void *self, const descent_moment *at,
                              double *coef)
{
    (void)self;
    coef[0] = at->param[FRICTION];
    coef[1] = at->lr;
    return DESCENT_OK;
}

DESCENT_PLUGIN(good, "1.0.0", "Good", "none", "Goes downhill.", 2, prepare,
               NULL, NULL, &good_rule)
