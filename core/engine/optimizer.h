/* SPDX-License-Identifier: MIT */
/* The object behind descent_optimizer, shared by the files of the engine:
 *
 *   optimizer.c  create, free, options          tensors.c  bind and validate
 *   state.c      slots: allocate, fill, view    layout.c   ... where they lie
 *   slots.c      slots by name                  scratch.c  ... of whole tensors
 *   step.c       the order of a step            intake.c   gradients, judged
 *   scalars.c    what tensors share             loss_scale.c  ... and its bounds
 *   gradient.c   effective gradients, norms     pass.c     spans, rule
 *   rows.c       row-sparse gradients           batch.c    tiles, listed rows
 *   clip.c       norms and their limits         finite.c   NaN and infinity
 *   average.c    averages of the weights        swap.c     ... in their place
 *   stage.c      16-bit tensors in f32          tile.c     the core's arithmetic
 *   plan.c       spans and pieces               work.c     ... on all threads
 *   group.c      tensors that differ            change.c   options from outside
 *   exclude.c    tensors that do not decay
 */
#ifndef DESCENT_ENGINE_OPTIMIZER_H
#define DESCENT_ENGINE_OPTIMIZER_H

#include "engine/entry.h"
#include "engine/loss_scale.h"
#include "engine/ranges.h"
#include "engine/runtime.h"

/* What a worker needs of a whole tensor in the compute type. */
enum { WHOLE_GRADIENT, WHOLE_WEIGHT, WHOLE_AVERAGE, WHOLES };

/* A tensor is cut into spans of this many elements: whole blocks of a norm, and
 * a power of two of them, so that their sums are whole subtrees of its tree.
 * Small ones are cut finer, to be shared evenly among threads. */
enum { SPAN_MOST = 1 << 14, SPAN_FINE = 1 << 12, SMALL = 1 << 18 };

/* What belongs to a span of the plan. */
typedef struct span_part {
    size_t entry;
    double square; /* of its share of the gradient, where norms are needed */
    descent_dtype dtype; /* of the weights: who looks for it here need not
                            fetch the tensor's entry */
    bool direct;         /* its arrays may go to the plugin as they are */
} span_part;

/* Spans [begin, end), which go to one thread. */
typedef struct piece {
    size_t begin, end;
} piece;

struct descent_optimizer {
    descent_runtime *runtime; /* retained */
    memory *memory;
    const descent_optimizer_type *type;
    size_t scalar_count; /* of its slots */
    size_t arrays;       /* that a step works through: weights and slots */
    void *self;
    bool opened;
    settings settings;
    tensor_group **groups; /* [group_count]; the first is the optimizer's own */
    size_t group_count, group_capacity;

    entry *entries;
    uint64_t *tensor_updates; /* [count]: that each took part in */
    size_t count, capacity, updates_capacity;
    name_table names;
    range *ranges; /* of weights with elements, sorted unless stale */
    size_t range_count, range_capacity;
    bool ranges_stale;
    size_t unbuilt;

    /* The plan: spans for each tensor with elements, f32 before f64, in pieces
     * of about equal work; made again when tensors come or go.  Where a step
     * finds what the last one has left, it has nothing to do for each. */
    bool plan_stale;
    bool aimed; /* the spans point at what the step works on */
    descent_span *spans;
    span_part *parts;    /* [span_count] */
    void **slots;        /* [span_count * slots of the type] */
    descent_fuse *fuses; /* [span_count], where tensors differ by their norms */
    piece *pieces;       /* [piece_count] */
    size_t span_count, piece_count;
    size_t span_capacity, part_capacity, slot_capacity, fuse_capacity;
    size_t piece_capacity;

    /* Who takes part in the step at hand. */
    bool bound;    /* all tensors, with the gradients bound to them */
    bool changed;  /* others than those that the sets were made for */
    size_t chosen; /* tensors that it is about ...                  */
    size_t active; /* ... that have a gradient ...                  */
    size_t sparse; /* ... that is row-sparse                        */
    int64_t work;  /* elements that it is about                     */
    double ended;  /* when the last that found threads asleep did   */

    scalars *sets; /* of the tensors that take part */
    size_t set_count, set_capacity;
    void *scratch[DESCENT_MAX_SLOTS]; /* tensor scope: slots of a worker ... */
    size_t scratch_bytes[DESCENT_MAX_SLOTS];
    void *whole[WHOLES]; /* ... and copies of the largest tensor */
    size_t whole_bytes[WHOLES];
    sparse_row *spare_rows; /* for sorting */
    size_t spare_capacity;

    uint64_t iterations, updates;
    loss_scale loss_scale;
    bool loading;  /* only tensors whose state is wanted are built */
    bool busy;     /* inside a step, also while it calls the application */
    bool swapped;  /* weights and averages are exchanged */
    bool poisoned; /* the plugin failed midway */
    bool warned;   /* about tensors without a gradient */

    char *config; /* text of the last configuration */
    size_t config_capacity;

    name_list excluded; /* names that do not decay */
    regex_t exclude_match;
    bool has_exclude_match;
};

/* Fail unless `o` is an optimizer that may be changed now. */
descent_status optimizer_enter(const descent_optimizer *o);

/* plan.c */
/* Refuse weights that overlap. */
descent_status plan_check_ranges(descent_optimizer *o);
/* Refuse a gradient of so many elements that shares memory with a weight. */
descent_status plan_check_gradient(const descent_optimizer *o, const entry *e,
                                   descent_dtype dtype, int64_t count,
                                   const void *data);
/* Room for a plan of the tensors as they are now; and making it. */
descent_status plan_reserve(descent_optimizer *o);
void plan_spans(descent_optimizer *o);

/* tensors.c */
void tensors_free(descent_optimizer *o);
int64_t tensors_index(const descent_optimizer *o, const char *name);
/* The same as a status; the caller says of which optimizer. */
descent_status tensors_find(const descent_optimizer *o, const char *name,
                            size_t *index);

/* exclude.c */
bool exclusions_let_decay(const descent_optimizer *o, const char *name);
void exclusions_free(descent_optimizer *o);

/* group.c */
/* The optimizer's own group, before any other. */
descent_status groups_open(descent_optimizer *o);
void groups_free(descent_optimizer *o);
/* The group of a tensor that is to be bound. */
descent_status groups_choose(const descent_optimizer *o,
                             const descent_tensor *t, size_t *number);
/* Refuse groups that no tensor belongs to; the caller says of which optimizer. */
descent_status groups_check(descent_optimizer *o);
/* The values of this step, of all groups. */
descent_status groups_evaluate(descent_optimizer *o);
/* The options of a tensor, what of them its multipliers change, and whether it
 * is left alone. */
static inline const settings *entry_settings(const descent_optimizer *o,
                                             const entry *e)
{
    return o->groups[e->group]->settings;
}
double entry_rate(const descent_optimizer *o, const entry *e);
double entry_decay(const descent_optimizer *o, const entry *e);
bool entry_is_frozen(const descent_optimizer *o, const entry *e);

/* state.c: allocate and fill the state of tensors that have none; _alone when
 * no step is under way. */
descent_status state_build(descent_optimizer *o);
descent_status state_build_alone(descent_optimizer *o);
void state_release(descent_optimizer *o, entry *e);
/* scratch.c: for tensor scope, grow what workers need. */
descent_status scratch_build(descent_optimizer *o);
/* Set the scalar slots to their first values. */
void state_first_scalars(const descent_optimizer *o, double *scalar);

/* intake.c */
/* Judge the options of a step; *n is how many tensors it is about. */
descent_status intake_check_options(const descent_optimizer *o,
                                    const descent_step_options *options,
                                    size_t *n);
/* Find the gradients of this step, for n tensors. */
descent_status intake_gradients(descent_optimizer *o,
                                const descent_gradient *gradients,
                                const descent_step_options *options, size_t n);

/* gradient.c */
typedef struct gradient_source {
    bool accumulates; /* add what the accumulator holds */
    double unscale;   /* 1 / loss scale, applied before accumulation */
} gradient_source;
/* Elements [first, first + n) of the effective gradient in the weight's type:
 * where they are, or computed into `buffer`. */
const void *gradient_load(const entry *e, gradient_source source, int64_t first,
                          size_t n, void *buffer);
/* Fill every group's scale: all that multiplies a gradient but the clipping of
 * norms, in one factor, `by` included. */
void gradient_scale(descent_optimizer *o, const descent_step_options *options,
                    double by);
/* Add this step's gradients to the accumulators. */
void gradient_accumulate(descent_optimizer *o, double unscale);
/* Fill the active tensors' norms, of the effective gradient times its scale, and
 * return the norm of all together. */
double gradient_norms(descent_optimizer *o, gradient_source source);

/* finite.c: is every element of the gradients handed to this step a finite
 * number?  With on_nonfinite = "error" the first that is none is a failure. */
descent_status finite_judge(descent_optimizer *o, bool *finite);

/* What a call of step does. */
typedef struct step_plan {
    gradient_source source;
    bool updates;  /* else it only accumulates */
    bool measured; /* the active tensors' norms are known ... */
    double norm;   /* ... and that of all together; else NaN */
    uint64_t step_calls, fused_calls;
} step_plan;

/* clip.c: take the norms of the active tensors where an option needs them; true
 * when they are known.  Then fill the factors that keep them within limits, of
 * groups and of tensors, and return of how many tensors these are not 1. */
bool clip_measure(descent_optimizer *o, step_plan *plan);
uint32_t clip_norms(descent_optimizer *o, const step_plan *plan);

/* scalars.c */
/* Room for the scalars of so many tensors and groups. */
descent_status scalars_reserve(descent_optimizer *o, size_t tensors,
                               size_t groups);
/* Ask the plugin for the scalars of the update, as a rule once for all tensors
 * that share what they depend on; nothing of the optimizer changes but the
 * sets. */
descent_status scalars_prepare(descent_optimizer *o);
/* What the core does around the rule for a tensor, with gradients times `scale`:
 * the same for all of its set, but for the scale. */
void scalars_fuse(const descent_optimizer *o, const entry *e, double scale,
                  descent_fuse *fuse);
/* The update succeeded: counters and scalar slots move on. */
void scalars_commit(descent_optimizer *o);

/* average.c: average <- keep * average + take * weight, and back. */
typedef struct ema {
    bool on;
    double keep, take;
} ema;
ema average_moment(const descent_optimizer *o, const entry *e);
/* Averages of what the pass, if there was one, has not averaged already: of a
 * tensor of which it updated some rows, all; then their overwriting. */
void averages_finish(descent_optimizer *o, bool passed);

/* pass.c: everything between final scalars and new weights. */
descent_status pass_run(descent_optimizer *o, step_plan *plan);

#endif
