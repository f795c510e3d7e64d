/* SPDX-License-Identifier: MIT */
/* The module "descent.core": everything of the runtime that scripts reach. */
#include <cblas.h>
#include <sched.h>

#include <descent/lua.h>

#include "script/optimizer.h"
#include "script/plugins.h"
#include "script/random.h"
#include "script/row_sparse.h"
#include "script/schedule.h"
#include "script/tensor.h"

static int core_clock(lua_State *L)
{
    lua_pushnumber(L, descent_clock());
    return 1;
}

/* Processors that this process may run on. */
static int core_cpus(lua_State *L)
{
    cpu_set_t set;

    lua_pushinteger(
        L, sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1);
    return 1;
}

/* threads([n]): the most that a step may use, after setting it to n if given */
static int core_threads(lua_State *L)
{
    argument_end(L, 1);
    if (!lua_isnoneornil(L, 1)) {
        const lua_Integer n =
            argument_integer(L, 1, "threads", 0, LUA_MAXINTEGER);
        /* The runtime judges; what it cannot be told is too many in any case. */
        error_check(L, descent_runtime_set_threads(
                           context_runtime(L),
                           n < UINT32_MAX ? (uint32_t)n : UINT32_MAX));
    }
    lua_pushinteger(L, descent_runtime_threads(context_runtime(L)));
    return 1;
}

/* library(prefix): source files with this path prefix are ours; errors are
 * placed at their callers. */
static int core_library(lua_State *L)
{
    argument_text(L, 1, "prefix");
    lua_settop(L, 1);
    context_store(L, CONTEXT_LIBRARY);
    return 0;
}

/* warn_sink(function or nil) */
static int core_warn_sink(lua_State *L)
{
    lua_settop(L, 1);
    if (!lua_isnil(L, 1) && !lua_isfunction(L, 1))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is %s: expected a function or nil",
                    argument_kind(L, 1));
    context_store(L, CONTEXT_WARN);
    return 0;
}

static int core_in_schedule(lua_State *L)
{
    lua_pushboolean(L, context_of(L)->in_callback > 0);
    return 1;
}

static int core_is_error(lua_State *L)
{
    lua_pushboolean(L, !lua_isnone(L, 1) && error_is(L, 1));
    return 1;
}

/* type(v): the class of one of our objects, or nil */
static int core_type(lua_State *L)
{
    for (int id = 0; id < CLASS_COUNT; id++) {
        if (class_test(L, 1, (class_id)id) != NULL) {
            lua_pushstring(L, class_name((class_id)id));
            return 1;
        }
    }
    if (!lua_isnone(L, 1) && error_is(L, 1))
        lua_pushliteral(L, "Error");
    else
        lua_pushnil(L);
    return 1;
}

/* features.isa: the processor's level is the runtime's to tell, and the runtime
 * is made when it is first needed. */
static int features_index(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushliteral(L, "isa");
    if (!lua_rawequal(L, 2, -1))
        return 0;
    lua_pushstring(L, descent_runtime_isa(context_runtime(L)));
    lua_pushvalue(L, -1);
    lua_setfield(L, 1, "isa");
    return 1;
}

/* Let the function answer for the fields that the table at the top, `where`,
 * lacks. */
static void set_index(lua_State *L, const char *where, lua_CFunction index)
{
    const function_entry entries[] = {{"__index", index, 0}, {NULL, NULL, 0}};

    lua_newtable(L);
    functions_register_as(L, where, entries);
    lua_setmetatable(L, -2);
}

static void push_features(lua_State *L)
{
    lua_newtable(L);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "blas");
    lua_pushliteral(L, LUA_VERSION_MAJOR "." LUA_VERSION_MINOR
                                         "." LUA_VERSION_RELEASE);
    lua_setfield(L, -2, "lua");
    set_index(L, "descent.features", features_index);
}

int luaopen_descent_core(struct lua_State *L)
{
    static const function_entry functions[] = {
        {"clock", core_clock, 0},
        {"cpus", core_cpus, 0},
        {"threads", core_threads, 0},
        {"library", core_library, 0},
        {"fail", core_fail, 0},
        {"type", core_type, 0},
        {"error_object", core_error_object, 0},
        {"is_error", core_is_error, 0},
        {"warn_sink", core_warn_sink, 0},
        {"in_schedule", core_in_schedule, 0},
        {"nearest", core_nearest, 0},
        {"optimizer", core_optimizer, 0},
        {"schedule_kinds", core_schedule_kinds, 0},
        {"find_plugin", core_find_plugin, 0},
        {"plugins", core_plugins, 0},
        {"load_plugin", core_load_plugin, 0},
        {"load_state", core_load_state, 0},
        {NULL, NULL, 0}};

    luaL_checkversion(L);
    openblas_set_num_threads(1);
    error_open(L);
    if (context_open(L)) {
        tensor_open(L);
        rng_open(L);
        schedule_open(L);
        optimizer_open(L);
        row_sparse_open(L);
    }
    lua_newtable(L);
    functions_register(L, "descent.", functions);
    functions_register(L, "descent.", tensor_functions);
    functions_register(L, "descent.", file_functions);
    functions_register(L, "descent.", rng_functions);
    functions_register(L, "descent.", row_sparse_functions);
    lua_pushstring(L, descent_version());
    lua_setfield(L, -2, "version");
    lua_pushinteger(L, DESCENT_ABI_MAJOR);
    lua_setfield(L, -2, "abi");
    schedule_push_kinds(L);
    lua_setfield(L, -2, "schedule");
    lua_newtable(L);
    set_index(L, "descent.optimizers", core_optimizers_index);
    lua_setfield(L, -2, "optimizers");
    push_features(L);
    lua_setfield(L, -2, "features");
    return 1;
}
