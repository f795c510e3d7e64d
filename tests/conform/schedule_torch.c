/* SPDX-License-Identifier: MIT */
/* PyTorch's schedulers: they change the optimizer's rate and momentum, and some
 * are given functions, which are written as text. */
#include "schedule.h"

#include <math.h>
#include <string.h>

/* ---- Functions ---- */

typedef double formula(double epoch);

static double inverse(double epoch)
{
    return 1.0 / (1.0 + 0.1 * epoch);
}

static double power(double epoch)
{
    return pow(0.95, epoch);
}

static double same(double epoch)
{
    (void)epoch;
    return 0.95;
}

typedef struct row {
    const char *text;
    formula *at;
} row;

static const row formulas[] = {
    {"1.0 / (1.0 + 0.1 * epoch)", inverse},
    {"0.95 ** epoch", power},
    {"0.95", same},
};

static descent_status evaluate(void *user, uint64_t n,
                               const descent_schedule_context *context,
                               double *value)
{
    (void)context;
    *value = ((const row *)user)->at((double)n);
    return DESCENT_OK;
}

static bool set_function(trial *t, descent_options *options, const char *name,
                         const json_t *text)
{
    descent_schedule *schedule = NULL;
    const row *found = NULL;
    bool right;

    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (json_is_string(text) &&
            strcmp(formulas[i].text, json_string_value(text)) == 0)
            found = &formulas[i];
    if (found == NULL)
        return trial_fault(t, "%s: the function is not translated", name);
    right =
        (descent_schedule_from_function(t->runtime, evaluate,
                                        (void *)(uintptr_t)found, NULL,
                                        &schedule) == DESCENT_OK &&
         descent_options_set_schedule(options, name, schedule) == DESCENT_OK) ||
        trial_descent_fault(t, name);
    descent_schedule_release(schedule);
    return right;
}

/* ---- Schedules ---- */

/* Those that bring rates of their own do not start from the optimizer's. */
static bool has_own_rates(const char *kind)
{
    return strcmp(kind, "CyclicLR") == 0 || strcmp(kind, "OneCycleLR") == 0;
}

static bool create(trial *t, const char *kind, json_t *config, double base_lr,
                   descent_schedule **out);

static bool set_parts(trial *t, descent_options *options, json_t *list,
                      double base_lr)
{
    enum { MOST = 8 };
    descent_schedule *parts[MOST] = {NULL};
    const size_t n = json_array_size(list);
    bool right =
        (n > 0 && n <= MOST) ||
        trial_fault(t, "schedulers: expected a list of up to %d", MOST);

    for (size_t i = 0; right && i < n; i++) {
        json_t *part = json_array_get(list, i);
        const char *kind = take_text(t, part, "class_name");
        json_t *config = take(t, part, "config", JSON_OBJECT);
        right = kind != NULL && config != NULL &&
                expect_empty(t, part, "schedulers") &&
                create(t, kind, config, base_lr, &parts[i]);
    }
    if (right && descent_options_set_schedules(options, "schedulers", parts,
                                               n) != DESCENT_OK)
        right = trial_descent_fault(t, "schedulers");
    for (size_t i = 0; i < MOST; i++)
        descent_schedule_release(parts[i]);
    return right;
}

static bool set_rest(trial *t, descent_options *options, const char *kind,
                     json_t *function, json_t *parts, double base_lr)
{
    if (function != NULL && !set_function(t, options, "lr_lambda", function))
        return false;
    if (parts != NULL)
        return set_parts(t, options, parts, base_lr);
    return has_own_rates(kind) ||
           descent_options_set_number(options, "base_lr", base_lr) ==
               DESCENT_OK ||
           trial_descent_fault(t, "base_lr");
}

static bool create(trial *t, const char *kind, json_t *config, double base_lr,
                   descent_schedule **out)
{
    json_t *function = take_optional(t, config, "lr_lambda");
    json_t *parts = take_optional(t, config, "schedulers");
    descent_options *options = NULL;

    if (!options_from(t, config, &options))
        return false;
    if (set_rest(t, options, kind, function, parts, base_lr))
        return plan_create(t, kind, NULL, options, out);
    descent_options_free(options);
    return false;
}

/* ---- Momentum ---- */

static bool hold(trial *t, double value, descent_schedule **out)
{
    descent_options *options;

    if (descent_options_create(t->runtime, &options) != DESCENT_OK)
        return trial_descent_fault(t, "options");
    if (descent_options_set_number(options, "value", value) != DESCENT_OK) {
        descent_options_free(options);
        return trial_descent_fault(t, "value");
    }
    return plan_create(t, "hold", NULL, options, out);
}

/* The momentum stays the optimizer's where the schedule leaves it alone. */
static bool read_momentum(trial *t, plan *p)
{
    json_t *optimizer = take(t, t->json, "optimizer_config", JSON_OBJECT);
    const char *kind = strcmp(p->kind, "CyclicLR") == 0 ? "cyclic_momentum"
                                                        : "one_cycle_momentum";
    double momentum;

    if (optimizer == NULL ||
        !take_number(t, optimizer, "momentum", &momentum) ||
        !expect_empty(t, optimizer, "optimizer_config"))
        return false;
    if (json_is_false(json_object_get(p->config, "cycle_momentum")))
        return hold(t, momentum, &p->momentum);
    return plan_create(t, kind, p->config, NULL, &p->momentum);
}

bool plan_read_torch(trial *t, plan *p)
{
    double base_lr;

    if (!take_number(t, t->json, "base_lr", &base_lr))
        return false;
    p->metrics = take_optional(t, t->json, "metrics");
    p->momenta = take_optional(t, t->json, "expected_momentum");
    if (p->momenta != NULL && !read_momentum(t, p))
        return false;
    return create(t, p->kind, p->config, base_lr, &p->rate);
}
