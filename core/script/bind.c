/* SPDX-License-Identifier: MIT */
/* Which tensors an optimizer updates.  Everything that Lua must allocate is
 * made before the core binds, so that a failure leaves all as it was. */
#include <string.h>

#include "script/optimizer.h"

/* Tensors on their way to an optimizer, in userdata of the stack. */
typedef struct request {
    binding *bound;          /* the optimizer's and the new ones */
    descent_tensor *tensors; /* the new ones */
    int keep;                /* stack index of the new list of names */
} request;

/* Push a field of a parameter table; no metamethod of the script's may run
 * while an optimizer changes. */
static int push_field(lua_State *L, int index, const char *field)
{
    lua_pushstring(L, field);
    return lua_rawget(L, index);
}

/* Replace the value at the top by a list of it. */
static void wrap(lua_State *L)
{
    lua_createtable(L, 1, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
}

/* How many the list at the top has.  With names for keys, as in {bias = t}, a
 * table has no order, so none would be bound. */
static size_t count_list(lua_State *L)
{
    const size_t n = (size_t)lua_rawlen(L, -1);

    if (n > 0)
        return n;
    lua_pushnil(L);
    if (lua_next(L, -2) == 0)
        return 0;
    lua_pop(L, 1);
    error_raise(L, DESCENT_ERR_ARGUMENT,
                "the target has %s for a key: expected a list of {name =, "
                "value =, grad =}",
                lua_type(L, -1) == LUA_TSTRING
                    ? lua_pushfstring(L, "'%s'", lua_tostring(L, -1))
                    : argument_kind(L, lua_gettop(L)));
}

/* Push the list of the target at `index`: a Tensor, a list, or a model. */
static size_t push_list(lua_State *L, int index)
{
    luaL_checkstack(L, 20, NULL);
    if (class_test(L, index, CLASS_TENSOR) != NULL) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, index);
        lua_setfield(L, -2, "value");
        wrap(L);
        return 1;
    }
    if (lua_type(L, index) != LUA_TTABLE)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "the target is %s: expected a Tensor, a list of {name =, "
                    "value =, grad =}, or a model with params()",
                    argument_kind(L, index));
    if (lua_getfield(L, index, "params") != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TFUNCTION)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "params of the target is %s: expected a function; a "
                        "list of {name =, value =, grad =} is a target itself",
                        argument_kind(L, lua_gettop(L)));
        lua_pushvalue(L, index);
        lua_call(L, 1, 1);
    } else {
        lua_pop(L, 1);
        lua_pushvalue(L, index);
    }
    if (lua_type(L, -1) != LUA_TTABLE)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "params() returned %s: expected a list",
                    argument_kind(L, lua_gettop(L)));
    /* {name =, value =} may stand for a list of one. */
    if (push_field(L, lua_gettop(L), "value") != LUA_TNIL) {
        lua_pop(L, 1);
        wrap(L);
    } else {
        lua_pop(L, 1);
    }
    return count_list(L);
}

/* Refuse keys of parameter i, the table at `index`, that mean nothing. */
static void check_keys(lua_State *L, int index, size_t i)
{
    static const char *const known[] = {"name", "value", "grad"};

    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        const char *key =
            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        nearest search = {.wanted = key};

        if (key == NULL)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "parameter %d has a key that is %s: expected name, "
                        "value and grad",
                        (int)i + 1, argument_kind(L, lua_gettop(L) - 1));
        for (size_t k = 0; k < 3; k++)
            nearest_offer(&search, known[k]);
        if (search.best == NULL || strcmp(search.best, key) != 0)
            error_raise(L, DESCENT_ERR_ARGUMENT,
                        "parameter %d has an unknown key '%s'%s", (int)i + 1,
                        key,
                        search.best != NULL ? nearest_push_hint(L, &search)
                                            : ": expected name, value, grad");
    }
}

/* Push the name of the parameter table at `index`, one of `total`. */
static const char *push_name(lua_State *L, int index, size_t i, size_t total)
{
    if (push_field(L, index, "name") == LUA_TNIL && total == 1) {
        lua_pop(L, 1);
        lua_pushliteral(L, "x");
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "parameter %d has a name that is %s: expected a string",
                    (int)i + 1, argument_kind(L, lua_gettop(L)));
    return argument_text(L, lua_gettop(L), "name");
}

/* Push the tensor in a field of the parameter table at `index`. */
static tensor *push_tensor(lua_State *L, int index, const char *field,
                           const char *name)
{
    push_field(L, index, field);
    if (class_test(L, -1, CLASS_TENSOR) == NULL)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "'%s': %s is %s: expected a Tensor", name, field,
                    argument_kind(L, lua_gettop(L)));
    return tensor_check_floating_writable(L, lua_gettop(L));
}

/* Push the gradient of the parameter table at `index`, a new one if absent. */
static tensor *push_gradient(lua_State *L, int index, const char *name,
                             const tensor *value)
{
    tensor *g;

    if (push_field(L, index, "grad") == LUA_TNIL) {
        lua_pop(L, 1);
        g = tensor_like(L, value->dtype, value);
        memset(g->data, 0, tensor_bytes(g));
        return g;
    }
    lua_pop(L, 1);
    g = push_tensor(L, index, "grad", name);
    if (g->dtype != value->dtype || !tensor_same_shape(g, value)) {
        const char *got = tensor_push_shape(L, g);

        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "'%s': grad is %s: expected %s, as value", name, got,
                    tensor_push_shape(L, value));
    }
    return g;
}

/* Read parameter i of the list at `list` into the request. */
static void read_parameter(lua_State *L, request *r, int list, size_t i,
                           size_t before, size_t total)
{
    const lua_Integer at = (lua_Integer)(before + i) * KEEP_FIELDS;
    binding *b = &r->bound[before + i];
    const char *name;
    int index;

    lua_rawgeti(L, list, (lua_Integer)i + 1);
    index = lua_gettop(L);
    if (!lua_istable(L, index))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "parameter %d is %s: expected {name =, value =, grad =}",
                    (int)i + 1, argument_kind(L, index));
    check_keys(L, index, i);
    name = push_name(L, index, i, total);
    lua_rawseti(L, r->keep, at + KEEP_NAME);
    b->value = push_tensor(L, index, "value", name);
    lua_rawseti(L, r->keep, at + KEEP_VALUE);
    b->gradient = push_gradient(L, index, name, b->value);
    lua_rawseti(L, r->keep, at + KEEP_GRADIENT);
    lua_pop(L, 1);
    r->tensors[i] =
        (descent_tensor){.struct_size = sizeof *r->tensors,
                         .dtype = tensor_core_dtype(b->value->dtype),
                         .name = name,
                         .ndim = (uint32_t)b->value->ndim,
                         .shape = b->value->ndim > 0 ? b->value->shape : NULL,
                         .data = b->value->data,
                         .gradient = b->gradient->data};
}

/* Push the tables that objectives get, made from the list at `keep`. */
static void push_by_name(lua_State *L, int keep, size_t count, int field)
{
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, keep, (lua_Integer)i * KEEP_FIELDS + KEEP_NAME);
        lua_rawgeti(L, keep, (lua_Integer)i * KEEP_FIELDS + field);
        lua_rawset(L, -3);
    }
}

static void pin(optimizer *o, int by)
{
    for (size_t i = 0; i < o->count; i++) {
        o->bound[i].value->root->pins += by;
        o->bound[i].gradient->root->pins += by;
    }
}

void optimizer_unpin(optimizer *o)
{
    pin(o, -1);
    o->count = 0;
    o->bound = NULL;
}

/* Make `count` tensors, whose names and tensors are the list at `keep` and
 * whose bindings are the userdata at `block`, those of the optimizer at
 * `index`.  The tables x and g wait at the top of the stack. */
static void adopt(lua_State *L, optimizer *o, int index, int keep, int block,
                  size_t count)
{
    lua_setiuservalue(L, index, OPTIMIZER_G);
    lua_setiuservalue(L, index, OPTIMIZER_X);
    lua_pushvalue(L, keep);
    lua_setiuservalue(L, index, OPTIMIZER_KEEP);
    lua_pushvalue(L, block);
    lua_setiuservalue(L, index, OPTIMIZER_BOUND);
    pin(o, -1);
    o->bound = lua_touserdata(L, block);
    o->count = count;
    pin(o, 1);
    optimizer_drop_views(L, index);
}

static void push_keep_copy(lua_State *L, int index, size_t count, size_t skip)
{
    lua_createtable(L, (int)count * KEEP_FIELDS, 0);
    lua_getiuservalue(L, index, OPTIMIZER_KEEP);
    for (size_t i = 0, to = 0; i < count; i++) {
        for (int f = KEEP_NAME; i != skip && f <= KEEP_GRADIENT; f++) {
            lua_rawgeti(L, -1, (lua_Integer)i * KEEP_FIELDS + f);
            lua_rawseti(L, -3, (lua_Integer)to * KEEP_FIELDS + f);
        }
        to += i != skip;
    }
    lua_pop(L, 1);
}

void optimizer_bind(lua_State *L, optimizer *o, int index, int target)
{
    const bool single = class_test(L, target, CLASS_TENSOR) != NULL;
    const size_t before = o->count; /* params() may change it */
    const size_t n = push_list(L, target);
    const int list = lua_gettop(L);
    const size_t all = before + n;
    request r;

    luaL_checkstack(L, 20, NULL);
    optimizer_check_same(L, o, before);
    r.bound = lua_newuserdatauv(L, (all + 1) * sizeof *r.bound, 0);
    if (before > 0)
        memcpy(r.bound, o->bound, before * sizeof *r.bound);
    r.tensors = lua_newuserdatauv(L, (n + 1) * sizeof *r.tensors, 0);
    push_keep_copy(L, index, before, SIZE_MAX);
    r.keep = lua_gettop(L);
    for (size_t i = 0; i < n; i++)
        read_parameter(L, &r, list, i, before, all);
    push_by_name(L, r.keep, all, KEEP_VALUE);
    push_by_name(L, r.keep, all, KEEP_GRADIENT);
    group_ask(L, o, index, r.tensors, n, lua_gettop(L) - 1);
    optimizer_check_same(L, o, before);
    CORE_CHECK(L, descent_optimizer_add(o->core, r.tensors, n));
    adopt(L, o, index, r.keep, list + 1, all);
    o->single = single && before == 0;
    lua_settop(L, list - 1);
}

/* build([target]): bind an unbound optimizer, or allocate the state now. */
int optimizer_build(lua_State *L)
{
    optimizer *o = optimizer_check_idle(L);

    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        CORE_CHECK(L, descent_optimizer_build(o->core));
    } else {
        if (o->count > 0)
            error_raise(L, DESCENT_ERR_STATE,
                        "the Optimizer is bound already: more tensors are "
                        "bound with opt:add");
        optimizer_bind(L, optimizer_check_change(L), 1, 2);
        CORE_CHECK(L, descent_optimizer_check_groups(o->core));
    }
    lua_settop(L, 1);
    return 1;
}

int optimizer_add(lua_State *L)
{
    optimizer *o = optimizer_check_change(L);

    argument_end(L, 2);
    lua_settop(L, 2);
    optimizer_bind(L, o, 1, 2);
    lua_settop(L, 1);
    return 1;
}

/* remove(name) */
int optimizer_remove(lua_State *L)
{
    optimizer *o = optimizer_check_change(L);
    const size_t i = optimizer_find(L, o, 2), count = o->count;
    const size_t left = count - 1;
    binding *bound;

    lua_settop(L, 2);
    bound = lua_newuserdatauv(L, (left + 1) * sizeof *bound, 0);
    optimizer_check_same(L, o, count);
    memcpy(bound, o->bound, i * sizeof *bound);
    memcpy(bound + i, o->bound + i + 1, (left - i) * sizeof *bound);
    push_keep_copy(L, 1, count, i);
    push_by_name(L, 4, left, KEEP_VALUE);
    push_by_name(L, 4, left, KEEP_GRADIENT);
    optimizer_check_same(L, o, count);
    CORE_CHECK(L, descent_optimizer_remove(o->core, lua_tostring(L, 2)));
    adopt(L, o, 1, 4, 3, left);
    lua_settop(L, 1);
    return 1;
}
