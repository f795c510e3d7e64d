/* SPDX-License-Identifier: MIT */
/* Functions of the module about plugins. */
#ifndef DESCENT_SCRIPT_PLUGINS_H
#define DESCENT_SCRIPT_PLUGINS_H

#include "script/binding.h"

int core_find_plugin(lua_State *L);
int core_plugins(lua_State *L);
int core_load_plugin(lua_State *L);

#endif
