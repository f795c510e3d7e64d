/* SPDX-License-Identifier: MIT */
/* Running the command as a person would: in sh, with a scratch directory of its
 * own and an environment that is known.  In lines of sh, $S is the scratch
 * directory, $B the build directory (DESCENT_TEST_BUILD, or "build") and $D the
 * command in it. */
#ifndef DESCENT_TESTS_SUPPORT_SHELL_H
#define DESCENT_TESTS_SUPPORT_SHELL_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

/* What a line of sh gave; texts are cut to fit. */
typedef struct shell_outcome {
    int status; /* exit status; 128 + n when signal n ended it */
    char out[1 << 18];
    char err[1 << 14];
} shell_outcome;

static char shell_scratch[] = "/tmp/descent-command-XXXXXX";

static inline void shell_read(const char *name, char *text, size_t size)
{
    char path[PATH_MAX];
    FILE *file;
    size_t length;

    snprintf(path, sizeof path, "%s/%s", shell_scratch, name);
    file = fopen(path, "r");
    assert_non_null(file);
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

/* Write a file of the scratch directory. */
static inline void shell_write(const char *name, const char *text)
{
    char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", shell_scratch, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Run a line of sh.  The answer is good until the next call. */
static inline const shell_outcome *sh(const char *line)
{
    static shell_outcome o;
    char script[4096];
    int status;

    snprintf(script, sizeof script, "{ %s\n} >\"$S/out\" 2>\"$S/err\"", line);
    status = system(script);
    assert_true(WIFEXITED(status));
    o.status = WEXITSTATUS(status);
    shell_read("out", o.out, sizeof o.out);
    shell_read("err", o.err, sizeof o.err);
    return &o;
}

/* Fail, and print the text, unless it contains the piece; or if it does. */
static inline void assert_contains(const char *text, const char *piece)
{
    if (strstr(text, piece) == NULL)
        fail_msg("\"%s\" is not in:\n%s", piece, text);
}

static inline void assert_lacks(const char *text, const char *piece)
{
    if (strstr(text, piece) != NULL)
        fail_msg("\"%s\" is in:\n%s", piece, text);
}

/* Group fixtures: make and remove the scratch directory. */
static inline int shell_setup(void **state)
{
    const char *build = getenv("DESCENT_TEST_BUILD");
    char path[PATH_MAX], command[PATH_MAX + 16];

    (void)state;
    if (mkdtemp(shell_scratch) == NULL ||
        realpath(build != NULL ? build : "build", path) == NULL)
        return -1;
    snprintf(command, sizeof command, "%s/descent", path);
    setenv("B", path, 1);
    setenv("D", command, 1);
    setenv("S", shell_scratch, 1);
    setenv("XDG_DATA_HOME", shell_scratch, 1);
    unsetenv("DESCENT_PLUGIN_PATH");
    unsetenv("DESCENT_ISA");
    unsetenv("DESCENT_THREADS");
    return system("umask 022; mkdir \"$S/plugins\"");
}

static inline int shell_teardown(void **state)
{
    (void)state;
    return system("rm -rf \"$S\"");
}

#endif
