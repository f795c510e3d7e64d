/* SPDX-License-Identifier: MIT */
/* Plugins by name and by path. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "plugin/judge.h"
#include "plugin/load.h"
#include "plugin/lock.h"
#include "plugin/registry_inside.h"
#include "plugin/trust.h"
#include "plugin/type.h"

/* Judge the tables of the file NAME.so and choose its type of that name. */
static descent_status judge_file(const registry *r, const char *name,
                                 const descent_plugin *plugin,
                                 const descent_optimizer_type **type)
{
    TRY(judge_plugin(plugin));
    for (uint32_t i = 0; i < plugin->type_count; i++) {
        *type = judge_type_at(plugin, i);
        if (strcmp((*type)->id, name) == 0)
            return judge_type(*type, plugin->type_size,
                              r->setup.is_core_option);
    }
    return status_fail(DESCENT_ERR_ABI,
                       "id = \"%s\", expected \"%s\", as the file is called; "
                       "rename the one or the other",
                       judge_type_at(plugin, 0)->id, name);
}

static descent_status take_file(registry *r, const char *name, const char *path,
                                entry *out)
{
    image *i;
    entry taken = {0};

    TRY(load_image(r->setup.files, path, &i));
    TRY(load_ask(i, &r->host, &taken.plugin));
    if (judge_file(r, name, taken.plugin, &taken.type) != DESCENT_OK)
        return status_prefix(descent_error_code(), "%s", path);
    taken.path = load_path(i);
    *out = taken;
    return registry_add(r, &taken);
}

static void offer_known(const registry *r, const found_list *list,
                        text_nearest *nearest)
{
    for (size_t i = 0; i < r->count; i++)
        text_nearest_offer(nearest, r->entries[i].type->id);
    for (size_t i = 0; i < list->count; i++)
        if (find_is_name(list->items[i].name))
            text_nearest_offer(nearest, list->items[i].name);
}

static descent_status refuse_missing(const registry *r, const char *name)
{
    char places[REGISTRY_MESSAGE - 512] = "", guess[64] = "";
    text_nearest nearest = {name, NULL, 0};
    found_list list;

    TRY(search_list(&r->search, &list));
    offer_known(r, &list, &nearest);
    if (nearest.best != NULL)
        snprintf(guess, sizeof guess, "; did you mean \"%s\"?", nearest.best);
    for (size_t i = 0; i < r->search.count; i++)
        text_append(places, sizeof places, "%s%s", i == 0 ? "" : ", ",
                    r->search.directories[i]);
    found_list_close(&list);
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "optimizer \"%s\": no file %s.so in the directories "
                       "searched (%s)%s",
                       name, name,
                       places[0] == '\0' ? "there are none" : places,
                       guess[0] == '\0' ? "; put it into one of them or set "
                                          "DESCENT_PLUGIN_PATH"
                                        : guess);
}

/* The type with this id, in use or in a file; false when there is no file. */
static bool find_id(registry *r, const char *id, entry *out,
                    descent_status *status)
{
    const entry *known = registry_known(r, id);
    char path[PATH_MAX];

    *status = DESCENT_OK;
    if (known != NULL)
        *out = *known;
    else if (search_find(&r->search, id, path))
        *status = take_file(r, id, path, out);
    else
        return false;
    return true;
}

/* A class that is a rule with other defaults: the rule's id begins its name,
 * and has presets under it.  A file that is refused has none. */
static bool find_class(registry *r, const char *name, entry *out,
                       descent_status *status)
{
    char id[FIND_NAME + 1];

    text_lower(id, sizeof id, name);
    for (size_t n = strlen(id); n-- > 1;) {
        id[n] = '\0';
        if (!find_id(r, id, out, status))
            continue;
        if (*status == DESCENT_ERR_MEMORY)
            return true;
        for (uint32_t i = 0;
             *status == DESCENT_OK && i < out->type->preset_count; i++)
            if (strcmp(type_preset(out->type, i)->flavour, name) == 0)
                return true;
    }
    return false;
}

static descent_status find_locked(registry *r, const char *name, entry *out)
{
    descent_status status;

    if (find_id(r, name, out, &status) || find_class(r, name, out, &status))
        return status;
    return refuse_missing(r, name);
}

descent_status registry_find(registry *r, const char *name,
                             descent_plugin_info *info)
{
    char lowered[FIND_NAME + 1];
    entry e;
    descent_status status;

    TRY(registry_check_info(info));
    text_lower(lowered, sizeof lowered, name == NULL ? "" : name);
    if (!find_is_name(lowered))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "optimizer \"%.92s\": expected a letter, then at "
                           "most 31 letters, digits or _",
                           name == NULL ? "" : name);
    TRY(lock_enter());
    status = find_locked(r, lowered, &e);
    lock_leave();
    if (status == DESCENT_OK && info != NULL)
        registry_fill_info(&e, info);
    return status;
}

/* Make `path` absolute, against the current directory as it is now. */
static descent_status make_absolute(const char *path, char out[PATH_MAX])
{
    char here[PATH_MAX] = "";

    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return status_fail(DESCENT_ERR_IO,
                           "%.92s: the current directory is not known; give an "
                           "absolute path",
                           path);
    if (snprintf(out, PATH_MAX, "%s%s%s", here, here[0] == '\0' ? "" : "/",
                 path) >= PATH_MAX)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "plugin: \"%.92s\" is longer than %d bytes", path,
                           PATH_MAX - 1);
    return DESCENT_OK;
}

/* True when both paths lead to one file now, or are the same. */
static bool is_same_path(const char *a, const char *b)
{
    struct stat status;

    return strcmp(a, b) == 0 ||
           (stat(b, &status) == 0 &&
            trust_leads_to(a, status.st_dev, status.st_ino));
}

static descent_status load_locked(registry *r, const char *name,
                                  const char *path, entry *out)
{
    const entry *known = registry_known(r, name);

    if (known == NULL)
        return take_file(r, name, path, out);
    if (!is_same_path(known->path, path))
        return status_fail(DESCENT_ERR_STATE,
                           "%s: optimizer \"%s\" is there already, %s%s; use "
                           "another runtime or another name",
                           path, name,
                           known->path[0] == '\0' ? "registered by the "
                                                    "application"
                                                  : "from ",
                           known->path);
    *out = *known;
    return DESCENT_OK;
}

descent_status registry_load(registry *r, const char *path,
                             descent_plugin_info *info)
{
    char absolute[PATH_MAX], name[FIND_NAME];
    entry e;
    descent_status status;

    TRY(registry_check_info(info));
    if (path == NULL || strchr(path, '/') == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "plugin \"%.92s\": expected a path with a slash in "
                           "it, such as ./NAME.so",
                           path == NULL ? "" : path);
    TRY(make_absolute(path, absolute));
    TRY(trust_check_path("plugin", absolute));
    if (!find_name_of(absolute, name))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: expected a file NAME.so, NAME being a small "
                           "letter, then at most 31 small letters, digits or "
                           "_; rename it after its optimizer",
                           absolute);
    TRY(lock_enter());
    status = load_locked(r, name, absolute, &e);
    lock_leave();
    if (status == DESCENT_OK && info != NULL)
        registry_fill_info(&e, info);
    return status;
}
