/* SPDX-License-Identifier: MIT */
/* Schedules of scripts, and option tables on their way to the core. */
#ifndef DESCENT_SCRIPT_SCHEDULE_H
#define DESCENT_SCRIPT_SCHEDULE_H

#include "script/binding.h"

/* A reference of the script's to a schedule of the core. */
typedef struct schedule {
    resource resource;
    descent_schedule *schedule; /* NULL while it is being made */
    const char *kind;           /* a name that lives for ever */
} schedule;

/* Push a Schedule for the Lua function at `index`. */
schedule *schedule_from_lua(lua_State *L, int index);

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
