/* SPDX-License-Identifier: MIT */
/* Registration of functions and classes, the check of a userdata's class (one
 * comparison of addresses), and the names that objects answer to. */
#include "script/binding.h"

const char *class_name(class_id id)
{
    static const char *const names[CLASS_COUNT] = {
        "Tensor", "Optimizer", "Schedule", "Rng", "RowSparse"};

    return names[id];
}

const char *class_title(class_id id)
{
    static const char *const titles[CLASS_COUNT] = {
        "a Tensor", "an Optimizer", "a Schedule", "an Rng", "a RowSparse"};

    return titles[id];
}

/* Set the function in the table below its name for errors, which is popped. */
static void set_function(lua_State *L, const function_entry *entry)
{
    lua_pushlightuserdata(L, context_of(L));
    lua_pushinteger(L, entry->extra);
    lua_pushcclosure(L, entry->function, 3);
    lua_setfield(L, -2, entry->name);
}

void functions_register(lua_State *L, const char *prefix,
                        const function_entry *entries)
{
    for (; entries->name != NULL; entries++) {
        lua_pushfstring(L, "%s%s", prefix, entries->name);
        set_function(L, entries);
    }
}

void functions_register_as(lua_State *L, const char *where,
                           const function_entry *entries)
{
    for (; entries->name != NULL; entries++) {
        lua_pushstring(L, where);
        set_function(L, entries);
    }
}

void class_create(lua_State *L, class_id id, const function_entry *meta)
{
    context *c = context_of(L);

    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &c->metatables[id]);
    c->metatables[id] = lua_topointer(L, -1);
    lua_pushfstring(L, "descent.%s", class_name(id));
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__name");
    lua_setfield(L, -2, "__metatable");
    functions_register_as(L, class_name(id), meta);
}

/* ---- Names of objects ---------------------------------------------------- */

/* Upvalues of __index, after the two that every function has. */
enum { INDEX_METHODS = 3, INDEX_FIELDS, INDEX_VALUES = INDEX_FIELDS };

void class_finish(lua_State *L, class_id id, const function_entry *fields,
                  lua_CFunction index)
{
    lua_pushstring(L, class_name(id));
    lua_pushlightuserdata(L, context_of(L));
    lua_rotate(L, -3, 2); /* the methods come third */
    lua_newtable(L);
    functions_register_as(L, class_name(id), fields);
    lua_pushcclosure(L, index, INDEX_VALUES);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

_Noreturn static void refuse_name(lua_State *L)
{
    nearest search = {.wanted = NULL};

    if (lua_type(L, 2) != LUA_TSTRING)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "the key is %s: expected the name of a field or method",
                    argument_kind(L, 2));
    search.wanted = lua_tostring(L, 2);
    for (int i = INDEX_METHODS; i <= INDEX_FIELDS; i++) {
        for (lua_pushnil(L); lua_next(L, lua_upvalueindex(i)); lua_pop(L, 1))
            nearest_offer(&search, lua_tostring(L, -2));
    }
    error_raise(L, DESCENT_ERR_ARGUMENT, "there is no field or method '%s'%s",
                search.wanted, nearest_push_hint(L, &search));
}

int class_index(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(INDEX_METHODS)) != LUA_TNIL)
        return 1;
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(INDEX_FIELDS)) == LUA_TNIL)
        refuse_name(L);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* ---- Objects ------------------------------------------------------------- */

void class_set(lua_State *L, class_id id)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &context_of(L)->metatables[id]);
    lua_setmetatable(L, -2);
}

void *class_test(lua_State *L, int index, class_id id)
{
    void *const object = lua_touserdata(L, index);
    const void *metatable;

    if (object == NULL || !lua_getmetatable(L, index))
        return NULL;
    metatable = lua_topointer(L, -1);
    lua_pop(L, 1);
    return metatable == context_of(L)->metatables[id] ? object : NULL;
}

void *class_check(lua_State *L, int index, class_id id)
{
    void *object = class_test(L, index, id);

    if (object == NULL)
        error_raise(L, DESCENT_ERR_ARGUMENT, "argument %d is %s: expected %s%s",
                    index, argument_kind(L, index), class_title(id),
                    index == 1 ? " (call methods with ':')" : "");
    return object;
}
