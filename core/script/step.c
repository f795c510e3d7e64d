/* SPDX-License-Identifier: MIT */
/* Optimizer methods that update weights. */
#include "script/optimizer.h"
#include "script/row_sparse.h"

#include <stdlib.h>
#include <string.h>

/* Set a field of the report at the top, which says `*last` there unless it is
 * new. */
static void set_integer(lua_State *L, bool is_new, const char *name,
                        uint64_t value, uint64_t *last)
{
    if (*last == value && !is_new)
        return;
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
    *last = value;
}

/* By the bits, so that a NaN is like itself. */
static void set_number(lua_State *L, bool is_new, const char *name,
                       double value, double *last)
{
    if (memcmp(last, &value, sizeof value) == 0 && !is_new)
        return;
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
    *last = value;
}

static void set_skipped(lua_State *L, bool is_new,
                        const descent_step_report *report,
                        descent_step_report *last)
{
    if (last->skipped == report->skipped && !is_new)
        return;
    lua_pushboolean(L, report->skipped != 0);
    lua_setfield(L, -2, "skipped");
    lua_pushstring(L, report->reason); /* nil where there is none */
    lua_setfield(L, -2, "reason");
    last->skipped = report->skipped;
}

/* Push the report, one table for all steps of an optimizer.  From step to step
 * little changes but the rate, and to set a field takes longer than to see that
 * it is the same. */
static void push_report(lua_State *L, optimizer *o,
                        const descent_step_report *now)
{
    descent_step_report *last = &o->report;
    const bool is_new = last->struct_size == 0;

    lua_getiuservalue(L, 1, OPTIMIZER_REPORT);
    set_integer(L, is_new, "updated", now->updated, &last->updated);
    set_skipped(L, is_new, now, last);
    set_number(L, is_new, "learning_rate", now->learning_rate,
               &last->learning_rate);
    set_number(L, is_new, "grad_norm", now->grad_norm, &last->grad_norm);
    if (is_new || now->clipped != last->clipped) {
        lua_pushinteger(L, now->clipped);
        lua_setfield(L, -2, "clipped");
        last->clipped = now->clipped;
    }
    set_number(L, is_new, "loss_scale", now->loss_scale, &last->loss_scale);
    set_integer(L, is_new, "step_calls", now->step_calls, &last->step_calls);
    set_integer(L, is_new, "fused_calls", now->fused_calls, &last->fused_calls);
    last->struct_size = now->struct_size;
}

/* Refuse an objective that cannot be called, before anything has changed. */
static void check_callable(lua_State *L, int index)
{
    if (lua_isfunction(L, index))
        return;
    if (luaL_getmetafield(L, index, "__call") == LUA_TNIL)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "the objective is %s: expected a function, or an object "
                    "that can be called",
                    argument_kind(L, index));
    lua_pop(L, 1);
}

static int by_size(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

/* Read a list of names at `index`: indices in rising order, in userdata that is
 * left on the stack. */
static void read_only_names(lua_State *L, const optimizer *o, int index,
                            descent_step_options *options)
{
    size_t *indices;
    size_t n;

    if (!lua_istable(L, index))
        error_option(L, "only", index, "only is %s: expected a list of names",
                     argument_kind(L, index));
    n = (size_t)lua_rawlen(L, index);
    indices = lua_newuserdatauv(L, (n + 1) * sizeof *indices, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        indices[i] = optimizer_find(L, o, lua_gettop(L));
        lua_pop(L, 1);
    }
    qsort(indices, n, sizeof *indices, by_size);
    options->tensors = indices;
    options->tensor_count = n;
}

/* Read the number `name` of the table at `index`: true when it is given. */
static bool read_number(lua_State *L, int index, const char *name,
                        double *number)
{
    const bool given = argument_field(L, index, name) != LUA_TNIL;

    if (given)
        *number = argument_number(L, lua_gettop(L), name);
    lua_pop(L, 1);
    return given;
}

/* Read what the table at 3, or nil there, says about one step; with `subset`
 * also which tensors it is about, which stays on the stack. */
static descent_step_options read_step_options(lua_State *L, const optimizer *o,
                                              bool subset)
{
    static const char *const known[] = {"rescale_grad", "batch_size", "only",
                                        NULL};
    static const char *const numbers[] = {"rescale_grad", "batch_size", NULL};
    descent_step_options options = {.struct_size = sizeof options};

    if (!argument_table(L, 3, "options"))
        return options;
    argument_known(L, 3, subset ? known : numbers);
    if (read_number(L, 3, "rescale_grad", &options.rescale_grad))
        options.flags |= DESCENT_STEP_RESCALE;
    if (read_number(L, 3, "batch_size", &options.batch_size))
        options.flags |= DESCENT_STEP_BATCH;
    if (argument_field(L, 3, "only") != LUA_TNIL)
        read_only_names(L, o, lua_gettop(L), &options);
    return options;
}

static optimizer *check_bound(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);

    if (o->count == 0)
        error_raise(L, DESCENT_ERR_STATE,
                    "the Optimizer is not bound: bind it with opt:build");
    return o;
}

/* The gradients of a call of apply; none in one of step. */
typedef struct given {
    descent_gradient *gradients;
    tensor **roots; /* of their memory, or NULL */
    int anchor;     /* stack index of the list that keeps them alive */
    size_t count;
} given;

static void pin_gradients(const given *g, int by)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->roots[i] != NULL)
            g->roots[i]->pins += by;
    }
}

/* Step with these gradients.  A schedule may drop or free them meanwhile: the
 * list on the stack and the pins keep them.  The core raises nothing, so they
 * are always unpinned. */
static descent_status step_given(lua_State *L, const optimizer *o,
                                 const given *g,
                                 const descent_step_options *options,
                                 descent_step_report *report)
{
    lua_State *previous = context_enter(o->context, L);
    descent_status status;

    pin_gradients(g, 1);
    status = descent_optimizer_step(o->core, g->gradients, g->count, options,
                                    report);
    pin_gradients(g, -1);
    context_enter(o->context, previous);
    return status;
}

/* Take the arguments of step: the options, and the objective, whose loss is left
 * at the top; nil when there is none. */
static void take_arguments(lua_State *L, optimizer *o,
                           descent_step_options *options)
{
    argument_end(L, 3);
    lua_settop(L, 3);
    *options = read_step_options(L, o, true);
    if (lua_isnil(L, 2)) {
        lua_pushnil(L);
        return;
    }
    if (o->swapped)
        error_raise(L, DESCENT_ERR_STATE, "not allowed inside with_ema");
    check_callable(L, 2);
    lua_pushnumber(L, objective_evaluate(L, o));
    check_bound(L);
}

/* step([objective[, {rescale_grad =, batch_size =, only = names}]]) -> loss or
 * nil, report */
static int step(lua_State *L)
{
    optimizer *o = check_bound(L);
    const bool alone = lua_gettop(L) == 1;
    const given none = {.count = 0};
    descent_step_options options;
    descent_step_report report = {.struct_size = sizeof report};

    if (alone)
        lua_pushnil(L);
    else
        take_arguments(L, o, &options);
    error_check(L, step_given(L, o, &none, alone ? NULL : &options, &report));
    push_report(L, o, &report);
    return 2;
}

/* Fill the gradient of the tensor that the key at -2 names from the value at
 * -1.  Allocates nothing, as no finalizer may run before all are pinned. */
static void read_gradient(lua_State *L, const optimizer *o, given *g)
{
    const int at = lua_gettop(L);
    const size_t i = optimizer_find(L, o, at - 1);
    const row_sparse *r = class_test(L, at, CLASS_ROW_SPARSE);
    descent_gradient *to = &g->gradients[i];
    tensor *t;

    if (r == NULL && class_test(L, at, CLASS_TENSOR) == NULL)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "the gradient of '%s' is %s: expected a Tensor, or what "
                    "descent.row_sparse makes",
                    lua_tostring(L, at - 1), argument_kind(L, at));
    t = r != NULL ? row_sparse_values(L, at) : tensor_check_floating(L, at);
    to->dtype = tensor_core_dtype(t->dtype);
    to->data = t->data;
    to->ndim = (uint32_t)(r != NULL ? r->ndim : t->ndim);
    to->shape = r != NULL ? r->shape : t->ndim > 0 ? t->shape : NULL;
    to->indices = r != NULL ? r->indices : NULL;
    to->rows = r != NULL ? r->count : 0;
    g->roots[i] = t->root;
    lua_pushvalue(L, at);
    lua_rawseti(L, g->anchor, (lua_Integer)i + 1);
}

/* apply({name = tensor, ...}[, {rescale_grad =, batch_size =}]) -> report */
static int apply(lua_State *L)
{
    optimizer *o = check_bound(L);
    descent_step_options options;
    descent_step_report report = {.struct_size = sizeof report};
    given g = {.count = o->count};

    argument_end(L, 3);
    lua_settop(L, 3);
    if (!lua_istable(L, 2))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is %s: expected a table of gradients by name",
                    argument_kind(L, 2));
    options = read_step_options(L, o, false);
    g.gradients = lua_newuserdatauv(L, (g.count + 1) * sizeof *g.gradients, 0);
    g.roots = lua_newuserdatauv(L, (g.count + 1) * sizeof *g.roots, 0);
    lua_createtable(L, (int)g.count, 0);
    g.anchor = lua_gettop(L);
    optimizer_check_same(L, o, g.count);
    for (size_t i = 0; i < g.count; i++) {
        g.gradients[i] = (descent_gradient){.struct_size = sizeof *g.gradients};
        g.roots[i] = NULL;
    }
    for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1))
        read_gradient(L, o, &g);
    error_check(L, step_given(L, o, &g, &options, &report));
    push_report(L, o, &report);
    return 1;
}

static int zero_grad(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);

    optimizer_zero_gradients(o);
    lua_settop(L, 1);
    return 1;
}

static int scale_loss(lua_State *L)
{
    const optimizer *o = optimizer_check(L);

    lua_pushnumber(L, descent_optimizer_scale_loss(
                          o->core, argument_number(L, 2, "loss")));
    return 1;
}

/* with_ema(fn, ...): fn's results, computed while the averages stand in for
 * the weights; the guard exchanges them back also after an error. */
static int with_ema(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);
    const int arguments = lua_gettop(L) - 2;

    if (arguments < 0 || !lua_isfunction(L, 2))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is %s: expected a function",
                    argument_kind(L, 2));
    if (o->swapped)
        error_raise(L, DESCENT_ERR_STATE, "with_ema does not nest");
    luaL_checkstack(L, 20, NULL);
    objective_push_guard(L, o);
    lua_insert(L, 2);
    lua_toclose(L, 2);
    optimizer_check_same(L, o, o->count);
    CORE_CHECK(L, descent_optimizer_swap_average(o->core));
    o->swapped = true;
    lua_call(L, arguments, LUA_MULTRET);
    return lua_gettop(L) - 2;
}

static int finalize(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);

    if (o->swapped)
        error_raise(L, DESCENT_ERR_STATE, "not allowed inside with_ema");
    CORE_CHECK(L, descent_optimizer_finalize(o->core));
    lua_settop(L, 1);
    return 1;
}

const function_entry optimizer_step_methods[] = {{"step", step, 0},
                                                 {"apply", apply, 0},
                                                 {"zero_grad", zero_grad, 0},
                                                 {"scale_loss", scale_loss, 0},
                                                 {"with_ema", with_ema, 0},
                                                 {"finalize", finalize, 0},
                                                 {NULL, NULL, 0}};
