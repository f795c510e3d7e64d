/* SPDX-License-Identifier: MIT */
/* A loaded plugin as JSON: see describe.h.  Where memory fails a value is NULL,
 * and so is all that contains it: json_pack, append and set see to that. */
#include "tool/describe.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tool/choices.h"
#include "tool/json.h"

typedef struct name_of_bit {
    uint32_t bit;
    const char *name;
} name_of_bit;

static const name_of_bit fuses[] = {{DESCENT_FUSE_SCALE, "scale"},
                                    {DESCENT_FUSE_CLIP, "clip"},
                                    {DESCENT_FUSE_L2, "l2"},
                                    {DESCENT_FUSE_DECAY, "decay"},
                                    {DESCENT_FUSE_EMA, "ema"},
                                    {DESCENT_FUSE_BF16, "bf16"},
                                    {0, NULL}};

static const name_of_bit precisions[] = {
    {DESCENT_RUNS_F32, "f32"}, {DESCENT_RUNS_F64, "f64"}, {0, NULL}};

/* Add `item`, whose reference is taken, to *list. */
static void append(json_t **list, json_t *item)
{
    if (json_array_append_new(*list, item) != 0) {
        json_decref(*list);
        *list = NULL;
    }
}

/* The same with a member of *object. */
static void set(json_t **object, const char *key, json_t *item)
{
    if (json_object_set_new(*object, key, item) != 0) {
        json_decref(*object);
        *object = NULL;
    }
}

static json_t *names_of_bits(const name_of_bit *row, uint32_t mask)
{
    json_t *list = json_array();

    for (; row->name != NULL; row++)
        if (mask & row->bit)
            append(&list, json_string(row->name));
    return list;
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_clean(text) : json_null();
}

/* A value of the option as people write it; none is null. */
static json_t *value(const descent_param *p, double x)
{
    if (!isfinite(x))
        return json_null();
    if (p->type == DESCENT_PARAM_BOOL)
        return json_boolean(x != 0);
    if (p->type == DESCENT_PARAM_CHOICE)
        return json_clean(p->choices[(size_t)x]);
    if (x == floor(x) && fabs(x) < 9007199254740992.0)
        return json_integer((json_int_t)x);
    return json_real(x);
}

/* The flavour's value of the option, or the declared default. */
static double flavoured(const descent_optimizer_type *type,
                        const descent_param *p, const char *flavour)
{
    const descent_preset *preset;

    for (size_t i = 0; (preset = descent_type_preset(type, i)) != NULL; i++)
        if (strcmp(preset->flavour, flavour) == 0 &&
            strcmp(preset->param, p->name) == 0)
            return preset->value;
    for (size_t i = 0; (preset = descent_common_preset(i)) != NULL; i++)
        if (strcmp(preset->flavour, flavour) == 0 &&
            strcmp(preset->param, p->name) == 0)
            return preset->value;
    return p->initial;
}

/* The common option that has the flavours as its choices. */
static bool is_flavour(const char *name)
{
    const descent_param *p;

    for (size_t i = 0; (p = descent_common_option(i)) != NULL; i++)
        for (size_t k = 0;
             strcmp(p->name, "flavour") == 0 && p->choices[k] != NULL; k++)
            if (strcmp(p->choices[k], name) == 0)
                return true;
    return false;
}

static void add_flavour(json_t **list, const char *flavour)
{
    if (!is_flavour(flavour))
        return;
    for (size_t i = 0; i < json_array_size(*list); i++)
        if (strcmp(json_string_value(json_array_get(*list, i)), flavour) == 0)
            return;
    append(list, json_clean(flavour));
}

/* keras3, which is the declared defaults, then those of the presets. */
static json_t *flavours_of(const descent_optimizer_type *type)
{
    json_t *list = json_pack("[s]", "keras3");
    const descent_preset *preset;

    for (size_t i = 0; (preset = descent_common_preset(i)) != NULL; i++)
        add_flavour(&list, preset->flavour);
    for (size_t i = 0; (preset = descent_type_preset(type, i)) != NULL; i++)
        add_flavour(&list, preset->flavour);
    return list;
}

static const descent_param *option_called(const descent_optimizer_type *type,
                                          const char *name)
{
    const descent_param *p;

    for (size_t i = 0; (p = descent_type_option(type, i)) != NULL; i++)
        if (strcmp(p->name, name) == 0)
            return p;
    for (size_t i = 0; (p = descent_common_option(i)) != NULL; i++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* Presets for no flavour are those of classes: by name, then by option. */
static json_t *classes_of(const descent_optimizer_type *type)
{
    json_t *object = json_object();
    const descent_preset *preset;

    for (size_t i = 0; (preset = descent_type_preset(type, i)) != NULL; i++) {
        const descent_param *p = option_called(type, preset->param);
        if (p == NULL || is_flavour(preset->flavour))
            continue;
        if (json_object_get(object, preset->flavour) == NULL)
            set(&object, preset->flavour, json_object());
        json_object_set_new(json_object_get(object, preset->flavour), p->name,
                            value(p, preset->value));
    }
    return object;
}

static json_t *defaults_of(const descent_optimizer_type *type,
                           const descent_param *p, const json_t *flavours)
{
    json_t *object = json_object();

    for (size_t i = 0; i < json_array_size(flavours); i++) {
        const char *name = json_string_value(json_array_get(flavours, i));

        set(&object, name, value(p, flavoured(type, p, name)));
    }
    return object;
}

static json_t *texts(const char *const *list)
{
    json_t *array = json_array();

    for (; *list != NULL; list++)
        append(&array, json_clean(*list));
    return array;
}

/* Limits that exist: min and max are in the range, above and below are not. */
static void set_range(json_t **object, const descent_param *p)
{
    if (p->type != DESCENT_PARAM_REAL && p->type != DESCENT_PARAM_INT)
        return;
    if (isfinite(p->minimum))
        set(object, p->flags & DESCENT_PARAM_MIN_OPEN ? "above" : "min",
            value(p, p->minimum));
    if (isfinite(p->maximum))
        set(object, p->flags & DESCENT_PARAM_MAX_OPEN ? "below" : "max",
            value(p, p->maximum));
}

static json_t *describe_option(const descent_optimizer_type *type,
                               const descent_param *p, const json_t *flavours)
{
    static const char *const types[] = {"",        "real",   "integer",
                                        "boolean", "choice", "text"};
    json_t *object = json_pack(
        "{s:o, s:s, s:o, s:o}", "name", json_clean(p->name), "type",
        types[p->type <= DESCENT_PARAM_TEXT ? p->type : 0], "default",
        value(p, p->initial), "defaults", defaults_of(type, p, flavours));

    set_range(&object, p);
    if (p->choices != NULL)
        set(&object, "choices", texts(p->choices));
    if (p->aliases != NULL)
        set(&object, "aliases", texts(p->aliases));
    if (p->flags & DESCENT_PARAM_STRUCTURAL)
        set(&object, "structural", json_true());
    set(&object, "help", text_or_null(p->help));
    return object;
}

static bool has_option(const descent_optimizer_type *type, const char *name)
{
    const descent_param *p;

    for (size_t i = 0; (p = descent_type_option(type, i)) != NULL; i++)
        if (strcmp(p->name, name) == 0)
            return true;
    return false;
}

static json_t *own_options(const descent_optimizer_type *type,
                           const json_t *flavours)
{
    json_t *list = json_array();
    const descent_param *p;

    for (size_t i = 0; (p = descent_type_option(type, i)) != NULL; i++)
        append(&list, describe_option(type, p, flavours));
    return list;
}

static json_t *common_options(const descent_optimizer_type *type,
                              const json_t *flavours)
{
    json_t *list = json_array();
    const descent_param *p;

    for (size_t i = 0; (p = descent_common_option(i)) != NULL; i++)
        if (!has_option(type, p->name))
            append(&list, describe_option(type, p, flavours));
    return list;
}

static json_t *describe_slot(const descent_optimizer_type *type,
                             const descent_slot *slot)
{
    static const char *const shapes[] = {"", "weight", "scalar", "row",
                                         "column"};
    json_t *variants = json_array();

    for (uint32_t v = 0; v < type->variant_count; v++)
        if (slot->variants == 0 || slot->variants >> v & 1)
            append(&variants, json_integer(v));
    return json_pack(
        "{s:o, s:s, s:o, s:o, s:o}", "name", json_clean(slot->name), "shape",
        shapes[slot->shape <= DESCENT_SLOT_PER_COLUMN ? slot->shape : 0],
        "initial",
        slot->initial_param != NULL ? json_clean(slot->initial_param)
                                    : json_real(slot->initial),
        "variants", variants, "help", text_or_null(slot->help));
}

static json_t *slots_of(const descent_optimizer_type *type)
{
    json_t *list = json_array();
    const descent_slot *slot;

    for (size_t i = 0; (slot = descent_type_slot(type, i)) != NULL; i++)
        append(&list, describe_slot(type, slot));
    return list;
}

static json_t *bytes_of(const descent_optimizer_type *type, uint32_t v)
{
    return json_pack(
        "{s:I, s:I}", "f32",
        (json_int_t)descent_type_state_bytes(type, v, DESCENT_DTYPE_F32), "f64",
        (json_int_t)descent_type_state_bytes(type, v, DESCENT_DTYPE_F64));
}

static json_t *describe_variant(const descent_optimizer_type *type, uint32_t v,
                                json_t *when)
{
    const char *rule = type->rule != NULL ? type->rule(type, v) : NULL;

    return json_pack("{s:O, s:o, s:o}", "when", when, "bytes_per_parameter",
                     bytes_of(type, v), "rule", text_or_null(rule));
}

static json_t *variants_of(const descent_optimizer_type *type)
{
    json_t *list = json_array(), *choices = choices_of_variants(type);

    for (uint32_t v = 0; v < type->variant_count; v++)
        append(&list, describe_variant(type, v, json_array_get(choices, v)));
    json_decref(choices);
    return list;
}

static json_t *abi_of(const descent_plugin *plugin)
{
    return json_sprintf("%u.%u", plugin->abi_major, plugin->abi_minor);
}

json_t *describe_plugin(const descent_plugin_info *info)
{
    const descent_optimizer_type *const type = info->type;
    json_t *flavours = flavours_of(type);

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o}",
        "name", json_clean(type->id), "title", text_or_null(type->title), "doc",
        text_or_null(type->summary), "cite", text_or_null(type->reference),
        "path", json_clean(info->path), "version",
        text_or_null(info->plugin->version), "abi", abi_of(info->plugin),
        "scope", type->scope == DESCENT_SCOPE_TENSOR ? "tensor" : "element",
        "runs", names_of_bits(precisions, type->runs), "fuses",
        names_of_bits(fuses, type->fused_step != NULL ? type->fuses : 0),
        "params", own_options(type, flavours), "common",
        common_options(type, flavours), "slots", slots_of(type), "variants",
        variants_of(type), "classes", classes_of(type), "flavours", flavours);
}
