/* SPDX-License-Identifier: MIT */
/* Creating and freeing optimizers. */
#include "engine/optimizer.h"

#include <string.h>

#include "engine/slots.h"
#include "plugin/type.h"

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
    o->scalar_count = slot_scalar_index(o->type, o->type->slot_count);
    TRY(settings_create(o->memory, &o->runtime->log,
                        registry_host(o->runtime->plugins), o->type, kind,
                        options, &o->settings));
    o->arrays = 1;
    for (size_t k = 0; k < o->type->slot_count; k++)
        o->arrays += type_uses(type_slot(o->type, k), o->settings.variant);
    if (o->type->open != NULL) {
        const uint64_t before = status_failures();
        TRY(status_foreign(
            o->type->open(o->type, registry_host(o->runtime->plugins),
                          o->settings.number + OPTION_COMMON, &o->self),
            before, "open of", o->type->id));
    }
    o->opened = true;
    o->loss_scale = loss_scale_first(&o->settings);
    return groups_open(o);
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
    memory_release(o->memory, o->spare_rows, o->spare_capacity,
                   sizeof *o->spare_rows);
    exclusions_free(o);
    groups_free(o);
    memory_release(o->memory, o->config, o->config_capacity, 1);
    if (o->settings.memory != NULL)
        settings_free(&o->settings);
    memory_release(o->memory, o, 1, sizeof *o);
    descent_runtime_free(runtime);
}

/* ---- Readers ---- */

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
    return x * o->loss_scale.scale;
}
