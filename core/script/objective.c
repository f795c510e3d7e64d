/* SPDX-License-Identifier: MIT */
/* Objectives: functions loss = f(x, g), or loss, gradient = f(x), called for an
 * optimizer's step.  While one runs, the weights cannot be written; a guard
 * undoes that, and exchanged averages, however the function ends, and leaves no
 * gradient of a function that failed. */
#include <string.h>

#include "script/optimizer.h"

static const char guard_class[] = "descent.guard";

typedef struct guard {
    optimizer *optimizer; /* kept alive by the user value */
} guard;

static void set_locked(optimizer *o, bool locked)
{
    for (size_t i = 0; i < o->count && o->locked != locked; i++) {
        if (locked)
            tensor_lock(o->bound[i].value);
        else
            tensor_unlock(o->bound[i].value);
    }
    o->locked = locked;
}

void optimizer_zero_gradients(const optimizer *o)
{
    for (size_t i = 0; i < o->count; i++)
        memset(o->bound[i].gradient->data, 0,
               tensor_bytes(o->bound[i].gradient));
}

static int guard_close(lua_State *L)
{
    optimizer *o = ((guard *)lua_touserdata(L, 1))->optimizer;

    set_locked(o, false);
    if (o->partial)
        optimizer_zero_gradients(o);
    o->partial = false;
    if (o->swapped && o->core != NULL) {
        o->swapped = false;
        CORE_CHECK(L, descent_optimizer_swap_average(o->core));
    }
    return 0;
}

void objective_push_guard(lua_State *L, optimizer *o)
{
    if (lua_getiuservalue(L, 1, OPTIMIZER_GUARD) == LUA_TNIL) {
        lua_pop(L, 1);
        ((guard *)lua_newuserdatauv(L, sizeof(guard), 1))->optimizer = o;
        lua_pushvalue(L, 1);
        lua_setiuservalue(L, -2, 1);
        if (luaL_newmetatable(L, guard_class)) {
            lua_pushcfunction(L, guard_close);
            lua_setfield(L, -2, "__close");
        }
        lua_setmetatable(L, -2);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, OPTIMIZER_GUARD);
    }
}

/* Push what to call the objective at 2 in messages. */
static const char *push_name(lua_State *L)
{
    lua_Debug function;

    if (lua_isfunction(L, 2)) {
        lua_pushvalue(L, 2);
        lua_getinfo(L, ">S", &function);
        return lua_pushfstring(L, "objective (function at %s:%d)",
                               function.short_src, function.linedefined);
    }
    if (lua_type(L, 2) == LUA_TTABLE &&
        lua_getfield(L, 2, "name") == LUA_TSTRING)
        return lua_pushfstring(L, "objective '%s'", lua_tostring(L, -1));
    return lua_pushliteral(L, "objective");
}

_Noreturn static void refuse_gradient(lua_State *L, const optimizer *o,
                                      size_t i, const char *got)
{
    const char *name = push_name(L);

    error_raise(L, DESCENT_ERR_SCRIPT,
                "%s gave a gradient of '%s' that is %s: expected %s", name,
                optimizer_tensor_name(o, i), got,
                tensor_push_shape(L, o->bound[i].gradient));
}

/* The same from the list at `index`. */
static void take_list(lua_State *L, optimizer *o, size_t i, int index)
{
    tensor *g = o->bound[i].gradient;
    tensor listed = {.dtype = g->dtype};
    tensor *list;

    tensor_measure_list(L, index, &listed.ndim, listed.shape);
    if (!tensor_same_shape(&listed, g))
        refuse_gradient(
            L, o, i,
            lua_pushfstring(L, "a list %s",
                            strchr(tensor_push_shape(L, &listed), '[')));
    list = tensor_like(L, g->dtype, g);
    tensor_from_list(L, list, index);
    memcpy(g->data, list->data, tensor_bytes(g));
    lua_pop(L, 1);
}

/* Copy the gradient value at `index` into the bound gradient of tensor i. */
static void take_gradient(lua_State *L, optimizer *o, size_t i, int index)
{
    tensor *g = o->bound[i].gradient;
    const tensor *from = class_test(L, index, CLASS_TENSOR);

    if (from == g)
        return;
    if (o->single && lua_istable(L, index)) {
        take_list(L, o, i, index);
        return;
    }
    if (from == NULL || !tensor_is_live(from))
        refuse_gradient(L, o, i, argument_kind(L, index));
    if (!tensor_same_shape(from, g))
        refuse_gradient(L, o, i, tensor_push_shape(L, from));
    tensor_check_overlap(L, g, from);
    tensor_convert(L, g, from);
}

/* Take the gradients in the table at `index`: by name, or in order. */
static void take_gradients(lua_State *L, optimizer *o, int index)
{
    const lua_Unsigned n = lua_rawlen(L, index);

    if (n > 0 && n != o->count)
        error_raise(L, DESCENT_ERR_SCRIPT,
                    "%s returned %I gradients: expected %I", push_name(L),
                    (LUAI_UACINT)n, (LUAI_UACINT)o->count);
    for (size_t i = 0; i < o->count; i++) {
        if (n > 0) {
            lua_rawgeti(L, index, (lua_Integer)i + 1);
        } else {
            optimizer_push_kept(L, 1, i, KEEP_NAME);
            lua_rawget(L, index);
        }
        take_gradient(L, o, i, lua_gettop(L));
        lua_pop(L, 1);
    }
}

/* The tables x and g are reused: put back what a function replaced in them;
 * with `take`, what it put into g is a gradient. */
static void restore_tables(lua_State *L, optimizer *o, bool take)
{
    static const struct {
        int table, field;
    } what[] = {{OPTIMIZER_X, KEEP_VALUE}, {OPTIMIZER_G, KEEP_GRADIENT}};

    for (size_t i = 0; i < 2 * o->count; i++) {
        lua_getiuservalue(L, 1, what[i % 2].table);
        optimizer_push_kept(L, 1, i / 2, KEEP_NAME);
        optimizer_push_kept(L, 1, i / 2, what[i % 2].field);
        lua_pushvalue(L, -2);
        lua_rawget(L, -4);
        if (!lua_rawequal(L, -1, -2)) {
            if (take && i % 2 == 1 && !lua_isnil(L, -1))
                take_gradient(L, o, i / 2, lua_gettop(L));
            lua_pop(L, 1);
            lua_rawset(L, -3);
            lua_pop(L, 1);
        } else {
            lua_pop(L, 4);
        }
    }
}

static void push_arguments(lua_State *L, const optimizer *o)
{
    if (o->single) {
        optimizer_push_kept(L, 1, 0, KEEP_VALUE);
        optimizer_push_kept(L, 1, 0, KEEP_GRADIENT);
    } else {
        lua_getiuservalue(L, 1, OPTIMIZER_X);
        lua_getiuservalue(L, 1, OPTIMIZER_G);
    }
}

/* Read the two results at the top. */
static double read_results(lua_State *L, optimizer *o)
{
    const int loss_at = lua_gettop(L) - 1, gradient_at = loss_at + 1;
    double loss;

    if (!argument_is_number(L, loss_at, &loss))
        error_raise(L, DESCENT_ERR_SCRIPT,
                    "%s returned %s as the loss: expected a number",
                    push_name(L), argument_kind(L, loss_at));
    if (!o->single)
        restore_tables(L, o, true);
    if (lua_isnil(L, gradient_at))
        return loss;
    if (o->single)
        take_gradient(L, o, 0, gradient_at);
    else if (lua_istable(L, gradient_at))
        take_gradients(L, o, gradient_at);
    else
        error_raise(L, DESCENT_ERR_SCRIPT,
                    "%s returned %s as the gradients: expected a table by "
                    "name",
                    push_name(L), argument_kind(L, gradient_at));
    return loss;
}

/* Scale the gradients by what the step takes them to be scaled with. */
static void scale_gradients(optimizer *o)
{
    const double scale = descent_optimizer_scale_loss(o->core, 1);

    for (size_t i = 0; i < o->count && scale != 1; i++)
        tensor_scale(o->bound[i].gradient, scale);
}

double objective_evaluate(lua_State *L, optimizer *o)
{
    const int top = lua_gettop(L);
    double loss;

    luaL_checkstack(L, 20, NULL);
    optimizer_zero_gradients(o);
    objective_push_guard(L, o);
    lua_toclose(L, -1);
    set_locked(o, true);
    o->partial = true;
    if (!o->single)
        restore_tables(L, o, false);
    lua_pushvalue(L, 2);
    push_arguments(L, o);
    lua_call(L, 2, 2);
    loss = read_results(L, o);
    o->partial = false;
    scale_gradients(o);
    lua_settop(L, top);
    return loss;
}
