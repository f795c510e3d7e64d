/* SPDX-License-Identifier: MIT */
/* Tensors that are left out of weight decay. */
#include <string.h>

#include "engine/optimizer.h"

void exclusions_free(descent_optimizer *o)
{
    name_list_free(o->memory, &o->excluded);
    if (o->has_exclude_match)
        regfree(&o->exclude_match);
    o->has_exclude_match = false;
}

bool exclusions_let_decay(const descent_optimizer *o, const char *name)
{
    return !name_list_has(&o->excluded, name) &&
           !(o->has_exclude_match && pattern_finds(&o->exclude_match, name));
}

descent_status descent_optimizer_exclude_from_weight_decay(
    descent_optimizer *o, const char *const *names, size_t n, const char *match)
{
    regex_t pattern;
    name_list copy;
    size_t index;
    descent_status status = DESCENT_OK;

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
        TRY(pattern_compile(o->settings.name, match, &pattern));
    for (size_t i = 0; i < n && status == DESCENT_OK; i++)
        status = descent_optimizer_index(o, names[i], &index);
    if (status == DESCENT_OK)
        status = name_list_take(o->memory, names, n, &copy);
    if (status != DESCENT_OK) {
        if (match != NULL)
            regfree(&pattern);
        return status;
    }
    exclusions_free(o);
    o->excluded = copy;
    o->has_exclude_match = match != NULL;
    if (match != NULL)
        o->exclude_match = pattern;
    for (size_t i = 0; i < o->count; i++)
        o->entries[i].decays = exclusions_let_decay(o, o->entries[i].name);
    o->changed = true;
    return DESCENT_OK;
}
