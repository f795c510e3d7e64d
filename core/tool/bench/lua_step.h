/* SPDX-License-Identifier: MIT */
/* Steps taken by a script, with a schedule in Lua. */
#ifndef DESCENT_TOOL_BENCH_LUA_STEP_H
#define DESCENT_TOOL_BENCH_LUA_STEP_H

#include <descent/lua.h>

typedef struct lua_step {
    descent_script *script;
    descent_status failed; /* the first failure of a step */
} lua_step;

/* An optimizer of a script's, with momentum unless that is 0, and one tensor of
 * one element.  `l` begins as zeros; lua_step_close in any case. */
descent_status lua_step_open(lua_step *l, const char *kind, double momentum);
void lua_step_close(lua_step *l);

/* Step so many times, in one loop of the script's. */
void lua_step_run(void *lua_step, size_t times);

#endif
