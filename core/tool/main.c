/* SPDX-License-Identifier: MIT */
/* The `descent` command: finds the sub-command and runs it. */
#include <stdio.h>
#include <string.h>

#include <descent/descent.h>

#include "tool/options.h"
#include "tool/streams.h"
#include "tool/tool.h"
#include "tool/words.h"

static const command *const commands[] = {&command_run, &command_plugins,
                                          &command_inspect, &command_bench};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    fputs("Usage: descent COMMAND [OPTION...]\n"
          "Train with optimizers that are loaded as plugins.\n\n"
          "Commands:\n",
          stdout);
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nOptions:\n"
          "  -h, --help     show this help\n"
          "  -V, --version  show the version\n\n"
          "'descent COMMAND --help' explains a command.\n"
          "Exit status: 0 success, 1 the run failed, 2 wrong usage.\n",
          stdout);
}

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    words_nearest search = {.wanted = name};

    for (size_t i = 0; i < COMMANDS; i++)
        words_offer(&search, commands[i]->name);
    if (search.best[0] != '\0')
        return options_misuse(NULL,
                              "unknown command '%.64s'; did you mean '%s'?",
                              name, search.best);
    return options_misuse(NULL, "unknown command '%.64s'", name);
}

int main(int argc, char **argv)
{
    static const struct option table[] = {{"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    const command *chosen;

    streams_open();
    options_restart();
    /* The plus sign: options after the sub-command are its own. */
    switch (options_next(argc, argv, "+hV", table, NULL)) {
    case 'h':
        print_help();
        return TOOL_OK;
    case 'V':
        printf("descent %s (plugin interface %d.%d)\n", descent_version(),
               DESCENT_ABI_MAJOR, DESCENT_ABI_MINOR);
        return TOOL_OK;
    case OPTIONS_WRONG:
        return TOOL_USAGE;
    default:
        break;
    }
    if (optind >= argc)
        return options_misuse(NULL, "no command given");
    chosen = find_command(argv[optind]);
    if (chosen == NULL)
        return unknown_command(argv[optind]);
    argc -= optind;
    argv += optind;
    options_restart();
    return chosen->run(argc, argv);
}
