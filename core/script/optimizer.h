/* SPDX-License-Identifier: MIT */
/* The class of optimizers, shared by its files:
 *
 *   optimizer.c  create, close, fields     bind.c     targets, add, remove
 *   step.c       step, apply, averages     objective.c  evaluate a function
 *   setting.c    options, exclusions       state.c    slots, describe
 *   config.c     configurations
 *   group.c      groups, multipliers            save.c     states out
 *   load.c       states in                      flat.c     Keras' lists */
#ifndef DESCENT_SCRIPT_OPTIMIZER_H
#define DESCENT_SCRIPT_OPTIMIZER_H

#include "script/tensor.h"

typedef struct binding {
    tensor *value, *gradient; /* pinned */
} binding;

/* User values of an optimizer. */
enum {
    OPTIMIZER_BOUND = 1, /* the memory of `bound`                             */
    OPTIMIZER_KEEP,      /* list: name, value, gradient of each tensor        */
    OPTIMIZER_X,         /* what an objective gets: values by name ...        */
    OPTIMIZER_G,         /* ... and gradients                                 */
    OPTIMIZER_REPORT,    /* the table that step returns                       */
    OPTIMIZER_SCHEDULES, /* option -> "<schedule>" or "<function>"            */
    OPTIMIZER_GUARD,     /* undoes what an objective's error would leave      */
    OPTIMIZER_ANCHOR,    /* root of the views of state arrays, or nil         */
    OPTIMIZER_WHERE,     /* list: function, answers of each group with one    */
    OPTIMIZER_VALUES = OPTIMIZER_WHERE
};
enum { KEEP_NAME = 1, KEEP_VALUE, KEEP_GRADIENT, KEEP_FIELDS = 3 };

typedef struct optimizer {
    resource resource;
    context *context;
    descent_optimizer *core; /* NULL when closed                             */
    binding *bound;
    size_t count;
    tensor *anchor; /* OPTIMIZER_ANCHOR, or NULL                      */
    descent_step_report report; /* what OPTIMIZER_REPORT says        */
    bool closed;  /* for scripts: the core may still be in use      */
    bool single;  /* made over a bare Tensor                    */
    bool locked;  /* an objective runs, the values are locked   */
    bool partial; /* its gradients are not complete             */
    bool swapped; /* weights and averages are exchanged         */
} optimizer;

/* ---- optimizer.c --------------------------------------------------------- */

/* The optimizer at 1, open; where no schedule and no objective runs; and where
 * no finalizer does, so that tensors may go. */
optimizer *optimizer_check(lua_State *L);
optimizer *optimizer_check_idle(lua_State *L);
optimizer *optimizer_check_change(lua_State *L);

/* Raise when it was closed, or has other than `count` tensors, since it was
 * looked at. */
void optimizer_check_same(lua_State *L, const optimizer *o, size_t count);

/* Push field `field` of tensor i from the list KEEP. */
void optimizer_push_kept(lua_State *L, int index, size_t i, int field);
const char *optimizer_tensor_name(const optimizer *o, size_t i);
/* The index of a tensor by the name at `index`. */
size_t optimizer_find(lua_State *L, const optimizer *o, int index);

/* Views of state arrays die when tensors come and go. */
void optimizer_drop_views(lua_State *L, int index);

int core_optimizer(lua_State *L);
void optimizer_open(lua_State *L);
int core_optimizers_index(lua_State *L);

/* ---- bind.c -------------------------------------------------------------- */

/* Bind the tensors of the target at `target` to the optimizer at `index`. */
void optimizer_bind(lua_State *L, optimizer *o, int index, int target);
void optimizer_unpin(optimizer *o);
int optimizer_build(lua_State *L);
int optimizer_add(lua_State *L);
int optimizer_remove(lua_State *L);

/* ---- group.c ------------------------------------------------------------- */

/* Add the groups in the field of the options at `options` to the optimizer at
 * `index`, which has no tensors; and push these options without it. */
void group_push_rest(lua_State *L, int options);
void group_add_all(lua_State *L, optimizer *o, int index, int options);
/* Where the options at `index` have groups, let `options` say that they take the
 * place of a configuration's. */
void group_replace(lua_State *L, descent_options *options, int index);

/* Ask the groups' functions about n tensors that are to be bound, whose Tensors
 * are in the table by name at `x`. */
void group_ask(lua_State *L, const optimizer *o, int index,
               const descent_tensor *tensors, size_t n, int x);
/* The group's number at `index`, 0 for nothing there. */
size_t group_argument(lua_State *L, const optimizer *o, int index);

/* ---- config.c ------------------------------------------------------------ */

/* Is there a configuration at `index`, a table or JSON text? */
bool config_is(lua_State *L, int index);
/* Note what the optimizer at `index` has of a configuration. */
void config_note(lua_State *L, const optimizer *o, int index);

/* ---- objective.c --------------------------------------------------------- */

void optimizer_zero_gradients(const optimizer *o);

/* Call the objective at index 2 over the optimizer at 1; returns the loss. */
double objective_evaluate(lua_State *L, optimizer *o);
/* Push the guard, to be marked with lua_toclose. */
void objective_push_guard(lua_State *L, optimizer *o);

extern const function_entry optimizer_step_methods[],
    optimizer_setting_methods[], optimizer_state_methods[],
    optimizer_group_methods[], optimizer_save_methods[],
    optimizer_load_methods[], optimizer_flat_methods[],
    optimizer_config_methods[];
int core_load_state(lua_State *L);
/* Push a number or a copy of the elements of a description: one number without
 * dimensions, a list of numbers, a Tensor. */
void save_push_number(lua_State *L, const descent_tensor *t);
void save_push_list(lua_State *L, const descent_tensor *t);
void save_push_copy(lua_State *L, const descent_tensor *t);
/* Push a visitor that may raise; call it, where it is at index `visitor`, from a
 * function that the core called: with the item as light userdata at its 1 and
 * the table below the visitor at 2.  What it raises becomes the failure. */
void save_push_visitor(lua_State *L, lua_CFunction visitor);
descent_status save_visit(lua_State *L, int visitor, const void *item);
int optimizer_describe(lua_State *L);
void setting_push(lua_State *L, optimizer *o, size_t group, const char *name);
void setting_store(lua_State *L, optimizer *o, size_t group, const char *name,
                   int index);
/* Note which options of the table at `options` (or nothing there) are schedules
 * of the optimizer at `index`; and push what is noted of one, or nil. */
void setting_note_all(lua_State *L, const optimizer *o, int index, size_t group,
                      int options);
const char *setting_push_note(lua_State *L, int index, size_t group,
                              const char *option);

#endif
