/* SPDX-License-Identifier: MIT */
/* Groups of tensors that differ in some options, and multipliers.
 *
 * A group's function is asked before the core binds, so that it may raise while
 * nothing has changed; the core then gets the answers. */
#include <math.h>
#include <string.h>

#include "script/optimizer.h"
#include "script/schedule.h"

/* The keys of a group that are no options. */
static const char *const selectors[] = {"match", "names", "where"};
enum { SELECTORS = 3 };

/* What a group's function said of the tensors being bound. */
typedef struct answers {
    const descent_tensor *tensors;
    bool *yes;
    size_t count, next;
} answers;

static int32_t answer(void *user, const descent_tensor *t)
{
    answers *a = user;

    /* The core asks in their order. */
    for (size_t k = 0; k < a->count; k++) {
        const size_t i = (a->next + k) % a->count;
        if (strcmp(a->tensors[i].name, t->name) != 0)
            continue;
        a->next = i + 1;
        return a->yes[i];
    }
    return 0;
}

void group_ask(lua_State *L, const optimizer *o, int index,
               const descent_tensor *tensors, size_t n, int x)
{
    const size_t count = o->count;

    lua_getiuservalue(L, index, OPTIMIZER_WHERE);
    for (lua_Integer g = 1; g < (lua_Integer)lua_rawlen(L, -1); g += 2) {
        bool *yes = lua_newuserdatauv(L, n + 1, 0);
        lua_rawgeti(L, -2, g + 1);
        answers *a = lua_touserdata(L, -1);
        for (size_t i = 0; i < n; i++) {
            lua_rawgeti(L, -3, g);
            lua_pushstring(L, tensors[i].name);
            lua_getfield(L, x, tensors[i].name);
            lua_call(L, 2, 1);
            yes[i] = lua_toboolean(L, -1);
            lua_pop(L, 1);
        }
        *a = (answers){.tensors = tensors, .yes = yes, .count = n};
        lua_pushvalue(L, -2);
        lua_setiuservalue(L, -2, 1);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    optimizer_check_same(L, o, count);
}

/* ---- Adding groups ------------------------------------------------------- */

/* Push a copy of the table at `index` without the keys in `left_out`. */
static void push_copy(lua_State *L, int index, const char *const *left_out,
                      size_t n)
{
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, index) != 0;) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    for (size_t i = 0; i < n; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, left_out[i]);
    }
}

void group_push_rest(lua_State *L, int options)
{
    static const char *const groups[] = {"groups"};

    if (lua_istable(L, options))
        push_copy(L, options, groups, 1);
    else
        lua_pushvalue(L, options);
}

void group_replace(lua_State *L, descent_options *options, int index)
{
    if (!lua_istable(L, index))
        return;
    if (argument_field(L, index, "groups") != LUA_TNIL)
        error_check(L, descent_options_set_none(options, "groups"));
    lua_pop(L, 1);
}

/* Push the field `key` of group k, the table at `at`; what a message calls it. */
static const char *push_field(lua_State *L, size_t k, int at, const char *key)
{
    const char *name = lua_pushfstring(L, "groups[%I].%s", (LUAI_UACINT)k, key);

    argument_field(L, at, key);
    return name;
}

/* The names in the field `field` at `index`, in userdata that is pushed. */
static void read_names(lua_State *L, descent_group *group, const char *field,
                       int index)
{
    const size_t n = (size_t)lua_rawlen(L, index);
    const char **names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);

    for (size_t i = 0; i < n; i++) {
        lua_pushfstring(L, "%s[%I]", field, (LUAI_UACINT)i + 1);
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        names[i] = argument_text(L, lua_gettop(L), lua_tostring(L, -2));
        lua_pop(L, 2); /* the list still holds it */
    }
    group->names = names;
    group->name_count = n;
}

/* Keep the function at the top with room for its answers. */
static void keep_function(lua_State *L, descent_group *group, int optimizer_at)
{
    answers *a;

    lua_getiuservalue(L, optimizer_at, OPTIMIZER_WHERE);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    a = lua_newuserdatauv(L, sizeof *a, 1);
    *a = (answers){.tensors = NULL};
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
    group->where = answer;
    group->user = a;
}

/* Add group k, the table at `at`. */
static void add_group(lua_State *L, optimizer *o, int index, size_t k, int at)
{
    const int top = lua_gettop(L);
    descent_group group = {.struct_size = sizeof group};
    const char *field;

    luaL_checkstack(L, 20, NULL);
    field = push_field(L, k, at, "match");
    if (!lua_isnil(L, -1))
        group.match = argument_text(L, lua_gettop(L), field);
    field = push_field(L, k, at, "names");
    if (argument_table(L, lua_gettop(L), field))
        read_names(L, &group, field, lua_gettop(L));
    field = push_field(L, k, at, "where");
    if (!lua_isnil(L, -1)) {
        if (!lua_isfunction(L, -1))
            error_option(L, "where", lua_gettop(L),
                         "%s is %s: expected a function of name and Tensor",
                         field, argument_kind(L, lua_gettop(L)));
        keep_function(L, &group, index);
    }
    push_copy(L, at, selectors, SELECTORS);
    group.options = options_push(L, lua_gettop(L));
    CORE_CHECK(L, descent_optimizer_add_group(o->core, &group, NULL));
    setting_note_all(L, o, index, k, lua_gettop(L) - 1);
    lua_settop(L, top);
}

void group_add_all(lua_State *L, optimizer *o, int index, int options)
{
    if (!lua_istable(L, options))
        return;
    argument_field(L, options, "groups");
    const int list = lua_gettop(L);
    if (argument_table(L, list, "groups")) {
        for (lua_Integer k = 1; k <= (lua_Integer)lua_rawlen(L, list); k++) {
            lua_rawgeti(L, list, k);
            if (!lua_istable(L, -1))
                error_option(L, "groups", list,
                             "groups[%d] is %s: expected {match =, ...}",
                             (int)k, argument_kind(L, lua_gettop(L)));
            add_group(L, o, index, (size_t)k, lua_gettop(L));
            lua_pop(L, 1);
        }
        for (lua_pushnil(L); lua_next(L, list) != 0; lua_pop(L, 1))
            if (!lua_isinteger(L, -2))
                error_option(L, "groups", list,
                             "groups has the key '%s': expected a list of "
                             "{match =, ...}",
                             luaL_tolstring(L, -2, NULL));
    }
    lua_pop(L, 1);
}

size_t group_argument(lua_State *L, const optimizer *o, int index)
{
    const size_t count = descent_optimizer_group_count(o->core);

    if (lua_isnoneornil(L, index))
        return 0;
    return (size_t)argument_integer(L, index, "group", 0,
                                    (lua_Integer)count - 1);
}

/* ---- Multipliers --------------------------------------------------------- */

typedef descent_status set_mult(descent_optimizer *, size_t, double);
typedef double get_mult(const descent_optimizer *, size_t);

/* The number at the top for the tensor `name`, or NaN for false: the group's
 * again. */
static double read_mult(lua_State *L, const char *name)
{
    const int at = lua_gettop(L);
    double value = (double)NAN;

    if (lua_isboolean(L, at) && !lua_toboolean(L, at))
        return value;
    lua_pushfstring(L, "multiplier of '%s'", name);
    value = argument_number(L, at, lua_tostring(L, -1));
    if (isnan(value))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "%s = nan: expected a number, or false for the group's",
                    lua_tostring(L, -1));
    lua_pop(L, 1);
    return value;
}

/* Set the multipliers of {name = number, ...} at 2, all or none. */
static int set_all(lua_State *L, set_mult *to, get_mult *from)
{
    optimizer *o = optimizer_check_idle(L);
    double *before, *wanted;
    descent_status status = DESCENT_OK;
    size_t i;

    lua_settop(L, 2);
    if (!lua_istable(L, 2))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is %s: expected {name = multiplier}",
                    argument_kind(L, 2));
    before = lua_newuserdatauv(L, (o->count + 1) * sizeof *before, 0);
    wanted = lua_newuserdatauv(L, (o->count + 1) * sizeof *wanted, 0);
    for (i = 0; i < o->count; i++)
        before[i] = wanted[i] = from(o->core, i);
    for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
        i = optimizer_find(L, o, lua_gettop(L) - 1);
        wanted[i] = read_mult(L, lua_tostring(L, -2));
    }
    for (i = 0; i < o->count && status == DESCENT_OK; i++)
        status = to(o->core, i, wanted[i]);
    if (status != DESCENT_OK) {
        error_push_status(L, status);
        while (i-- > 0)
            to(o->core, i, before[i]);
        lua_error(L);
    }
    lua_settop(L, 1);
    return 1;
}

static int set_lr_mult(lua_State *L)
{
    return set_all(L, descent_optimizer_set_lr_mult, descent_optimizer_lr_mult);
}

static int set_wd_mult(lua_State *L)
{
    return set_all(L, descent_optimizer_set_wd_mult, descent_optimizer_wd_mult);
}

const function_entry optimizer_group_methods[] = {
    {"set_lr_mult", set_lr_mult, 0},
    {"set_wd_mult", set_wd_mult, 0},
    {NULL, NULL, 0}};
