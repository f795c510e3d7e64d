/* SPDX-License-Identifier: MIT */
/* Optimizer methods that read and write options. */
#include <math.h>
#include <string.h>

#include "script/optimizer.h"
#include "script/schedule.h"

static bool has_name(const descent_param *p, const char *name)
{
    if (strcmp(p->name, name) == 0)
        return true;
    for (size_t i = 0; p->aliases != NULL && p->aliases[i] != NULL; i++) {
        if (strcmp(p->aliases[i], name) == 0)
            return true;
    }
    return false;
}

/* The declaration of an option, or NULL. */
static const descent_param *find(const optimizer *o, const char *name)
{
    const descent_optimizer_type *type = descent_optimizer_get_type(o->core);
    const descent_param *p;

    for (size_t i = 0; (p = descent_common_option(i)) != NULL; i++) {
        if (has_name(p, name))
            return p;
    }
    for (size_t i = 0; (p = descent_type_option(type, i)) != NULL; i++) {
        if (has_name(p, name))
            return p;
    }
    return NULL;
}

/* Push a value as what its declaration says: booleans, words, numbers, nil for
 * none. */
static void push_value(lua_State *L, const descent_param *p, double value)
{
    if (isnan(value))
        lua_pushnil(L);
    else if (p != NULL && p->type == DESCENT_PARAM_BOOL)
        lua_pushboolean(L, value != 0);
    else if (p != NULL && p->type == DESCENT_PARAM_CHOICE)
        lua_pushstring(L, p->choices[(size_t)value]);
    else if (p != NULL && p->type == DESCENT_PARAM_INT && fabs(value) < 0x1p53)
        lua_pushinteger(L, (lua_Integer)value);
    else
        lua_pushnumber(L, value);
}

void setting_push(lua_State *L, optimizer *o, size_t group, const char *name)
{
    const descent_param *p = find(o, name);
    double value = 0;

    if (p != NULL && p->type == DESCENT_PARAM_TEXT) {
        lua_pushstring(L, descent_optimizer_name(o->core));
        return;
    }
    CORE_CHECK(L, descent_optimizer_group_get(o->core, group, name, &value));
    push_value(L, p, value);
}

/* Push what a value of an option that got a word would be. */
static const char *push_expected(lua_State *L, const descent_param *p)
{
    luaL_Buffer b;

    if (p->type != DESCENT_PARAM_CHOICE)
        return lua_pushstring(L, p->type == DESCENT_PARAM_BOOL ? "true or false"
                                                               : "a number");
    luaL_buffinit(L, &b);
    for (size_t i = 0; p->choices[i] != NULL; i++) {
        if (i > 0)
            luaL_addstring(&b, p->choices[i + 1] == NULL ? " or " : ", ");
        luaL_addchar(&b, '"');
        luaL_addstring(&b, p->choices[i]);
        luaL_addchar(&b, '"');
    }
    luaL_pushresult(&b);
    return lua_tostring(L, -1);
}

/* The number of a word among an option's choices; of what is no option, or takes
 * any text, none, because the core refuses to set it. */
static double choice(lua_State *L, const optimizer *o, const descent_param *p,
                     int index)
{
    if (p == NULL || p->type == DESCENT_PARAM_TEXT)
        return (double)NAN;
    for (size_t i = 0; p->type == DESCENT_PARAM_CHOICE && p->choices[i] != NULL;
         i++) {
        if (strcmp(p->choices[i], lua_tostring(L, index)) == 0)
            return (double)i;
    }
    error_option(L, p->name, index, "%s.%s = \"%s\": expected %s",
                 descent_optimizer_get_type(o->core)->id, p->name,
                 lua_tostring(L, index), push_expected(L, p));
}

/* ---- Schedules among the options ----------------------------------------- */

/* Is the value at `index` not to be shown as it is? */
static const char *schedule_note(lua_State *L, int index)
{
    bool config = false;

    if (lua_istable(L, index)) {
        config = argument_field(L, index, "class_name") == LUA_TSTRING;
        lua_pop(L, 1);
    }
    if (config || class_test(L, index, CLASS_SCHEDULE) != NULL)
        return "<schedule>";
    return lua_isfunction(L, index) ? "<function>" : NULL;
}

/* Push what to note of the value at `index`: of the optimizer's own options
 * only schedules, of a group's all, because they are few and not declared. */
static void push_note(lua_State *L, size_t group, int index)
{
    const char *text = schedule_note(L, index);

    if (text != NULL || group == 0)
        lua_pushstring(L, text);
    else if (lua_isnoneornil(L, index))
        lua_pushliteral(L, "none");
    else
        luaL_tolstring(L, index, NULL);
}

/* Push the table of what is noted of a group of the optimizer at `index`. */
static void push_notes(lua_State *L, int index, size_t group)
{
    lua_getiuservalue(L, index, OPTIMIZER_SCHEDULES);
    if (lua_rawgeti(L, -1, (lua_Integer)group) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, (lua_Integer)group);
    }
    lua_remove(L, -2);
}

/* Note that an option of the optimizer at `index` got the value at `value`. */
static void note(lua_State *L, const optimizer *o, int index, size_t group,
                 const char *name, int value)
{
    const bool rate = strcmp(name, "lr_scheduler") == 0;
    const descent_param *p = find(o, rate ? "learning_rate" : name);

    push_notes(L, index, group);
    push_note(L, group, value);
    lua_setfield(L, -2, p != NULL ? p->name : name);
    lua_pop(L, 1);
}

void setting_note_all(lua_State *L, const optimizer *o, int index, size_t group,
                      int options)
{
    if (!lua_istable(L, options))
        return;
    for (lua_pushnil(L); lua_next(L, options) != 0; lua_pop(L, 1)) {
        const int value = lua_gettop(L);

        if (lua_type(L, -2) == LUA_TSTRING)
            note(L, o, index, group, lua_tostring(L, -2), value);
    }
}

const char *setting_push_note(lua_State *L, int index, size_t group,
                              const char *option)
{
    push_notes(L, index, group);
    lua_getfield(L, -1, option);
    lua_remove(L, -2);
    return lua_tostring(L, -1);
}

void setting_store(lua_State *L, optimizer *o, size_t group, const char *name,
                   int index)
{
    const descent_param *p = find(o, name);
    const schedule *s = class_test(L, index, CLASS_SCHEDULE);
    double value = (double)NAN;

    if (lua_isfunction(L, index)) {
        schedule_check_function(L, index, name);
        s = schedule_from_lua(L, index);
    }
    if (s != NULL) {
        CORE_CHECK(L, descent_optimizer_group_set_schedule(o->core, group, name,
                                                           s->schedule));
        note(L, o, 1, group, name, index);
        return;
    }
    if (lua_isboolean(L, index))
        value = lua_toboolean(L, index);
    else if (lua_type(L, index) == LUA_TSTRING)
        value = choice(L, o, p, index);
    else if (!lua_isnoneornil(L, index) &&
             !argument_is_number(L, index, &value))
        error_option(L, name, index,
                     "%s is %s: expected a number, boolean, string, Schedule, "
                     "function or nil",
                     name, argument_kind(L, index));
    else if (!lua_isnoneornil(L, index) && isnan(value))
        error_option(L, name, index, "%s = nan: expected a number", name);
    CORE_CHECK(L, descent_optimizer_group_set(o->core, group, name, value));
    note(L, o, 1, group, name, index);
}

/* get(name[, group]) */
static int get(lua_State *L)
{
    optimizer *o = optimizer_check(L);

    argument_end(L, 3);
    setting_push(L, o, group_argument(L, o, 3), argument_text(L, 2, "name"));
    return 1;
}

/* set(name, value[, group]) */
static int set(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);

    argument_end(L, 4);
    setting_store(L, o, group_argument(L, o, 4), argument_text(L, 2, "name"),
                  3);
    lua_settop(L, 1);
    return 1;
}

/* exclude_from_weight_decay{names =, match =} */
static int exclude(lua_State *L)
{
    static const char *const known[] = {"names", "match", NULL};
    optimizer *o = optimizer_check_idle(L);
    const char **names;
    const char *match = NULL;
    size_t n = 0;

    lua_settop(L, 2);
    if (!argument_table(L, 2, "options"))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is %s: expected {names =, match =}",
                    argument_kind(L, 2));
    if (lua_rawlen(L, 2) > 0)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is a list: expected names = {...} or match = "
                    "\"...\"");
    argument_known(L, 2, known);
    if (argument_field(L, 2, "match") != LUA_TNIL)
        match = argument_text(L, 3, "match");
    argument_field(L, 2, "names");
    if (argument_table(L, 4, "names"))
        n = (size_t)lua_rawlen(L, 4);
    names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 4, (lua_Integer)i + 1);
        names[i] = argument_text(L, lua_gettop(L), "name");
        lua_pop(L, 1); /* the list still holds it */
    }
    CORE_CHECK(L, descent_optimizer_exclude_from_weight_decay(o->core, names, n,
                                                              match));
    lua_settop(L, 1);
    return 1;
}

/* set_learning_rate(v), as in MXNet: an error where a schedule is. */
static int set_learning_rate(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);

    argument_end(L, 2);
    setting_store(L, o, 0, "learning_rate", 2);
    lua_settop(L, 1);
    return 1;
}

static int reload_master(lua_State *L)
{
    const optimizer *o = optimizer_check_idle(L);

    CORE_CHECK(L, descent_optimizer_reload_master(o->core));
    lua_settop(L, 1);
    return 1;
}

const function_entry optimizer_setting_methods[] = {
    {"get", get, 0},
    {"set", set, 0},
    {"set_learning_rate", set_learning_rate, 0},
    {"exclude_from_weight_decay", exclude, 0},
    {"reload_master", reload_master, 0},
    {NULL, NULL, 0}};
