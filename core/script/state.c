/* SPDX-License-Identifier: MIT */
/* Optimizer methods that show what it holds: tensors, state arrays, a
 * description. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "script/optimizer.h"

/* Push the root of the views of this optimizer's state arrays: it keeps the
 * optimizer alive, and dies when tensors come or go. */
static tensor *push_anchor(lua_State *L)
{
    tensor *anchor;

    if (lua_getiuservalue(L, 1, OPTIMIZER_ANCHOR) != LUA_TNIL)
        return lua_touserdata(L, -1);
    lua_pop(L, 1);
    anchor = lua_newuserdatauv(L, sizeof *anchor, 1);
    /* A finalizer may have asked for views meanwhile. */
    if (lua_getiuservalue(L, 1, OPTIMIZER_ANCHOR) != LUA_TNIL) {
        lua_remove(L, -2);
        return lua_touserdata(L, -1);
    }
    lua_pop(L, 1);
    *anchor = (tensor){.root = anchor, .live = true, .readonly = true};
    class_set(L, CLASS_TENSOR);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, OPTIMIZER_ANCHOR);
    ((optimizer *)lua_touserdata(L, 1))->anchor = anchor;
    return anchor;
}

static void push_view(lua_State *L, const descent_tensor *t)
{
    tensor *anchor = push_anchor(L);
    tensor *view;

    anchor->dtype = tensor_dtype_from_core(t->dtype);
    view = tensor_view(L, lua_gettop(L), 0, (int)t->ndim, t->shape);
    view->data = t->data;
    lua_remove(L, -2);
}

/* Push the table slot -> Tensor of tensor i: without those that only tensors of
 * 16 bits have, which are empty. */
static void push_slots(lua_State *L, optimizer *o, size_t i)
{
    const char *slot;

    lua_newtable(L);
    for (size_t s = 0; (slot = descent_optimizer_slot_name(o->core, s)) != NULL;
         s++) {
        descent_tensor t = {.struct_size = sizeof t};

        error_check(L, descent_optimizer_slot(o->core, i, slot, &t));
        if (t.data == NULL && o->bound[i].value->count > 0)
            continue;
        push_view(L, &t);
        lua_setfield(L, -2, slot);
    }
}

/* slots([name]): the state arrays of a tensor; without a name, of the only one,
 * or of all by name. */
static int slots(lua_State *L)
{
    optimizer *o = optimizer_check(L);

    luaL_checkstack(L, 20, NULL);
    lua_settop(L, 2);
    context_forbid_in_callback(L);
    CORE_CHECK(L, descent_optimizer_build(o->core));
    if (!lua_isnil(L, 2)) {
        push_slots(L, o, optimizer_find(L, o, 2));
        return 1;
    }
    if (o->count == 1) {
        push_slots(L, o, 0);
        return 1;
    }
    lua_createtable(L, 0, (int)o->count);
    for (size_t i = 0; i < o->count; i++) {
        optimizer_push_kept(L, 1, i, KEEP_NAME);
        push_slots(L, o, i);
        lua_rawset(L, -3);
    }
    return 1;
}

static void push_param(lua_State *L, size_t i)
{
    static const struct {
        const char *name;
        int field;
    } fields[] = {
        {"name", KEEP_NAME}, {"value", KEEP_VALUE}, {"grad", KEEP_GRADIENT}};

    lua_createtable(L, 0, 4);
    for (size_t f = 0; f < 3; f++) {
        optimizer_push_kept(L, 1, i, fields[f].field);
        lua_setfield(L, -2, fields[f].name);
    }
    lua_pushinteger(L, (lua_Integer)descent_optimizer_tensor_group(
                           ((optimizer *)lua_touserdata(L, 1))->core, i));
    lua_setfield(L, -2, "group");
}

/* param(name) -> {name =, value =, grad =, group =} */
static int param(lua_State *L)
{
    const optimizer *o = optimizer_check(L);

    push_param(L, optimizer_find(L, o, 2));
    return 1;
}

static int params(lua_State *L)
{
    const optimizer *o = optimizer_check(L);

    lua_createtable(L, (int)o->count, 0);
    for (size_t i = 0; i < o->count; i++) {
        push_param(L, i);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int state_bytes(lua_State *L)
{
    const optimizer *o = optimizer_check(L);

    lua_pushinteger(L, (lua_Integer)descent_optimizer_state_bytes(o->core));
    return 1;
}

/* ---- Description --------------------------------------------------------- */

/* The first value of an option of this optimizer's type. */
static double initial_value(const descent_optimizer_type *type,
                            const descent_param *p)
{
    const descent_param *own;

    for (size_t i = 0; (own = descent_type_option(type, i)) != NULL; i++) {
        if (strcmp(own->name, p->name) == 0)
            return own->initial;
    }
    return p->initial;
}

/* Add " name=value" for an option of a group that is not as it was declared, or
 * not as the optimizer's.  A schedule is not asked: a description calls nothing
 * of the script's. */
static void add_option(lua_State *L, luaL_Buffer *b, const optimizer *o,
                       size_t group, const descent_param *p)
{
    const double initial =
        initial_value(descent_optimizer_get_type(o->core), p);
    context *c = context_of(L);
    lua_State *previous;
    descent_status status;
    char text[96];
    double value;

    if (p->type == DESCENT_PARAM_TEXT)
        return;
    if (setting_push_note(L, 1, group, p->name) != NULL) {
        snprintf(text, sizeof text, " %.40s=%.40s", p->name,
                 lua_tostring(L, -1));
        lua_pop(L, 1);
        luaL_addstring(b, text);
        return;
    }
    lua_pop(L, 1);
    if (group > 0)
        return; /* all that a group has of its own is noted */
    previous = context_enter(c, L);
    status = descent_optimizer_get(o->core, p->name, &value);
    context_enter(c, previous);
    if (status != DESCENT_OK || value == initial || isnan(value))
        return;
    if (p->type == DESCENT_PARAM_CHOICE)
        snprintf(text, sizeof text, " %.40s=%.40s", p->name,
                 p->choices[(size_t)value]);
    else if (p->type == DESCENT_PARAM_BOOL)
        snprintf(text, sizeof text, " %.40s=%s", p->name,
                 value != 0 ? "true" : "false");
    else
        snprintf(text, sizeof text, " %.40s=%.7g", p->name, value);
    luaL_addstring(b, text);
}

static void add_options(lua_State *L, luaL_Buffer *b, const optimizer *o,
                        size_t group)
{
    const descent_optimizer_type *type = descent_optimizer_get_type(o->core);
    const descent_param *p;

    for (size_t i = 0; (p = descent_common_option(i)) != NULL; i++)
        add_option(L, b, o, group, p);
    for (size_t i = 0; (p = descent_type_option(type, i)) != NULL; i++)
        if (strcmp(p->name, "learning_rate") != 0)
            add_option(L, b, o, group, p);
}

static void add_tensor(luaL_Buffer *b, const optimizer *o, size_t i)
{
    const tensor *t = o->bound[i].value;
    char text[48];

    luaL_addstring(b, "\n  ");
    luaL_addstring(b, optimizer_tensor_name(o, i));
    luaL_addstring(b, " [");
    for (int d = 0; d < t->ndim; d++) {
        snprintf(text, sizeof text, d > 0 ? ",%lld" : "%lld",
                 (long long)t->shape[d]);
        luaL_addstring(b, text);
    }
    luaL_addstring(b, "] ");
    luaL_addstring(b, tensor_dtype_name(t->dtype));
    if (descent_optimizer_tensor_group(o->core, i) > 0) {
        snprintf(text, sizeof text, " (group %zu)",
                 descent_optimizer_tensor_group(o->core, i));
        luaL_addstring(b, text);
    }
}

static void add_group(lua_State *L, luaL_Buffer *b, const optimizer *o,
                      size_t group)
{
    char text[32];

    snprintf(text, sizeof text, "\n  group %zu:", group);
    luaL_addstring(b, text);
    add_options(L, b, o, group);
}

/* describe(), also tostring(opt): a line of options, and one a tensor. */
int optimizer_describe(lua_State *L)
{
    const optimizer *o = class_check(L, 1, CLASS_OPTIMIZER);
    char text[160];
    luaL_Buffer b;

    if (o->closed || o->core == NULL) {
        lua_pushliteral(L, "Optimizer (closed)");
        return 1;
    }
    luaL_buffinit(L, &b);
    luaL_addstring(&b, "Optimizer ");
    luaL_addstring(&b, descent_optimizer_get_type(o->core)->id);
    add_options(L, &b, o, 0);
    snprintf(text, sizeof text,
             ": %zu tensor%s, %llu step%s, %zu bytes of "
             "state",
             o->count, o->count == 1 ? "" : "s",
             (unsigned long long)descent_optimizer_iterations(o->core),
             descent_optimizer_iterations(o->core) == 1 ? "" : "s",
             descent_optimizer_state_bytes(o->core));
    luaL_addstring(&b, text);
    for (size_t i = 1; i < descent_optimizer_group_count(o->core); i++)
        add_group(L, &b, o, i);
    for (size_t i = 0; i < o->count; i++)
        add_tensor(&b, o, i);
    luaL_pushresult(&b);
    return 1;
}

const function_entry optimizer_state_methods[] = {
    {"slots", slots, 0},
    {"param", param, 0},
    {"params", params, 0},
    {"state_bytes", state_bytes, 0},
    {"describe", optimizer_describe, 0},
    {NULL, NULL, 0}};
