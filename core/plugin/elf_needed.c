/* SPDX-License-Identifier: MIT */
/* The libraries that a plugin file needs, and the places that it names for
 * them.  The dynamic linker would look into the current directory, which is
 * anybody's, and take $ORIGIN for the folder of the descriptor that the file is
 * opened through. */
#include <limits.h>
#include <string.h>

#include "plugin/elf.h"

descent_status elf_read_string(const elf_image *image, const elf_dynamic *d,
                               uint64_t offset, char *text, size_t size)
{
    const uint64_t all = d->value[ELF_STRSZ];

    if (offset >= all)
        return elf_damaged(&image->file, "a string lies outside its table");
    if (size > all - offset)
        size = (size_t)(all - offset);
    TRY(elf_read_at(image, d->value[ELF_STRTAB] + offset, text, size));
    if (memchr(text, '\0', size) == NULL)
        return elf_damaged(&image->file, "a string is too long");
    return DESCENT_OK;
}

static bool names_origin(const char *text)
{
    return strstr(text, "$ORIGIN") != NULL || strstr(text, "${ORIGIN}") != NULL;
}

static descent_status refuse_origin(const elf_image *image, const char *text)
{
    return status_fail(DESCENT_ERR_SUPPORT,
                       "%s: looks for libraries at \"%.256s\", but is opened "
                       "through a descriptor, which has no folder; link them "
                       "statically or with an absolute -rpath",
                       image->file.path, text);
}

static descent_status check_library(const elf_image *image, const char *name)
{
    if (names_origin(name))
        return refuse_origin(image, name);
    if (name[0] == '\0' || (name[0] != '/' && strchr(name, '/') != NULL))
        return status_fail(DESCENT_ERR_SUPPORT,
                           "%s: needs the library \"%.256s\", a path from the "
                           "current directory, where nothing is ever looked "
                           "for; link it with -l and an absolute -rpath",
                           image->file.path, name);
    return DESCENT_OK;
}

static descent_status check_places(const elf_image *image, const char *what,
                                   const char *places)
{
    const char *at = places;

    if (names_origin(places))
        return refuse_origin(image, places);
    for (unsigned element = 1; at != NULL; element++) {
        if (*at != '/')
            return status_fail(DESCENT_ERR_SUPPORT,
                               "%s: element %u of its %s, \"%.256s\", is no "
                               "absolute path, and nothing is ever looked for "
                               "in the current directory; link it with an "
                               "absolute -rpath",
                               image->file.path, element, what, places);
        at = strchr(at, ':');
        at = at == NULL ? NULL : at + 1;
    }
    return DESCENT_OK;
}

descent_status elf_check_needed(const elf_image *image, const elf_dynamic *d)
{
    static const struct {
        elf_tag tag;
        const char *name;
    } places[] = {{ELF_RPATH, "DT_RPATH"}, {ELF_RUNPATH, "DT_RUNPATH"}};
    char text[PATH_MAX];

    for (uint32_t i = 0; i < d->needed_count; i++) {
        TRY(elf_read_string(image, d, d->needed[i], text, sizeof text));
        TRY(check_library(image, text));
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!d->has[places[i].tag])
            continue;
        TRY(elf_read_string(image, d, d->value[places[i].tag], text,
                            sizeof text));
        TRY(check_places(image, places[i].name, text));
    }
    return DESCENT_OK;
}
