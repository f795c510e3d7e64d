/* SPDX-License-Identifier: MIT */
/* The plan's pieces, shared out among the threads of the runtime. */
#ifndef DESCENT_ENGINE_WORK_H
#define DESCENT_ENGINE_WORK_H

#include "engine/optimizer.h"

/* Work on spans [begin, end) of the plan, which are one piece or several. */
typedef descent_status work_piece(void *context, size_t begin, size_t end);

/* After the work of a step. */
void work_end(descent_optimizer *o);

/* Run `f` on every piece of the plan, on the calling thread alone when it is
 * about few elements of so many arrays.  Of several failures the one of the
 * first piece counts, as if they ran in order; pieces after it may be left out.
 * What a plugin says of it may still depend on how pieces were put together. */
descent_status work_run(descent_optimizer *o, int64_t elements, size_t arrays,
                        work_piece *f, void *context);

/* The tensor that span k is about. */
static inline entry *work_entry(const descent_optimizer *o, size_t k)
{
    return &o->entries[o->parts[k].entry];
}

#endif
