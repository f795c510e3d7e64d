/* SPDX-License-Identifier: MIT */
/* What a trial can do without is tried piece by piece, the largest first, until
 * nothing more goes. */
#include <string.h>

#include "search/search.h"

int differs(const trial *t, const trial_way *way)
{
    trial_result expected, found;
    trial_way reference = trial_reference;

    /* Whether a trial may be cut says the meaning of its options. */
    if (way->cut > 0 && !trial_may_be_cut(t))
        return 0;
    return trial_run(t, &reference, &expected) == NULL &&
           trial_run(t, way, &found) == NULL && expected.hash != found.hash;
}

/* Take a smaller one over if it still differs. */
static int take(trial *t, trial_way *way, const trial *smaller,
                const trial_way *simpler)
{
    if (!differs(smaller, simpler))
        return 0;
    *t = *smaller;
    *way = *simpler;
    return 1;
}

static int simplify_way(trial *t, trial_way *way)
{
    const trial_way plain = trial_reference;
    trial_way tries[7];
    int taken = 0;

    for (int i = 0; i < 7; i++) {
        trial_way *w = &tries[i];
        *w = *way;
        switch (i) {
        case 0:
            w->threads = plain.threads;
            break;
        case 1:
            w->isa = plain.isa;
            break;
        case 2:
            w->plugins = plain.plugins;
            break;
        case 3:
            w->fused = plain.fused;
            break;
        case 4:
            w->aggregate = plain.aggregate;
            break;
        case 5:
            w->cut = plain.cut;
            break;
        default:
            w->threads = w->threads > 2 ? 2 : w->threads;
            break;
        }
        if (memcmp(w, way, sizeof *w) != 0)
            taken += take(t, way, t, w);
    }
    return taken;
}

static int drop_tensors(trial *t, trial_way *way)
{
    int taken = 0;

    for (size_t i = t->tensors; t->tensors > 1 && i-- > 0;) {
        trial s = *t;
        memmove(&s.tensor[i], &s.tensor[i + 1],
                (--s.tensors - i) * sizeof *s.tensor);
        taken += take(t, way, &s, way);
    }
    return taken;
}

static int drop_options(trial *t, trial_way *way)
{
    int taken = 0;

    for (size_t i = t->options; i-- > 0;) {
        trial s = *t;
        memmove(&s.option[i], &s.option[i + 1],
                (--s.options - i) * sizeof *s.option);
        taken += take(t, way, &s, way);
    }
    return taken;
}

/* Halve a number, or else make it one less. */
#define LOWER(field, least)                                                    \
    if (t->field > (least)) {                                                  \
        trial s = *t;                                                          \
        s.field = ((least) + t->field) / 2;                                    \
        if (take(t, way, &s, way)) {                                           \
            taken++;                                                           \
        } else {                                                               \
            s.field = t->field - 1;                                            \
            taken += take(t, way, &s, way);                                    \
        }                                                                      \
    }

static int lower_numbers(trial *t, trial_way *way)
{
    int taken = 0;

    LOWER(steps, 1)
    LOWER(sparse, 0)
    LOWER(missing, 0)
    LOWER(special, 0)
    for (size_t i = 0; i < t->tensors; i++) {
        LOWER(tensor[i].rows, 0)
        LOWER(tensor[i].columns, 1)
    }
    return taken;
}

void shrink(trial *t, trial_way *way)
{
    enum { ROUNDS = 200 };

    for (int i = 0; i < ROUNDS; i++)
        if (simplify_way(t, way) + drop_tensors(t, way) + drop_options(t, way) +
                lower_numbers(t, way) ==
            0)
            return;
}
