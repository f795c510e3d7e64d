/* SPDX-License-Identifier: MIT */
/* Norms of gradients, and the factors that keep them within their limits. */
#include <math.h>

#include "engine/optimizer.h"

static double norm_factor(double norm, double limit, double epsilon)
{
    /* Up to the limit the gradient keeps every bit; a norm that is not finite
     * makes everything in its scope NaN. */
    norm += epsilon;
    if (norm <= limit)
        return 1;
    return isfinite(norm) ? limit / norm : (double)NAN;
}

/* The limit of a tensor's norm, NaN for none, and whether it is one of all
 * tensors together. */
static double norm_limit(const settings *s, bool *together)
{
    const double each = settings_now(s, OPTION_CLIPNORM);
    const double all = settings_now(s, OPTION_GLOBAL_CLIPNORM);

    *together =
        isnan(each) || settings_now(s, OPTION_CLIP_SCOPE) == CLIP_SCOPE_GLOBAL;
    return isnan(each) ? all : each;
}

bool clip_measure(descent_optimizer *o, step_plan *plan)
{
    bool needed = settings_now(&o->settings, OPTION_REPORT_NORM) != 0;
    bool together;

    for (size_t k = 0; k < o->group_count && plan->updates; k++)
        needed =
            needed || !isnan(norm_limit(o->groups[k]->settings, &together));
    if (needed && !plan->measured) {
        plan->norm = gradient_norms(o, plan->source);
        plan->measured = true;
    }
    return plan->measured;
}

uint32_t clip_norms(descent_optimizer *o, const step_plan *plan)
{
    uint32_t clipped = 0;

    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        const settings *s = entry_settings(o, e);
        bool together;
        const double limit = norm_limit(s, &together);
        if (!e->active || isnan(limit))
            continue;
        e->clip = norm_factor(together ? plan->norm : e->norm, limit,
                              settings_now(s, OPTION_CLIP_EPSILON));
        clipped += e->clip != 1;
    }
    return clipped;
}
