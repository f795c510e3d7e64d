/* SPDX-License-Identifier: MIT */
/* Checks of arguments, made before anything is allocated or changed. */
#include <string.h>

#include "script/tensor.h"

const char *argument_kind(lua_State *L, int index)
{
    static const char *const kinds[] = {
        "nothing",  "nil",     "a boolean",  "a userdata", "a number",
        "a string", "a table", "a function", "a userdata", "a coroutine"};

    for (int id = 0; id < CLASS_COUNT; id++) {
        if (class_test(L, index, (class_id)id) != NULL)
            return class_title((class_id)id);
    }
    return kinds[lua_type(L, index) + 1];
}

bool argument_is_number(lua_State *L, int index, double *value)
{
    const tensor *t;

    if (lua_type(L, index) == LUA_TNUMBER) {
        *value = lua_tonumber(L, index);
        return true;
    }
    t = class_test(L, index, CLASS_TENSOR);
    if (t == NULL || !tensor_is_live(t) || t->count != 1)
        return false;
    *value = tensor_element(t, 0);
    return true;
}

double argument_number(lua_State *L, int index, const char *name)
{
    double value;

    if (!argument_is_number(L, index, &value))
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s is %s: expected a number",
                    name, argument_kind(L, index));
    return value;
}

lua_Integer argument_integer(lua_State *L, int index, const char *name,
                             lua_Integer low, lua_Integer high)
{
    int is_integer = 0;
    lua_Integer value = 0;

    if (lua_type(L, index) == LUA_TNUMBER)
        value = lua_tointegerx(L, index, &is_integer);
    if (!is_integer && lua_type(L, index) == LUA_TNUMBER)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s = %f: expected an integer",
                    name, lua_tonumber(L, index));
    if (!is_integer)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s is %s: expected an integer",
                    name, argument_kind(L, index));
    if (value < low || value > high)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    high == LUA_MAXINTEGER ? "%s = %I: expected at least %I"
                                           : "%s = %I: expected %I to %I",
                    name, (LUAI_UACINT)value, (LUAI_UACINT)low,
                    (LUAI_UACINT)high);
    return value;
}

const char *argument_text(lua_State *L, int index, const char *name)
{
    if (lua_type(L, index) != LUA_TSTRING)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s is %s: expected a string",
                    name, argument_kind(L, index));
    if (strlen(lua_tostring(L, index)) != lua_rawlen(L, index))
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s contains a zero byte", name);
    return lua_tostring(L, index);
}

bool argument_table(lua_State *L, int index, const char *name)
{
    if (lua_isnoneornil(L, index))
        return false;
    if (lua_type(L, index) != LUA_TTABLE)
        error_raise(L, DESCENT_ERR_ARGUMENT, "%s is %s: expected a table", name,
                    argument_kind(L, index));
    return true;
}

int argument_field(lua_State *L, int index, const char *name)
{
    index = lua_absindex(L, index);
    lua_pushstring(L, name);
    return lua_rawget(L, index);
}

void argument_end(lua_State *L, int most)
{
    if (lua_gettop(L) > most)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "there is an argument too many, %s: expected no more",
                    argument_kind(L, most + 1));
}

static void push_names(lua_State *L, const char *const *known)
{
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    for (int i = 0; known[i] != NULL; i++) {
        if (i > 0)
            luaL_addstring(&b, ", ");
        luaL_addstring(&b, known[i]);
    }
    luaL_pushresult(&b);
}

void argument_known(lua_State *L, int index, const char *const *known)
{
    index = lua_absindex(L, index);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        bool found = false;

        for (int i = 0; lua_type(L, -2) == LUA_TSTRING && known[i]; i++)
            found = found || strcmp(lua_tostring(L, -2), known[i]) == 0;
        if (!found) {
            const char *key = luaL_tolstring(L, -2, NULL);

            push_names(L, known);
            error_option(L, key, -3, "unknown option '%s': expected %s", key,
                         lua_tostring(L, -1));
        }
        lua_pop(L, 1);
    }
}
