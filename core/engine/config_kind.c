/* SPDX-License-Identifier: MIT */
/* Which optimizer a configuration is of, when only its name says so. */
#include <string.h>

#include "base/text.h"
#include "engine/config.h"

/* "adam_w_1" to "adam_w", then to "adamw": what Keras makes of the names of its
 * classes. */
static void drop_number(char *name)
{
    char *end = strrchr(name, '_');

    if (end != NULL && end[1] != '\0' &&
        end[1 + strspn(end + 1, "0123456789")] == '\0')
        *end = '\0';
}

static void drop_underscores(char *name)
{
    char *to = name;

    for (const char *from = name; *from != '\0'; from++)
        if (*from != '_')
            *to++ = *from;
    *to = '\0';
}

descent_status config_find_kind(descent_runtime *runtime, const char *name,
                                char kind[CONFIG_KIND])
{
    enum { CHANGES = 2 };
    static void (*const changes[CHANGES])(char *) = {drop_number,
                                                     drop_underscores};

    descent_status status = DESCENT_OK;

    text_lower(kind, CONFIG_KIND, name);
    for (size_t i = 0; i <= CHANGES; i++) {
        status = registry_find(runtime->plugins, kind, NULL);
        if (status != DESCENT_ERR_ARGUMENT)
            return status;
        if (i < CHANGES)
            changes[i](kind);
    }
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "configuration: name = \"%.64s\" is not that of an "
                       "optimizer: expected \"class_name\" and \"config\"",
                       name);
}
