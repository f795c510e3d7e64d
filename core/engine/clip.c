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

/* The factor of one tensor, or of all of a group. */
static double clip_factor(const settings *s, double norm)
{
    bool together;

    return norm_factor(norm, norm_limit(s, &together),
                       settings_now(s, OPTION_CLIP_EPSILON));
}

/* Is there a limit in any of the groups? */
static bool clip_groups(descent_optimizer *o, double norm)
{
    bool any = false;

    for (size_t k = 0; k < o->group_count; k++) {
        tensor_group *g = o->groups[k];
        bool together;
        g->limited = !isnan(norm_limit(g->settings, &together));
        g->apart = g->limited && !together;
        g->clip = g->limited && together ? clip_factor(g->settings, norm) : 1;
        any = any || g->limited;
    }
    return any;
}

uint32_t clip_norms(descent_optimizer *o, const step_plan *plan)
{
    uint32_t clipped = 0;

    if (!clip_groups(o, plan->norm))
        return 0;
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        const tensor_group *g = o->groups[e->group];
        if (!e->active || !g->limited)
            continue;
        e->clip = g->apart ? clip_factor(g->settings, e->norm) : g->clip;
        clipped += e->clip != 1;
    }
    return clipped;
}
