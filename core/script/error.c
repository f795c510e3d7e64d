/* SPDX-License-Identifier: MIT */
/* Error objects: tables with a code, the function that refused, the option and
 * value it is about where known, and the place of the call in the script. */
#include <stdlib.h>
#include <string.h>

#include "script/binding.h"

static const char error_class[] = "descent.Error";

/* Push "FILE:LINE" of the nearest Lua function outside of our own modules, or
 * nil. */
static void push_position(lua_State *L)
{
    lua_Debug frame;
    const char *library;
    size_t length = 0;

    context_push(L, CONTEXT_LIBRARY);
    library = lua_tolstring(L, -1, &length);
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline < 1)
            continue;
        if (library != NULL && frame.source[0] == '@' &&
            strncmp(frame.source + 1, library, length) == 0)
            continue;
        lua_pushfstring(L, "%s:%d", frame.short_src, frame.currentline);
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 1);
    lua_pushnil(L);
}

/* Replace the message at the top by an error object with it. */
static void push_object(lua_State *L, const char *code, const char *where)
{
    lua_createtable(L, 0, 7);
    lua_insert(L, -2);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, code);
    lua_setfield(L, -2, "code");
    lua_pushstring(L, where);
    lua_setfield(L, -2, "where");
    push_position(L);
    lua_setfield(L, -2, "position");
    luaL_setmetatable(L, error_class);
}

static const char *running_name(lua_State *L)
{
    const char *name = lua_tostring(L, lua_upvalueindex(1));

    return name != NULL ? name : "descent";
}

_Noreturn void error_raise(lua_State *L, descent_status code,
                           const char *format, ...)
{
    va_list arguments;

    luaL_checkstack(L, 10, NULL);
    va_start(arguments, format);
    lua_pushvfstring(L, format, arguments);
    va_end(arguments);
    push_object(L, descent_status_name(code), running_name(L));
    lua_error(L);
    abort(); /* lua_error does not return, but is not declared so */
}

_Noreturn void error_option(lua_State *L, const char *option, int index,
                            const char *format, ...)
{
    va_list arguments;

    luaL_checkstack(L, 10, NULL);
    if (index != 0)
        index = lua_absindex(L, index);
    va_start(arguments, format);
    lua_pushvfstring(L, format, arguments);
    va_end(arguments);
    push_object(L, "argument", running_name(L));
    lua_pushstring(L, option);
    lua_setfield(L, -2, "option");
    if (index != 0) {
        lua_pushvalue(L, index);
        lua_setfield(L, -2, "value");
    }
    lua_error(L);
    abort();
}

static void set_piece(lua_State *L, const char *field, const char *from,
                      size_t length)
{
    lua_pushlstring(L, from, length);
    if (lua_stringtonumber(L, lua_tostring(L, -1)) != 0)
        lua_remove(L, -2);
    lua_setfield(L, -2, field);
}

/* Read "TYPE.OPTION = VALUE: expected RANGE", "TYPE.OPTION is KIND: expected
 * RANGE" or "TYPE: unknown option 'OPTION'", the forms of the core's messages
 * about options, into the fields of the object at the top. */
static void set_details(lua_State *L, const char *text)
{
    static const char unknown[] = ": unknown option '", range[] = ": expected ";
    const char *expected = strstr(text, range);
    const char *found = strstr(text, unknown);
    const char *name = strchr(text, '.');
    size_t length;

    if (found != NULL) {
        found += sizeof unknown - 1;
        set_piece(L, "option", found, strcspn(found, "'"));
        return;
    }
    if (expected == NULL || name == NULL || name > expected)
        return;
    length = strspn(++name, "abcdefghijklmnopqrstuvwxyz_0123456789.");
    set_piece(L, "option", name, length);
    set_piece(L, "expected", expected + sizeof range - 1,
              strlen(expected + sizeof range - 1));
    if (strncmp(name + length, " = ", 3) == 0 && name + length + 3 < expected)
        set_piece(L, "value", name + length + 3,
                  (size_t)(expected - name) - length - 3);
}

void error_push_status(lua_State *L, descent_status status)
{
    const char *text = descent_error_message();

    luaL_checkstack(L, 10, NULL);
    lua_pushstring(L, text);
    push_object(L, descent_status_name(status), running_name(L));
    if (status != DESCENT_ERR_IO) /* those are about files */
        set_details(L, text);
    if (status == DESCENT_ERR_SCRIPT) {
        context_push(L, CONTEXT_PENDING);
        lua_setfield(L, -2, "cause");
        lua_pushnil(L);
        context_store(L, CONTEXT_PENDING);
    }
}

void error_check(lua_State *L, descent_status status)
{
    if (status != DESCENT_OK) {
        error_push_status(L, status);
        lua_error(L);
    }
}

const char *error_text(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
        lua_pushvalue(L, index);
        return lua_tostring(L, -1);
    default:
        if (luaL_getmetafield(L, index, "__tostring") == LUA_TNIL)
            return lua_pushfstring(L, "(error object is a %s value)",
                                   luaL_typename(L, index));
        lua_pop(L, 1);
        return luaL_tolstring(L, index, NULL);
    }
}

static void add_part(lua_State *L, luaL_Buffer *b, const char *field)
{
    if (lua_getfield(L, 1, field) == LUA_TSTRING && lua_rawlen(L, -1) > 0) {
        luaL_addvalue(b);
        luaL_addstring(b, ": ");
    } else {
        lua_pop(L, 1);
    }
}

static int error_tostring(lua_State *L)
{
    luaL_Buffer b;

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_buffinit(L, &b);
    add_part(L, &b, "position");
    add_part(L, &b, "where");
    lua_getfield(L, 1, "message");
    luaL_tolstring(L, -1, NULL);
    lua_remove(L, -2);
    luaL_addvalue(&b);
    luaL_pushresult(&b);
    return 1;
}

static int error_concat(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    luaL_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

void error_open(lua_State *L)
{
    if (luaL_newmetatable(L, error_class)) {
        lua_pushcfunction(L, error_tostring);
        lua_setfield(L, -2, "__tostring");
        lua_pushcfunction(L, error_concat);
        lua_setfield(L, -2, "__concat");
    }
    lua_pop(L, 1);
}

bool error_is(lua_State *L, int index)
{
    bool same = false;

    if (lua_getmetatable(L, index)) {
        luaL_getmetatable(L, error_class);
        same = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return same;
}

/* core.error_object(where, message[, fields]) */
int core_error_object(lua_State *L)
{
    static const char *const fields[] = {"code",     "option", "value",
                                         "expected", "cause",  NULL};
    const char *where = argument_text(L, 1, "where");
    bool more = argument_table(L, 3, "fields");

    lua_pushstring(L, argument_text(L, 2, "message"));
    push_object(L, "argument", where);
    for (int i = 0; more && fields[i] != NULL; i++) {
        if (lua_getfield(L, 3, fields[i]) != LUA_TNIL)
            lua_setfield(L, -2, fields[i]);
        else
            lua_pop(L, 1);
    }
    return 1;
}

int core_fail(lua_State *L)
{
    core_error_object(L);
    return lua_error(L);
}
