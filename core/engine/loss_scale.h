/* SPDX-License-Identifier: MIT */
/* The loss scale: fixed, or as large as the gradients bear. */
#ifndef DESCENT_ENGINE_LOSS_SCALE_H
#define DESCENT_ENGINE_LOSS_SCALE_H

#include "engine/settings.h"

/* Where dynamic scaling is on (OPTION_LOSS_SCALE), both are state that a
 * checkpoint must keep; else the scale is the option's, and 1 without one. */
typedef struct loss_scale {
    double scale;  /* that gradients arrive with */
    uint64_t good; /* finite steps since it last changed */
} loss_scale;

/* Options given together: what implies dynamic scaling, what excludes it, and
 * its bounds. */
descent_status loss_scale_settle(settings *s, const descent_options *options);

/* What an optimizer begins with. */
loss_scale loss_scale_first(const settings *s);

/* A step was done, or skipped because its gradients were not finite. */
void loss_scale_advance(loss_scale *l, const settings *s, bool finite);

#endif
