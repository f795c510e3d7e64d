/* SPDX-License-Identifier: MIT */
/* The class of optimizers: creation, closing and fields. */
#include "script/optimizer.h"

#include <ctype.h>
#include <string.h>

#include "script/schedule.h"

optimizer *optimizer_check(lua_State *L)
{
    optimizer *o = class_check(L, 1, CLASS_OPTIMIZER);

    if (o->closed || o->core == NULL)
        error_raise(L, DESCENT_ERR_STATE, "the Optimizer is closed");
    return o;
}

optimizer *optimizer_check_idle(lua_State *L)
{
    optimizer *o = optimizer_check(L);

    context_forbid_in_callback(L);
    if (o->locked)
        error_raise(L, DESCENT_ERR_STATE, "not allowed inside an objective");
    return o;
}

optimizer *optimizer_check_change(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);

    if (context_in_finalizer(L))
        error_raise(L, DESCENT_ERR_STATE, "not allowed inside a finalizer");
    return o;
}

void optimizer_check_same(lua_State *L, const optimizer *o, size_t count)
{
    if (o->closed || o->core == NULL || o->count != count)
        error_raise(L, DESCENT_ERR_STATE,
                    "the Optimizer was changed or closed meanwhile");
}

void optimizer_push_kept(lua_State *L, int index, size_t i, int field)
{
    lua_getiuservalue(L, index, OPTIMIZER_KEEP);
    lua_rawgeti(L, -1, (lua_Integer)i * KEEP_FIELDS + field);
    lua_remove(L, -2);
}

const char *optimizer_tensor_name(const optimizer *o, size_t i)
{
    descent_tensor t = {.struct_size = sizeof t};

    return descent_optimizer_tensor(o->core, i, &t) == DESCENT_OK ? t.name : "";
}

size_t optimizer_find(lua_State *L, const optimizer *o, int index)
{
    const char *name = argument_text(L, index, "name");
    size_t i;

    error_check(L, descent_optimizer_index(o->core, name, &i));
    return i;
}

static void kill_views(optimizer *o)
{
    if (o->anchor != NULL)
        o->anchor->live = false;
    o->anchor = NULL;
}

void optimizer_drop_views(lua_State *L, int index)
{
    optimizer *o = lua_touserdata(L, index);

    kill_views(o);
    lua_pushnil(L);
    lua_setiuservalue(L, index, OPTIMIZER_ANCHOR);
}

static void free_core(resource *r)
{
    optimizer *o = (optimizer *)r;

    kill_views(o);
    descent_optimizer_free(o->core);
    o->core = NULL;
    o->closed = true;
    optimizer_unpin(o);
}

static int optimizer_gc(lua_State *L)
{
    optimizer *o = class_check(L, 1, CLASS_OPTIMIZER);

    resource_release(L, &o->resource);
    optimizer_drop_views(L, 1);
    return 0;
}

/* close(), also at the end of a <close> variable's block; again is harmless.
 * In a finalizer the core stays until the collector comes for the optimizer:
 * the function that the finalizer interrupts may be using it. */
static int optimizer_close(lua_State *L)
{
    optimizer *o = class_check(L, 1, CLASS_OPTIMIZER);

    if (o->closed || o->core == NULL)
        return 0;
    optimizer_check_idle(L);
    if (o->swapped)
        error_raise(L, DESCENT_ERR_STATE, "not allowed inside with_ema");
    if (!context_in_finalizer(L))
        return optimizer_gc(L);
    o->closed = true;
    optimizer_drop_views(L, 1);
    return 0;
}

/* Push an optimizer without tensors. */
static optimizer *push_optimizer(lua_State *L)
{
    optimizer *o = lua_newuserdatauv(L, sizeof *o, OPTIMIZER_VALUES);

    *o = (optimizer){.context = context_of(L)};
    class_set(L, CLASS_OPTIMIZER);
    for (int i = OPTIMIZER_KEEP; i <= OPTIMIZER_SCHEDULES; i++) {
        lua_newtable(L);
        lua_setiuservalue(L, -2, i);
    }
    lua_newtable(L);
    lua_setiuservalue(L, -2, OPTIMIZER_WHERE);
    return o;
}

/* Push an optimizer of the kind, or of the configuration that `text` is, with
 * the options of the table at `options_index`. */
static optimizer *create(lua_State *L, const char *text, bool config,
                         int options_index)
{
    descent_options *options;
    optimizer *o;
    descent_runtime *runtime = context_runtime(L);

    group_push_rest(L, options_index);
    options = options_push(L, lua_gettop(L));
    if (config)
        group_replace(L, options, options_index);
    o = push_optimizer(L);
    if (config)
        CORE_CHECK(L, descent_optimizer_create_from_config(
                          runtime, text, strlen(text), options, &o->core));
    else
        CORE_CHECK(L,
                   descent_optimizer_create(runtime, text, options, &o->core));
    resource_hold(L, &o->resource, free_core);
    if (config)
        config_note(L, o, lua_gettop(L));
    setting_note_all(L, o, lua_gettop(L), 0, options_index);
    group_add_all(L, o, lua_gettop(L), options_index);
    return o;
}

/* optimizer(kind or configuration[, target[, options]]) */
int core_optimizer(lua_State *L)
{
    const bool config = config_is(L, 1);
    const char *text;
    optimizer *o;

    lua_settop(L, 3);
    text =
        lua_istable(L, 1) ? json_push_text(L, 1) : argument_text(L, 1, "kind");
    o = create(L, text, config, 3);
    if (!lua_isnil(L, 2)) {
        optimizer_bind(L, o, lua_gettop(L), 2);
        CORE_CHECK(L, descent_optimizer_check_groups(o->core));
    }
    return 1;
}

/* optimizers.SGD{...}: the kind is upvalue 3. */
static int make_unbound(lua_State *L)
{
    lua_settop(L, 1);
    create(L, lua_tostring(L, lua_upvalueindex(3)), false, 1);
    return 1;
}

int core_optimizers_index(lua_State *L)
{
    const char *name = argument_text(L, 2, "name");
    descent_runtime *runtime = context_runtime(L);

    CORE_CHECK(L, descent_runtime_find(runtime, name, NULL));
    lua_pushfstring(L, "descent.optimizers.%s", name);
    lua_pushlightuserdata(L, context_of(L));
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, make_unbound, 3);
    return 1;
}

static int field_iterations(lua_State *L)
{
    const optimizer *o = optimizer_check(L);

    lua_pushinteger(L, (lua_Integer)descent_optimizer_iterations(o->core));
    return 1;
}

static int field_updates(lua_State *L)
{
    const optimizer *o = optimizer_check(L);

    lua_pushinteger(L, (lua_Integer)descent_optimizer_updates(o->core));
    return 1;
}

static int field_kind(lua_State *L)
{
    lua_pushstring(L, descent_optimizer_get_type(optimizer_check(L)->core)->id);
    return 1;
}

static int field_name(lua_State *L)
{
    lua_pushstring(L, descent_optimizer_name(optimizer_check(L)->core));
    return 1;
}

static int field_learning_rate(lua_State *L)
{
    setting_push(L, optimizer_check(L), 0, "learning_rate");
    return 1;
}

static int optimizer_newindex(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);
    const char *key = argument_text(L, 2, "field");

    if (strcmp(key, "learning_rate") != 0 && strcmp(key, "lr") != 0)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "field '%s' cannot be set: only learning_rate and lr can, "
                    "other options with opt:set",
                    key);
    setting_store(L, o, 0, "learning_rate", 3);
    return 0;
}

void optimizer_open(lua_State *L)
{
    static const function_entry meta[] = {{"__gc", optimizer_gc, 0},
                                          {"__close", optimizer_close, 0},
                                          {"__tostring", optimizer_describe, 0},
                                          {"__newindex", optimizer_newindex, 0},
                                          {NULL, NULL, 0}};
    static const function_entry own[] = {{"close", optimizer_close, 0},
                                         {"build", optimizer_build, 0},
                                         {"add", optimizer_add, 0},
                                         {"remove", optimizer_remove, 0},
                                         {NULL, NULL, 0}};

    static const function_entry fields[] = {
        {"iterations", field_iterations, 0},
        {"updates", field_updates, 0},
        {"kind", field_kind, 0},
        {"name", field_name, 0},
        {"learning_rate", field_learning_rate, 0},
        {"lr", field_learning_rate, 0},
        {NULL, NULL, 0}};

    class_create(L, CLASS_OPTIMIZER, meta);
    lua_newtable(L);
    functions_register(L, "Optimizer:", own);
    functions_register(L, "Optimizer:", optimizer_step_methods);
    functions_register(L, "Optimizer:", optimizer_setting_methods);
    functions_register(L, "Optimizer:", optimizer_state_methods);
    functions_register(L, "Optimizer:", optimizer_group_methods);
    functions_register(L, "Optimizer:", optimizer_config_methods);
    functions_register(L, "Optimizer:", optimizer_save_methods);
    functions_register(L, "Optimizer:", optimizer_load_methods);
    functions_register(L, "Optimizer:", optimizer_flat_methods);
    class_finish(L, CLASS_OPTIMIZER, fields, class_index);
}
