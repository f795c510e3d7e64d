/* SPDX-License-Identifier: MIT */
/* What plugins declare, as Lua tables. */
#include "script/plugins.h"

#include <math.h>
#include <string.h>

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* None and infinite limits are left out. */
static void set_number(lua_State *L, const char *name, double value)
{
    if (!isfinite(value))
        return;
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void set_list(lua_State *L, const char *name, const char *const *items)
{
    if (items == NULL)
        return;
    lua_newtable(L);
    for (lua_Integer i = 0; items[i] != NULL; i++) {
        lua_pushstring(L, items[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, name);
}

static void push_param(lua_State *L, const descent_param *p)
{
    static const char *const types[] = {"",        "real",   "integer",
                                        "boolean", "choice", "text"};

    lua_newtable(L);
    set_text(L, "name", p->name);
    set_text(L, "help", p->help);
    set_text(L, "type", types[p->type <= 5 ? p->type : 0]);
    set_list(L, "choices", p->choices);
    set_list(L, "aliases", p->aliases);
    set_boolean(L, "structural", (p->flags & DESCENT_PARAM_STRUCTURAL) != 0);
    if (p->type == DESCENT_PARAM_BOOL) {
        set_boolean(L, "default", p->initial != 0);
    } else if (p->type == DESCENT_PARAM_CHOICE) {
        set_text(L, "default", p->choices[(size_t)p->initial]);
    } else {
        set_number(L, "default", p->initial);
        set_number(L, "min", p->minimum);
        set_number(L, "max", p->maximum);
        set_boolean(L, "min_open", (p->flags & DESCENT_PARAM_MIN_OPEN) != 0);
        set_boolean(L, "max_open", (p->flags & DESCENT_PARAM_MAX_OPEN) != 0);
    }
}

static void set_params(lua_State *L, const descent_optimizer_type *type)
{
    const descent_param *p;

    lua_newtable(L);
    for (size_t i = 0; (p = descent_type_option(type, i)) != NULL; i++) {
        push_param(L, p);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "params");
}

static void set_slots(lua_State *L, const descent_optimizer_type *type)
{
    static const char *const shapes[] = {"", "like", "scalar", "row", "column"};
    const descent_slot *slot;

    lua_newtable(L);
    for (size_t i = 0; (slot = descent_type_slot(type, i)) != NULL; i++) {
        lua_newtable(L);
        set_text(L, "name", slot->name);
        set_text(L, "help", slot->help);
        set_text(L, "shape", shapes[slot->shape <= 4 ? slot->shape : 0]);
        set_number(L, "initial", slot->initial);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "slots");
}

/* presets: flavour -> option -> value */
static void set_presets(lua_State *L, const descent_optimizer_type *type)
{
    const descent_preset *preset;

    lua_newtable(L);
    for (size_t i = 0; (preset = descent_type_preset(type, i)) != NULL; i++) {
        luaL_getsubtable(L, -1, preset->flavour);
        lua_pushnumber(L, preset->value);
        lua_setfield(L, -2, preset->param);
        lua_pop(L, 1);
    }
    lua_setfield(L, -2, "presets");
}

static void push_info(lua_State *L, const descent_plugin_info *info)
{
    const descent_plugin *plugin = info->plugin;
    const descent_optimizer_type *type = info->type;

    luaL_checkstack(L, 20, NULL);
    lua_newtable(L);
    set_text(L, "path", info->path);
    if (type == NULL || plugin == NULL) {
        set_text(L, "refused", info->reason);
        return;
    }
    set_boolean(L, "refused", false);
    set_text(L, "name", type->id);
    set_text(L, "title", type->title);
    set_text(L, "doc", type->summary);
    set_text(L, "cite", type->reference);
    set_text(L, "version", plugin->version);
    set_text(L, "license", plugin->license);
    set_text(L, "author", plugin->author);
    lua_pushinteger(L, plugin->abi_major);
    lua_setfield(L, -2, "abi");
    if (DESCENT_HAS(type, rule) && type->rule != NULL)
        set_text(L, "rule", type->rule(type, 0));
    lua_pushinteger(
        L, (lua_Integer)descent_type_state_bytes(type, 0, DESCENT_DTYPE_F32));
    lua_setfield(L, -2, "bytes_per_parameter");
    set_params(L, type);
    set_slots(L, type);
    set_presets(L, type);
}

/* find_plugin(name) -> info, or nil and the error */
int core_find_plugin(lua_State *L)
{
    const char *name = argument_text(L, 1, "name");
    descent_runtime *runtime = context_runtime(L);
    descent_plugin_info info = {.struct_size = sizeof info};
    context *c = context_of(L);
    lua_State *previous = context_enter(c, L);
    descent_status status = descent_runtime_find(runtime, name, &info);

    context_enter(c, previous);
    if (status == DESCENT_OK) {
        push_info(L, &info);
        return 1;
    }
    lua_pushnil(L);
    error_push_status(L, status);
    return 2;
}

typedef struct listing {
    lua_State *L;
    const char *path;
} listing;

/* Append {name =, path =} for the file `path` to the list at `list`. */
static void append(lua_State *L, int list, const char *path)
{
    const char *name =
        strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(name, '.');

    lua_createtable(L, 0, 2);
    lua_pushlstring(L, name, dot != NULL ? (size_t)(dot - name) : strlen(name));
    lua_setfield(L, -2, "name");
    set_text(L, "path", path);
    lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
}

/* Runs protected: the listing is the light userdata at 1, the list is at 2. */
static int append_protected(lua_State *L)
{
    append(L, 2, ((const listing *)lua_touserdata(L, 1))->path);
    return 0;
}

static descent_status visit(void *user, const char *path)
{
    listing *l = user;
    lua_State *L = l->L;

    l->path = path;
    lua_pushcfunction(L, append_protected);
    lua_pushlightuserdata(L, l);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK)
        return DESCENT_OK;
    lua_pop(L, 1);
    return descent_error_set(DESCENT_ERR_MEMORY,
                             "out of memory while listing plugins");
}

/* Append what this state loaded by path and the search did not come to. */
static void append_loaded(lua_State *L, int list)
{
    const lua_Unsigned found = lua_rawlen(L, list);

    context_push(L, CONTEXT_PLUGINS);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        bool listed = false;

        for (lua_Unsigned i = 1; i <= found && !listed; i++) {
            lua_rawgeti(L, list, (lua_Integer)i);
            lua_getfield(L, -1, "path");
            listed = lua_rawequal(L, -1, -4);
            lua_pop(L, 2);
        }
        if (!listed)
            append(L, list, lua_tostring(L, -2));
    }
    lua_pop(L, 1);
}

/* plugins([name]) -> list of {name =, path =} of the files that are found, not
 * one of which is loaded for it, and of those loaded by path; or the full
 * description of one plugin, which is loaded. */
int core_plugins(lua_State *L)
{
    descent_runtime *runtime = context_runtime(L);
    listing l = {.L = L};

    argument_end(L, 1);
    if (!lua_isnoneornil(L, 1)) {
        if (core_find_plugin(L) == 2)
            return lua_error(L);
        return 1;
    }
    lua_settop(L, 0);
    luaL_checkstack(L, 12, NULL);
    lua_newtable(L);
    CORE_CHECK(L, descent_runtime_each_file(runtime, visit, &l));
    append_loaded(L, 1);
    return 1;
}

/* load_plugin(path) -> info */
int core_load_plugin(lua_State *L)
{
    const char *path = argument_text(L, 1, "path");
    const context *c = context_of(L);
    descent_plugin_info info = {.struct_size = sizeof info};
    descent_runtime *runtime;

    context_forbid_in_callback(L);
    if (c->host != NULL ? !c->host->load_plugins : !c->native)
        error_raise(L, DESCENT_ERR_SUPPORT,
                    "'%s': the application does not let scripts load plugins "
                    "by path",
                    path);
    runtime = context_runtime(L);
    CORE_CHECK(L, descent_runtime_load(runtime, path, &info));
    context_push(L, CONTEXT_PLUGINS);
    lua_pushstring(L, info.path);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    push_info(L, &info);
    return 1;
}
