/* SPDX-License-Identifier: MIT */
/* Creating and freeing optimizers; their options from outside. */
#include "engine/optimizer.h"

#include <math.h>
#include <string.h>

enum { LONGEST_MATCH = 1023 };

descent_status optimizer_enter(const descent_optimizer *o)
{
    if (o == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT, "optimizer is NULL");
    if (o->busy)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: not allowed inside a step or a schedule",
                           o->settings.name);
    return DESCENT_OK;
}

static descent_status fill(descent_optimizer *o, const char *kind,
                           const descent_options *options)
{
    descent_plugin_info info = {.struct_size = sizeof info};

    TRY(registry_find(o->runtime->plugins, kind, &info));
    o->type = info.type;
    TRY(settings_create(o->memory, &o->runtime->log, o->type, options,
                        &o->settings));
    if (o->type->open != NULL) {
        const uint64_t before = status_failures();
        TRY(status_foreign(
            o->type->open(o->type, registry_host(o->runtime->plugins),
                          o->settings.number + OPTION_COMMON, &o->self),
            before, "open of", o->type->id));
    }
    o->opened = true;
    state_first_scalars(o, o->scalar);
    return DESCENT_OK;
}

descent_status descent_optimizer_create(descent_runtime *runtime,
                                        const char *kind,
                                        const descent_options *options,
                                        descent_optimizer **out)
{
    descent_optimizer *o;
    descent_status status;

    TRY(runtime_check(runtime));
    if (kind == NULL || out == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_optimizer_create: kind or optimizer is "
                           "NULL");
    TRY(memory_new(runtime->memory, 1, sizeof *o, &o));
    o->runtime = runtime_retain(runtime);
    o->memory = runtime->memory;
    status = fill(o, kind, options);
    if (status != DESCENT_OK) {
        descent_optimizer_free(o);
        return status;
    }
    *out = o;
    return DESCENT_OK;
}

static void forget_exclusions(descent_optimizer *o)
{
    for (size_t i = 0; i < o->excluded_count; i++)
        memory_release_text(o->memory, o->excluded[i]);
    memory_release(o->memory, o->excluded, o->excluded_count,
                   sizeof *o->excluded);
    o->excluded = NULL;
    o->excluded_count = 0;
    if (o->has_exclude_match)
        regfree(&o->exclude_match);
    o->has_exclude_match = false;
}

void descent_optimizer_free(descent_optimizer *o)
{
    descent_runtime *runtime;

    if (o == NULL)
        return;
    runtime = o->runtime;
    if (o->opened && o->type->close != NULL)
        o->type->close(o->self);
    tensors_free(o);
    for (size_t k = 0; k < DESCENT_MAX_SLOTS; k++)
        memory_release(o->memory, o->scratch[k], o->scratch_bytes[k], 1);
    for (size_t k = 0; k < WHOLES; k++)
        memory_release(o->memory, o->whole[k], o->whole_bytes[k], 1);
    forget_exclusions(o);
    if (o->settings.memory != NULL)
        settings_free(&o->settings);
    memory_release(o->memory, o, 1, sizeof *o);
    descent_runtime_free(runtime);
}

/* ---- Options and counters ---- */

const descent_optimizer_type *
descent_optimizer_get_type(const descent_optimizer *o)
{
    return o->type;
}

const char *descent_optimizer_name(const descent_optimizer *o)
{
    return o->settings.name;
}

uint64_t descent_optimizer_iterations(const descent_optimizer *o)
{
    return o->iterations;
}

uint64_t descent_optimizer_updates(const descent_optimizer *o)
{
    return o->updates;
}

double descent_optimizer_scale_loss(const descent_optimizer *o, double x)
{
    const double factor = o->settings.number[OPTION_LOSS_SCALE_FACTOR];

    return isnan(factor) ? x : x * factor;
}

/* A numeric option by name, of an optimizer that is not in a step. */
static descent_status find(const descent_optimizer *o, const char *option,
                           size_t *row)
{
    TRY(optimizer_enter(o));
    if (option == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT, "%s: option is NULL",
                           o->settings.name);
    TRY(option_find(&o->settings.table, option, row));
    if (*row == OPTION_NAME)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s.name is text: see descent_optimizer_name",
                           o->settings.table.owner);
    return DESCENT_OK;
}

descent_status descent_optimizer_get(descent_optimizer *o, const char *option,
                                     double *value)
{
    size_t row;

    TRY(find(o, option, &row));
    if (value == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT, "%s: value is NULL",
                           o->settings.name);
    /* A schedule that is asked must not be replaced under itself. */
    o->busy = true;
    const descent_status status =
        settings_value(&o->settings, row, o->iterations, o->updates, value);
    o->busy = false;
    return status;
}

descent_status descent_optimizer_set(descent_optimizer *o, const char *option,
                                     double value)
{
    size_t row;

    TRY(find(o, option, &row));
    return settings_set(&o->settings, row, value);
}

descent_status descent_optimizer_set_schedule(descent_optimizer *o,
                                              const char *option,
                                              descent_schedule *schedule)
{
    size_t row;

    TRY(find(o, option, &row));
    return settings_set_schedule(&o->settings, row, schedule);
}

/* ---- Exclusion from weight decay ---- */

static descent_status compile(const descent_optimizer *o, const char *match,
                              regex_t *out)
{
    char reason[256];
    int code;

    if (match[0] == '\0' || strnlen(match, LONGEST_MATCH + 1) > LONGEST_MATCH)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: match: expected a regular expression of 1 to "
                           "%d bytes",
                           o->settings.name, LONGEST_MATCH);
    code = regcomp(out, match, REG_EXTENDED | REG_NOSUB);
    if (code == 0)
        return DESCENT_OK;
    regerror(code, out, reason, sizeof reason);
    return status_fail(code == REG_ESPACE ? DESCENT_ERR_MEMORY
                                          : DESCENT_ERR_ARGUMENT,
                       "%s: match = '%.64s': %s; expected a POSIX extended "
                       "regular expression",
                       o->settings.name, match, reason);
}

static descent_status copy_names(descent_optimizer *o, const char *const *names,
                                 size_t n, char ***out)
{
    size_t index;

    for (size_t i = 0; i < n; i++)
        TRY(descent_optimizer_index(o, names[i], &index));
    TRY(memory_new(o->memory, n, sizeof **out, out));
    for (size_t i = 0; i < n; i++) {
        const descent_status status =
            memory_text(o->memory, names[i], &(*out)[i]);
        if (status == DESCENT_OK)
            continue;
        while (i-- > 0)
            memory_release_text(o->memory, (*out)[i]);
        memory_release(o->memory, *out, n, sizeof **out);
        return status;
    }
    return DESCENT_OK;
}

descent_status descent_optimizer_exclude_from_weight_decay(
    descent_optimizer *o, const char *const *names, size_t n, const char *match)
{
    regex_t pattern;
    char **copy = NULL;
    descent_status status;

    TRY(optimizer_enter(o));
    if (o->iterations > 0)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: exclude_from_weight_decay after the first "
                           "step: expected before it",
                           o->settings.name);
    if (names == NULL && n > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: %zu names, but the list is NULL",
                           o->settings.name, n);
    if (match != NULL)
        TRY(compile(o, match, &pattern));
    status = copy_names(o, names, n, &copy);
    if (status != DESCENT_OK) {
        if (match != NULL)
            regfree(&pattern);
        return status;
    }
    forget_exclusions(o);
    o->excluded = copy;
    o->excluded_count = n;
    o->has_exclude_match = match != NULL;
    if (match != NULL)
        o->exclude_match = pattern;
    for (size_t i = 0; i < o->count; i++)
        o->entries[i].decays = tensors_decay(o, o->entries[i].name);
    return DESCENT_OK;
}
