/* SPDX-License-Identifier: MIT */
/* Registration of functions and classes, and the check of a userdata's class:
 * one comparison of addresses. */
#include "script/binding.h"

const char *class_name(class_id id)
{
    static const char *const names[CLASS_COUNT] = {"Tensor", "Optimizer",
                                                   "Schedule", "Rng"};

    return names[id];
}

void functions_register(lua_State *L, const char *prefix,
                        const function_entry *entries)
{
    context *c = context_of(L);

    for (; entries->name != NULL; entries++) {
        lua_pushfstring(L, "%s%s", prefix, entries->name);
        lua_pushlightuserdata(L, c);
        lua_pushinteger(L, entries->extra);
        lua_pushcclosure(L, entries->function, 3);
        lua_setfield(L, -2, entries->name);
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
    lua_pushfstring(L, "%s.", class_name(id));
    lua_insert(L, -2);
    functions_register(L, lua_tostring(L, -2), meta);
    lua_remove(L, -2);
}

void class_set(lua_State *L, class_id id)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &context_of(L)->metatables[id]);
    lua_setmetatable(L, -2);
}

void *class_test(lua_State *L, int index, class_id id)
{
    const void *metatable;

    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
        return NULL;
    metatable = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (metatable != context_of(L)->metatables[id])
        return NULL;
    return lua_touserdata(L, index);
}

void *class_check(lua_State *L, int index, class_id id)
{
    void *object = class_test(L, index, id);

    if (object == NULL)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument %d is %s: expected a %s%s", index,
                    argument_kind(L, index), class_name(id),
                    index == 1 ? " (call methods with ':')" : "");
    return object;
}
