/* SPDX-License-Identifier: MIT */
/* The `descent` command: what its sub-commands share. */
#ifndef DESCENT_TOOL_TOOL_H
#define DESCENT_TOOL_TOOL_H

/* Exit statuses. */
enum { TOOL_OK = 0, TOOL_FAILED = 1, TOOL_USAGE = 2 };

/* A sub-command: one row of main.c's table. */
typedef struct command {
    const char *name;
    const char *summary; /* one line of `descent --help`                      */
    const char *help;    /* `descent NAME --help`                             */
    /* argv[0] is the sub-command's name; returns the exit status. */
    int (*run)(int argc, char **argv);
} command;

extern const command command_run;
extern const command command_plugins;
extern const command command_inspect;
extern const command command_bench;

#endif
