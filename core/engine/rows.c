/* SPDX-License-Identifier: MIT */
#include "engine/rows.h"

#include <string.h>

#include "engine/stage.h"
#include "engine/tile.h"
#include "tensor/convert.h"
#include "tensor/view.h"

/* A row of which the accumulator holds something. */
enum { MARKED = 1 };

/* ---- Taking a gradient ---- */

static descent_status check_values(const descent_optimizer *o, const entry *e,
                                   const descent_gradient *g,
                                   descent_dtype dtype)
{
    const int64_t most = PTRDIFF_MAX / (int64_t)dtype_size(dtype);
    int64_t count;

    if (e->ndim == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "gradient of '%s': it is row-sparse, but the tensor "
                           "has no rows: expected 1 dimension or more",
                           e->name);
    if (g->rows < 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "gradient of '%s': rows = %lld, expected 0 or more",
                           e->name, (long long)g->rows);
    if (__builtin_mul_overflow(g->rows, e->row, &count) || count > most)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "gradient of '%s': rows = %lld: more values than "
                           "can be addressed",
                           e->name, (long long)g->rows);
    if ((uintptr_t)g->indices % sizeof *g->indices != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "gradient of '%s': the indices pointer %p is not "
                           "aligned to 8 bytes",
                           e->name, (const void *)g->indices);
    TRY(view_check_pointer(e->name, "gradient", dtype, count, g->data));
    return plan_check_gradient(o, e, dtype, count, g->data);
}

static descent_status check_indices(const entry *e)
{
    const int64_t rows = e->shape[0];

    for (size_t i = 0; i < e->listed_count; i++) {
        const int64_t row = e->listed[i].row;
        if (row < 0 || row >= rows)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "gradient of '%s': indices[%zu] = %lld: "
                               "expected 0 <= index < %lld",
                               e->name, i, (long long)row, (long long)rows);
    }
    return DESCENT_OK;
}

descent_status rows_take(descent_optimizer *o, entry *e,
                         const descent_gradient *g, descent_dtype dtype)
{
    const size_t n = (size_t)g->rows;
    bool sorted;

    TRY(check_values(o, e, g, dtype));
    TRY(memory_grow(o->memory, &e->listed, &e->listed_capacity, n,
                    sizeof *e->listed));
    /* Judged as copied: the application's list is not looked at again. */
    sorted = sparse_copy(g->indices, n, e->listed);
    e->listed_count = n;
    TRY(check_indices(e));
    if (!sorted) {
        TRY(memory_grow(o->memory, &o->spare_rows, &o->spare_capacity, n,
                        sizeof *o->spare_rows));
        sparse_sort(e->listed, n, o->spare_rows);
    }
    e->sparse = true;
    e->now = g->data;
    e->now_dtype = dtype;
    e->active = true;
    return DESCENT_OK;
}

void rows_forget(entry *e)
{
    e->now = NULL;
    e->sparse = false;
    e->partial = false;
    e->listed_count = 0;
}

void rows_choose(descent_optimizer *o, bool accumulates)
{
    const bool lazy = settings_now(&o->settings, OPTION_SPARSE) == SPARSE_LAZY;

    if (!o->changed && o->sparse == 0 && !accumulates)
        return; /* as in the last step */
    o->work = 0;
    for (size_t i = 0; i < o->count; i++) {
        entry *e = &o->entries[i];
        e->partial =
            lazy && e->active && (e->sparse || (accumulates && e->now == NULL));
        if (e->active)
            o->work +=
                e->partial ? (int64_t)e->listed_count * e->row : e->count;
    }
}

/* ---- Marks ---- */

void rows_mark(entry *e)
{
    if (e->marks == NULL)
        return;
    if (!e->sparse)
        memset(e->marks, MARKED, (size_t)entry_rows(e));
    for (size_t i = 0; i < e->listed_count; i++)
        e->marks[e->listed[i].row] = MARKED;
}

void rows_unmark(entry *e)
{
    if (e->marks != NULL)
        memset(e->marks, 0, (size_t)entry_rows(e));
}

/* ---- Values ---- */

/* Is number i of the list the first of its row? */
static bool begins_row(const entry *e, size_t i)
{
    return i == 0 || e->listed[i - 1].row != e->listed[i].row;
}

static const void *values_at(const entry *e, size_t i)
{
    return dtype_at(e->now, e->now_dtype, e->listed[i].position * e->row);
}

/* Put, or add, what number i of the list has for elements [first, end). */
static void load_row(const entry *e, size_t i, int64_t first, int64_t end,
                     void *buffer)
{
    const int64_t begin = e->listed[i].row * e->row;
    const int64_t from = begin > first ? begin : first;
    const int64_t to = begin + e->row < end ? begin + e->row : end;
    void *values = (void *)(uintptr_t)values_at(e, i);
    double more[TILE];

    if (begins_row(e, i)) {
        convert(e->compute, dtype_at(buffer, e->compute, from - first),
                e->now_dtype, dtype_at(values, e->now_dtype, from - begin),
                (size_t)(to - from));
        return;
    }
    for (int64_t at = from; at < to; at += TILE) {
        const size_t n = (size_t)(to - at < TILE ? to - at : TILE);
        void *sum = dtype_at(buffer, e->compute, at - first);
        tile_add(
            e->compute, n, sum, 1,
            stage_read(values, e->now_dtype, e->compute, at - begin, n, more),
            sum);
    }
}

void rows_load(const entry *e, int64_t first, size_t n, void *buffer)
{
    const int64_t end = first + (int64_t)n;
    size_t i = sparse_find(e->listed, e->listed_count, first / e->row);

    memset(buffer, 0, n * dtype_size(e->compute));
    for (; i < e->listed_count && e->listed[i].row * e->row < end; i++)
        load_row(e, i, first, end, buffer);
}

/* ---- Walks ---- */

row_walk rows_walk_part(const entry *e, int about, int64_t first, int64_t n)
{
    row_walk w = {.e = e, .about = about, .end = first, .until = first + n};

    if (about == WALK_ALL || n == 0)
        return w;
    w.row = first / e->row;
    w.rows = (first + n) / e->row;
    w.at = sparse_find(e->listed, e->listed_count, w.row);
    w.listed = sparse_find(e->listed, e->listed_count, w.rows);
    return w;
}

row_walk rows_walk_span(const entry *e, int about, int64_t first, int64_t n)
{
    if (about != WALK_ALL)
        n = first == 0 ? e->count : 0;
    return rows_walk_part(e, about, first, n);
}

static bool next_all(row_walk *w)
{
    w->first = w->end;
    w->end = w->until;
    return w->first < w->end;
}

/* Is number i of the list the only one of its row? */
static bool is_alone(const entry *e, size_t i)
{
    return begins_row(e, i) &&
           (i + 1 == e->listed_count || begins_row(e, i + 1));
}

/* Rows that follow each other, here and among the values, are one run; one
 * named more than once stands by itself. */
static bool next_listed(row_walk *w)
{
    const entry *e = w->e;
    const size_t begin = w->at, n = w->listed;
    const sparse_row *list = e->listed;

    if (begin == n)
        return false;
    w->values = NULL;
    do
        w->at++;
    while (w->at < n && !begins_row(e, w->at));
    if (w->at == begin + 1) {
        w->values = values_at(e, begin);
        while (w->at < n && is_alone(e, w->at) &&
               list[w->at].row == list[w->at - 1].row + 1 &&
               list[w->at].position == list[w->at - 1].position + 1)
            w->at++;
    }
    w->first = list[begin].row * e->row;
    w->end = (list[w->at - 1].row + 1) * e->row;
    return true;
}

/* The first touched row from `row` on, or the end of the part. */
static int64_t find_touched(row_walk *w, int64_t row)
{
    const entry *e = w->e;
    const uint8_t *mark = NULL;
    int64_t listed = w->rows;

    while (w->at < w->listed && e->listed[w->at].row < row)
        w->at++;
    if (w->at < w->listed)
        listed = e->listed[w->at].row;
    if (e->marks != NULL)
        mark = memchr(e->marks + row, MARKED, (size_t)(listed - row));
    return mark != NULL ? mark - e->marks : listed;
}

static bool next_touched(row_walk *w)
{
    const int64_t begin = find_touched(w, w->row);

    w->row = begin;
    while (w->row < w->rows && find_touched(w, w->row) == w->row)
        w->row++;
    w->first = begin * w->e->row;
    w->end = w->row * w->e->row;
    return begin < w->rows;
}

bool rows_next(row_walk *w)
{
    static bool (*const next[])(row_walk *) = {
        [WALK_ALL] = next_all,
        [WALK_LISTED] = next_listed,
        [WALK_TOUCHED] = next_touched,
    };

    return next[w->about](w);
}
