/* SPDX-License-Identifier: MIT */
/* Loading the state of an optimizer: from a file, from a table that state()
 * gave, from the tensors and texts of a file that was read. */
#include <string.h>

#include "script/file.h"
#include "script/optimizer.h"

/* ---- The report ---------------------------------------------------------- */

enum { ROOM = 1 << 16, KINDS = DESCENT_DIFFERENCE_OPTION };

/* The differences of a loading: for each its kind, its name and its text.  What
 * has no room is only counted. */
typedef struct report {
    lua_Integer count, kept;
    size_t used;
    char text[ROOM];
} report;

static descent_status note(void *user, const descent_difference *d)
{
    report *r = user;
    const size_t name = strlen(d->name) + 1, text = strlen(d->text) + 1;

    r->count++;
    if (r->kept + 1 < r->count || r->used + 1 + name + text > ROOM)
        return DESCENT_OK;
    r->text[r->used++] = (char)d->kind;
    memcpy(r->text + r->used, d->name, name);
    memcpy(r->text + r->used + name, d->text, text);
    r->used += name + text;
    r->kept++;
    return DESCENT_OK;
}

/* Push {count =, missing = {names}, unexpected = {names}, shapes = {texts},
 * types = {texts}, options = {texts}}. */
static void push_report(lua_State *L, const report *r)
{
    static const char *const names[KINDS + 1] = {
        NULL, "missing", "unexpected", "shapes", "types", "options"};
    const char *at = r->text;

    lua_createtable(L, 0, KINDS + 1);
    lua_pushinteger(L, r->count);
    lua_setfield(L, -2, "count");
    for (int kind = 1; kind <= KINDS; kind++) {
        lua_newtable(L);
        lua_setfield(L, -2, names[kind]);
    }
    for (lua_Integer i = 0; i < r->kept; i++) {
        const int kind = *at++;
        const char *text = at + strlen(at) + 1;

        lua_getfield(L, -1, names[kind]);
        lua_pushstring(L, kind < DESCENT_DIFFERENCE_SHAPE ? at : text);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        lua_pop(L, 1);
        at = text + strlen(text) + 1;
    }
}

/* ---- A table made flat --------------------------------------------------- */

enum { TENSORS = 4, TEXTS = 5 }; /* stack indices of what it becomes */

/* A list of numbers as a Tensor, in its place at the top. */
static void list_to_tensor(lua_State *L, const char *name)
{
    const int64_t n = (int64_t)lua_rawlen(L, -1);
    tensor *t = tensor_new(L, TENSOR_F64, 1, &n);

    for (int64_t i = 0; i < n; i++) {
        lua_rawgeti(L, -2, i + 1);
        ((double *)t->data)[i] = argument_number(L, lua_gettop(L), name);
        lua_pop(L, 1);
    }
    lua_remove(L, -2);
}

static void integer_to_tensor(lua_State *L, const char *name)
{
    tensor *t = tensor_new(L, TENSOR_I64, 0, NULL);

    *(int64_t *)t->data = argument_integer(L, lua_gettop(L) - 1, name,
                                           LUA_MININTEGER, LUA_MAXINTEGER);
    lua_remove(L, -2);
}

static void number_to_tensor(lua_State *L)
{
    tensor *t = tensor_new(L, TENSOR_F64, 0, NULL);

    *(double *)t->data = lua_tonumber(L, -2);
    lua_remove(L, -2);
}

static const char *key_of(lua_State *L, const char *where)
{
    if (lua_type(L, -2) != LUA_TSTRING)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "%s has a key that is %s: expected what state() gave",
                    where, argument_kind(L, lua_gettop(L) - 1));
    return argument_text(L, lua_gettop(L) - 1, "key");
}

_Noreturn static void refuse(lua_State *L, const char *key)
{
    error_raise(L, DESCENT_ERR_ARGUMENT,
                "the state's '%s' is %s: expected what state() gave", key,
                argument_kind(L, lua_gettop(L)));
}

/* The table at the top, a section of a tensor. */
static void flatten_slots(lua_State *L, const char *section, const char *whose)
{
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; lua_pop(L, 1)) {
        const char *part = key_of(L, section);

        if (class_test(L, -1, CLASS_TENSOR) == NULL)
            refuse(L, part);
        lua_pushfstring(L, "descent.%s/%s/%s", section, part, whose);
        lua_pushvalue(L, -2);
        lua_rawset(L, TENSORS);
    }
}

/* The table at the top, all of one tensor. */
static void flatten_tensor(lua_State *L, const char *whose)
{
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; lua_pop(L, 1)) {
        const char *key = key_of(L, whose);

        if (lua_type(L, -1) == LUA_TTABLE) {
            flatten_slots(L, key, whose);
            continue;
        }
        if (class_test(L, -1, CLASS_TENSOR) != NULL && !strcmp(key, "value"))
            lua_pushstring(L, whose);
        else if (lua_type(L, -1) == LUA_TNUMBER)
            lua_pushfstring(L, "descent.counters/%s/%s", key, whose);
        else
            refuse(L, key);
        lua_pushvalue(L, -2);
        if (lua_type(L, -1) == LUA_TNUMBER)
            integer_to_tensor(L, key);
        lua_rawset(L, TENSORS);
    }
}

static void flatten_tensors(lua_State *L)
{
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; lua_pop(L, 1)) {
        const char *whose = key_of(L, "tensors");

        if (lua_type(L, -1) != LUA_TTABLE)
            refuse(L, whose);
        flatten_tensor(L, whose);
    }
}

/* The table at the top, a section of the whole: texts, numbers, lists. */
static void flatten_section(lua_State *L, const char *section)
{
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; lua_pop(L, 1)) {
        const char *part = key_of(L, section);

        lua_pushfstring(L, "descent.%s/%s", section, part);
        lua_pushvalue(L, -2);
        if (lua_type(L, -1) == LUA_TSTRING) {
            lua_rawset(L, TEXTS);
            continue;
        }
        if (lua_isinteger(L, -1))
            integer_to_tensor(L, part);
        else if (lua_type(L, -1) == LUA_TNUMBER)
            number_to_tensor(L);
        else if (lua_type(L, -1) == LUA_TTABLE)
            list_to_tensor(L, part);
        else
            refuse(L, part);
        lua_rawset(L, TENSORS);
    }
}

/* The state at 2 into the tables at TENSORS and TEXTS. */
static void flatten(lua_State *L)
{
    luaL_checkstack(L, 40, NULL);
    lua_pushnil(L);
    for (; lua_next(L, 2) != 0; lua_pop(L, 1)) {
        const char *key = key_of(L, "the state");
        const int type = lua_type(L, -1);

        if (type == LUA_TTABLE && strcmp(key, "tensors") == 0) {
            flatten_tensors(L);
        } else if (type == LUA_TTABLE) {
            flatten_section(L, key);
        } else if (type == LUA_TNUMBER) {
            lua_pushfstring(L, "descent.counters/%s", key);
            lua_pushvalue(L, -2);
            integer_to_tensor(L, key);
            lua_rawset(L, TENSORS);
        } else if (type == LUA_TSTRING) {
            lua_pushfstring(L, "descent.%s", key);
            lua_pushvalue(L, -2);
            lua_rawset(L, TEXTS);
        } else {
            refuse(L, key);
        }
    }
}

/* ---- Loading ------------------------------------------------------------- */

/* Whether to refuse on any difference. */
static bool read_strict(lua_State *L, int index)
{
    static const char *const known[] = {"strict", NULL};
    bool strict = true;

    if (!argument_table(L, index, "options"))
        return true;
    argument_known(L, index, known);
    if (argument_field(L, index, "strict") != LUA_TNIL) {
        if (!lua_isboolean(L, -1))
            error_option(L, "strict", -1,
                         "strict is %s: expected true or false",
                         argument_kind(L, lua_gettop(L)));
        strict = lua_toboolean(L, -1);
    }
    lua_pop(L, 1);
    return strict;
}

static report *push_options(lua_State *L, bool strict,
                            descent_load_options *options)
{
    report *r = lua_newuserdatauv(L, sizeof *r, 0);

    r->count = r->kept = 0;
    r->used = 0;
    *options =
        (descent_load_options){.struct_size = sizeof *options,
                               .flags = strict ? 0 : DESCENT_LOAD_PARTIAL,
                               .difference = note,
                               .user = r};
    return r;
}

/* load_state(opt, tensors, texts[, {strict =}]): as a file holds them */
int core_load_state(lua_State *L)
{
    const optimizer *o = optimizer_check_change(L);
    descent_load_options options;
    report *r;
    file_content c;

    argument_end(L, 4);
    lua_settop(L, 4);
    r = push_options(L, read_strict(L, 4), &options);
    c = file_push_content(L, 2, 3);
    CORE_CHECK(L, descent_optimizer_load_state(o->core, c.tensors, c.count,
                                               c.texts, &options));
    push_report(L, r);
    return 1;
}

/* load(state or path[, {strict = true}]) -> report */
static int load(lua_State *L)
{
    const optimizer *o = optimizer_check_change(L);
    descent_load_options options;
    report *r;
    file_content c;

    argument_end(L, 3);
    lua_settop(L, 3);
    r = push_options(L, read_strict(L, 3), &options);
    if (lua_type(L, 2) == LUA_TSTRING) {
        const char *path = argument_text(L, 2, "path");
        CORE_CHECK(L, descent_optimizer_load(o->core, path, &options));
        push_report(L, r);
        return 1;
    }
    if (!argument_table(L, 2, "state"))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "state is %s: expected what state() gave, or a path",
                    argument_kind(L, 2));
    lua_newtable(L);
    lua_newtable(L);
    lua_rotate(L, TENSORS, 2); /* below the report */
    flatten(L);
    c = file_push_content(L, TENSORS, TEXTS);
    CORE_CHECK(L, descent_optimizer_load_state(o->core, c.tensors, c.count,
                                               c.texts, &options));
    push_report(L, r);
    return 1;
}

const function_entry optimizer_load_methods[] = {{"load", load, 0},
                                                 {NULL, NULL, 0}};
