/* SPDX-License-Identifier: MIT */
/* The embedded interpreter: a Lua state with the standard libraries and
 * Descent.  Everything that may raise runs in a protected call, and all memory
 * is the state's, so closing it releases everything. */
#include <dlfcn.h>
#include <limits.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <descent/lua.h>

#include "script/binding.h"

enum { WARNING_SIZE = 1024 };

struct descent_script {
    lua_State *L;
    script_host host;
    const char *traceback; /* of the last failure, held by the registry */
    bool warnings;
    size_t length; /* of the warning being put together */
    char warning[WARNING_SIZE];
};

static const char script_key, traceback_key, directories_key;

/* ---- Warnings ------------------------------------------------------------ */

static void show_warning(const descent_script *s)
{
    if (s->host.log != NULL)
        s->host.log(s->host.log_user, 2, s->warning);
    else
        fprintf(stderr, "descent: warning: %s\n", s->warning);
}

/* Lua hands a warning over in pieces; "@on" and "@off" are orders. */
static void receive_warning(void *user, const char *piece, int more)
{
    descent_script *s = user;
    size_t n = strlen(piece);

    if (s->length == 0 && !more && piece[0] == '@') {
        if (strcmp(piece, "@on") == 0 || strcmp(piece, "@off") == 0)
            s->warnings = piece[2] == 'n';
        return;
    }
    if (n > WARNING_SIZE - 1 - s->length)
        n = WARNING_SIZE - 1 - s->length;
    memcpy(s->warning + s->length, piece, n);
    s->length += n;
    s->warning[s->length] = '\0';
    if (more)
        return;
    s->length = 0;
    if (s->warnings)
        show_warning(s);
}

/* ---- Opening ------------------------------------------------------------- */

/* Find the directory of the Lua modules: beside the library in the build tree,
 * in share/ when installed. */
static bool find_modules(char path[PATH_MAX])
{
    static const char *const tails[] = {"/lua", "/../share/descent/lua",
                                        "/.descent-build"};
    char probe[PATH_MAX + 32];
    Dl_info library;
    char *slash;

    if (dladdr(&script_host_key, &library) == 0 ||
        realpath(library.dli_fname, path) == NULL)
        return false;
    slash = strrchr(path, '/');
    *slash = '\0';
    snprintf(probe, sizeof probe, "%s%s", path, tails[2]);
    snprintf(slash, (size_t)(path + PATH_MAX - slash), "%s",
             tails[access(probe, F_OK) == 0 ? 0 : 1]);
    return true;
}

/* Put the module directory in front of package.path. */
static void set_path(lua_State *L, const char *directory)
{
    char found[PATH_MAX];

    if (directory == NULL && find_modules(found))
        directory = found;
    if (directory == NULL)
        return;
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", directory, directory,
                    lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 2);
}

/* Copy the NULL-ended list of directories into memory of the state. */
static const char *const *copy_directories(lua_State *L,
                                           const char *const *directories)
{
    const char **copy;
    size_t n = 0;

    if (directories == NULL)
        return NULL;
    while (directories[n] != NULL)
        n++;
    copy = lua_newuserdatauv(L, (n + 1) * sizeof *copy, 1);
    lua_newtable(L);
    for (size_t i = 0; i < n; i++) {
        copy[i] = lua_pushstring(L, directories[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    copy[n] = NULL;
    lua_setiuservalue(L, -2, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &directories_key);
    return copy;
}

/* Fill the new state; the options are the light userdata at 1. */
static int open_protected(lua_State *L)
{
    const descent_script_options *options = lua_touserdata(L, 1);
    descent_script *s = lua_newuserdatauv(L, sizeof *s, 0);

    *s = (descent_script){.L = L, .traceback = "", .warnings = true};
    lua_rawsetp(L, LUA_REGISTRYINDEX, &script_key);
    s->host.load_plugins = (options->flags & DESCENT_SCRIPT_LOAD_PLUGINS) != 0;
    s->host.log = options->log;
    s->host.log_user = options->log_user;
    s->host.directories = copy_directories(L, options->directories);
    lua_pushlightuserdata(L, &s->host);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &script_host_key);
    lua_setwarnf(L, receive_warning, s);
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_descent_core);
    lua_setfield(L, -2, "descent.core");
    set_path(L, options->lua_path);
    lua_pushlightuserdata(L, s);
    return 1;
}

/* Record the error at the top as this thread's. */
static descent_status record(lua_State *L, descent_status code)
{
    const char *text = lua_tostring(L, -1);

    return descent_error_set(code, "%s",
                             text != NULL ? text : "error without a text");
}

descent_status descent_script_open(const descent_script_options *options,
                                   descent_script **script)
{
    descent_script_options read = {.struct_size = sizeof read};
    descent_status status;
    lua_State *L;

    if (script == NULL)
        return descent_error_set(DESCENT_ERR_ARGUMENT,
                                 "descent_script_open: script is NULL: "
                                 "expected an address");
    if (options != NULL)
        memcpy(&read, options,
               options->struct_size < sizeof read ? options->struct_size
                                                  : sizeof read);
    if ((read.flags & ~(uint32_t)DESCENT_SCRIPT_LOAD_PLUGINS) != 0)
        return descent_error_set(DESCENT_ERR_ARGUMENT,
                                 "descent_script_open: flags has unknown bits");
    L = luaL_newstate();
    if (L == NULL)
        return descent_error_set(DESCENT_ERR_MEMORY,
                                 "descent_script_open: out of memory");
    lua_pushcfunction(L, open_protected);
    lua_pushlightuserdata(L, &read);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        status = record(L, DESCENT_ERR_MEMORY);
        lua_close(L);
        return status;
    }
    *script = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return DESCENT_OK;
}

void descent_script_close(descent_script *script)
{
    if (script != NULL)
        lua_close(script->L);
}

/* ---- Running ------------------------------------------------------------- */

typedef struct request {
    descent_script *script;
    const char *path; /* or NULL, and text */
    const char *text;
    size_t length;
    const char *name;
    const char *const *arguments;
    descent_status code; /* of a failure */
} request;

/* Turn any error value into text, and keep the traceback. */
static int handle_error(lua_State *L)
{
    const char *text = error_text(L, 1);
    descent_script *s;

    luaL_traceback(L, L, text, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &script_key);
    s = lua_touserdata(L, -1);
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
    s->traceback = lua_tostring(L, -1); /* only now that it is held */
    lua_pop(L, 1);                      /* the text remains */
    return 1;
}

/* Skip what luaL_loadfilex skips in a file: a byte order mark, and a first line
 * that begins with '#', but for its end, so that lines keep their numbers. */
static void skip_head(request *r)
{
    static const char mark[] = "\xef\xbb\xbf";

    if (r->length >= 3 && memcmp(r->text, mark, 3) == 0) {
        r->text += 3;
        r->length -= 3;
    }
    if (r->length == 0 || r->text[0] != '#')
        return;
    while (r->length > 0 && *r->text != '\n') {
        r->text++;
        r->length--;
    }
}

/* Let `require` also find what lies beside the script, after all else. */
static void add_directory(lua_State *L, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *all, *addition;

    lua_getglobal(L, "package");
    if (slash == NULL || !lua_istable(L, -1) ||
        lua_getfield(L, -1, "path") != LUA_TSTRING) {
        lua_settop(L, 1);
        return;
    }
    all = lua_tostring(L, -1);
    lua_pushlstring(L, path, (size_t)(slash - path));
    addition = lua_pushfstring(L, ";%s/?.lua", lua_tostring(L, -1));
    if (strstr(all, addition) == NULL) {
        lua_pushfstring(L, "%s%s", all, addition);
        lua_setfield(L, 2, "path");
    }
    lua_settop(L, 1);
}

static void load(lua_State *L, request *r)
{
    int result;

    if (r->path != NULL) {
        add_directory(L, r->path);
        result = luaL_loadfilex(L, r->path, "t");
        if (result == LUA_ERRFILE)
            r->code = DESCENT_ERR_IO;
    } else {
        skip_head(r);
        lua_pushfstring(L, "@%s", r->name);
        result =
            luaL_loadbufferx(L, r->text, r->length, lua_tostring(L, -1), "t");
        lua_remove(L, -2);
    }
    if (result != LUA_OK)
        lua_error(L);
}

/* Load and call; the request is the light userdata at 1. */
static int run_protected(lua_State *L)
{
    request *r = lua_touserdata(L, 1);
    int n = 0;

    load(L, r);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setglobal(L, "arg");
    lua_pushstring(L, r->path != NULL ? r->path : r->name);
    lua_rawseti(L, 3, 0);
    for (; r->arguments != NULL && r->arguments[n] != NULL; n++) {
        luaL_checkstack(L, 4, "too many arguments");
        lua_pushstring(L, r->arguments[n]);
        lua_pushvalue(L, -1);
        lua_rawseti(L, 3, n + 1);
    }
    lua_remove(L, 3); /* arg; the chunk is at 2, its arguments follow */
    lua_call(L, n, 0);
    return 0;
}

static descent_status run(request *r)
{
    descent_script *s = r->script;
    lua_State *L = s->L;
    const int top = lua_gettop(L);
    descent_status status = DESCENT_OK;

    s->traceback = "";
    r->code = DESCENT_ERR_SCRIPT;
    if (!lua_checkstack(L, 8))
        return descent_error_set(DESCENT_ERR_MEMORY, "the Lua stack is full");
    lua_pushcfunction(L, handle_error);
    lua_pushcfunction(L, run_protected);
    lua_pushlightuserdata(L, r);
    switch (lua_pcall(L, 1, 0, top + 1)) {
    case LUA_OK:
        break;
    case LUA_ERRMEM:
        status = record(L, DESCENT_ERR_MEMORY);
        break;
    default:
        status = record(L, r->code);
    }
    lua_settop(L, top);
    return status;
}

descent_status descent_script_run_file(descent_script *script, const char *path,
                                       const char *const *arguments)
{
    request r = {.script = script, .path = path, .arguments = arguments};

    if (script == NULL || path == NULL)
        return descent_error_set(DESCENT_ERR_ARGUMENT,
                                 "descent_script_run_file: %s is NULL",
                                 script == NULL ? "script" : "path");
    return run(&r);
}

descent_status descent_script_run(descent_script *script, const char *text,
                                  size_t length, const char *name,
                                  const char *const *arguments)
{
    request r = {.script = script,
                 .text = text,
                 .length = length,
                 .name = name != NULL ? name : "script",
                 .arguments = arguments};

    if (script == NULL || text == NULL)
        return descent_error_set(DESCENT_ERR_ARGUMENT,
                                 "descent_script_run: %s is NULL",
                                 script == NULL ? "script" : "text");
    return run(&r);
}

const char *descent_script_traceback(const descent_script *script)
{
    return script != NULL ? script->traceback : "";
}

lua_State *descent_script_state(descent_script *script)
{
    return script != NULL ? script->L : NULL;
}
