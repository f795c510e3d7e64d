/* SPDX-License-Identifier: MIT */
/* What other systems call things: each is a file of tables. */
#include "conform.h"

#include <string.h>

static const flavour *const flavours[] = {
    &flavour_keras3, &flavour_keras2, &flavour_mxnet1,
    &flavour_mxnet2, &flavour_torch,
};

const flavour *flavour_of(trial *t)
{
    const char *source = take_text(t, t->json, "source");

    if (source == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof flavours / sizeof *flavours; i++)
        if (strncmp(source, flavours[i]->source, strlen(flavours[i]->source)) ==
            0)
            return flavours[i];
    trial_fault(t, "source \"%s\": flavour not translated", source);
    return NULL;
}

const char *translate(trial *t, const translation *table, const char *what,
                      const char *theirs)
{
    for (; table->theirs != NULL; table++)
        if (strcmp(table->theirs, theirs) == 0)
            return table->ours;
    trial_fault(t, "%s \"%s\" is not translated", what, theirs);
    return NULL;
}
