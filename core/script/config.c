/* SPDX-License-Identifier: MIT */
/* Configurations of optimizers: tables or JSON text. */
#include <string.h>

#include "script/optimizer.h"

/* Names begin with a letter, JSON text with a brace. */
bool config_is(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TSTRING)
        return lua_istable(L, index);
    const char *text = lua_tostring(L, index);
    return text[strspn(text, " \t\r\n")] == '{';
}

void config_note(lua_State *L, const optimizer *o, int index)
{
    const int top = lua_gettop(L);
    const char *text = NULL;

    CORE_CHECK(L, descent_optimizer_config(o->core, "descent", &text));
    json_push(L, text);
    argument_field(L, -1, "config");
    setting_note_all(L, o, index, 0, lua_gettop(L));
    if (argument_field(L, -1, "groups") != LUA_TNIL)
        for (lua_Integer k = 1; lua_rawgeti(L, top + 3, k) != LUA_TNIL; k++)
            setting_note_all(L, o, index, (size_t)k, lua_gettop(L));
    lua_settop(L, top);
}

/* config{dialect =, format =}: a table, or JSON text */
static int config(lua_State *L)
{
    static const char *const known[] = {"dialect", "format", NULL};
    const optimizer *o = optimizer_check(L);
    const char *dialect = "descent", *format = "table", *text = NULL;

    argument_end(L, 2);
    lua_settop(L, 2);
    if (argument_table(L, 2, "options")) {
        argument_known(L, 2, known);
        if (argument_field(L, 2, "dialect") != LUA_TNIL)
            dialect = argument_text(L, 3, "dialect");
        if (argument_field(L, 2, "format") != LUA_TNIL)
            format = argument_text(L, 4, "format");
    }
    if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
        error_option(L, "format", 4,
                     "format = \"%s\": expected \"table\" or \"json\"", format);
    CORE_CHECK(L, descent_optimizer_config(o->core, dialect, &text));
    if (strcmp(format, "json") == 0)
        lua_pushstring(L, text);
    else
        json_push(L, text);
    return 1;
}

const function_entry optimizer_config_methods[] = {{"config", config, 0},
                                                   {NULL, NULL, 0}};
