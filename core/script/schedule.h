/* SPDX-License-Identifier: MIT */
/* Schedules of scripts, and option tables on their way to the core. */
#ifndef DESCENT_SCRIPT_SCHEDULE_H
#define DESCENT_SCRIPT_SCHEDULE_H

#include "script/binding.h"

/* A reference of the script's to a schedule of the core. */
typedef struct schedule {
    resource resource;
    descent_schedule *schedule; /* NULL while it is being made */
} schedule;

/* ---- schedule.c ---------------------------------------------------------- */

/* Push a Schedule to be made, and take over what was made, or raise. */
schedule *schedule_push(lua_State *L);
void schedule_made(lua_State *L, schedule *s, descent_status status);

/* Push a Schedule: for the Lua function at `index`; of a kind with the options
 * of the table there. */
schedule *schedule_from_lua(lua_State *L, int index);
schedule *schedule_from_options(lua_State *L, const char *kind, int index);

/* The Schedule at `index`, open; and its value at n. */
schedule *schedule_check(lua_State *L, int index);
double schedule_value_at(lua_State *L, const schedule *s, lua_Integer n);

/* ---- algebra.c, schedule_state.c ----------------------------------------- */

/* Replace what stands at `index`, a Schedule, function, number or configuration,
 * by a Schedule; false when it is none of these.  Numbers are held for `steps`,
 * for ever when that is negative. */
bool schedule_coerce(lua_State *L, int index, lua_Integer steps);

extern const function_entry schedule_makers[], schedule_operators[],
    schedule_algebra_methods[], schedule_state_methods[];

/* Raise where the function at `index`, meant as a schedule for the option
 * `name`, is schedule.KIND itself: its call was forgotten. */
void schedule_check_function(lua_State *L, int index, const char *name);

void schedule_open(lua_State *L);

/* Push a new table of the kinds: schedule.cosine_decay and so on. */
void schedule_push_kinds(lua_State *L);
int core_schedule_kinds(lua_State *L);

/* Push a userdata that holds the options of the table at `index` (or nothing
 * there), and return them.  They live as long as the userdata. */
descent_options *options_push(lua_State *L, int index);

#endif
