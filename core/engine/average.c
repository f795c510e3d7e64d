/* SPDX-License-Identifier: MIT */
/* Moving averages of the weights (use_ema). */
#include <math.h>

#include "engine/stage.h"
#include "engine/tile.h"
#include "engine/work.h"

ema average_moment(const descent_optimizer *o, const entry *e)
{
    const settings *s = entry_settings(o, e);
    const double m = settings_now(s, OPTION_EMA_MOMENTUM);
    const bool first = o->updates == 0;

    return (ema){
        /* Also for a tensor without elements, which has none itself. */
        .on = o->settings.number[OPTION_USE_EMA] != 0,
        .keep = first ? 0 : m,
        .take = first ? 1 : 1 - m,
    };
}

static void update(entry *e, ema m, const descent_span *span)
{
    const int64_t end = span->first + span->count;
    float weight[TILE], average[TILE];

    for (int64_t at = span->first; at < end; at += TILE) {
        const size_t n = (size_t)(end - at < TILE ? end - at : TILE);
        void *to =
            stage_read(e->average, e->state_dtype, e->compute, at, n, average);
        tile_average(e->compute, n, m.keep, m.take,
                     stage_weight(e, at, n, weight), to);
        stage_write(e->average, e->state_dtype, e->compute, at, n, to);
    }
}

/* What the pass has not averaged already. */
static bool is_left(const entry *e, bool passed)
{
    return (!passed || !e->active || e->partial) && e->average != NULL;
}

/* Every so many updates the averages become the weights, but for frozen ones;
 * asked before the counter of updates has grown. */
static bool overwrites(const descent_optimizer *o, const entry *e)
{
    const double frequency =
        settings_now(entry_settings(o, e), OPTION_EMA_OVERWRITE_FREQUENCY);

    return e->average != NULL && !entry_is_frozen(o, e) && !isnan(frequency) &&
           fmod((double)(o->updates + 1), frequency) == 0;
}

typedef struct finish {
    const descent_optimizer *o;
    bool passed;
} finish;

static descent_status finish_piece(void *context, size_t begin, size_t end)
{
    const finish *f = context;
    const descent_optimizer *o = f->o;

    for (size_t k = begin; k < end; k++) {
        const descent_span *span = &o->spans[k];
        entry *e = work_entry(o, k);
        if (is_left(e, f->passed))
            update(e, average_moment(o, e), span);
        if (overwrites(o, e))
            stage_replace_weight(e, e->average, span->first,
                                 (size_t)span->count);
    }
    return DESCENT_OK;
}

void averages_finish(descent_optimizer *o, bool passed)
{
    finish f = {o, passed};
    int64_t elements = 0;

    if (o->settings.number[OPTION_USE_EMA] == 0)
        return;
    for (size_t i = 0; i < o->count; i++) {
        const entry *e = &o->entries[i];
        if (is_left(e, passed) || overwrites(o, e))
            elements += e->count;
    }
    if (elements > 0)
        work_run(o, elements, 2, finish_piece, &f);
}
