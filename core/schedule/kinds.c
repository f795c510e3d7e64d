/* SPDX-License-Identifier: MIT */
/* All kinds, and finding one by the names that people write. */
#include "schedule/kinds.h"

#include <string.h>

#include "base/text.h"

enum { LONGEST_NAME = 64 };

static const schedule_kind *const families[] = {
    schedule_keras,  schedule_mxnet,   schedule_torch,
    schedule_cycles, schedule_warmups, schedule_wrappers,
    schedule_blocks, schedule_algebra, schedule_stateful,
};

const schedule_kind *schedule_kind_at(size_t i)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const schedule_kind *k = families[f]; k->name != NULL; k++)
            if (i-- == 0)
                return k;
    return NULL;
}

/* "CosineDecay" to "cosine_decay"; snake_case stays as it is. */
static void to_snake_case(const char *name, char out[LONGEST_NAME])
{
    size_t n = 0;

    for (size_t i = 0; name[i] != '\0' && n + 2 < LONGEST_NAME; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z' && i > 0 && name[i - 1] != '_')
            out[n++] = '_';
        out[n++] = name[i];
    }
    out[n] = '\0';
    text_lower(out, LONGEST_NAME, out);
}

descent_status schedule_kind_find(const char *name, const schedule_kind **out)
{
    char snake[LONGEST_NAME];
    text_nearest search = {.wanted = snake};
    const schedule_kind *kind;

    if (name == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "schedule: expected the name of a kind, got NULL");
    to_snake_case(name, snake);
    for (size_t i = 0; (kind = schedule_kind_at(i)) != NULL; i++) {
        if (strcmp(kind->name, snake) == 0 ||
            (kind->class_name != NULL && strcmp(kind->class_name, name) == 0)) {
            *out = kind;
            return DESCENT_OK;
        }
        text_nearest_offer(&search, kind->name);
    }
    if (search.best != NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "unknown schedule '%.64s'; did you mean '%s'?", name,
                           search.best);
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "unknown schedule '%.64s': expected a kind such as "
                       "cosine_decay, step, one_cycle or ramp",
                       name);
}
