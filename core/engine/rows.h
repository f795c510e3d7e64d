/* SPDX-License-Identifier: MIT */
/* Row-sparse gradients: taking one for a step, and which elements of a tensor a
 * step is about. */
#ifndef DESCENT_ENGINE_ROWS_H
#define DESCENT_ENGINE_ROWS_H

#include "engine/optimizer.h"
#include "tensor/norm.h"

/* Rows of the first dimension, 1 without dimensions; 0 without elements. */
static inline int64_t entry_rows(const entry *e)
{
    return e->count == 0 ? 0 : e->count / e->row;
}

/* Judge the rows and values of a gradient, and list the rows for this step. */
descent_status rows_take(descent_optimizer *o, entry *e,
                         const descent_gradient *g, descent_dtype dtype);

/* No gradient, until one is taken. */
void rows_forget(entry *e);

/* Decide which tensors update only some of their rows, and how many elements the
 * step is about. */
void rows_choose(descent_optimizer *o, bool accumulates);

/* Note the rows of this step's gradient as accumulated; and forget all. */
void rows_mark(entry *e);
void rows_unmark(entry *e);

/* Elements [first, first + n) of a row-sparse gradient in the compute type:
 * zeros but for the listed rows, rows named more than once summed. */
void rows_load(const entry *e, int64_t first, size_t n, void *buffer);

/* What a walk is about. */
enum {
    WALK_ALL,    /* all elements                                       */
    WALK_LISTED, /* the rows of this step's gradient                   */
    WALK_TOUCHED /* these, and rows that the accumulator holds some of */
};

/* Runs of elements, in rising order. */
typedef struct row_walk {
    const entry *e;
    int about;
    int64_t first, end; /* the run at hand: [first, end)             */
    const void *values; /* its gradient as it was given, all in one  *
                         * place; NULL where it is not              */
    size_t at, listed;  /* in the list, and where its part ends      */
    int64_t row, rows;  /* not looked at yet, nor any up to `rows`   */
    int64_t until;      /* where a walk of all elements ends         */
} row_walk;

/* About elements [first, first + n), or the rows that end there. */
row_walk rows_walk_part(const entry *e, int about, int64_t first, int64_t n);
/* As rows_walk_part, but the part that begins the tensor is about all rows: a
 * sum over them has one order. */
row_walk rows_walk_span(const entry *e, int about, int64_t first, int64_t n);
bool rows_next(row_walk *w);

/* The elements of a gradient that may be other than zero, in pieces: of a
 * row-sparse one its own, those of a row named more than once summed. */
typedef struct gradient_pieces {
    gradient_source source;
    row_walk walk;
    int64_t first; /* of the piece at hand */
    size_t n;
} gradient_pieces;

gradient_pieces gradient_walk(const entry *e, gradient_source source);
/* As rows_walk_span. */
gradient_pieces gradient_walk_span(const entry *e, gradient_source source,
                                   int64_t first, int64_t n);
/* The next piece in the compute type, where it is or in `block`; NULL at the
 * end. */
const void *gradient_next(gradient_pieces *p, double block[NORM_BLOCK]);

#endif
