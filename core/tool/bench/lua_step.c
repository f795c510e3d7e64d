/* SPDX-License-Identifier: MIT */
/* Steps taken by a script: see lua_step.h. */
#include "tool/bench/lua_step.h"

#include <stdio.h>
#include <string.h>

static const char setup[] =
    "local descent = require 'descent'\n"
    "local opt = descent.optimizer(arg[1], descent.ones(1), {\n"
    "  learning_rate = function(n) return 1 / (1000 + n) end,\n"
    "  momentum = tonumber(arg[2]),\n"
    "})\n"
    "function steps(n)\n"
    "  for _ = 1, n do opt:step() end\n"
    "end\n"
    "steps(1)\n";

descent_status lua_step_open(lua_step *l, const char *kind, double momentum)
{
    const descent_script_options options = {.struct_size = sizeof options};
    char number[32];
    const char *const arguments[] = {kind, momentum != 0 ? number : NULL, NULL};
    const descent_status status = descent_script_open(&options, &l->script);

    snprintf(number, sizeof number, "%g", momentum);
    if (status != DESCENT_OK)
        return status;
    return descent_script_run(l->script, setup, sizeof setup - 1, "bench",
                              arguments);
}

void lua_step_close(lua_step *l)
{
    descent_script_close(l->script);
    l->script = NULL;
}

void lua_step_run(void *lua_step_, size_t times)
{
    lua_step *const l = lua_step_;
    char text[64];

    if (l->failed != DESCENT_OK)
        return;
    snprintf(text, sizeof text, "steps(%zu)", times);
    l->failed =
        descent_script_run(l->script, text, strlen(text), "bench", NULL);
}
