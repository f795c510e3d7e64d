/* SPDX-License-Identifier: MIT */
/* What a Schedule is and how it looks: duration, configuration, state, and a
 * line of text. */
#include <math.h>

#include "script/schedule.h"

enum { WIDEST = 1000, USUAL_WIDTH = 60, SHADES = 8 };

/* s:duration(): an integer, or math.huge */
static int duration(lua_State *L)
{
    const schedule *s = schedule_check(L, 1);
    uint64_t steps = 0;

    argument_end(L, 1);
    error_check(L, descent_schedule_duration(s->schedule, &steps));
    if (steps > (uint64_t)LUA_MAXINTEGER)
        lua_pushnumber(L, HUGE_VAL);
    else
        lua_pushinteger(L, (lua_Integer)steps);
    return 1;
}

/* ---- Configuration ------------------------------------------------------- */

static void push_config(lua_State *L, const descent_schedule *s);

static void push_numbers(lua_State *L, const double *numbers, size_t n)
{
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushnumber(L, numbers[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_setting(lua_State *L, const descent_schedule_setting *v)
{
    switch (v->type) {
    case DESCENT_SETTING_BOOLEAN:
        lua_pushboolean(L, v->number != 0);
        break;
    case DESCENT_SETTING_TEXT:
        lua_pushstring(L, v->text);
        break;
    case DESCENT_SETTING_NUMBERS:
        push_numbers(L, v->numbers, v->count);
        break;
    case DESCENT_SETTING_SCHEDULE:
        push_config(L, v->schedules[0]);
        break;
    case DESCENT_SETTING_SCHEDULES:
        lua_createtable(L, (int)v->count, 0);
        for (size_t i = 0; i < v->count; i++) {
            push_config(L, v->schedules[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    default:
        lua_pushnumber(L, v->number);
    }
}

/* A function can only be named. */
static void push_config(lua_State *L, const descent_schedule *s)
{
    descent_schedule_setting v = {.struct_size = sizeof v};
    const char *kind = descent_schedule_name(s);

    luaL_checkstack(L, 8, "the schedule is nested too deep");
    if (kind == NULL) {
        lua_pushfstring(L, "<%s>", descent_schedule_label(s));
        return;
    }
    lua_createtable(L, 0, 2);
    lua_pushstring(L, kind);
    lua_setfield(L, -2, "class_name");
    lua_newtable(L);
    for (size_t i = 0; descent_schedule_option(s, i, &v); i++) {
        if (v.type == DESCENT_SETTING_NONE)
            continue;
        push_setting(L, &v);
        lua_setfield(L, -2, v.name);
    }
    lua_setfield(L, -2, "config");
}

/* s:config() */
static int config(lua_State *L)
{
    argument_end(L, 1);
    push_config(L, schedule_check(L, 1)->schedule);
    return 1;
}

/* ---- State --------------------------------------------------------------- */

/* s:observe(metric): also s:observe(opt:step(f)), where a report follows. */
static int observe(lua_State *L)
{
    const schedule *s = schedule_check(L, 1);
    const double metric = argument_number(L, 2, "metric");

    context_forbid_in_callback(L);
    error_check(L, descent_schedule_observe(s->schedule, metric));
    lua_settop(L, 1);
    return 1;
}

/* s:state(): a list of numbers */
static int state(lua_State *L)
{
    const schedule *s = schedule_check(L, 1);
    const size_t n = descent_schedule_state_count(s->schedule);
    double *values;

    argument_end(L, 1);
    values = lua_newuserdatauv(L, (n + 1) * sizeof *values, 0);
    error_check(L, descent_schedule_state(s->schedule, values, n));
    push_numbers(L, values, n);
    return 1;
}

/* s:load(s:state()) */
static int load(lua_State *L)
{
    const schedule *s = schedule_check(L, 1);
    double *values;
    size_t n;

    context_forbid_in_callback(L);
    argument_end(L, 2);
    lua_settop(L, 2);
    if (!argument_table(L, 2, "state"))
        error_raise(L, DESCENT_ERR_ARGUMENT,
                    "state is nil: expected what state() gave");
    n = (size_t)lua_rawlen(L, 2);
    values = lua_newuserdatauv(L, (n + 1) * sizeof *values, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        values[i] = argument_number(L, lua_gettop(L), "state");
        lua_pop(L, 1);
    }
    error_check(L, descent_schedule_load(s->schedule, values, n));
    lua_settop(L, 1);
    return 1;
}

/* ---- A line of text ------------------------------------------------------ */

/* s:sparkline(n[, width]): the values at the first n steps, as heights between
 * the least and the greatest, which follow. */
static int sparkline(lua_State *L)
{
    const schedule *s = schedule_check(L, 1);
    const lua_Integer n = argument_integer(L, 2, "n", 1, INT64_C(1) << 53);
    const lua_Integer wanted = lua_isnoneornil(L, 3)
                                   ? USUAL_WIDTH
                                   : argument_integer(L, 3, "width", 1, WIDEST);
    const lua_Integer width = wanted < n ? wanted : n;
    double values[WIDEST], low = HUGE_VAL, high = -HUGE_VAL;
    luaL_Buffer b;

    argument_end(L, 3);
    for (lua_Integer i = 0; i < width; i++) {
        const lua_Integer at = width == 1 ? 0 : i * (n - 1) / (width - 1);
        values[i] = schedule_value_at(L, s, at);
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    luaL_buffinit(L, &b);
    for (lua_Integer i = 0; i < width; i++) {
        const double part =
            high > low ? (values[i] / 2 - low / 2) / (high / 2 - low / 2) : 0.5;
        luaL_addlstring(&b, "\xe2\x96", 2); /* U+2581 to U+2588 */
        luaL_addchar(&b, (char)(0x81 + (int)(part * (SHADES - 1) + 0.5)));
    }
    lua_pushfstring(L, "  %f to %f", low, high);
    luaL_addvalue(&b);
    luaL_pushresult(&b);
    return 1;
}

const function_entry schedule_state_methods[] = {{"duration", duration, 0},
                                                 {"config", config, 0},
                                                 {"observe", observe, 0},
                                                 {"state", state, 0},
                                                 {"load", load, 0},
                                                 {"sparkline", sparkline, 0},
                                                 {NULL, NULL, 0}};
