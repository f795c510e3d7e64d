/* SPDX-License-Identifier: MIT */
/* The command as a person meets it: what it prints, where, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <descent/descent.h>

#include "support/shell.h"

/* ---- Help and usage ---- */

static void help_lists_the_commands(void **state)
{
    const shell_outcome *o = sh("\"$D\" --help");

    (void)state;
    assert_int_equal(o->status, 0);
    assert_contains(o->out, "Usage: descent COMMAND");
    assert_contains(o->out, "\n  run ");
    assert_contains(o->out, "\n  plugins ");
    assert_contains(o->out, "\n  bench ");
    assert_contains(o->out, "descent COMMAND --help");
    assert_string_equal(o->err, "");
}

static void each_command_has_help(void **state)
{
    (void)state;
    assert_contains(sh("\"$D\" run --help")->out, "Usage: descent run");
    assert_contains(sh("\"$D\" run -h")->out, "Usage: descent run");
    assert_contains(sh("\"$D\" plugins --help")->out, "Usage: descent plugins");
    assert_int_equal(sh("\"$D\" plugins --help")->status, 0);
}

static void version_is_the_library_s(void **state)
{
    const shell_outcome *o = sh("\"$D\" --version");

    (void)state;
    assert_int_equal(o->status, 0);
    assert_string_equal(o->out,
                        "descent " DESCENT_VERSION " (plugin interface 1.0)\n");
}

static void wrong_usage_exits_2_and_says_why(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"\"$D\"", "descent: no command given"},
        {"\"$D\" ''", "descent: unknown command ''"},
        {"\"$D\" rnu", "unknown command 'rnu'; did you mean 'run'?"},
        {"\"$D\" plugin", "did you mean 'plugins'?"},
        {"\"$D\" bicycle", "unknown command 'bicycle'\n"},
        {"\"$D\" --versoin", "'--versoin'; did you mean '--version'?"},
        {"\"$D\" --help=1", "'--help' takes no value"},
        {"\"$D\" -x", "unknown option '-x'"},
        {"\"$D\" run", "descent: run: no script given"},
        {"\"$D\" run -- x", "descent: run: no script given"},
        {"\"$D\" run --tracebak x", "did you mean '--traceback'?"},
        {"\"$D\" run x y", "'y': the script's arguments go after '--'"},
        {"\"$D\" plugins --jsno", "did you mean '--json'?"},
        {"\"$D\" plugins --json=yes", "'--json' takes no value"},
        {"\"$D\" plugins adam sgd", "'sgd': one name at a time"},
        {"\"$D\" \"$(printf '%01000d' 0)\"", "unknown command '0000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const shell_outcome *o = sh(cases[i].line);

        print_message("%s\n", cases[i].line);
        assert_contains(o->err, cases[i].message);
        assert_contains(o->err, "--help'");
        assert_string_equal(o->out, "");
        assert_int_equal(o->status, 2);
    }
}

static void control_bytes_in_arguments_do_not_reach_the_terminal(void **state)
{
    const shell_outcome *o =
        sh("\"$D\" \"$(printf 'a\\033[31mb\\nc\\302\\233d\\377')\"");

    (void)state;
    assert_contains(o->err, "unknown command 'a?[31mb?c?d?'");
    o = sh("\"$D\" plugins \"$(printf 'a\\033[31mb')\"");
    assert_lacks(o->err, "\033");
    assert_int_equal(o->status, 1);
    o = sh("\"$D\" run \"$S/$(printf 'a\\033[31mb')\"");
    assert_lacks(o->err, "\033");
    assert_int_equal(o->status, 1);
}

/* ---- Standard streams ---- */

static void output_that_cannot_be_written_is_an_error(void **state)
{
    static const char *const lines[] = {
        "\"$D\" --help >/dev/full",
        "\"$D\" --help >&-",
        "\"$D\" plugins >/dev/full",
        "\"$D\" plugins --json >&-",
        "echo 'print(1)' | \"$D\" run - >/dev/full",
        "echo 'print(1)' | \"$D\" run - >&-",
        "echo 'print(1) os.exit(0)' | \"$D\" run - >/dev/full",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const shell_outcome *o = sh(lines[i]);

        print_message("%s\n", lines[i]);
        assert_contains(o->err, "descent: standard output: ");
        assert_int_equal(o->status, 1);
    }
}

static void a_closed_output_that_is_not_used_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(sh("echo 'local x = 1' | \"$D\" run - >&-")->status, 0);
    assert_int_equal(sh("\"$D\" --version 2>&-")->status, 0);
}

static void a_closed_input_is_an_error(void **state)
{
    const shell_outcome *o = sh("\"$D\" run - <&-");

    (void)state;
    assert_contains(o->err, "descent: standard input: ");
    assert_int_equal(o->status, 1);
}

static void a_broken_pipe_ends_it_silently(void **state)
{
    const shell_outcome *o =
        sh("{ echo 'for i = 1, 1e6 do print(i) end' | "
           "\"$D\" run -; echo $? >\"$S/status\"; } | head -n 1; "
           "cat \"$S/status\"");

    (void)state;
    assert_string_equal(o->out, "1\n141\n");
    assert_string_equal(o->err, "");
}

/* ---- run ---- */

static void a_script_gets_its_arguments(void **state)
{
    const shell_outcome *o;

    (void)state;
    shell_write("show.lua", "print(arg[0]:match('[^/]*$'), #arg, ...)\n"
                            "assert(arg[1] == ...)\n");
    o = sh("\"$D\" run \"$S/show.lua\" -- --traceback '' -- 'a b'");
    assert_string_equal(o->err, "");
    assert_string_equal(o->out, "show.lua\t4\t--traceback\t\t--\ta b\n");
    assert_int_equal(o->status, 0);
    assert_string_equal(sh("\"$D\" run \"$S/show.lua\" --")->out,
                        "show.lua\t0\n");
}

static void a_script_may_come_from_standard_input(void **state)
{
    const shell_outcome *o =
        sh("printf 'print(#arg, ...)' | \"$D\" run - -- x y");

    (void)state;
    assert_string_equal(o->err, "");
    assert_string_equal(o->out, "2\tx\ty\n");
    o = sh("printf '\\nerror(\"bad\")' | \"$D\" run -");
    assert_contains(o->err, "descent: stdin:2: bad");
    assert_int_equal(o->status, 1);
}

static void a_script_s_error_names_file_and_line(void **state)
{
    const shell_outcome *o;

    (void)state;
    shell_write("fails.lua", "local x = 1\nerror('too small')\n");
    o = sh("cd \"$S\" && \"$D\" run fails.lua");
    assert_string_equal(o->err, "descent: fails.lua:2: too small\n");
    assert_string_equal(o->out, "");
    assert_int_equal(o->status, 1);
    shell_write("syntax.lua", "\n\nlocal = 1\n");
    o = sh("cd \"$S\" && \"$D\" run syntax.lua");
    assert_contains(o->err, "descent: syntax.lua:3: ");
    assert_int_equal(o->status, 1);
}

static void an_unknown_option_of_an_optimizer_names_the_nearest(void **state)
{
    const shell_outcome *o;

    (void)state;
    shell_write("option.lua",
                "local descent = require 'descent'\n"
                "local x = descent.zeros(2)\n"
                "descent.optimizer('adam', x, { beta_l = 0.9 })\n");
    o = sh("cd \"$S\" && \"$D\" run option.lua");
    assert_contains(o->err, "descent: option.lua:3: ");
    assert_contains(o->err, "beta_l");
    assert_contains(o->err, "beta_1");
    assert_int_equal(o->status, 1);
}

static void a_missing_script_is_named(void **state)
{
    const shell_outcome *o = sh("\"$D\" run \"$S/nowhere.lua\"");

    (void)state;
    assert_contains(o->err, "descent: ");
    assert_contains(o->err, "nowhere.lua");
    assert_int_equal(o->status, 1);
}

static void the_traceback_is_printed_on_request(void **state)
{
    (void)state;
    shell_write("deep.lua", "local function inner() error('deep') end\n"
                            "local function outer() inner() end\n"
                            "outer()\n");
    assert_lacks(sh("\"$D\" run \"$S/deep.lua\"")->err, "traceback");
    assert_contains(sh("\"$D\" run --traceback \"$S/deep.lua\"")->err,
                    "deep.lua:2: in");
    assert_contains(sh("\"$D\" run \"$S/deep.lua\" --traceback")->err,
                    "stack traceback:");
}

static void a_script_chooses_its_exit_status(void **state)
{
    (void)state;
    assert_int_equal(sh("echo 'os.exit(7)' | \"$D\" run -")->status, 7);
    assert_int_equal(sh("echo 'os.exit(true)' | \"$D\" run -")->status, 0);
    assert_int_equal(sh("echo 'os.exit(false)' | \"$D\" run -")->status, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_lists_the_commands),
        cmocka_unit_test(each_command_has_help),
        cmocka_unit_test(version_is_the_library_s),
        cmocka_unit_test(wrong_usage_exits_2_and_says_why),
        cmocka_unit_test(control_bytes_in_arguments_do_not_reach_the_terminal),
        cmocka_unit_test(output_that_cannot_be_written_is_an_error),
        cmocka_unit_test(a_closed_output_that_is_not_used_is_no_error),
        cmocka_unit_test(a_closed_input_is_an_error),
        cmocka_unit_test(a_broken_pipe_ends_it_silently),
        cmocka_unit_test(a_script_gets_its_arguments),
        cmocka_unit_test(a_script_may_come_from_standard_input),
        cmocka_unit_test(a_script_s_error_names_file_and_line),
        cmocka_unit_test(an_unknown_option_of_an_optimizer_names_the_nearest),
        cmocka_unit_test(a_missing_script_is_named),
        cmocka_unit_test(the_traceback_is_printed_on_request),
        cmocka_unit_test(a_script_chooses_its_exit_status),
    };

    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
