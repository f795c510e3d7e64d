/* SPDX-License-Identifier: MIT */
/* The arrays of the limit, and its runs: see opponent.h. */
#include "tool/bench/opponent.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* ---- Its arrays. ---- */

static bool like_weights(const subject *s, const char *slot)
{
    descent_tensor view = {.struct_size = sizeof view};
    size_t n = 1;

    if (strcmp(slot, "master") == 0 ||
        descent_optimizer_slot(s->optimizer, 0, slot, &view) != DESCENT_OK)
        return false;
    for (uint32_t i = 0; i < view.ndim; i++)
        n *= (size_t)view.shape[i];
    return view.dtype == DESCENT_DTYPE_F32 &&
           n == shape_elements(&s->list.at[0]);
}

const char *opponent_slot(const subject *s, size_t k)
{
    const char *name;
    bool average = false;

    for (size_t i = 0;
         (name = descent_optimizer_slot_name(s->optimizer, i)) != NULL; i++) {
        if (strcmp(name, "average") == 0)
            average = true;
        else if (like_weights(s, name) && k-- == 0)
            return name;
    }
    return average && k == 0 ? "average" : NULL;
}

static descent_status no_memory(void)
{
    return descent_error_set(DESCENT_ERR_MEMORY, "bench: out of memory");
}

/* Gradients without the gaps between tensors. */
static void pack(const subject *s, char *to, size_t size)
{
    const char *const from = s->gradients;

    if (s->rows != NULL) {
        memcpy(to, from, s->updated * size);
        return;
    }
    for (size_t i = 0; i < s->list.count; i++) {
        const size_t n = shape_elements(&s->list.at[i]);

        memcpy(to, from + s->offset[i] * size, n * size);
        to += n * size;
    }
}

static descent_status make_arrays(subject *s)
{
    limits_arrays *const x = &s->limit;
    const size_t n = s->elements;

    x->weight = blocks_take(&s->memory, n * sizeof *x->weight);
    if (x->weight == NULL)
        return no_memory();
    while (opponent_slot(s, x->slots) != NULL) {
        float *const slot = blocks_take(&s->memory, n * sizeof *slot);

        if (x->slots == LIMITS_SLOTS || slot == NULL)
            return no_memory();
        if (strcmp(opponent_slot(s, x->slots), "average") == 0)
            x->average = slot;
        x->slot[x->slots++] = slot;
    }
    return DESCENT_OK;
}

static descent_status make_gradients(subject *s)
{
    limits_arrays *const x = &s->limit;
    const bool half = s->dtype == DESCENT_DTYPE_BF16;
    const size_t size = half ? sizeof *x->gradient16 : sizeof *x->gradient;
    void *const gradients = blocks_take(&s->memory, s->updated * size);

    if (gradients == NULL)
        return no_memory();
    pack(s, gradients, size);
    if (!half) {
        x->gradient = gradients;
        return DESCENT_OK;
    }
    x->gradient16 = gradients;
    x->weight16 = blocks_take(&s->memory, s->elements * size);
    return x->weight16 != NULL ? DESCENT_OK : no_memory();
}

/* Three arrays, together as large as those of a step, up to a size that no cache
 * holds. */
static descent_status make_triad(subject *s)
{
    enum { MOST = 1 << 25 };
    const size_t n = s->updated * (2 + s->limit.slots) / 3;

    s->triad = n < MOST ? n : MOST;
    for (size_t k = 0; k < 3; k++) {
        s->limit.triad[k] =
            blocks_take(&s->memory, s->triad * sizeof *s->limit.triad[k]);
        if (s->limit.triad[k] == NULL)
            return no_memory();
    }
    return DESCENT_OK;
}

static size_t bytes_of(const subject *s)
{
    const size_t slots = 2 * sizeof(float) * s->limit.slots;

    if (s->dtype == DESCENT_DTYPE_BF16)
        return 2 * sizeof(uint16_t) + 2 * sizeof(float) + slots;
    /* A norm takes another reading of the gradients. */
    return (s->what->kind == CASE_AVERAGE ? 4 : 3) * sizeof(float) + slots;
}

descent_status opponent_open(subject *s)
{
    descent_status status = make_arrays(s);

    if (status == DESCENT_OK)
        status = make_gradients(s);
    if (status != DESCENT_OK)
        return status;
    s->bytes = bytes_of(s);
    return make_triad(s);
}

/* ---- Its runs. ---- */

typedef struct job {
    const subject *s;
    limits_loop *loop;
    size_t n; /* elements, or rows */
} job;

/* Where part i of `size` of n begins; a cache line is never shared. */
static size_t cut(size_t n, size_t i, size_t size)
{
    enum { LINE = 16 };

    return i == size ? n : n * i / size / LINE * LINE;
}

static void sweep(void *arg, size_t i, size_t size)
{
    const job *const j = arg;
    const size_t from = cut(j->n, i, size), end = cut(j->n, i + 1, size);

    j->loop(&j->s->limit, from, from, end - from);
}

static void sweep_rows(void *arg, size_t i, size_t size)
{
    const job *const j = arg;
    const size_t width = j->s->updated / j->s->row_count;
    const size_t end = cut(j->n, i + 1, size);

    for (size_t r = cut(j->n, i, size); r < end; r++)
        j->loop(&j->s->limit, (size_t)j->s->rows[r] * width, r * width, width);
}

void opponent_sweep(subject *s, limits_loop *loop)
{
    const bool rows = s->rows != NULL;
    job j = {.s = s, .loop = loop, .n = rows ? s->row_count : s->elements};

    crew_run(s->crew, rows ? sweep_rows : sweep, &j);
}

typedef struct sums {
    const subject *s;
    double of[CREW_MOST]; /* each worker's, of squares */
} sums;

static void squares(void *arg, size_t i, size_t size)
{
    sums *const all = arg;
    const size_t n = all->s->elements;
    const size_t from = cut(n, i, size), end = cut(n, i + 1, size);

    all->of[i] = limits_squares(&all->s->limit, from, end - from);
}

/* The norm of all gradients. */
static double norm(const subject *s)
{
    sums all = {.s = s};
    double sum = 0;

    crew_run(s->crew, squares, &all);
    for (size_t i = 0; i < CREW_MOST; i++)
        sum += all.of[i];
    return sqrt(sum);
}

static void run(subject *s, limits_loop *loop, size_t times)
{
    for (; times > 0; times--) {
        if (s->what->kind == CASE_AVERAGE)
            s->limit.scale = (float)(1 / fmax(norm(s), 1));
        opponent_sweep(s, loop);
    }
}

void subject_ready(void *subject_, bool on)
{
    subject *const s = subject_;

    if (on)
        crew_wake(s->crew);
    else
        crew_rest(s->crew);
}

void subject_add(void *subject_, size_t times)
{
    subject *const s = subject_;

    run(s, s->dtype == DESCENT_DTYPE_BF16 ? limits_add16 : limits_add, times);
}

limits_loop *opponent_loop(const subject *s)
{
    const limits_rule *const loops = rules_loops(s->rule);

    return s->what->kind == CASE_AVERAGE ? loops->average
           : s->what->kind == CASE_BF16  ? loops->bf16
                                         : loops->bare;
}

void subject_bare(void *subject_, size_t times)
{
    subject *const s = subject_;

    run(s, opponent_loop(s), times);
}

void subject_triad(void *subject_, size_t times)
{
    subject *const s = subject_;
    job j = {.s = s, .loop = limits_triad, .n = s->triad};

    for (; times > 0; times--)
        crew_run(s->crew, sweep, &j);
}
