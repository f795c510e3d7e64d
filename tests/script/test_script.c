/* SPDX-License-Identifier: MIT */
/* The embedded interpreter, as an application uses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <descent/lua.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static descent_status run(descent_script *s, const char *text)
{
    return descent_script_run(s, text, strlen(text), "test.lua", NULL);
}

static descent_script *open_script(const descent_script_options *options)
{
    descent_script *s = NULL;

    assert_int_equal(descent_script_open(options, &s), DESCENT_OK);
    return s;
}

/* The text must run; or fail with a message that contains the piece. */
static void good(descent_script *s, const char *text)
{
    if (run(s, text) != DESCENT_OK)
        fail_msg("%s: %s", text, descent_error_message());
}

static void bad(descent_script *s, const char *text, descent_status code,
                const char *piece)
{
    assert_int_equal(run(s, text), code);
    assert_int_equal(descent_error_code(), code);
    if (strstr(descent_error_message(), piece) == NULL)
        fail_msg("%s\ngave '%s'\ninstead of '%s'", text,
                 descent_error_message(), piece);
}

static void a_script_trains(void **state)
{
    descent_script *s = open_script(NULL);
    lua_State *L = descent_script_state(s);

    (void)state;
    good(s, "local descent = require 'descent'\n"
            "local x = descent.tensor { 4, -2 }\n"
            "local opt = descent.optimizer('sgd', x, { lr = 0.5 })\n"
            "opt:step(function(v, g) g:copy_(v) return 0 end)\n"
            "result = x[1]");
    lua_getglobal(L, "result");
    assert_float_equal(lua_tonumber(L, -1), 2, 0);
    lua_pop(L, 1);
    descent_script_close(s);
}

static void failures_have_file_line_and_text(void **state)
{
    descent_script *s = open_script(NULL);

    (void)state;
    bad(s, "\nerror 'boom'", DESCENT_ERR_SCRIPT, "test.lua:2: boom");
    assert_non_null(strstr(descent_script_traceback(s), "stack traceback"));
    good(s, "x = 1");
    assert_string_equal(descent_script_traceback(s), "");
    bad(s, "x = = 1", DESCENT_ERR_SCRIPT, "test.lua:1: unexpected symbol");
    bad(s, "\n\nrequire 'descent'.zeros(-1)", DESCENT_ERR_SCRIPT,
        "test.lua:3: descent.zeros: shape = -1");
    bad(s, "error()", DESCENT_ERR_SCRIPT, "(error object is a nil value)");
    bad(s, "error({})", DESCENT_ERR_SCRIPT, "(error object is a table value)");
    bad(s,
        "error(setmetatable({}, {__tostring = function() return 'mine' "
        "end}))",
        DESCENT_ERR_SCRIPT, "mine");
    assert_int_not_equal(
        run(s, "error(setmetatable({}, {__tostring = function() error() "
               "end}))"),
        DESCENT_OK);
    bad(s, "local function f() return f() + 1 end f()", DESCENT_ERR_SCRIPT,
        "stack overflow");
    bad(s, "string.rep('x', 1 << 60)", DESCENT_ERR_SCRIPT, "too large");
    good(s, "x = 2");
    descent_script_close(s);
}

static void bytecode_is_refused(void **state)
{
    descent_script *s = open_script(NULL);
    char code[4096];
    size_t length;
    lua_State *L = descent_script_state(s);

    (void)state;
    good(s, "code = string.dump(function() end)");
    lua_getglobal(L, "code");
    length = lua_rawlen(L, -1);
    assert_true(length < sizeof code);
    memcpy(code, lua_tostring(L, -1), length);
    assert_int_equal(descent_script_run(s, code, length, "b", NULL),
                     DESCENT_ERR_SCRIPT);
    assert_non_null(strstr(descent_error_message(), "binary chunk"));
    descent_script_close(s);
}

static void a_shebang_line_keeps_the_numbers_of_lines(void **state)
{
    descent_script *s = open_script(NULL);

    (void)state;
    bad(s, "#!/usr/bin/env descent\nerror 'boom'", DESCENT_ERR_SCRIPT,
        "test.lua:2: boom");
    bad(s, "\xef\xbb\xbf#!x\nerror 'boom'", DESCENT_ERR_SCRIPT,
        "test.lua:2: boom");
    good(s, "# only this");
    good(s, "");
    descent_script_close(s);
}

static void arguments_reach_the_script(void **state)
{
    static const char *const arguments[] = {"one", "two", NULL};
    static const char text[] =
        "local a, b, c = ...\n"
        "assert(a == 'one' and b == 'two' and c == nil)\n"
        "assert(arg[0] == 'prog' and arg[2] == 'two' and #arg == 2)";
    descent_script *s = open_script(NULL);

    (void)state;
    assert_int_equal(
        descent_script_run(s, text, sizeof text - 1, "prog", arguments),
        DESCENT_OK);
    descent_script_close(s);
}

static void files_run_and_missing_ones_are_io_errors(void **state)
{
    char folder[] = "/tmp/descent-script-XXXXXX";
    char path[64], beside[64];
    descent_script *s = open_script(NULL);
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.lua", folder);
    snprintf(beside, sizeof beside, "%s/beside.lua", folder);
    f = fopen(path, "w");
    fputs("#!x\nlocal b = require 'beside'\nerror('got ' .. b)", f);
    fclose(f);
    f = fopen(beside, "w");
    fputs("return 'beside'", f);
    fclose(f);
    assert_int_equal(descent_script_run_file(s, path, NULL),
                     DESCENT_ERR_SCRIPT);
    assert_non_null(strstr(descent_error_message(), "a.lua:3: got beside"));
    unlink(path);
    unlink(beside);
    assert_int_equal(descent_script_run_file(s, path, NULL), DESCENT_ERR_IO);
    assert_non_null(strstr(descent_error_message(), "a.lua"));
    assert_int_equal(descent_script_run_file(s, folder, NULL), DESCENT_ERR_IO);
    rmdir(folder);
    descent_script_close(s);
}

static void null_arguments_are_errors(void **state)
{
    descent_script_options options = {.struct_size = sizeof options,
                                      .flags = 1u << 31};
    descent_script *s;

    (void)state;
    assert_int_equal(descent_script_open(NULL, NULL), DESCENT_ERR_ARGUMENT);
    assert_int_equal(descent_script_open(&options, &s), DESCENT_ERR_ARGUMENT);
    assert_int_equal(descent_script_run(NULL, "", 0, NULL, NULL),
                     DESCENT_ERR_ARGUMENT);
    assert_int_equal(descent_script_run_file(NULL, "x", NULL),
                     DESCENT_ERR_ARGUMENT);
    s = open_script(NULL);
    assert_int_equal(descent_script_run(s, NULL, 0, NULL, NULL),
                     DESCENT_ERR_ARGUMENT);
    assert_int_equal(descent_script_run_file(s, NULL, NULL),
                     DESCENT_ERR_ARGUMENT);
    assert_string_equal(descent_script_traceback(NULL), "");
    assert_null(descent_script_state(NULL));
    descent_script_close(s);
    descent_script_close(NULL);
}

static void plugins_by_path_need_the_application(void **state)
{
    static const char text[] = "local descent = require 'descent'\n"
                               "local path = descent.find_plugin('sgd').path\n"
                               "return descent.load_plugin(path)";
    descent_script_options allowed = {.struct_size = sizeof allowed,
                                      .flags = DESCENT_SCRIPT_LOAD_PLUGINS};
    descent_script *s = open_script(NULL);

    (void)state;
    bad(s, text, DESCENT_ERR_SCRIPT, "the application does not let scripts");
    descent_script_close(s);
    s = open_script(&allowed);
    good(s, text);
    descent_script_close(s);
}

/* ---- Warnings
 * --------------------------------------------------------------------- */

static char heard[1024];

static void hear(void *user, int level, const char *text)
{
    assert_ptr_equal(user, heard);
    assert_int_equal(level, 2);
    snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "[%s]", text);
}

static void warnings_reach_the_application(void **state)
{
    descent_script_options options = {
        .struct_size = sizeof options, .log = hear, .log_user = heard};
    descent_script *s = open_script(&options);

    (void)state;
    heard[0] = '\0';
    good(s, "warn('a', 'b') warn '@off' warn 'c' warn '@on' warn '@other'\n"
            "warn('d')");
    assert_string_equal(heard, "[ab][d]");
    heard[0] = '\0';
    good(s, "local d = require 'descent'\n"
            "local o = d.optimizer('sgd', {{name = 'a', value = d.ones(1)},\n"
            "                             {name = 'b', value = d.ones(1)}})\n"
            "o:apply { a = d.ones(1) }");
    assert_non_null(strstr(heard, "no gradient"));
    good(s, "warn(string.rep('x', 5000))");
    descent_script_close(s);
}

/* ---- Lifetimes
 * ---------------------------------------------------------------------- */

static void closing_with_everything_alive_is_clean(void **state)
{
    descent_script *s = open_script(NULL);

    (void)state;
    good(s, "local d = require 'descent'\n"
            "x = d.ones(3)\n"
            "o = d.optimizer('adam', x, { lr = function(n) return 0.1 end })\n"
            "o:step(function(v, g) g:copy_(v) return 0 end)\n"
            "slots = o:slots()\n"
            "s = d.schedule.fn(function() return o.lr end)\n"
            "setmetatable({}, { __gc = function()\n"
            "  pcall(o.step, o) pcall(s, 1) pcall(tostring, slots.momentum)\n"
            "  pcall(d.optimizer, 'sgd', d.ones(1))\n"
            "end })\n"
            "co = coroutine.wrap(function()\n"
            "  o:with_ema(coroutine.yield)\n"
            "end)\n"
            "pcall(co)");
    descent_script_close(s);
}

/* What a finalizer makes while the state closes is released before the state's
 * oldest finalizers run: views of it must be dead by then. */
static void views_made_while_closing_die_with_their_optimizer(void **state)
{
    descent_script_options options = {
        .struct_size = sizeof options, .log = hear, .log_user = heard};
    descent_script *s = open_script(&options);

    (void)state;
    heard[0] = '\0';
    good(s, "old = setmetatable({}, { __gc = function()\n"
            "  local ok, e = pcall(function() return view[1] end)\n"
            "  warn(ok and 'read' or tostring(e))\n"
            "end })\n"
            "local d = require 'descent'\n"
            "new = setmetatable({}, { __gc = function()\n"
            "  o = d.optimizer('adam', d.zeros(1000))\n"
            "  o:step(function(x, g) g:fill_(1) return 0 end)\n"
            "  view = o:slots().momentum\n"
            "  warn(tostring(view[1] > 0))\n"
            "end })");
    descent_script_close(s);
    assert_non_null(strstr(heard, "[true]"));
    assert_non_null(strstr(heard, "was freed"));
}

static void two_states_do_not_share(void **state)
{
    descent_script *a = open_script(NULL), *b = open_script(NULL);

    (void)state;
    good(a, "d = require 'descent' o = d.optimizer('sgd', d.ones(1))");
    good(b, "d = require 'descent' o = d.optimizer('sgd', d.ones(1))");
    descent_script_close(a);
    good(b, "o:apply { x = d.ones(1) }");
    descent_script_close(b);
}

static void the_module_opens_in_a_state_of_the_applications(void **state)
{
    lua_State *L = luaL_newstate();

    (void)state;
    luaL_requiref(L, "core", luaopen_descent_core, 1);
    lua_settop(L, 0);
    assert_int_equal(luaL_dostring(L, "local x = core.ones(2)\n"
                                      "return (x + x):sum()"),
                     LUA_OK);
    assert_float_equal(lua_tonumber(L, -1), 4, 0);
    lua_close(L);
}

/* Without a host, scripts load plugins by path only where package.loadlib lets
 * them load any machine code. */
static bool loads_plugins(bool with_libraries, const char *before)
{
    lua_State *L = luaL_newstate();
    int failed;

    if (with_libraries)
        luaL_openlibs(L);
    else
        luaL_requiref(L, "_G", luaopen_base, 1);
    assert_int_equal(luaL_dostring(L, before), LUA_OK);
    luaL_requiref(L, "core", luaopen_descent_core, 1);
    lua_settop(L, 0);
    failed = luaL_dostring(L, "package = { loadlib = print }\n"
                              "local info = core.find_plugin('sgd')\n"
                              "core.load_plugin(info.path)");
    if (failed)
        assert_non_null(strstr(luaL_tolstring(L, -1, NULL), "does not let"));
    lua_close(L);
    return !failed;
}

static void plugins_by_path_need_loadlib_without_a_host(void **state)
{
    (void)state;
    assert_true(loads_plugins(true, ""));
    assert_false(loads_plugins(false, ""));
    assert_false(loads_plugins(true, "package.loadlib = nil"));
    assert_false(loads_plugins(true, "package = nil"));
}

/* ---- Out of memory
 * -------------------------------------------------------------------- */

typedef struct limiter {
    size_t calls, first, last; /* those from first to last fail; 0: none */
} limiter;

static void *limited(void *user, void *block, size_t old, size_t size)
{
    limiter *l = user;

    (void)old;
    if (size == 0) {
        free(block);
        return NULL;
    }
    l->calls++;
    if (l->calls >= l->first && l->calls <= l->last)
        return NULL;
    return realloc(block, size);
}

static int scenario(lua_State *L)
{
    static const char text[] =
        "x = core.tensor { 4, -2 }\n"
        "local o = core.optimizer('sgd', { { name = 'a', value = x } }, {\n"
        "  momentum = 0.5, lr = function(n) return 0.5 end })\n"
        "o:step(function(v, g) g.a:copy_(v.a) return 0 end)\n"
        "o:add { name = 'b', value = core.ones(1) }\n"
        "local slot = o:slots('a').momentum\n"
        "pcall(core.zeros, -1)\n"
        "o:describe() o:close()";

    luaL_requiref(L, "core", luaopen_descent_core, 1);
    if (luaL_loadstring(L, text) != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

/* A failure, whose value is at the top, is one of memory. */
static void check_failure(lua_State *L, int status)
{
    if (status == LUA_OK || status == LUA_ERRMEM)
        return;
    assert_int_equal(status, LUA_ERRRUN);
    if (strstr(luaL_tolstring(L, -1, NULL), "memory") == NULL)
        fail_msg("status %d: %s", status, lua_tostring(L, -1));
}

/* The step was made, or it was not. */
static void check_weights(lua_State *L, bool made)
{
    static const char text[] = "if x == nil then return 'none' end\n"
                               "return x[1] .. ',' .. x[2]";
    const char *weights;

    assert_int_equal(luaL_dostring(L, text), LUA_OK);
    weights = lua_tostring(L, -1);
    if (made)
        assert_string_equal(weights, "2.0,-1.0");
    else if (strcmp(weights, "2.0,-1.0") != 0 &&
             strcmp(weights, "4.0,-2.0") != 0 && strcmp(weights, "none") != 0)
        fail_msg("the weights are %s", weights);
}

/* Run the scenario while `count` allocations from the n-th on fail. */
static int run_with_failures(size_t n, size_t count)
{
    limiter l = {0, 0, 0};
    lua_State *L = lua_newstate(limited, &l);
    int status;

    assert_non_null(L);
    luaL_requiref(L, "_G", luaopen_base, 1);
    lua_settop(L, 0);
    lua_pushcfunction(L, scenario);
    l.first = l.calls + n;
    l.last = l.first + count - 1;
    status = lua_pcall(L, 0, 0, 0);
    l.first = l.last = 0;
    check_failure(L, status);
    check_weights(L, status == LUA_OK);
    lua_close(L);
    return status;
}

/* One failure alone is often survived, as Lua collects and tries again. */
static void every_failing_allocation_is_survived(void **state)
{
    int status = LUA_ERRMEM;
    size_t n;

    (void)state;
    for (n = 1; status != LUA_OK && n < 20000; n += 1 + n / 50) {
        status = run_with_failures(n, SIZE_MAX / 2);
        run_with_failures(n, 1);
        run_with_failures(n, 2);
    }
    assert_int_equal(status, LUA_OK);
    assert_true(n > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_trains),
        cmocka_unit_test(failures_have_file_line_and_text),
        cmocka_unit_test(bytecode_is_refused),
        cmocka_unit_test(a_shebang_line_keeps_the_numbers_of_lines),
        cmocka_unit_test(arguments_reach_the_script),
        cmocka_unit_test(files_run_and_missing_ones_are_io_errors),
        cmocka_unit_test(null_arguments_are_errors),
        cmocka_unit_test(plugins_by_path_need_the_application),
        cmocka_unit_test(warnings_reach_the_application),
        cmocka_unit_test(closing_with_everything_alive_is_clean),
        cmocka_unit_test(views_made_while_closing_die_with_their_optimizer),
        cmocka_unit_test(two_states_do_not_share),
        cmocka_unit_test(the_module_opens_in_a_state_of_the_applications),
        cmocka_unit_test(plugins_by_path_need_loadlib_without_a_host),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
