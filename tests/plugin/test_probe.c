/* SPDX-License-Identifier: MIT */
/* What the command does about plugins that misbehave while it looks at them. */
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

#include "../support/plugin_files.h"

/* What `descent plugins FILE` says of the built plugin `name`; skips the test
 * when there is no command. */
static void look_at(const char *name, char *says, size_t size)
{
    char command[3 * PATH_MAX], program[PATH_MAX], path[PATH_MAX];
    FILE *answer;
    size_t n;

    plugin_command_path(program);
    plugin_built_path(name, path);
    if (access(program, X_OK) != 0)
        skip();
    snprintf(command, sizeof command, "'%s' plugins '%s' 2>&1", program, path);
    alarm(60);
    answer = popen(command, "r");
    assert_non_null(answer);
    n = fread(says, 1, size - 1, answer);
    says[n] = '\0';
    pclose(answer);
    alarm(0);
}

/* The tests fail by the alarm if it is waited for. */
static void a_plugin_in_another_process_group_ends_too(void **state)
{
    char says[4096];

    (void)state;
    look_at("leaves_group", says, sizeof says);
    assert_non_null(strstr(says, "/leaves_group.so: was not loaded within 5 "
                                 "seconds; remove it"));
}

static void a_plugin_cannot_take_all_memory(void **state)
{
    char says[4096];

    (void)state;
#if defined DESCENT_SANITIZED || defined __SANITIZE_THREAD__
    skip();
#endif
    look_at("eats_memory", says, sizeof says);
    assert_null(strstr(says, "crashed"));
    assert_non_null(strstr(says, "(eats_memory 1.0.0)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_in_another_process_group_ends_too),
        cmocka_unit_test(a_plugin_cannot_take_all_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
