/* SPDX-License-Identifier: MIT */
/* Groups in configurations: a list of {"match": ..., "names": [...], and the
 * options that differ}. */
#include <stdio.h>
#include <string.h>

#include "engine/config.h"

static const char *const selectors[] = {"match", "names", "where"};
enum { SELECTORS = 3 };

/* ---- In ---- */

static descent_status refuse(const descent_optimizer *o, size_t k,
                             const char *what)
{
    return status_fail(DESCENT_ERR_ARGUMENT, "%s: groups[%zu]: %s",
                       o->settings.name, k, what);
}

/* Fill `names`, which has room for all of the list. */
static descent_status read_names(const descent_optimizer *o, size_t k,
                                 const json_t *list, const char **names)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        names[i] = json_string_value(json_array_get(list, i));
        if (names[i] == NULL)
            return refuse(o, k, "expected strings in names");
    }
    return DESCENT_OK;
}

/* The options of a group: what is no selector. */
static descent_status read_options(memory *m, const json_t *object,
                                   descent_options *out)
{
    json_t *rest = json_copy((json_t *)(uintptr_t)object);
    descent_status status;

    if (rest == NULL)
        return status_fail(DESCENT_ERR_MEMORY, "configuration: out of memory");
    for (size_t i = 0; i < SELECTORS; i++)
        json_object_del(rest, selectors[i]);
    status = json_read_options(m, rest, out);
    json_decref(rest);
    return status;
}

static descent_status check(const descent_optimizer *o, size_t k,
                            const json_t *object)
{
    const json_t *match = json_object_get(object, "match");
    const json_t *names = json_object_get(object, "names");

    if (!json_is_object(object))
        return refuse(o, k, "expected {\"match\": ..., and options}");
    if (json_object_get(object, "where") != NULL)
        return refuse(o, k,
                      "where is a function, which a configuration cannot hold: "
                      "give the groups again");
    if (match != NULL && !json_is_string(match))
        return refuse(o, k, "expected a string for match");
    if (names != NULL && !json_is_array(names))
        return refuse(o, k, "expected a list of strings for names");
    return DESCENT_OK;
}

static descent_status read_group(descent_optimizer *o, size_t k,
                                 const json_t *object)
{
    const json_t *list = json_object_get(object, "names");
    const size_t n = json_array_size(list);
    descent_group group = {.struct_size = sizeof group};
    descent_options *options = NULL;
    const char **names = NULL;
    descent_status status;

    TRY(check(o, k, object));
    group.match = json_string_value(json_object_get(object, "match"));
    TRY(memory_new(o->memory, n, sizeof *names, &names));
    status = read_names(o, k, list, names);
    if (status == DESCENT_OK)
        status = bag_create(o->memory, &options);
    if (status == DESCENT_OK)
        status = read_options(o->memory, object, options);
    group.names = names;
    group.name_count = n;
    group.options = options;
    if (status == DESCENT_OK)
        status = descent_optimizer_add_group(o, &group, NULL);
    descent_options_free(options);
    memory_release(o->memory, names, n, sizeof *names);
    return status;
}

descent_status config_read_groups(descent_optimizer *o, const json_t *list)
{
    if (list == NULL || json_is_null(list))
        return DESCENT_OK;
    if (!json_is_array(list))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: groups: expected a list of {\"match\": ..., "
                           "and options}",
                           o->settings.name);
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(read_group(o, i + 1, json_array_get(list, i)));
    return DESCENT_OK;
}

/* ---- Out ---- */

static descent_status put_names(config_text *t, const tensor_group *g)
{
    TRY(config_key(t, "names"));
    TRY(config_put(t, "["));
    for (size_t i = 0; i < g->names.count; i++) {
        TRY(config_put(t, i == 0 ? "" : ", "));
        TRY(config_put_string(t, g->names.names[i]));
    }
    return config_put(t, "]");
}

static descent_status put_group(config_text *t, const tensor_group *g)
{
    const settings *s = g->settings;

    TRY(config_open(t, "{"));
    if (g->match != NULL) {
        TRY(config_key(t, "match"));
        TRY(config_put_string(t, g->match));
    }
    if (g->names.count > 0)
        TRY(put_names(t, g));
    if (g->where != NULL) {
        TRY(config_key(t, "where"));
        TRY(config_put_string(t, "<function>"));
    }
    for (size_t row = 0; row < s->table.count; row++) {
        if (!s->own[row])
            continue;
        TRY(config_key(t, s->table.rows[row]->name));
        TRY(config_put_row(t, s, row));
    }
    return config_close(t, "}");
}

descent_status config_put_groups(config_text *t, const descent_optimizer *o)
{
    if (o->group_count == 1)
        return DESCENT_OK;
    TRY(config_key(t, "groups"));
    TRY(config_put(t, "["));
    for (size_t k = 1; k < o->group_count; k++) {
        TRY(config_put(t, k == 1 ? "" : ", "));
        TRY(put_group(t, o->groups[k]));
    }
    return config_close(t, "]");
}
