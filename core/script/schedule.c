/* SPDX-License-Identifier: MIT */
/* The class of schedules: Lua functions as schedules of the core, the kinds,
 * and values.  What makes schedules of schedules is in algebra.c.
 *
 * A function runs in a protected call from inside the core, which no Lua error
 * may leave; its error value waits in the context until the core is done. */
#include "script/schedule.h"

#include <inttypes.h>
#include <string.h>

#include "script/tensor.h"

/* What the core holds for a Lua function: a userdata. */
typedef struct record {
    context *context;
    int self, function; /* where the registry has them */
    bool wants_moment;  /* the function takes more than the step */
} record;

typedef struct call {
    const record *record;
    const descent_schedule_context *moment; /* or NULL */
    uint64_t n;
} call;

/* The table that tells a function the moment: reused, but not by a function
 * that runs inside of another. */
static void push_moment(lua_State *L, const call *c)
{
    const uint64_t iterations = c->moment ? c->moment->iterations : c->n;
    const uint64_t updates = c->moment ? c->moment->updates : c->n;
    const char *option = c->moment ? c->moment->option : NULL;

    if (c->record->context->in_callback > 1)
        lua_createtable(L, 0, 4);
    else
        context_push(L, CONTEXT_MOMENT);
    lua_pushinteger(L, (lua_Integer)iterations);
    lua_setfield(L, -2, "iterations");
    lua_pushinteger(L, (lua_Integer)updates);
    lua_setfield(L, -2, "updates");
    lua_pushstring(L, option != NULL ? option : "");
    lua_setfield(L, -2, "option");
    lua_pushinteger(L, c->moment ? (lua_Integer)c->moment->group : 0);
    lua_setfield(L, -2, "group");
}

/* Runs protected: the function is at 1, the call the light userdata at 2. */
static int call_with_moment(lua_State *L)
{
    const call *c = lua_touserdata(L, 2);

    lua_pushinteger(L, (lua_Integer)c->n);
    lua_replace(L, 2);
    push_moment(L, c);
    lua_call(L, 2, 1);
    return 1;
}

/* Runs protected: the number that the result at 1 is. */
static int read_result(lua_State *L)
{
    double value;

    if (!argument_is_number(L, 1, &value))
        luaL_error(L, "the function returned %s: expected a number",
                   argument_kind(L, 1));
    lua_pushnumber(L, value);
    return 1;
}

/* Call the function: leaves the number, or the error value, at the top.  Most
 * functions take the step alone and return a number: with no function of ours
 * around them, as every step waits for this. */
static int call_function(lua_State *L, const call *c)
{
    const record *r = c->record;
    int status;

    if (r->wants_moment)
        lua_pushcfunction(L, call_with_moment);
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->function);
    if (r->wants_moment)
        lua_pushlightuserdata(L, (void *)(uintptr_t)c);
    else
        lua_pushinteger(L, (lua_Integer)c->n);
    status = lua_pcall(L, r->wants_moment ? 2 : 1, 1, 0);
    if (status != LUA_OK || lua_type(L, -1) == LUA_TNUMBER)
        return status;
    lua_pushcfunction(L, read_result);
    lua_insert(L, -2);
    return lua_pcall(L, 1, 1, 0);
}

/* Runs protected: the text of the error value at 1. */
static int describe_error(lua_State *L)
{
    error_text(L, 1);
    return 1;
}

/* Take the error value at the top: its text becomes the core's message, the
 * value waits in the context. */
static descent_status fail(lua_State *L, const call *c)
{
    const char *text = "(the error has no text)";
    descent_status status;

    lua_pushcfunction(L, describe_error);
    lua_pushvalue(L, -2);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING)
        text = lua_tostring(L, -1);
    if (strstr(text, "attempt to yield") != NULL)
        text = "yielding is not allowed inside a schedule";
    if (c->moment != NULL)
        status = descent_error_set(DESCENT_ERR_SCRIPT, "%s", text);
    else
        status = descent_error_set(
            DESCENT_ERR_SCRIPT, "schedule at step %" PRIu64 ": %s", c->n, text);
    lua_pop(L, 1);
    context_store(L, CONTEXT_PENDING);
    return status;
}

static descent_status schedule_function(void *user, uint64_t n,
                                        const descent_schedule_context *moment,
                                        double *value)
{
    const record *r = user;
    context *c = r->context;
    lua_State *L = c->L;
    const call request = {.record = r, .moment = moment, .n = n};
    descent_status status = DESCENT_OK;

    if (!lua_checkstack(L, 12))
        return descent_error_set(DESCENT_ERR_SCRIPT, "the Lua stack is full");
    c->in_callback++;
    if (call_function(L, &request) == LUA_OK) {
        *value = lua_tonumber(L, -1);
        lua_pop(L, 1);
    } else {
        status = fail(L, &request);
    }
    c->in_callback--;
    return status;
}

/* The core's last reference is gone.  Giving back what the registry has does not
 * allocate, so no error can leave. */
static void release_function(void *user)
{
    const record *r = user;
    lua_State *L = r->context->L;

    if (r->context->closed || !lua_checkstack(L, 4))
        return;
    luaL_unref(L, LUA_REGISTRYINDEX, r->function);
    luaL_unref(L, LUA_REGISTRYINDEX, r->self);
}

static void free_schedule(resource *r)
{
    schedule *s = (schedule *)r;

    descent_schedule_release(s->schedule);
    s->schedule = NULL;
}

schedule *schedule_push(lua_State *L)
{
    schedule *s = lua_newuserdatauv(L, sizeof *s, 0);

    *s = (schedule){.schedule = NULL};
    class_set(L, CLASS_SCHEDULE);
    return s;
}

void schedule_made(lua_State *L, schedule *s, descent_status status)
{
    error_check(L, status);
    resource_hold(L, &s->resource, free_schedule);
}

/* Say where the function at `index` is from.  What cannot be said in a label
 * stays without one, which is only for people. */
static void set_label(lua_State *L, const schedule *s, int index)
{
    lua_Debug about;

    lua_pushvalue(L, index);
    lua_getinfo(L, ">S", &about);
    if (about.linedefined > 0)
        lua_pushfstring(L, "lua function %s:%d", about.short_src,
                        about.linedefined);
    else
        lua_pushliteral(L, "lua function");
    (void)descent_schedule_set_label(s->schedule, lua_tostring(L, -1));
    lua_pop(L, 1);
}

/* Make the record of the function at `index`.  A function of C may look at all
 * that it is given. */
static record *make_record(lua_State *L, int index)
{
    record *r = lua_newuserdatauv(L, sizeof *r, 0);
    lua_Debug about;

    lua_pushvalue(L, index);
    lua_getinfo(L, ">u", &about);
    *r = (record){.context = context_of(L),
                  .wants_moment = about.isvararg || about.nparams > 1};
    lua_pushvalue(L, index);
    r->function = luaL_ref(L, LUA_REGISTRYINDEX);
    r->self = luaL_ref(L, LUA_REGISTRYINDEX);
    return r;
}

schedule *schedule_from_lua(lua_State *L, int index)
{
    descent_runtime *runtime = context_runtime(L);
    descent_status status;
    schedule *s;
    record *r;

    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, NULL);
    s = schedule_push(L);
    r = make_record(L, index);
    status = descent_schedule_from_function(runtime, schedule_function, r,
                                            release_function, &s->schedule);
    if (status != DESCENT_OK)
        release_function(r);
    schedule_made(L, s, status);
    set_label(L, s, index);
    return s;
}

/* ---- The class ----------------------------------------------------------- */

static int schedule_gc(lua_State *L)
{
    schedule *s = class_check(L, 1, CLASS_SCHEDULE);

    resource_release(L, &s->resource);
    return 0;
}

schedule *schedule_check(lua_State *L, int index)
{
    schedule *s = class_check(L, index, CLASS_SCHEDULE);

    if (s->schedule == NULL)
        error_raise(L, DESCENT_ERR_STATE, "the Schedule is closed");
    return s;
}

double schedule_value_at(lua_State *L, const schedule *s, lua_Integer n)
{
    context *c = context_of(L);
    lua_State *previous = context_enter(c, L);
    double value = 0;
    descent_status status =
        descent_schedule_at(s->schedule, (uint64_t)n, &value);

    context_enter(c, previous);
    error_check(L, status);
    return value;
}

/* s(n), s:at(n) */
static int schedule_at(lua_State *L)
{
    const schedule *s = schedule_check(L, 1);

    lua_pushnumber(
        L, schedule_value_at(L, s,
                             argument_integer(L, 2, "n", 0, LUA_MAXINTEGER)));
    return 1;
}

/* s:table(n0, n1[, step]) */
static int schedule_table(lua_State *L)
{
    const lua_Integer most = INT64_C(1) << 53;
    const schedule *s = schedule_check(L, 1);
    lua_Integer first = argument_integer(L, 2, "n0", 0, most);
    lua_Integer last = argument_integer(L, 3, "n1", first, most);
    lua_Integer step =
        lua_isnoneornil(L, 4) ? 1 : argument_integer(L, 4, "step", 1, most);

    lua_newtable(L);
    for (lua_Integer n = first, i = 1; n <= last; n += step, i++) {
        lua_pushnumber(L, schedule_value_at(L, s, n));
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* "fn" for a function, whatever its language. */
static const char *kind_of(lua_State *L)
{
    const schedule *s = class_check(L, 1, CLASS_SCHEDULE);
    const char *kind = descent_schedule_name(s->schedule);

    return kind != NULL ? kind : "fn";
}

static int schedule_tostring(lua_State *L)
{
    lua_pushfstring(L, "Schedule %s", kind_of(L));
    return 1;
}

static int field_kind(lua_State *L)
{
    lua_pushstring(L, kind_of(L));
    return 1;
}

/* ---- schedule.KIND{...}, schedule.hold(v[, steps]) ----------------------- */

/* Let {value = v, steps = steps} stand at 1. */
static void hold_options(lua_State *L, double value)
{
    lua_createtable(L, 0, 2);
    lua_pushnumber(L, value);
    lua_setfield(L, -2, "value");
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "steps");
    lua_replace(L, 1);
}

schedule *schedule_from_options(lua_State *L, const char *kind, int index)
{
    descent_options *options = options_push(L, index);
    schedule *s = schedule_push(L);

    schedule_made(L, s,
                  descent_schedule_create(context_runtime(L), kind, options,
                                          &s->schedule));
    lua_remove(L, -2);
    return s;
}

/* The kind is upvalue 3. */
static int make_kind(lua_State *L)
{
    const char *kind =
        descent_schedule_kind((size_t)lua_tointeger(L, lua_upvalueindex(3)));
    double value;
    bool held;

    held = strcmp(kind, "hold") == 0 && argument_is_number(L, 1, &value);
    argument_end(L, held ? 2 : 1);
    lua_settop(L, 2);
    if (held)
        hold_options(L, value);
    schedule_from_options(L, kind, 1);
    return 1;
}

void schedule_check_function(lua_State *L, int index, const char *name)
{
    const lua_CFunction function = lua_tocfunction(L, index);
    bool maker = function == make_kind;

    for (const function_entry *e = schedule_makers; e->name != NULL; e++)
        maker = maker || function == e->function;
    if (!maker)
        return;
    lua_getupvalue(L, index, 1);
    error_option(L, name, 0,
                 "%s: %s is a kind of schedule: call it with its options", name,
                 lua_tostring(L, -1));
}

void schedule_push_kinds(lua_State *L)
{
    lua_newtable(L);
    functions_register(L, "schedule.", schedule_makers);
    for (size_t i = 0; descent_schedule_kind(i) != NULL; i++) {
        const function_entry entry[] = {
            {descent_schedule_kind(i), make_kind, (int)i}, {NULL, NULL, 0}};

        functions_register(L, "schedule.", entry);
    }
}

int core_schedule_kinds(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; descent_schedule_kind(i) != NULL; i++) {
        lua_pushstring(L, descent_schedule_kind(i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

void schedule_open(lua_State *L)
{
    static const function_entry meta[] = {{"__gc", schedule_gc, 0},
                                          {"__call", schedule_at, 0},
                                          {"__tostring", schedule_tostring, 0},
                                          {NULL, NULL, 0}};
    static const function_entry methods[] = {
        {"at", schedule_at, 0}, {"table", schedule_table, 0}, {NULL, NULL, 0}};
    static const function_entry fields[] = {{"kind", field_kind, 0},
                                            {NULL, NULL, 0}};

    class_create(L, CLASS_SCHEDULE, meta);
    functions_register_as(L, class_name(CLASS_SCHEDULE), schedule_operators);
    lua_newtable(L);
    functions_register(L, "Schedule:", methods);
    functions_register(L, "Schedule:", schedule_algebra_methods);
    functions_register(L, "Schedule:", schedule_state_methods);
    class_finish(L, CLASS_SCHEDULE, fields, class_index);
}
