/* SPDX-License-Identifier: MIT */
/* An optimizer from a configuration: of Descent's own, of Keras 3 or of Keras
 * 2.3, which are the same but for the keys that stand beside the options. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/config.h"
#include "engine/optimizer.h"
#include "option/table.h"

static const char groups[] = "groups";

/* What a configuration says, the text's objects being borrowed. */
typedef struct config {
    char kind[CONFIG_KIND];
    const json_t *options;
    const json_t *scaling; /* of a LossScaleOptimizer around it, or NULL */
} config;

descent_status config_refuse_keys(const char *what, const json_t *object,
                                  const char *const *known)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        text_nearest search = {.wanted = key};
        size_t i = 0;
        for (; known[i] != NULL && strcmp(known[i], key) != 0; i++)
            text_nearest_offer(&search, known[i]);
        if (known[i] != NULL)
            continue;
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: unknown key '%.64s'%s%s%s", what, key,
                           search.best == NULL ? "" : "; did you mean '",
                           search.best == NULL ? "" : search.best,
                           search.best == NULL ? "" : "'?");
    }
    return DESCENT_OK;
}

/* ---- Which optimizer ---- */

/* {"class_name": ..., "config": {...}, and where the class is from}, or the
 * second alone, which says by its name what it is of. */
static descent_status read_class(descent_runtime *runtime, const json_t *object,
                                 config *out)
{
    static const char *const keys[] = {
        "class_name",   "config",         "module",           "registered_name",
        "build_config", "compile_config", "shared_object_id", NULL};
    const json_t *class = json_object_get(object, "class_name");
    const char *name = json_string_value(json_object_get(object, "name"));

    if (class == NULL && name == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "configuration: expected \"class_name\" and "
                           "\"config\", or the optimizer's options with their "
                           "\"name\"");
    if (class == NULL) {
        out->options = object;
        /* A wrapper needs no plugin, and is known by what it wraps. */
        if (json_object_get(object, "inner_optimizer") != NULL) {
            snprintf(out->kind, sizeof out->kind, "%s", CONFIG_WRAPPER);
            return DESCENT_OK;
        }
        return config_find_kind(runtime, name, out->kind);
    }
    TRY(config_refuse_keys("configuration", object, keys));
    out->options = json_object_get(object, "config");
    if (!json_is_string(class) || json_string_length(class) >= CONFIG_KIND ||
        !json_is_object(out->options))
        return status_fail(
            DESCENT_ERR_ARGUMENT,
            "configuration: expected \"class_name\", a string of "
            "less than %d bytes, and \"config\", an object",
            CONFIG_KIND);
    snprintf(out->kind, sizeof out->kind, "%s", json_string_value(class));
    return DESCENT_OK;
}

/* Go into a LossScaleOptimizer: it scales the loss of the inner one. */
static descent_status unwrap(descent_runtime *runtime, config *c)
{
    if (!text_equal_any_case(c->kind, CONFIG_WRAPPER))
        return DESCENT_OK;
    c->scaling = c->options;
    TRY(config_check_wrapper(c->scaling));
    TRY(read_class(runtime, json_object_get(c->scaling, "inner_optimizer"), c));
    if (text_equal_any_case(c->kind, CONFIG_WRAPPER))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           CONFIG_WRAPPER ".inner_optimizer is a wrapper "
                                          "itself: expected an optimizer");
    return DESCENT_OK;
}

/* ---- With which options ---- */

/* The declaration that `name` belongs to, or NULL. */
static const descent_param *declared(const descent_optimizer_type *type,
                                     const char *name)
{
    const descent_param *p;

    for (size_t i = 0; (p = descent_common_option(i)) != NULL; i++)
        if (option_answers_to(p, name))
            return p;
    for (size_t i = 0; (p = descent_type_option(type, i)) != NULL; i++)
        if (option_answers_to(p, name))
            return p;
    return NULL;
}

/* Is an option of the configuration replaced by one that is given? */
static bool is_replaced(const descent_optimizer_type *type, const char *key,
                        const descent_options *given)
{
    for (size_t i = 0; given != NULL && i < given->count; i++) {
        const char *name = given->items[i].name;
        const size_t n = strlen(name);
        const descent_param *p = declared(type, name);
        if (strcmp(name, key) == 0 || (p != NULL && option_answers_to(p, key)))
            return true;
        /* With an option go its parts: "loss_scale.min" with "loss_scale". */
        if (strncmp(key, name, n) == 0 && key[n] == '.')
            return true;
    }
    return false;
}

/* Configurations have MXNet's aggregate_num = 1 where none is set, which is as
 * many as there are: read as 1 it would slow each step down. */
static void drop_aggregate_num(json_t *object)
{
    static const char name[] = "aggregate_num";
    const char *flavour = json_string_value(json_object_get(object, "flavour"));

    if (flavour != NULL && strcmp(flavour, "mxnet") == 0 &&
        json_number_value(json_object_get(object, name)) == 1)
        json_object_del(object, name);
}

/* The options of a configuration but for those in `given`, and these. */
static descent_status read_options(memory *m, const config *c,
                                   const descent_optimizer_type *type,
                                   const descent_options *given,
                                   descent_options *out)
{
    json_t *object = json_copy((json_t *)(uintptr_t)c->options);
    descent_status status = DESCENT_OK;
    const char *key;
    json_t *value;
    void *next;

    if (object == NULL)
        return status_fail(DESCENT_ERR_MEMORY, "configuration: out of memory");
    json_object_del(object, groups);
    drop_aggregate_num(object);
    if (c->scaling != NULL)
        status = config_add_scaling(c->scaling, object);
    json_object_foreach_safe(object, next, key, value)
    {
        if (is_replaced(type, key, given))
            json_object_del(object, key);
    }
    if (status == DESCENT_OK)
        status = json_read_options(m, object, out);
    json_decref(object);
    for (size_t i = 0; given != NULL && i < given->count; i++)
        if (status == DESCENT_OK && strcmp(given->items[i].name, groups) != 0)
            status = bag_copy(&given->items[i], out);
    return status;
}

/* ---- The optimizer ---- */

/* An item of this name among the options, which must be none, says that the
 * application has groups of its own. */
static descent_status choose_groups(const config *c,
                                    const descent_options *given,
                                    const json_t **list)
{
    const bag_item *item = bag_find(given, groups);

    *list = item == NULL ? json_object_get(c->options, groups) : NULL;
    if (item == NULL || item->kind == BAG_NONE)
        return DESCENT_OK;
    return status_fail(
        DESCENT_ERR_ARGUMENT,
        "configuration: groups among the options is %s: expected "
        "none, and descent_optimizer_add_group",
        bag_kind_name(item->kind));
}

static descent_status create(descent_runtime *runtime, const json_t *root,
                             const descent_options *given,
                             descent_optimizer **out)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    descent_options *options = NULL;
    descent_optimizer *o = NULL;
    const json_t *list = NULL;
    config c = {.kind = ""};
    descent_status status;

    TRY(read_class(runtime, root, &c));
    TRY(unwrap(runtime, &c));
    TRY(choose_groups(&c, given, &list));
    TRY(registry_find(runtime->plugins, c.kind, &info));
    TRY(bag_create(runtime->memory, &options));
    status = read_options(runtime->memory, &c, info.type, given, options);
    if (status == DESCENT_OK)
        status = descent_optimizer_create(runtime, c.kind, options, &o);
    if (status == DESCENT_OK)
        status = config_read_groups(o, list);
    descent_options_free(options);
    if (status == DESCENT_OK)
        *out = o;
    else
        descent_optimizer_free(o);
    return status;
}

descent_status descent_optimizer_create_from_config(
    descent_runtime *runtime, const char *text, size_t length,
    const descent_options *options, descent_optimizer **out)
{
    json_t *root;
    descent_status status;

    TRY(runtime_check(runtime));
    if (out == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_optimizer_create_from_config: optimizer is "
                           "NULL");
    TRY(json_read_object("configuration", text, length, &root));
    status = create(runtime, root, options, out);
    json_decref(root);
    return status;
}
