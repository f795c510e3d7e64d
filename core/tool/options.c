/* SPDX-License-Identifier: MIT */
/* Command-line options: see options.h. */
#include "tool/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tool/streams.h"
#include "tool/words.h"

void options_restart(void)
{
    optind = 0;
    opterr = 0;
}

int options_misuse(const char *who, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (who != NULL)
        streams_error("%s: %s", who, text);
    else
        streams_error("%s", text);
    fprintf(stderr, "Try 'descent %s%s--help'.\n", who != NULL ? who : "",
            who != NULL ? " " : "");
    return TOOL_USAGE;
}

/* `word` is "--name" or "--name=value". */
static void unknown_long(const char *who, const struct option *table,
                         const char *word)
{
    char name[64];
    words_nearest search = {.wanted = name};

    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (; table->name != NULL; table++)
        words_offer(&search, table->name);
    if (search.best[0] != '\0')
        options_misuse(who, "unknown option '--%s'; did you mean '--%s'?", name,
                       search.best);
    else
        options_misuse(who, "unknown option '--%s'", name);
}

int options_next(int argc, char **argv, const char *letters,
                 const struct option *table, const char *who)
{
    const int got = getopt_long(argc, argv, letters, table, NULL);
    const char *word;

    if (got != '?' && got != ':')
        return got;
    word = argv[optind - 1];
    if (got == ':') {
        options_misuse(who, "option '%s' needs a value", word);
        return OPTIONS_WRONG;
    }
    if (optopt == 0)
        unknown_long(who, table, word);
    else if (strncmp(word, "--", 2) == 0)
        options_misuse(who, "option '%.*s' takes no value",
                       (int)strcspn(word, "="), word);
    else
        options_misuse(who, "unknown option '-%c'", optopt);
    return OPTIONS_WRONG;
}
