/* SPDX-License-Identifier: MIT */
/* The directories that nobody names: those of the environment, of the user, and
 * the one beside the library itself. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "plugin/find.h"
#include "plugin/trust.h"

#define VARIABLE "DESCENT_PLUGIN_PATH"

/* Append the elements of the variable, separated by colons. */
static descent_status append_variable(search *s, const char *value)
{
    const char *at = value;

    for (unsigned element = 1;; element++) {
        const size_t length = strcspn(at, ":");
        char what[64], directory[PATH_MAX];

        snprintf(what, sizeof what, VARIABLE ", element %u", element);
        snprintf(directory, sizeof directory, "%.*s", (int)length, at);
        if (length >= sizeof directory)
            return status_fail(DESCENT_ERR_ARGUMENT, "%s: longer than %d bytes",
                               what, PATH_MAX - 1);
        TRY(trust_check_path(what, directory));
        TRY(search_insert(s, directory, s->count));
        if (at[length] == '\0')
            return DESCENT_OK;
        at += length + 1;
    }
}

/* Append the directory of the user's own plugins.  Relative values of these
 * variables count as not set. */
static descent_status append_user(search *s)
{
    static const struct {
        const char *variable, *below;
    } homes[] = {
        {"XDG_DATA_HOME", ""},
        {"HOME", "/.local/share"},
    };
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
        const char *home = secure_getenv(homes[i].variable);
        if (home == NULL || home[0] != '/' ||
            snprintf(path, sizeof path, "%s%s/descent/plugins/%d", home,
                     homes[i].below, DESCENT_ABI_MAJOR) >= (int)sizeof path)
            continue;
        TRY(trust_check_path(homes[i].variable, path));
        return search_insert(s, path, s->count);
    }
    return DESCENT_OK;
}

descent_status search_append_environment(search *s)
{
    const char *value = secure_getenv(VARIABLE);

    if (value != NULL && value[0] != '\0')
        TRY(append_variable(s, value));
    return append_user(s);
}

/* The real path of the file that this code is in; false when it is unknown. */
static bool own_file(char path[PATH_MAX])
{
    static const char place = 0;
    struct link_map *map = NULL;
    Dl_info info;

    if (dladdr1(&place, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 ||
        map == NULL)
        return false;
    /* The program's own name may be anything; the kernel knows its file. */
    return realpath(map->l_name[0] == '\0' ? "/proc/self/exe" : map->l_name,
                    path) != NULL;
}

descent_status search_append_own(search *s)
{
    char file[PATH_MAX], path[PATH_MAX], installed[64];
    bool in_build_tree;

    if (!own_file(file))
        return DESCENT_OK;
    *strrchr(file, '/') = '\0';
    snprintf(installed, sizeof installed, "descent/plugins/%d",
             DESCENT_ABI_MAJOR);
    in_build_tree =
        find_join(path, file, ".descent-build", "") && access(path, F_OK) == 0;
    if (!find_join(path, file, in_build_tree ? "plugins" : installed, "") ||
        !text_is_plain(path, PATH_MAX))
        return DESCENT_OK;
    return search_insert(s, path, s->count);
}
