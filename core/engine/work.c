/* SPDX-License-Identifier: MIT */
#include "engine/work.h"

#include <stdatomic.h>
#include <string.h>

#include <descent/descent.h>

#include "base/levels.h"

/* Elements, each array of them counted, below which a second thread gains
 * little; and below which it loses when it must be woken first, as it must be
 * unless steps follow each other at once. */
enum { FEW = 1 << 16, SOME = 3 << 17 };
static const double AT_ONCE = 20e-6; /* seconds */
/* Pieces that a thread takes at once. */
enum { MOST = 64 };
enum { MESSAGE = 4096 };

typedef struct work {
    const descent_optimizer *o;
    work_piece *f;
    void *context;
    atomic_size_t failed; /* the first piece that did, or SIZE_MAX */
    atomic_flag busy;     /* guards the failure's text */
    descent_status status;
    char message[MESSAGE];
} work;

/* What pieces [begin, end) are about, in loops at the levels of the runtime. */
static descent_status run_at_level(const descent_optimizer *o, work_piece *f,
                                   void *context, size_t begin, size_t end)
{
    const descent_isa before = levels_allow(o->runtime->isa);
    const descent_status status =
        f(context, o->pieces[begin].begin, o->pieces[end - 1].end);

    levels_allow(before);
    return status;
}

/* Failures are a thread's own: keep what this one's last said. */
static void keep_failure(work *w, size_t i, descent_status status)
{
    while (atomic_flag_test_and_set_explicit(&w->busy, memory_order_acquire))
        continue;
    if (i < atomic_load(&w->failed)) {
        atomic_store(&w->failed, i);
        w->status = status;
        w->message[0] = '\0';
        strncat(w->message, descent_error_message(), MESSAGE - 1);
    }
    atomic_flag_clear_explicit(&w->busy, memory_order_release);
}

static void run_pieces(void *arg, size_t begin, size_t end)
{
    work *w = arg;
    descent_status status;

    if (begin > atomic_load_explicit(&w->failed, memory_order_relaxed))
        return;
    status = run_at_level(w->o, w->f, w->context, begin, end);
    if (status != DESCENT_OK)
        keep_failure(w, begin, status);
}

/* Beyond SOME the number of arrays does not matter. */
static int64_t weigh(int64_t elements, size_t arrays)
{
    return elements < SOME ? elements * (int64_t)arrays : elements;
}

void work_end(descent_optimizer *o)
{
    const int64_t weight = weigh(o->work, o->arrays);

    /* Those that are awake need not be asked about. */
    if (weight >= FEW && weight < SOME && !pool_is_awake(o->runtime->threads))
        o->ended = descent_clock();
}

static bool begins_at_once(const descent_optimizer *o)
{
    return pool_is_awake(o->runtime->threads) ||
           descent_clock() - o->ended < AT_ONCE;
}

descent_status work_run(descent_optimizer *o, int64_t elements, size_t arrays,
                        work_piece *f, void *context)
{
    const int64_t weight = weigh(elements, arrays);
    work w;

    if (o->piece_count == 0)
        return DESCENT_OK;
    if (weight < FEW || (weight < SOME && !begins_at_once(o)))
        return run_at_level(o, f, context, 0, o->piece_count);
    w.o = o;
    w.f = f;
    w.context = context;
    atomic_init(&w.failed, SIZE_MAX);
    atomic_flag_clear(&w.busy);
    pool_run(o->runtime->threads, o->piece_count, MOST, run_pieces, &w);
    return atomic_load(&w.failed) == SIZE_MAX
               ? DESCENT_OK
               : descent_error_set(w.status, "%s", w.message);
}
