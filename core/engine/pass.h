/* SPDX-License-Identifier: MIT */
/* What the files of the pass share: pass.c decides what goes to the plugin
 * directly, batch.c does the rest. */
#ifndef DESCENT_ENGINE_PASS_H
#define DESCENT_ENGINE_PASS_H

#include "engine/optimizer.h"

/* Those who work on a part of the pass have copies of their own. */
typedef struct pass_state {
    descent_optimizer *o;
    step_plan *plan;
    descent_pass pass;
    bool fused;  /* the plugin's fused_step may be called */
    bool apart;  /* some tensors' norms are kept within limits of their own */
    bool aims;   /* the spans are to be pointed at what they work on */
    bool takes;  /* what the core is to do, the plugin does for all sets */
    double most; /* tensors in one call */
    uint64_t calls;
} pass_state;

/* Does storing a weight change what the rule made of it for good? */
static inline bool entry_is_rounded(const entry *e)
{
    return entry_is_narrow(e) && e->keeps != MASTER_F32;
}

/* What a span needs, of which the plugin takes a part. */
uint32_t pass_share(const pass_state *p, const entry *e, uint32_t needs);

/* Call the rule on n spans; `stored` as in descent_pass. */
descent_status pass_call(pass_state *p, const descent_span *spans, size_t n,
                         descent_dtype compute, descent_dtype stored);

/* batch.c: update the elements of a span that the plugin cannot take as it is,
 * with the core's share of the work.  Where only some rows take part, those that
 * end there. */
descent_status batch_run(pass_state *p, const descent_span *span, entry *e);

#endif
