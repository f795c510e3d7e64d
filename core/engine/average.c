/* SPDX-License-Identifier: MIT */
/* Moving averages of the weights (use_ema). */
#include <math.h>

#include "engine/stage.h"
#include "engine/tile.h"

ema average_moment(const descent_optimizer *o, const entry *e)
{
    const settings *s = entry_settings(o, e);
    const double m = settings_now(s, OPTION_EMA_MOMENTUM);
    const bool first = o->updates == 0;

    return (ema){
        .on = e->average != NULL,
        .keep = first ? 0 : m,
        .take = first ? 1 : 1 - m,
    };
}

void average_update(entry *e, ema m)
{
    float weight[TILE], average[TILE];

    for (int64_t at = 0; at < e->count; at += TILE) {
        const size_t n = (size_t)(e->count - at < TILE ? e->count - at : TILE);
        void *to =
            stage_read(e->average, e->state_dtype, e->compute, at, n, average);
        tile_average(e->compute, n, m.keep, m.take,
                     stage_weight(e, at, n, weight), to);
        stage_write(e->average, e->state_dtype, e->compute, at, n, to);
    }
}

/* Every so many updates the averages become the weights, but for frozen ones;
 * asked after the counter of updates would have grown. */
void average_overwrite(descent_optimizer *o)
{
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        const double frequency =
            settings_now(entry_settings(o, e), OPTION_EMA_OVERWRITE_FREQUENCY);
        if (e->average != NULL && !entry_is_frozen(o, e) && !isnan(frequency) &&
            fmod((double)(o->updates + 1), frequency) == 0)
            stage_replace_weight(e, e->average);
    }
}
