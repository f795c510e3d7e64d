/* SPDX-License-Identifier: MIT */
/* Random streams: named ones that core.seed restarts, and ones with a seed of
 * their own. */
#include "script/random.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* FNV-1a: a name's stream is the same everywhere. */
static uint64_t hash_text(const char *text, size_t length)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return h;
}

static rng *push_rng(lua_State *L, uint64_t seed, const char *name)
{
    rng *r = lua_newuserdatauv(L, sizeof *r, 0);

    *r = (rng){.seed = seed, .stream = hash_text(name, strlen(name))};
    class_set(L, CLASS_RNG);
    return r;
}

rng *rng_stream(lua_State *L, const char *name)
{
    rng *r;

    context_push(L, CONTEXT_STREAMS);
    if (lua_getfield(L, -1, name) != LUA_TUSERDATA) {
        lua_pop(L, 1);
        push_rng(L, context_of(L)->seed, name);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_remove(L, -2);
    r = lua_touserdata(L, -1);
    return r;
}

/* The next number of either distribution. */
static double next(rng *r, bool normal)
{
    double value;

    (normal ? descent_random_normal : descent_random_uniform)(
        r->seed, r->stream, r->index++, &value, 1);
    return value;
}

void rng_fill(rng *r, tensor *t, bool normal, double a, double scale)
{
    double chunk[256];

    for (int64_t i = 0; i < t->count; i += 256) {
        const int64_t n = t->count - i < 256 ? t->count - i : 256;

        (normal ? descent_random_normal : descent_random_uniform)(
            r->seed, r->stream, r->index, chunk, (size_t)n);
        r->index += (uint64_t)n;
        for (int64_t k = 0; k < n; k++) {
            const double value = a + scale * chunk[k];

            if (t->dtype == TENSOR_F32)
                ((float *)t->data)[i + k] = (float)value;
            else
                ((double *)t->data)[i + k] = value;
        }
    }
}

static double optional_number(lua_State *L, int index, const char *name,
                              double initial)
{
    return lua_isnoneornil(L, index) ? initial
                                     : argument_number(L, index, name);
}

/* uniform([a, b]), normal([mean, deviation]): upvalue 3 is 1 for normal. */
static int rng_number(lua_State *L)
{
    rng *r = class_check(L, 1, CLASS_RNG);
    const bool normal = lua_tointeger(L, lua_upvalueindex(3)) == 1;
    double a = optional_number(L, 2, normal ? "mean" : "low", 0);
    double b = optional_number(L, 3, normal ? "deviation" : "high", 1);

    lua_pushnumber(L, a + (normal ? b : b - a) * next(r, normal));
    return 1;
}

static int rng_fill_method(lua_State *L)
{
    rng *r = class_check(L, 1, CLASS_RNG);
    const bool normal = lua_tointeger(L, lua_upvalueindex(3)) == 1;
    tensor *t = tensor_check_real_writable(L, 2);
    double a = optional_number(L, 3, normal ? "mean" : "low", 0);
    double b = optional_number(L, 4, normal ? "deviation" : "high", 1);

    rng_fill(r, t, normal, a, normal ? b : b - a);
    lua_settop(L, 2);
    return 1;
}

static int64_t next_integer(rng *r, int64_t low, int64_t n)
{
    return low + (int64_t)(next(r, false) * (double)n);
}

/* integer(a, b): both ends included */
static int rng_integer(lua_State *L)
{
    const lua_Integer most = INT64_C(1) << 52;
    rng *r = class_check(L, 1, CLASS_RNG);
    lua_Integer a = argument_integer(L, 2, "low", -most, most);
    lua_Integer b = argument_integer(L, 3, "high", a, a + most);

    lua_pushinteger(L, next_integer(r, a, b - a + 1));
    return 1;
}

/* shuffle(list): in place, by Fisher and Yates */
static int rng_shuffle(lua_State *L)
{
    rng *r = class_check(L, 1, CLASS_RNG);

    if (!argument_table(L, 2, "list"))
        error_raise(L, DESCENT_ERR_ARGUMENT, "list is nil: expected a table");
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, 2); i > 1; i--) {
        lua_Integer k = next_integer(r, 1, i);

        lua_rawgeti(L, 2, i);
        lua_rawgeti(L, 2, k);
        lua_rawseti(L, 2, i);
        lua_rawseti(L, 2, k);
    }
    lua_settop(L, 2);
    return 1;
}

/* permutation(n): 1 to n in random order */
static int rng_permutation(lua_State *L)
{
    rng *r = class_check(L, 1, CLASS_RNG);
    const int64_t n = argument_integer(L, 2, "n", 0, INT64_C(1) << 40);
    int64_t *p = tensor_new(L, TENSOR_I64, 1, &n)->data;

    for (int64_t i = 0; i < n; i++)
        p[i] = i + 1;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t k = next_integer(r, 0, i + 1), other = p[k];

        p[k] = p[i];
        p[i] = other;
    }
    return 1;
}

static void set_integer(lua_State *L, const char *name, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static void push_state(lua_State *L, const rng *r)
{
    lua_createtable(L, 0, 3);
    set_integer(L, "seed", r->seed);
    set_integer(L, "stream", r->stream);
    set_integer(L, "index", r->index);
}

static int rng_state(lua_State *L)
{
    push_state(L, class_check(L, 1, CLASS_RNG));
    return 1;
}

/* A field of the table of state at the top. */
static uint64_t state_field(lua_State *L, const char *name)
{
    lua_Integer value;

    argument_field(L, -1, name);
    value = argument_integer(L, lua_gettop(L), name, LUA_MININTEGER,
                             LUA_MAXINTEGER);
    lua_pop(L, 1);
    return (uint64_t)value;
}

static rng read_state(lua_State *L)
{
    return (rng){.seed = state_field(L, "seed"),
                 .stream = state_field(L, "stream"),
                 .index = state_field(L, "index")};
}

static int rng_load(lua_State *L)
{
    rng *r = class_check(L, 1, CLASS_RNG);

    lua_settop(L, 2);
    if (!argument_table(L, 2, "state"))
        error_raise(L, DESCENT_ERR_ARGUMENT, "state is nil: expected a table");
    *r = read_state(L);
    lua_settop(L, 1);
    return 1;
}

/* seed, stream, index: upvalue 3 is the field's place in the structure. */
static int rng_field(lua_State *L)
{
    const char *r = class_check(L, 1, CLASS_RNG);
    uint64_t value;

    memcpy(&value, r + lua_tointeger(L, lua_upvalueindex(3)), sizeof value);
    lua_pushinteger(L, (lua_Integer)value);
    return 1;
}

/* rng(name[, seed]) */
static int core_rng(lua_State *L)
{
    const char *name = argument_text(L, 1, "name");

    if (lua_isnoneornil(L, 2))
        rng_stream(L, name);
    else
        push_rng(L,
                 (uint64_t)argument_integer(L, 2, "seed", LUA_MININTEGER,
                                            LUA_MAXINTEGER),
                 name);
    return 1;
}

/* seed(n): restart every named stream; in our own interpreter math.random
 * too. */
static int core_seed(lua_State *L)
{
    context *c = context_of(L);
    const lua_Integer seed =
        argument_integer(L, 1, "seed", LUA_MININTEGER, LUA_MAXINTEGER);

    c->seed = (uint64_t)seed;
    context_push(L, CONTEXT_STREAMS);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        rng *r = lua_touserdata(L, -1);

        r->seed = c->seed;
        r->index = 0;
    }
    if (c->host != NULL && lua_getglobal(L, "math") == LUA_TTABLE &&
        lua_getfield(L, -1, "randomseed") == LUA_TFUNCTION) {
        lua_pushinteger(L, seed);
        lua_call(L, 1, 0);
    }
    return 0;
}

/* rng_state() -> {seed =, streams = {name = state}}: of all named streams */
static int core_rng_state(lua_State *L)
{
    argument_end(L, 0);
    lua_createtable(L, 0, 2);
    set_integer(L, "seed", context_of(L)->seed);
    lua_newtable(L);
    context_push(L, CONTEXT_STREAMS);
    for (lua_pushnil(L); lua_next(L, 3) != 0; lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        push_state(L, lua_touserdata(L, -2));
        lua_rawset(L, 2);
    }
    lua_pop(L, 1);
    lua_setfield(L, 1, "streams");
    return 1;
}

/* Refuse a table of streams, at 3, that is none. */
static void check_streams(lua_State *L)
{
    for (lua_pushnil(L); lua_next(L, 3) != 0; lua_pop(L, 1)) {
        argument_text(L, lua_gettop(L) - 1, "the name of a stream");
        if (!argument_table(L, lua_gettop(L), "the state of a stream"))
            error_raise(L, DESCENT_ERR_ARGUMENT, "a stream has no state");
        read_state(L);
    }
}

/* rng_load(state): streams that it does not have begin anew */
static int core_rng_load(lua_State *L)
{
    context *c = context_of(L);
    uint64_t seed;

    argument_end(L, 1);
    if (!argument_table(L, 1, "state"))
        error_raise(L, DESCENT_ERR_ARGUMENT, "state is nil: expected a table");
    seed = state_field(L, "seed");
    lua_pushnil(L);
    if (argument_field(L, 1, "streams") != LUA_TTABLE)
        error_raise(L, DESCENT_ERR_ARGUMENT, "streams is %s: expected a table",
                    argument_kind(L, 3));
    check_streams(L);
    c->seed = seed;
    context_push(L, CONTEXT_STREAMS);
    for (lua_pushnil(L); lua_next(L, 4) != 0; lua_pop(L, 1)) {
        rng *r = lua_touserdata(L, -1);
        r->seed = seed;
        r->index = 0;
    }
    for (lua_pushnil(L); lua_next(L, 3) != 0; lua_pop(L, 1)) {
        const rng loaded = read_state(L);
        *rng_stream(L, lua_tostring(L, -2)) = loaded;
        lua_pop(L, 1);
    }
    return 0;
}

static int core_hash(lua_State *L)
{
    size_t length;
    const char *text;

    if (lua_type(L, 1) != LUA_TSTRING)
        argument_text(L, 1, "text");
    text = lua_tolstring(L, 1, &length);
    lua_pushinteger(L, (lua_Integer)hash_text(text, length));
    return 1;
}

void rng_open(lua_State *L)
{
    static const function_entry meta[] = {{NULL, NULL, 0}};
    static const function_entry methods[] = {
        {"uniform", rng_number, 0},
        {"normal", rng_number, 1},
        {"fill_uniform_", rng_fill_method, 0},
        {"fill_normal_", rng_fill_method, 1},
        {"integer", rng_integer, 0},
        {"shuffle", rng_shuffle, 0},
        {"permutation", rng_permutation, 0},
        {"state", rng_state, 0},
        {"load", rng_load, 0},
        {NULL, NULL, 0}};

    static const function_entry fields[] = {
        {"seed", rng_field, offsetof(rng, seed)},
        {"stream", rng_field, offsetof(rng, stream)},
        {"index", rng_field, offsetof(rng, index)},
        {NULL, NULL, 0}};

    class_create(L, CLASS_RNG, meta);
    lua_newtable(L);
    functions_register(L, "Rng:", methods);
    class_finish(L, CLASS_RNG, fields, class_index);
}

const function_entry rng_functions[] = {{"rng", core_rng, 0},
                                        {"seed", core_seed, 0},
                                        {"rng_state", core_rng_state, 0},
                                        {"rng_load", core_rng_load, 0},
                                        {"hash", core_hash, 0},
                                        {NULL, NULL, 0}};
