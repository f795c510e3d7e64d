/* SPDX-License-Identifier: MIT */
/* The options that one optimizer accepts: the common ones, then its type's own.
 * Every option is a row of descent_param; names, aliases, types and ranges are
 * checked here and nowhere else. */
#ifndef DESCENT_OPTION_TABLE_H
#define DESCENT_OPTION_TABLE_H

#include <stdbool.h>

#include "base/memory.h"
#include "option/bag.h"

/* The common options, in the order of descent_common_option. */
enum {
    OPTION_FLAVOUR,
    OPTION_LEARNING_RATE,
    OPTION_WEIGHT_DECAY,
    OPTION_WEIGHT_DECAY_MODE,
    OPTION_CLIPNORM,
    OPTION_CLIPVALUE,
    OPTION_GLOBAL_CLIPNORM,
    OPTION_CLIP_EPSILON,
    OPTION_REPORT_NORM,
    OPTION_USE_EMA,
    OPTION_EMA_MOMENTUM,
    OPTION_EMA_OVERWRITE_FREQUENCY,
    OPTION_EMA_ON,
    OPTION_LOSS_SCALE_FACTOR,
    OPTION_LOSS_SCALE,
    OPTION_LOSS_SCALE_INITIAL,
    OPTION_LOSS_SCALE_GROWTH_STEPS,
    OPTION_LOSS_SCALE_GROWTH,
    OPTION_LOSS_SCALE_BACKOFF,
    OPTION_LOSS_SCALE_MIN,
    OPTION_LOSS_SCALE_MAX,
    OPTION_ON_NONFINITE,
    OPTION_SKIP_COUNTS,
    OPTION_GRADIENT_ACCUMULATION_STEPS,
    OPTION_MAXIMIZE,
    OPTION_RESCALE_GRAD,
    OPTION_CLIP_SCOPE,
    OPTION_DECAY,
    OPTION_COUNTER,
    OPTION_SCHEDULE_COUNTER,
    OPTION_STEP_OFFSET,
    OPTION_BEGIN_NUM_UPDATE,
    OPTION_SCALARS,
    OPTION_LEARNING_RATE_F32,
    OPTION_USE_FUSED_STEP,
    OPTION_FLUSH_DENORMALS,
    OPTION_AGGREGATE_NUM,
    OPTION_MASTER,
    OPTION_MULTI_PRECISION, /* false and true: the first two of "master" */
    OPTION_SLOT_DTYPE,
    OPTION_SPARSE,
    OPTION_LAZY_UPDATE, /* false and true: the values of "sparse" */
    OPTION_SEED,
    OPTION_LR_MULT,
    OPTION_WD_MULT,
    OPTION_FREEZE,
    OPTION_NAME,
    OPTION_COMMON
};

/* Some booleans are names of another option's first two values: the row that is
 * meant, or itself. */
static inline size_t option_meant(size_t row)
{
    return row == OPTION_MULTI_PRECISION ? OPTION_MASTER
           : row == OPTION_LAZY_UPDATE   ? OPTION_SPARSE
                                         : row;
}

/* Values of the choices. */
enum { DECAY_DECOUPLED, DECAY_L2 };
enum { EMA_ON_UPDATE, EMA_ON_ITERATION };
enum { FLAVOUR_KERAS3, FLAVOUR_KERAS2, FLAVOUR_MXNET, FLAVOUR_TORCH };
enum { CLIP_SCOPE_TENSOR, CLIP_SCOPE_GLOBAL };
enum { COUNTER_GLOBAL, COUNTER_PER_TENSOR };
enum { SCHEDULE_COUNTER_ITERATIONS, SCHEDULE_COUNTER_UPDATES };
enum { SCALARS_COMPUTE, SCALARS_F32 };
enum { MASTER_NONE, MASTER_F32, MASTER_KAHAN, MASTER_STOCHASTIC };
enum { SLOTS_F32, SLOTS_SAME };
enum { NONFINITE_PROPAGATE, NONFINITE_SKIP_STEP, NONFINITE_ERROR };
enum { SPARSE_DENSE, SPARSE_LAZY };

enum { OPTION_WHY = 160 };

typedef struct option_table {
    const char *owner; /* for messages: "adam" */
    const descent_param **rows;
    size_t count;  /* OPTION_COMMON + the type's own */
    bool advisory; /* DESCENT_PARAM_WARN_ABOVE: its maxima are advice */
} option_table;

/* The schedule of the rate, for those who come from MXNet: a word of its own,
 * because it may stand beside learning_rate. */
#define OPTION_LR_SCHEDULER "lr_scheduler"

/* True for names and aliases of common options: types must not declare them,
 * but for "learning_rate", which sets its default. */
bool option_is_common(const char *name);

/* Rows for a type with `own` rows of its own, `learning_rate` (or NULL)
 * replacing the common one; own rows are the caller's to fill in. */
descent_status option_table_create(memory *m, const char *owner, size_t own,
                                   const descent_param *learning_rate,
                                   option_table *table);
void option_table_free(memory *m, option_table *table);

/* True for the row's name and its aliases. */
bool option_answers_to(const descent_param *row, const char *name);

/* The row called `name`, also by alias; unknown names are an error that offers
 * the nearest. */
descent_status option_find(const option_table *table, const char *name,
                           size_t *row);

/* Is `value` allowed?  NaN means none and is allowed only where none is. */
descent_status option_check(const option_table *table, size_t row,
                            double value);

/* Is `value` one that is allowed, but rarely meant?  `why` (or NULL) gets a
 * sentence about it. */
bool option_is_rare(const option_table *table, size_t row, double value,
                    char why[OPTION_WHY]);

/* True when the option may have no value. */
bool option_may_be_none(const descent_param *row);

/* The value that an item gives to a row, checked; schedules and text are not
 * values and are refused. */
descent_status option_read(const option_table *table, size_t row,
                           const bag_item *item, double *value);

/* Refuse an item of the wrong type; `expected` describes the right one. */
descent_status option_refuse(const option_table *table, size_t row,
                             const bag_item *item, const char *expected);

#endif
