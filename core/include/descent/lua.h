/* SPDX-License-Identifier: MIT */
/*
 * descent/lua.h - for applications that embed the interpreter: a Lua 5.4 state
 * with `require "descent"`, or the module for a state of the application's own.
 *
 * A script object must be used by one thread at a time.
 */
#ifndef DESCENT_LUA_H
#define DESCENT_LUA_H

#include "descent.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lua_State;

/* The module "descent.core" (a lua_CFunction), for package.preload or luaL_requiref; the
 * Lua modules on top of it are found through package.path. */
DESCENT_API int luaopen_descent_core(struct lua_State *L);

typedef struct descent_script descent_script;

enum {
    /* Let scripts load plugins by path (descent.load_plugin).  No sandbox: the
     * standard libraries, package.loadlib among them, are open either way.  In
     * a state of the application's own, where there is no such flag, scripts
     * may when package.loadlib was there as the module opened, and so let them
     * load any machine code; else they may not. */
    DESCENT_SCRIPT_LOAD_PLUGINS = 1u << 0
};

typedef struct descent_script_options {
    uint32_t     struct_size;
    uint32_t     flags;     /* DESCENT_SCRIPT_*                               */
    const char  *lua_path;  /* directory of the Lua modules; NULL: the one that
                               belongs to the library                         */
    const char *const *directories; /* of plugins, searched first; NULL       */
    /* Receives runtime warnings; NULL: standard error.                       */
    descent_log_function log;
    void        *log_user;
} descent_script_options;

/* Open a state with the standard libraries and Descent; `options` may be NULL. */
DESCENT_API descent_status
descent_script_open(const descent_script_options *options,
                    descent_script **script);
DESCENT_API void descent_script_close(descent_script *script); /* NULL ok */

/* Run the file `path` with `arguments` (NULL-ended, or NULL) as its `arg` table
 * and varargs.  Source text only, no bytecode.  `require` also finds modules
 * beside the file, after all others.  On failure, the error message of this
 * thread is "FILE:LINE: text". */
DESCENT_API descent_status
descent_script_run_file(descent_script *script, const char *path,
                        const char *const *arguments);

/* The same with source text; `name` stands for FILE in messages and is arg[0]. */
DESCENT_API descent_status
descent_script_run(descent_script *script, const char *text, size_t length,
                   const char *name, const char *const *arguments);

/* The traceback of the last failed run, or "". */
DESCENT_API const char *descent_script_traceback(const descent_script *script);

/* The state itself, for the application's own functions. */
DESCENT_API struct lua_State *descent_script_state(descent_script *script);

#ifdef __cplusplus
}
#endif
#endif
