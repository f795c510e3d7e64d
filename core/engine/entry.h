/* SPDX-License-Identifier: MIT */
/* A bound tensor, and what it shares with others. */
#ifndef DESCENT_ENGINE_ENTRY_H
#define DESCENT_ENGINE_ENTRY_H

#include <stdalign.h>

#include <descent/plugin.h>

#include "base/pattern.h"
#include "engine/names.h"
#include "engine/settings.h"
#include "tensor/sparse.h"

/* State arrays of tensors that were built together. */
typedef struct arena {
    size_t bytes;
    size_t users; /* tensors that live in it */
} arena;

/* Tensors that differ in some options; group 0 is the optimizer's own. */
typedef struct tensor_group {
    settings *settings; /* &own, or those of the optimizer */
    settings own;
    regex_t pattern; /* which tensors: by any of the three */
    bool has_pattern;
    char *match; /* what it was compiled from */
    name_list names;
    int32_t (*where)(void *user, const descent_tensor *tensor);
    void *user;
    bool checked; /* tensors were found */

    double scalar[DESCENT_MAX_SLOTS]; /* scalar slots, by order */
    double scalar_next[DESCENT_MAX_SLOTS];

    /* The step at hand. */
    size_t shared[2]; /* sets of tensors without and with decay that have
                         neither counters nor multipliers of their own */
    bool asked;       /* in this update: scalar_next is made */
    double scale;     /* of gradients, before norm clipping */
    bool limited;     /* norms are kept within a limit ... */
    bool apart;       /* ... each tensor's by itself, not all together ... */
    double clip;      /* ... by this factor */
} tensor_group;

/* What the tensors share whose options, multipliers and counters are the same:
 * the scalars of an update. */
typedef struct scalars {
    size_t lead; /* the first of these tensors */
    float f32[DESCENT_MAX_COEFS];
    double f64[DESCENT_MAX_COEFS];
    descent_fuse fuse; /* unless the group's norms are kept apart */
} scalars;

/* One bound tensor.  What every step looks at is on the first line of cache: of
 * ten thousand tensors these are many. */
typedef struct entry {
    alignas(64) const void *gradient; /* bound with the tensor, or NULL */
    const void *now;     /* gradient handed to the step at hand, or NULL */
    const void *trusted; /* a gradient found not to overlap weights */
    double *scalar;      /* scalar slots, and their next values; NULL unless
                             they count per tensor */
    size_t set;          /* of scalars */
    descent_dtype dtype; /* of the weights */
    descent_dtype now_dtype, trusted_dtype;
    bool chosen;  /* the step is about it */
    bool active;  /* and it has a gradient */
    bool sparse;  /* it is row-sparse: the rows below, sorted */
    bool partial; /* only some rows take part */

    char *name;
    uint64_t id;
    descent_dtype compute;     /* of arithmetic                      */
    descent_dtype state_dtype; /* of slots, average, accumulator     */
    int keeps;                 /* MASTER_*: beside 16-bit weights    */
    uint32_t ndim;
    int64_t shape[DESCENT_MAX_DIMS];
    int64_t count;
    int64_t row; /* elements of a row, the first dimension's */
    void *weight;
    arena *arena; /* NULL until built or without elements */
    bool built;
    bool decays;
    bool joins;  /* the group that is being added */
    bool wanted; /* its state is being loaded */
    size_t group;
    double lr_mult, wd_mult; /* its own, or NaN: the group's */
    uint64_t accumulated;    /* 1: the accumulator holds a contribution */
    void *slot[DESCENT_MAX_SLOTS];
    void *average;
    void *accumulator;
    uint8_t *marks;  /* rows that it holds something of; NULL: not noted */
    float *master;   /* MASTER_F32: the weights before rounding      */
    uint16_t *lost;  /* MASTER_KAHAN: what rounding has taken away   */
    uint16_t *aside; /* the weights while averages stand in for them */

    sparse_row *listed; /* [listed_count] */
    size_t listed_count, listed_capacity;
    double square, norm; /* of the gradient, where clipping needs them */
    double clip;         /* what keeps its norm within a limit of its own */

    size_t span, spans; /* of the plan: the first about it, and how many */
} entry;

/* Stored in 16 bits: the rule works on copies. */
static inline bool entry_is_narrow(const entry *e)
{
    return e->dtype != e->compute;
}

#endif
