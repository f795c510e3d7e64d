/* SPDX-License-Identifier: MIT */
/* Configurations as tables: what JSON the core writes, and what it reads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/binding.h"

enum { DEEPEST = 2000, FIRST_SIZE = 256 };

/* ---- From text that the core wrote ----------------------------------------- */

static const char *push_value(lua_State *L, const char *at);

/* The string that begins at `at`, a quote. */
static const char *push_string(lua_State *L, const char *at)
{
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    for (at++; *at != '"'; at++) {
        if (*at != '\\') {
            luaL_addchar(&b, *at);
        } else if (*++at != 'u') {
            luaL_addchar(&b, *at);
        } else {
            const char digits[] = {at[1], at[2], at[3], at[4], '\0'};
            luaL_addchar(&b, (char)strtol(digits, NULL, 16));
            at += 4;
        }
    }
    luaL_pushresult(&b);
    return at + 1;
}

/* Lua reads numbers with a point in every locale. */
static const char *push_number(lua_State *L, const char *at)
{
    const size_t n = strspn(at, "+-.0123456789eE");

    lua_pushlstring(L, at, n);
    lua_stringtonumber(L, lua_tostring(L, -1));
    lua_remove(L, -2);
    return at + n;
}

/* What stands between two values. */
static const char *skip(const char *at)
{
    return at + strspn(at, ", :");
}

static const char *push_object(lua_State *L, const char *at)
{
    lua_newtable(L);
    for (at++; *at != '}'; at = skip(at)) {
        at = push_string(L, at);
        at = push_value(L, skip(at));
        lua_rawset(L, -3);
    }
    return at + 1;
}

static const char *push_list(lua_State *L, const char *at)
{
    lua_newtable(L);
    for (at++; *at != ']'; at = skip(at)) {
        at = push_value(L, at);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
    return at + 1;
}

static const char *push_value(lua_State *L, const char *at)
{
    luaL_checkstack(L, 8, "the configuration is nested too deep");
    switch (*at) {
    case '{':
        return push_object(L, at);
    case '[':
        return push_list(L, at);
    case '"':
        return push_string(L, at);
    case 't':
    case 'f':
        lua_pushboolean(L, *at == 't');
        return at + (*at == 't' ? 4 : 5);
    case 'n':
        lua_pushnil(L);
        return at + 4;
    default:
        return push_number(L, at);
    }
}

/* From a copy: while tables are made a finalizer may ask for another
 * configuration, which takes the place of the core's text. */
void json_push(lua_State *L, const char *text)
{
    lua_pushstring(L, text);
    push_value(L, lua_tostring(L, -1));
    lua_remove(L, -2);
}

/* ---- To text ---------------------------------------------------------------- */

/* Text that grows, in a userdata at `index`. */
typedef struct builder {
    lua_State *L;
    int index;
    char *at;
    size_t size, capacity;
} builder;

static void add(builder *b, const char *bytes, size_t n)
{
    if (b->capacity - b->size <= n) {
        const size_t capacity = 2 * (b->capacity + n) + FIRST_SIZE;
        char *grown = lua_newuserdatauv(b->L, capacity, 0);
        if (b->size > 0)
            memcpy(grown, b->at, b->size);
        b->at = grown;
        b->capacity = capacity;
        lua_replace(b->L, b->index);
    }
    memcpy(b->at + b->size, bytes, n);
    b->size += n;
    b->at[b->size] = '\0';
}

static void add_text(builder *b, const char *text)
{
    add(b, text, strlen(text));
}

static void add_string(builder *b, const char *text)
{
    add_text(b, "\"");
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        char escape[8];
        if (byte < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", byte);
        else
            snprintf(escape, sizeof escape,
                     byte == '"' || byte == '\\' ? "\\%c" : "%c", byte);
        add_text(b, escape);
    }
    add_text(b, "\"");
}

static void add_value(builder *b, const char *key, int index, int depth);

static void add_list(builder *b, const char *key, int index, int depth)
{
    const lua_Integer n = (lua_Integer)lua_rawlen(b->L, index);

    for (lua_Integer i = 1; i <= n; i++) {
        add_text(b, i > 1 ? "," : "[");
        lua_rawgeti(b->L, index, i);
        add_value(b, key, lua_gettop(b->L), depth);
        lua_pop(b->L, 1);
    }
    add_text(b, n == 0 ? "[]" : "]");
}

static void add_object(builder *b, int index, int depth)
{
    bool first = true;

    add_text(b, "{");
    for (lua_pushnil(b->L); options_next_key(b->L, index); first = false) {
        const char *key = argument_text(b->L, lua_gettop(b->L), "key");
        add_text(b, first ? "" : ",");
        add_string(b, key);
        add_text(b, ":");
        lua_pushvalue(b->L, -1);
        lua_rawget(b->L, index);
        add_value(b, key, lua_gettop(b->L), depth);
        lua_pop(b->L, 1);
    }
    add_text(b, "}");
}

static void add_number(builder *b, const char *key, int index, double value)
{
    char text[48];

    if (!isfinite(value))
        error_option(b->L, key, index, "%s = %f: expected a finite number", key,
                     (LUAI_UACNUMBER)value);
    snprintf(text, sizeof text, "%.17g", value);
    text_restore_point(text);
    add_text(b, text);
}

static size_t count_entries(lua_State *L, int index)
{
    size_t n = 0;

    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
        n++;
    return n;
}

/* An empty table is a list, but for the options of a class. */
static void add_table(builder *b, const char *key, int index, int depth)
{
    const size_t items = (size_t)lua_rawlen(b->L, index);
    size_t entries;

    if (depth > DEEPEST) /* a table may contain itself */
        error_raise(b->L, DESCENT_ERR_ARGUMENT,
                    "the configuration is nested too deep");
    luaL_checkstack(b->L, 12, "the configuration is nested too deep");
    entries = count_entries(b->L, index);
    if (items > 0 && items != entries)
        error_raise(b->L, DESCENT_ERR_ARGUMENT,
                    "%s is a list and has names: expected one of the two", key);
    if (items > 0)
        add_list(b, key, index, depth + 1);
    else if (entries > 0 || strcmp(key, "config") == 0)
        add_object(b, index, depth + 1);
    else
        add_text(b, "[]");
}

static void add_value(builder *b, const char *key, int index, int depth)
{
    double number;

    if (lua_isboolean(b->L, index))
        add_text(b, lua_toboolean(b->L, index) ? "true" : "false");
    else if (lua_type(b->L, index) == LUA_TSTRING)
        add_string(b, argument_text(b->L, index, key));
    else if (lua_istable(b->L, index))
        add_table(b, key, index, depth);
    else if (argument_is_number(b->L, index, &number))
        add_number(b, key, index, number);
    else
        error_option(b->L, key, index,
                     "%s is %s, which a configuration cannot hold: give it "
                     "among the options",
                     key, argument_kind(b->L, index));
}

const char *json_push_text(lua_State *L, int index)
{
    builder b = {.L = L};

    lua_pushnil(L);
    b.index = lua_gettop(L);
    add_table(&b, "config", index, 0);
    lua_pushlstring(L, b.at, b.size);
    lua_replace(L, b.index);
    return lua_tostring(L, b.index);
}
