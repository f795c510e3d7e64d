/* SPDX-License-Identifier: MIT */
/* `descent run`: a Lua script with the runtime at hand. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <descent/lua.h>

#include "tool/options.h"
#include "tool/streams.h"
#include "tool/tool.h"
#include "tool/words.h"

static const char help[] =
    "Usage: descent run [--traceback] FILE.lua [-- ARGUMENT...]\n"
    "Run a Lua 5.4 script; 'require \"descent\"' finds the runtime.\n\n"
    "FILE.lua may be '-', the standard input.  The script finds the arguments\n"
    "after '--' in the table 'arg' and in '...'.\n\n"
    "Options:\n"
    "      --traceback  after an error, also print where it came from\n"
    "  -h, --help       show this help\n\n"
    "Environment:\n"
    "  DESCENT_PLUGIN_PATH  absolute directories of plugins, between ':'\n"
    "  DESCENT_ISA          most of the processor to use: any, avx2, avx512\n"
    "  DESCENT_THREADS      most threads to use\n"
    "No result depends on the last two.\n\n"
    "Exit status: 0 success, 1 the script failed, 2 wrong usage; or what the\n"
    "script passes to os.exit().\n";

typedef struct request {
    const char *file;
    const char *const *arguments; /* NULL-ended */
    bool traceback;
} request;

/* Where "--" stands in argv, or argc. */
static int find_separator(int argc, char **argv)
{
    int i = 1;

    while (i < argc && strcmp(argv[i], "--") != 0)
        i++;
    return i;
}

/* Fill *r; or return false with the exit status in *status. */
static bool read_request(int argc, char **argv, request *r, int *status)
{
    static const struct option table[] = {{"traceback", no_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const int end = find_separator(argc, argv);
    int option;

    *status = TOOL_USAGE;
    r->traceback = false;
    while ((option = options_next(end, argv, "h", table, "run")) !=
           OPTIONS_END) {
        if (option == OPTIONS_WRONG)
            return false;
        if (option == 'h') {
            fputs(help, stdout);
            *status = TOOL_OK;
            return false;
        }
        r->traceback = true;
    }
    if (optind == end) {
        options_misuse("run", "no script given");
        return false;
    }
    if (optind + 1 < end) {
        options_misuse("run", "'%.64s': the script's arguments go after '--'",
                       argv[optind + 1]);
        return false;
    }
    r->file = argv[optind];
    r->arguments = (const char *const *)argv + (end < argc ? end + 1 : argc);
    return true;
}

/* Read all of standard input into *text, to be freed. */
static bool read_input(char **text, size_t *length)
{
    enum { PIECE = 1 << 16, MOST = 1 << 26 };
    static char piece[PIECE];
    FILE *copy = open_memstream(text, length);
    size_t got, total = 0;
    bool whole = copy != NULL;

    while (whole && (got = fread(piece, 1, PIECE, stdin)) > 0) {
        total += got;
        whole = total <= MOST && fwrite(piece, 1, got, copy) == got;
    }
    if (copy != NULL && fclose(copy) != 0)
        whole = false;
    if (whole && !ferror(stdin))
        return true;
    if (total > MOST)
        streams_error("standard input: longer than %d MiB, the most that a "
                      "script may have",
                      MOST >> 20);
    else
        streams_error("standard input: %s", strerror(errno));
    return false;
}

static int fail(const descent_script *script, bool traceback)
{
    streams_failure();
    if (traceback && script != NULL) {
        words_write(stderr, descent_script_traceback(script), true);
        putc('\n', stderr);
    }
    return TOOL_FAILED;
}

static int run_script(descent_script *script, const request *r)
{
    descent_status status;
    char *text = NULL;
    size_t length;

    if (strcmp(r->file, "-") != 0) {
        status = descent_script_run_file(script, r->file, r->arguments);
    } else if (read_input(&text, &length)) {
        status =
            descent_script_run(script, text, length, "stdin", r->arguments);
    } else {
        free(text);
        return TOOL_FAILED;
    }
    free(text);
    return status == DESCENT_OK ? TOOL_OK : fail(script, r->traceback);
}

/* What is wrong with the environment is no line's fault: scripts make their
 * runtime when they first need it. */
static descent_status check_environment(void)
{
    descent_runtime *runtime = NULL;
    const descent_status status = descent_runtime_create(NULL, &runtime);

    descent_runtime_free(runtime);
    return status;
}

static int run(int argc, char **argv)
{
    const descent_script_options options = {
        .struct_size = sizeof options, .flags = DESCENT_SCRIPT_LOAD_PLUGINS};
    descent_script *script;
    request r;
    int status;

    if (!read_request(argc, argv, &r, &status))
        return status;
    if (check_environment() != DESCENT_OK ||
        descent_script_open(&options, &script) != DESCENT_OK)
        return fail(NULL, false);
    status = run_script(script, &r);
    descent_script_close(script);
    return status;
}

const command command_run = {"run", "run a Lua script", help, run};
