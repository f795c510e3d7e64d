/* SPDX-License-Identifier: MIT */
#include "tensor/finite.h"

#include <stdatomic.h>

#include "base/text.h"
#include "engine/rows.h"
#include "engine/work.h"
#include "tensor/convert.h"
#include "tensor/view.h"

/* Both give the index of the first number that is not finite, and the number;
 * or the count of elements. */

static int64_t find_dense(const entry *e, double *value)
{
    const int64_t i = finite_until(e->now_dtype, e->compute, e->now, e->count);

    if (i < e->count)
        convert(DESCENT_DTYPE_F64, value, e->now_dtype,
                dtype_at(e->now, e->now_dtype, i), 1);
    return i;
}

/* Rows that are named more than once are judged by their sum. */
static int64_t find_listed(const entry *e, double *value)
{
    gradient_pieces p = gradient_walk(e, (gradient_source){false, 1});
    double block[NORM_BLOCK];
    const void *g;

    while ((g = gradient_next(&p, block)) != NULL) {
        const int64_t n = (int64_t)p.n;
        const int64_t i = finite_until(e->compute, e->compute, g, n);
        if (i < n) {
            convert(DESCENT_DTYPE_F64, value, e->compute,
                    dtype_at(g, e->compute, i), 1);
            return p.first + i;
        }
    }
    return e->count;
}

static descent_status refuse(const entry *e, int64_t index, double value)
{
    char number[TEXT_NUMBER];

    return status_fail(DESCENT_ERR_NUMERIC,
                       "gradient of '%s' is %s at index %lld (the first is 0): "
                       "expected finite numbers in %s, as on_nonfinite = "
                       "\"error\" demands",
                       e->name, text_number(value, number), (long long)index,
                       dtype_name(e->compute));
}

/* The first number that is not finite of one tensor's. */
static int64_t find(const entry *e, double *value)
{
    return e->sparse ? find_listed(e, value) : find_dense(e, value);
}

/* What only earlier steps have fed was judged then. */
static bool is_judged(const entry *e)
{
    return e->active && e->now != NULL;
}

typedef struct finite_work {
    const descent_optimizer *o;
    atomic_bool bad;
} finite_work;

static descent_status judge_piece(void *context, size_t begin, size_t end)
{
    finite_work *w = context;

    for (size_t k = begin; k < end; k++) {
        const descent_span *span = &w->o->spans[k];
        const entry *e = work_entry(w->o, k);
        bool good = true;
        double value;
        if (!is_judged(e))
            continue;
        if (atomic_load_explicit(&w->bad, memory_order_relaxed))
            break;
        if (!e->sparse)
            good = finite_until(e->now_dtype, e->compute,
                                dtype_at(e->now, e->now_dtype, span->first),
                                span->count) == span->count;
        else if (span->first == 0)
            good = find_listed(e, &value) == e->count;
        if (!good)
            atomic_store_explicit(&w->bad, true, memory_order_relaxed);
    }
    return DESCENT_OK;
}

descent_status finite_judge(descent_optimizer *o, bool *finite)
{
    const bool fails =
        settings_now(&o->settings, OPTION_ON_NONFINITE) == NONFINITE_ERROR;
    finite_work w = {.o = o};

    work_run(o, o->work, 1, judge_piece, &w);
    *finite = !atomic_load(&w.bad);
    for (size_t i = 0; i < o->count && !*finite && fails; i++) {
        const entry *e = &o->entries[i];
        double value = 0;
        const int64_t until = is_judged(e) ? find(e, &value) : e->count;
        if (until < e->count)
            return refuse(e, until, value);
    }
    return DESCENT_OK;
}
