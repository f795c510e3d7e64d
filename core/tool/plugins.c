/* SPDX-License-Identifier: MIT */
/* `descent plugins`: what was found, what it offers, and what was refused. */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <descent/descent.h>
#include <jansson.h>

#include "tool/json.h"
#include "tool/options.h"
#include "tool/probe.h"
#include "tool/show.h"
#include "tool/streams.h"
#include "tool/tool.h"

static const char help[] =
    "Usage: descent plugins [NAME] [--json]\n"
    "List the plugins that are found and the files that are refused, or\n"
    "describe the plugin NAME: a name, or the path of a file, with a '/'.\n\n"
    "Plugins are searched in the directories of DESCENT_PLUGIN_PATH, in\n"
    "$XDG_DATA_HOME/descent/plugins/1 (or ~/.local/share/...), and in the\n"
    "directory that was installed with the runtime.  Each file is loaded in a\n"
    "process of its own, so that one that crashes is only refused.\n\n"
    "Options:\n"
    "      --json  print a list of objects; one with an \"error\" is a file\n"
    "              that was refused\n"
    "  -h, --help  show this help\n\n"
    "Exit status: 0 success, 1 no such plugin, or NAME is refused; 2 wrong\n"
    "usage.\n";

typedef struct search {
    descent_runtime *runtime;
    const char *wanted; /* the only name to look at, or NULL */
    json_t *found;      /* probe_plugin's answers, by name */
    json_t *refused;    /* and refusals, as they were met */
} search;

/* The name of the plugin in the file `path`, cut to fit. */
static void name_of(const char *path, char *name, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t length;

    snprintf(name, size, "%s", slash != NULL ? slash + 1 : path);
    length = strlen(name);
    if (length > 3 && strcmp(name + length - 3, ".so") == 0)
        name[length - 3] = '\0';
}

static size_t place_of(const json_t *list, const char *name)
{
    size_t at = 0;

    while (at < json_array_size(list) &&
           strcmp(json_text(json_array_get(list, at), "name"), name) <= 0)
        at++;
    return at;
}

static descent_status probe(search *s, const char *path)
{
    json_t *plugin = probe_plugin(s->runtime, path);
    int failed;

    if (json_object_get(plugin, "error") != NULL)
        failed = json_array_append_new(s->refused, plugin);
    else
        failed = json_array_insert_new(
            s->found, place_of(s->found, json_text(plugin, "name")), plugin);
    if (failed)
        return descent_error_set(DESCENT_ERR_MEMORY, "out of memory");
    return DESCENT_OK;
}

static descent_status visit(void *user, const char *path)
{
    search *const s = user;
    char name[NAME_MAX + 1];

    name_of(path, name, sizeof name);
    if (s->wanted == NULL || strcasecmp(s->wanted, name) == 0)
        return probe(s, path);
    return DESCENT_OK;
}

static descent_status look(search *s)
{
    if (s->wanted != NULL && strchr(s->wanted, '/') != NULL)
        return probe(s, s->wanted);
    return descent_runtime_each_file(s->runtime, visit, s);
}

/* The library's own sentence tells where it looked and what is near. */
static int not_found(const search *s)
{
    if (descent_runtime_find(s->runtime, s->wanted, NULL) == DESCENT_OK)
        streams_error("plugin '%.64s' appeared only now: try again", s->wanted);
    else
        streams_failure();
    return TOOL_FAILED;
}

static int print_one(const search *s, bool as_json)
{
    json_t *plugin = json_array_get(s->found, 0);
    json_t *refusal = json_array_get(s->refused, 0);

    if (plugin == NULL && refusal == NULL)
        return not_found(s);
    if (as_json)
        json_write(stdout, plugin != NULL ? s->found : s->refused);
    else if (plugin != NULL)
        show_plugin(stdout, plugin, streams_width());
    else
        streams_error("%s", json_text(refusal, "error"));
    return plugin != NULL ? TOOL_OK : TOOL_FAILED;
}

static int print(const search *s, bool as_json)
{
    if (s->wanted != NULL)
        return print_one(s, as_json);
    if (!as_json) {
        show_list(stdout, s->found, s->refused, streams_width());
        return TOOL_OK;
    }
    if (json_array_extend(s->found, s->refused) != 0) {
        streams_error("out of memory");
        return TOOL_FAILED;
    }
    json_write(stdout, s->found);
    return TOOL_OK;
}

static int list_plugins(const char *wanted, bool as_json)
{
    search s = {.wanted = wanted};
    int status = TOOL_FAILED;

    s.found = json_array();
    s.refused = json_array();
    if (s.found == NULL || s.refused == NULL)
        streams_error("out of memory");
    else if (descent_runtime_create(NULL, &s.runtime) != DESCENT_OK ||
             look(&s) != DESCENT_OK)
        streams_failure();
    else
        status = print(&s, as_json);
    json_decref(s.found);
    json_decref(s.refused);
    descent_runtime_free(s.runtime);
    return status;
}

static int run(int argc, char **argv)
{
    static const struct option table[] = {{"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    bool as_json = false;
    int option;

    while ((option = options_next(argc, argv, "h", table, "plugins")) !=
           OPTIONS_END) {
        if (option == OPTIONS_WRONG)
            return TOOL_USAGE;
        if (option == 'h') {
            fputs(help, stdout);
            return TOOL_OK;
        }
        as_json = true;
    }
    if (optind + 1 < argc)
        return options_misuse("plugins", "'%.64s': one name at a time",
                              argv[optind + 1]);
    return list_plugins(argv[optind], as_json);
}

const command command_plugins = {"plugins", "list optimizers, or describe one",
                                 help, run};
