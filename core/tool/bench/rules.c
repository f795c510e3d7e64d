/* SPDX-License-Identifier: MIT */
/* The seven, for their limits: see rules.h.  The numbers are those of the
 * plugins' prepare(), computed here again for a check from outside. */
#include "tool/bench/rules.h"

#include <math.h>
#include <strings.h>

#include <descent/kernel.h>

/* Options that rules ask for. */
enum { RATE, BETA_1, BETA_2, EPSILON, RHO, PSI, MOMENTUM, OPTIONS };

/* Fill value[] with those in the mask; the first failure is returned. */
static descent_status ask(descent_optimizer *o, unsigned mask, double *value)
{
    static const char *const names[OPTIONS] = {
        [RATE] = "learning_rate", [BETA_1] = "beta_1", [BETA_2] = "beta_2",
        [EPSILON] = "epsilon",    [RHO] = "rho",       [PSI] = "nadam_psi",
        [MOMENTUM] = "momentum",
    };
    descent_status status = DESCENT_OK;

    for (size_t i = 0; i < OPTIONS && status == DESCENT_OK; i++)
        if (mask >> i & 1)
            status = descent_optimizer_get(o, names[i], &value[i]);
    return status;
}

#define ADAM_OPTIONS (1u << RATE | 1u << BETA_1 | 1u << BETA_2 | 1u << EPSILON)

/* numbers(name, options, body): `v` are the options, `c` the numbers. */
#define NUMBERS(name, options, ...)                                            \
    static descent_status name(descent_optimizer *o, uint64_t t,               \
                               double product, float *c)                       \
    {                                                                          \
        double v[OPTIONS] = {0};                                               \
        const descent_status status = ask(o, options, v);                      \
                                                                               \
        (void)t;                                                               \
        (void)product;                                                         \
        if (status == DESCENT_OK) {                                            \
            __VA_ARGS__                                                        \
        }                                                                      \
        return status;                                                         \
    }

NUMBERS(sgd, 1u << RATE, c[0] = (float)-v[RATE];)

NUMBERS(momentum, 1u << RATE | 1u << MOMENTUM, {
    c[0] = (float)v[MOMENTUM];
    c[1] = (float)-v[RATE];
})

NUMBERS(adam, ADAM_OPTIONS, {
    const double grown = sqrt(1 - descent_power(v[BETA_2], t));

    c[0] = (float)(1 - v[BETA_1]);
    c[1] = (float)(1 - v[BETA_2]);
    c[2] = (float)(v[RATE] * grown / (1 - descent_power(v[BETA_1], t)));
    c[3] = (float)v[EPSILON];
})

NUMBERS(adagrad, 1u << RATE | 1u << EPSILON, {
    c[0] = (float)v[RATE];
    c[1] = (float)v[EPSILON];
})

NUMBERS(rmsprop, 1u << RATE | 1u << RHO | 1u << EPSILON, {
    c[0] = (float)v[RHO];
    c[1] = (float)(1 - v[RHO]);
    c[2] = (float)v[RATE];
    c[3] = (float)v[EPSILON];
})

NUMBERS(adadelta, 1u << RATE | 1u << RHO | 1u << EPSILON, {
    c[0] = (float)v[RHO];
    c[1] = (float)(1 - v[RHO]);
    c[2] = (float)v[EPSILON];
    c[3] = (float)v[RATE];
})

NUMBERS(adamax, ADAM_OPTIONS, {
    c[0] = (float)(1 - v[BETA_1]);
    c[1] = (float)v[BETA_2];
    c[2] = (float)v[RATE];
    c[3] = (float)(1 - descent_power(v[BETA_1], t));
    c[4] = (float)v[EPSILON];
})

NUMBERS(nadam, ADAM_OPTIONS | 1u << PSI, {
    const double now = (double)t * v[PSI], then = (double)(t + 1) * v[PSI];
    const double u = v[BETA_1] * (1 - 0.5 * descent_pow(0.96, now));
    const double next = v[BETA_1] * (1 - 0.5 * descent_pow(0.96, then));
    const double grown = sqrt(1 - descent_power(v[BETA_2], t));
    const double alpha = v[RATE] * grown;

    product *= u;
    c[0] = (float)(1 - v[BETA_1]);
    c[1] = (float)(1 - v[BETA_2]);
    c[2] = (float)(alpha * next / (1 - product * next));
    c[3] = (float)(alpha * (1 - u) / (1 - product));
    c[4] = (float)(v[EPSILON] * grown);
})

static const bench_rule rules[] = {
    {"sgd", "sgd", 0, true, sgd},
    {"adam", "adam", 0, true, adam},
    {"adagrad", "adagrad", 0, true, adagrad},
    {"rmsprop", "rmsprop", 0, true, rmsprop},
    {"adadelta", "adadelta", 0, true, adadelta},
    {"adamax", "adamax", 0, true, adamax},
    {"nadam", "nadam", 0, true, nadam},
    {"momentum", "sgd", 0.9, false, momentum},
};

const bench_rule *rules_at(size_t i)
{
    return i < sizeof rules / sizeof *rules ? &rules[i] : NULL;
}

const bench_rule *rules_find(const char *name)
{
    for (size_t i = 0; rules_at(i) != NULL; i++)
        if (strcasecmp(rules_at(i)->name, name) == 0)
            return rules_at(i);
    return NULL;
}

const limits_rule *rules_loops(const bench_rule *rule)
{
    size_t i = 0;

    while (strcmp(limits_rule_at(i)->name, rule->name) != 0)
        i++;
    return limits_rule_at(i);
}
