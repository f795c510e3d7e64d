/* SPDX-License-Identifier: MIT */
/* Schedules made of schedules, numbers and functions, by operators and methods;
 * and schedule.fn, schedule.chain and schedule.from_config. */
#include "script/schedule.h"

enum { FOR_EVER = -1, FULLEST_STACK = 10000 };

static descent_status make_hold(descent_runtime *runtime, double value,
                                lua_Integer steps, descent_schedule **out)
{
    descent_options *options = NULL;
    descent_status status = descent_options_create(runtime, &options);

    if (status == DESCENT_OK)
        status = descent_options_set_number(options, "value", value);
    if (status == DESCENT_OK && steps >= 0)
        status = descent_options_set_number(options, "steps", (double)steps);
    if (status == DESCENT_OK)
        status = descent_schedule_create(runtime, "hold", options, out);
    descent_options_free(options);
    return status;
}

/* Push the Schedule of {class_name =, config =} at `index`, or nothing. */
static bool push_from_config(lua_State *L, int index)
{
    static const char *const known[] = {"class_name", "config", NULL};

    if (!lua_istable(L, index) ||
        argument_field(L, index, "class_name") != LUA_TSTRING)
        return false;
    if (lua_gettop(L) > FULLEST_STACK) /* a table may contain itself */
        error_raise(L, DESCENT_ERR_ARGUMENT, "the schedule is nested too deep");
    argument_known(L, index, known);
    argument_field(L, index, "config");
    schedule_from_options(L, lua_tostring(L, -2), lua_gettop(L));
    return true;
}

bool schedule_coerce(lua_State *L, int index, lua_Integer steps)
{
    const int top = lua_gettop(L);
    double value;

    luaL_checkstack(L, 20, NULL);
    if (class_test(L, index, CLASS_SCHEDULE) != NULL) {
        schedule_check(L, index);
        return true;
    }
    context_forbid_in_callback(L);
    if (lua_isfunction(L, index)) {
        schedule_from_lua(L, index);
    } else if (argument_is_number(L, index, &value)) {
        schedule *s = schedule_push(L);
        schedule_made(
            L, s, make_hold(context_runtime(L), value, steps, &s->schedule));
    } else if (!push_from_config(L, index)) {
        lua_settop(L, top);
        return false;
    }
    lua_replace(L, index);
    lua_settop(L, top);
    return true;
}

static descent_schedule *operand(lua_State *L, int index, lua_Integer steps)
{
    schedule_check_function(L, index, lua_pushfstring(L, "argument %d", index));
    lua_pop(L, 1);
    if (!schedule_coerce(L, index, steps))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument %d is %s: expected a Schedule, number or "
                    "function",
                    index, argument_kind(L, index));
    return schedule_check(L, index)->schedule;
}

/* ---- Of two -------------------------------------------------------------- */

enum { THEN, MULTIPLY, ADD, MAX, MIN };

static descent_status (*const pairs[])(descent_schedule *, descent_schedule *,
                                       descent_schedule **) = {
    [THEN] = descent_schedule_then, [MULTIPLY] = descent_schedule_multiply,
    [ADD] = descent_schedule_add,   [MAX] = descent_schedule_max,
    [MIN] = descent_schedule_min,
};

/* Push the pair of what stands at `first` and `second`.  A number is no longer
 * than the other, but where it is one after the other. */
static void push_pair(lua_State *L, lua_Integer which, int first, int second)
{
    const lua_Integer steps = which == THEN ? FOR_EVER : 0;
    descent_schedule *a, *b;
    schedule *s;

    context_forbid_in_callback(L);
    a = operand(L, first, steps);
    b = operand(L, second, steps);
    s = schedule_push(L);
    schedule_made(L, s, pairs[which](a, b, &s->schedule));
}

static int pair(lua_State *L)
{
    argument_end(L, 2);
    lua_settop(L, 2);
    push_pair(L, lua_tointeger(L, lua_upvalueindex(3)), 1, 2);
    return 1;
}

static int negate(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushnumber(L, -1);
    push_pair(L, MULTIPLY, 1, 2);
    return 1;
}

/* ---- Of one -------------------------------------------------------------- */

/* A step count that doubles hold exactly. */
static uint64_t steps_at(lua_State *L, int index, const char *name,
                         lua_Integer low)
{
    return (uint64_t)argument_integer(L, index, name, low, INT64_C(1) << 53);
}

static schedule *push_change(lua_State *L, int arguments, const schedule **part)
{
    argument_end(L, arguments);
    *part = schedule_check(L, 1);
    context_forbid_in_callback(L);
    return schedule_push(L);
}

static int clamp(lua_State *L)
{
    const double low = argument_number(L, 2, "low");
    const double high = argument_number(L, 3, "high");
    const schedule *part;
    schedule *s = push_change(L, 3, &part);

    schedule_made(
        L, s, descent_schedule_clamp(part->schedule, low, high, &s->schedule));
    return 1;
}

static int last(lua_State *L)
{
    const uint64_t steps = steps_at(L, 2, "steps", 0);
    const schedule *part;
    schedule *s = push_change(L, 2, &part);

    schedule_made(L, s,
                  descent_schedule_last(part->schedule, steps, &s->schedule));
    return 1;
}

static int delay(lua_State *L)
{
    const uint64_t steps = steps_at(L, 2, "steps", 0);
    const schedule *part;
    schedule *s = push_change(L, 2, &part);

    schedule_made(L, s,
                  descent_schedule_delay(part->schedule, steps, &s->schedule));
    return 1;
}

static int stretch(lua_State *L)
{
    const double by = argument_number(L, 2, "by");
    const schedule *part;
    schedule *s = push_change(L, 2, &part);

    schedule_made(L, s,
                  descent_schedule_stretch(part->schedule, by, &s->schedule));
    return 1;
}

static int cycle(lua_State *L)
{
    const schedule *part;
    schedule *s = push_change(L, 1, &part);

    schedule_made(L, s, descent_schedule_cycle(part->schedule, &s->schedule));
    return 1;
}

static int repeat(lua_State *L)
{
    const uint64_t times = steps_at(L, 2, "times", 1);
    const schedule *part;
    schedule *s = push_change(L, 2, &part);

    schedule_made(L, s,
                  descent_schedule_repeat(part->schedule, times, &s->schedule));
    return 1;
}

/* ---- From nothing -------------------------------------------------------- */

/* schedule.fn(f[, steps]) */
static int make_fn(lua_State *L)
{
    argument_end(L, 2);
    lua_settop(L, 2);
    if (!lua_isfunction(L, 1))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is %s: expected a function of the step",
                    argument_kind(L, 1));
    schedule_check_function(L, 1, "argument 1");
    context_forbid_in_callback(L);
    schedule_from_lua(L, 1);
    if (lua_isnil(L, 2))
        return 1;
    lua_replace(L, 1);
    return last(L);
}

/* schedule.chain{a, b, ...}: one after the other */
static int make_chain(lua_State *L)
{
    const int n = argument_table(L, 1, "list") ? (int)lua_rawlen(L, 1) : 0;

    argument_end(L, 1);
    lua_settop(L, 1);
    if (n == 0)
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "the list is empty: expected schedules");
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        operand(L, lua_gettop(L), FOR_EVER);
        if (i == 1)
            continue;
        push_pair(L, THEN, 2, 3);
        lua_replace(L, 2);
        lua_settop(L, 2);
    }
    return 1;
}

/* schedule.from_config(s:config()) */
static int make_from_config(lua_State *L)
{
    argument_end(L, 1);
    lua_settop(L, 1);
    context_forbid_in_callback(L);
    if (!push_from_config(L, 1))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "argument 1 is %s: expected {class_name =, config =}",
                    argument_kind(L, 1));
    return 1;
}

const function_entry schedule_makers[] = {{"fn", make_fn, 0},
                                          {"chain", make_chain, 0},
                                          {"from_config", make_from_config, 0},
                                          {NULL, NULL, 0}};

const function_entry schedule_operators[] = {{"__concat", pair, THEN},
                                             {"__mul", pair, MULTIPLY},
                                             {"__add", pair, ADD},
                                             {"__unm", negate, 0},
                                             {NULL, NULL, 0}};

const function_entry schedule_algebra_methods[] = {
    {"max", pair, MAX},      {"min", pair, MIN},  {"floor", pair, MAX},
    {"clamp", clamp, 0},     {"last", last, 0},   {"delay", delay, 0},
    {"stretch", stretch, 0}, {"cycle", cycle, 0}, {"repeat_", repeat, 0},
    {NULL, NULL, 0}};
