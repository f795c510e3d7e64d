/* SPDX-License-Identifier: MIT */
/* Tables of options on their way to the core.  The core checks names, types and
 * ranges; here is only decided what a Lua value is. */
#include <string.h>

#include "script/schedule.h"
#include "script/tensor.h"

static const char box_class[] = "descent.options";

typedef struct box {
    resource resource;
    descent_options *options;
} box;

static void free_box(resource *r)
{
    descent_options_free(((box *)r)->options);
}

static int box_gc(lua_State *L)
{
    resource_release(L, lua_touserdata(L, 1));
    return 0;
}

/* A list of numbers, from a table or a vector at `index`. */
static descent_status set_numbers(lua_State *L, descent_options *options,
                                  const char *name, int index)
{
    const tensor *vector = class_test(L, index, CLASS_TENSOR);
    size_t n = vector ? (size_t)vector->count : (size_t)lua_rawlen(L, index);
    double *numbers = lua_newuserdatauv(L, (n + 1) * sizeof *numbers, 0);
    descent_status status;

    if (vector == NULL)
        lua_pushnil(L);
    for (size_t entries = 0; vector == NULL && lua_next(L, index) != 0;) {
        if (++entries > n || lua_type(L, -1) != LUA_TNUMBER)
            error_option(L, name, index,
                         "%s is a table: expected a list of numbers", name);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < n; i++) {
        if (vector != NULL) {
            numbers[i] = tensor_element(vector, (int64_t)i);
            continue;
        }
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        numbers[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    status = descent_options_set_numbers(options, name, numbers, n);
    lua_pop(L, 1);
    return status;
}

/* Whatever stands for a schedule at `index`. */
static descent_status set_schedule(lua_State *L, descent_options *options,
                                   const char *name, int index)
{
    descent_status status;

    schedule_check_function(L, index, name);
    lua_pushvalue(L, index);
    schedule_coerce(L, lua_gettop(L), -1);
    status = descent_options_set_schedule(
        options, name, schedule_check(L, lua_gettop(L))->schedule);
    lua_pop(L, 1);
    return status;
}

/* A list of them. */
static descent_status set_schedules(lua_State *L, descent_options *options,
                                    const char *name, int index)
{
    const int first = lua_gettop(L) + 1, n = (int)lua_rawlen(L, index);
    descent_schedule **parts;
    descent_status status;

    luaL_checkstack(L, n + 20, name);
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, index, i);
        schedule_check_function(L, lua_gettop(L), name);
        if (!schedule_coerce(L, lua_gettop(L), -1))
            error_option(L, name, index,
                         "%s[%d] is %s: expected a Schedule, function or "
                         "number",
                         name, i, argument_kind(L, lua_gettop(L)));
    }
    parts = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof(*parts), 0);
    for (int i = 0; i < n; i++)
        parts[i] = schedule_check(L, first + i)->schedule;
    status = descent_options_set_schedules(options, name, parts, (size_t)n);
    lua_settop(L, first - 1);
    return status;
}

/* A schedule, or what can only stand for one. */
static bool is_schedule(lua_State *L, int index)
{
    bool config = false;

    if (lua_istable(L, index)) {
        config = argument_field(L, index, "class_name") == LUA_TSTRING;
        lua_pop(L, 1);
    }
    return config || lua_isfunction(L, index) ||
           class_test(L, index, CLASS_SCHEDULE) != NULL;
}

/* A list is one of schedules when one of them is there. */
static bool has_schedule(lua_State *L, int index)
{
    bool found = false;

    for (lua_Integer i = (lua_Integer)lua_rawlen(L, index); i > 0 && !found;
         i--) {
        lua_rawgeti(L, index, i);
        found = is_schedule(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    return found;
}

bool options_next_key(lua_State *L, int index)
{
    const int last = lua_gettop(L);
    bool found = false;

    lua_pushnil(L); /* the best so far */
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "the options have a key that is %s: expected names",
                        argument_kind(L, lua_gettop(L)));
        if ((lua_isnil(L, last) || lua_compare(L, last, -1, LUA_OPLT)) &&
            (!found || lua_compare(L, -1, last + 1, LUA_OPLT))) {
            found = true;
            lua_copy(L, -1, last + 1);
        }
    }
    lua_remove(L, last);
    if (!found)
        lua_pop(L, 1);
    return found;
}

static descent_status set_value(lua_State *L, descent_options *options,
                                const char *name, int index);

/* A table of an option's parts: loss_scale = {min = 1, ...} sets "loss_scale" to
 * true, and "loss_scale.min". */
static descent_status set_parts(lua_State *L, descent_options *options,
                                const char *name, int index)
{
    descent_status status = descent_options_set_boolean(options, name, 1);

    luaL_checkstack(L, 20, name);
    lua_pushnil(L);
    while (status == DESCENT_OK && options_next_key(L, index)) {
        const char *part = lua_pushfstring(
            L, "%s.%s", name, argument_text(L, lua_gettop(L), "option name"));

        lua_pushvalue(L, -2);
        lua_rawget(L, index);
        status = set_value(L, options, part, lua_gettop(L));
        lua_pop(L, 2);
    }
    return status;
}

/* Set option `name` to the value at the absolute index. */
static descent_status set_value(lua_State *L, descent_options *options,
                                const char *name, int index)
{
    double number;

    if (class_test(L, index, CLASS_TENSOR) != NULL)
        tensor_check(L, index);
    if (argument_is_number(L, index, &number))
        return descent_options_set_number(options, name, number);
    if (lua_istable(L, index) && descent_option_has_parts(name))
        return set_parts(L, options, name, index);
    if (is_schedule(L, index))
        return set_schedule(L, options, name, index);
    if (lua_istable(L, index) && has_schedule(L, index))
        return set_schedules(L, options, name, index);
    if (class_test(L, index, CLASS_TENSOR) || lua_istable(L, index))
        return set_numbers(L, options, name, index);
    if (lua_isboolean(L, index))
        return descent_options_set_boolean(options, name,
                                           lua_toboolean(L, index));
    if (lua_type(L, index) == LUA_TSTRING)
        return descent_options_set_text(options, name,
                                        argument_text(L, index, name));
    error_option(L, name, index,
                 "%s is %s: expected a number, boolean, string, list of "
                 "numbers, Schedule or function",
                 name, argument_kind(L, index));
}

/* Refuse "loss_scale.min" at the top, a key of the table at `index`, beside a
 * "loss_scale" there that has a "min". */
static void refuse_twice(lua_State *L, int index)
{
    const int top = lua_gettop(L);
    const char *name = argument_text(L, top, "option name");
    const char *dot = strchr(name, '.');

    if (dot == NULL)
        return;
    lua_pushlstring(L, name, (size_t)(dot - name));
    lua_rawget(L, index);
    if (lua_istable(L, -1)) {
        lua_pushstring(L, dot + 1);
        if (lua_rawget(L, -2) != LUA_TNIL)
            error_option(L, name, 0, "option '%s' is given twice", name);
    }
    lua_settop(L, top);
}

descent_options *options_push(lua_State *L, int index)
{
    box *b;

    luaL_checkstack(L, 20, NULL);
    context_forbid_in_callback(L);
    b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = (box){.options = NULL};
    if (luaL_newmetatable(L, box_class)) {
        lua_pushcfunction(L, box_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    error_check(L, descent_options_create(context_runtime(L), &b->options));
    resource_hold(L, &b->resource, free_box);
    if (!argument_table(L, index, "options"))
        return b->options;
    for (lua_pushnil(L); options_next_key(L, index);) {
        refuse_twice(L, index);
        lua_pushvalue(L, -1);
        lua_rawget(L, index);
        error_check(
            L, set_value(L, b->options,
                         argument_text(L, lua_gettop(L) - 1, "option name"),
                         lua_gettop(L)));
        lua_pop(L, 1);
    }
    return b->options;
}
