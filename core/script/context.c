/* SPDX-License-Identifier: MIT */
/* The context of a Lua state: the runtime, created when first needed, and where
 * its warnings go. */
#include "script/binding.h"

static const char context_key;
const char script_host_key;

context *context_of(lua_State *L)
{
    context *c = lua_touserdata(L, lua_upvalueindex(2));

    if (c == NULL) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key);
        c = lua_touserdata(L, -1);
        lua_pop(L, 1);
    }
    return c;
}

void context_push(lua_State *L, int value)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key);
    lua_getiuservalue(L, -1, value);
    lua_remove(L, -2);
}

void context_store(lua_State *L, int value)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, value);
    lua_pop(L, 1);
}

void resource_hold(lua_State *L, resource *r, void (*release)(resource *))
{
    context *c = context_of(L);

    *r = (resource){c->resources, &c->resources, release};
    if (r->next != NULL)
        r->next->link = &r->next;
    c->resources = r;
}

void resource_release(lua_State *L, resource *r)
{
    context *c = context_of(L);
    lua_State *previous;

    if (r->link == NULL)
        return;
    *r->link = r->next;
    if (r->next != NULL)
        r->next->link = r->link;
    r->link = NULL;
    previous = context_enter(c, L);
    r->release(r);
    context_enter(c, previous);
}

/* The context was the first object with a finalizer, so it is finalized last;
 * what still runs then must not create a runtime again. */
static int context_gc(lua_State *L)
{
    context *c = lua_touserdata(L, 1);

    c->closed = true;
    while (c->resources != NULL)
        resource_release(L, c->resources);
    descent_runtime_free(c->runtime);
    c->runtime = NULL;
    return 0;
}

/* Whether scripts can load machine code without us: there is package.loadlib,
 * in the table that `package` names. */
static bool has_loadlib(lua_State *L)
{
    const int top = lua_gettop(L);
    bool has = false;

    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushliteral(L, "package");
    lua_rawget(L, -2);
    if (luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE)) {
        lua_pushliteral(L, "package");
        lua_rawget(L, -2);
        if (lua_istable(L, -1) && lua_rawequal(L, -1, -3)) {
            lua_pushliteral(L, "loadlib");
            lua_rawget(L, -2);
            has = lua_iscfunction(L, -1);
        }
    }
    lua_settop(L, top);
    return has;
}

bool context_open(lua_State *L)
{
    context *c = context_of(L);

    if (c != NULL)
        return false;
    c = lua_newuserdatauv(L, sizeof *c, CONTEXT_VALUES);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    *c = (context){.L = lua_tothread(L, -1), .native = has_loadlib(L)};
    lua_pop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &script_host_key);
    c->host = lua_touserdata(L, -1);
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, context_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    for (int i = CONTEXT_MOMENT; i <= CONTEXT_PLUGINS; i++) {
        lua_newtable(L);
        lua_setiuservalue(L, -2, i);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);
    return true;
}

lua_State *context_enter(context *c, lua_State *L)
{
    lua_State *previous = c->L;

    c->L = L;
    return previous;
}

/* Hand a warning, the light userdata at 1, to the script's own receiver. */
static int warn_protected(lua_State *L)
{
    const char *text = lua_touserdata(L, 1);

    context_push(L, CONTEXT_WARN);
    lua_pushstring(L, text);
    lua_call(L, 1, 0);
    return 0;
}

static bool warn_receiver_exists(lua_State *L)
{
    bool exists;

    context_push(L, CONTEXT_WARN);
    exists = lua_isfunction(L, -1);
    lua_pop(L, 1);
    return exists;
}

/* The runtime's log: a receiver set by the script, then the application's, then
 * the interpreter's own channel for warnings. */
static void context_log(void *user, int level, const char *text)
{
    context *c = user;
    lua_State *L = c->L;

    if (level >= 2 && lua_checkstack(L, 4) && warn_receiver_exists(L)) {
        lua_pushcfunction(L, warn_protected);
        lua_pushlightuserdata(L, (void *)(uintptr_t)text);
        c->in_callback++;
        if (lua_pcall(L, 1, 0, 0) != LUA_OK)
            lua_pop(L, 1);
        c->in_callback--;
    } else if (c->host != NULL && c->host->log != NULL) {
        c->host->log(c->host->log_user, level, text);
    } else if (level >= 2) {
        lua_warning(L, text, 0);
    }
}

descent_runtime *context_runtime(lua_State *L)
{
    context *c = context_of(L);
    descent_runtime_options options = {
        .struct_size = sizeof options, .log = context_log, .log_user = c};

    if (c->runtime != NULL)
        return c->runtime;
    if (c->closed)
        error_raise(L, DESCENT_ERR_STATE, "the Lua state is being closed");
    if (c->host != NULL)
        options.directories = c->host->directories;
    CORE_CHECK(L, descent_runtime_create(&options, &c->runtime));
    return c->runtime;
}

void context_forbid_in_callback(lua_State *L)
{
    if (context_of(L)->in_callback > 0)
        error_raise(L, DESCENT_ERR_STATE,
                    "not allowed inside a schedule or a receiver of warnings");
}

/* The collector answers no questions while it calls a finalizer; the first
 * releases of Lua 5.4 said that it is stopped. */
bool context_in_finalizer(lua_State *L)
{
    const int running = lua_gc(L, LUA_GCISRUNNING);

    return LUA_VERSION_RELEASE_NUM < 50404 ? running <= 0 : running < 0;
}
