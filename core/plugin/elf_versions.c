/* SPDX-License-Identifier: MIT */
/* The versions of a plugin file's symbols.  The dynamic linker walks these lists
 * to their ends, takes every version that a symbol names for one of them, and
 * asserts that the libraries in them are needed. */
#include <limits.h>
#include <string.h>

#include "plugin/elf.h"

enum { CHUNK = 256, MAX_VERSIONS = 4096, HIDDEN = 0x8000 };

/* Where in a list the walk is, and the highest version met. */
typedef struct walk {
    const elf_image *image;
    const elf_dynamic *dynamic;
    unsigned highest;
} walk;

static descent_status inconsistent(const walk *w)
{
    return elf_damaged(&w->image->file,
                       "its table of versions is inconsistent");
}

/* Step from entry `i` of `count`, whose successor is `next` bytes on. */
static descent_status step(const walk *w, uint64_t *at, uint32_t next,
                           uint64_t i, uint64_t count)
{
    if ((next == 0) != (i + 1 == count) || next % 4 != 0)
        return inconsistent(w);
    *at += next;
    return DESCENT_OK;
}

static descent_status check_name(const walk *w, uint32_t name)
{
    char text[PATH_MAX];

    return elf_read_string(w->image, w->dynamic, name, text, sizeof text);
}

static descent_status check_is_needed(const walk *w, uint32_t file)
{
    char name[PATH_MAX], needed[PATH_MAX];

    TRY(elf_read_string(w->image, w->dynamic, file, name, sizeof name));
    for (uint32_t i = 0; i < w->dynamic->needed_count; i++) {
        TRY(elf_read_string(w->image, w->dynamic, w->dynamic->needed[i], needed,
                            sizeof needed));
        if (strcmp(name, needed) == 0)
            return DESCENT_OK;
    }
    return elf_damaged(&w->image->file,
                       "it wants versions of a library that it does not need");
}

/* The versions that it wants of one library. */
static descent_status check_wanted(walk *w, uint64_t at, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        Elf64_Vernaux v;
        TRY(elf_read_at(w->image, at, &v, sizeof v));
        TRY(check_name(w, v.vna_name));
        if ((v.vna_other & ~HIDDEN) > (int)w->highest)
            w->highest = v.vna_other & ~HIDDEN;
        TRY(step(w, &at, v.vna_next, i, count));
    }
    return DESCENT_OK;
}

static descent_status check_needs(walk *w)
{
    const uint64_t count = w->dynamic->value[ELF_VERNEEDNUM];
    uint64_t at = w->dynamic->value[ELF_VERNEED];

    if (!w->dynamic->has[ELF_VERNEED])
        return DESCENT_OK;
    if (at % 4 != 0 || count == 0 || count > MAX_VERSIONS)
        return inconsistent(w);
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Verneed v;
        TRY(elf_read_at(w->image, at, &v, sizeof v));
        if (v.vn_version != VER_NEED_CURRENT || v.vn_cnt == 0 ||
            v.vn_aux % 4 != 0)
            return inconsistent(w);
        TRY(check_is_needed(w, v.vn_file));
        TRY(check_wanted(w, at + v.vn_aux, v.vn_cnt));
        TRY(step(w, &at, v.vn_next, i, count));
    }
    return DESCENT_OK;
}

static descent_status check_definitions(walk *w)
{
    const uint64_t count = w->dynamic->value[ELF_VERDEFNUM];
    uint64_t at = w->dynamic->value[ELF_VERDEF];

    if (!w->dynamic->has[ELF_VERDEF])
        return DESCENT_OK;
    if (at % 4 != 0 || count == 0 || count > MAX_VERSIONS)
        return inconsistent(w);
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Verdef v;
        Elf64_Verdaux first;
        TRY(elf_read_at(w->image, at, &v, sizeof v));
        if (v.vd_version != VER_DEF_CURRENT || v.vd_cnt == 0 ||
            v.vd_aux % 4 != 0)
            return inconsistent(w);
        TRY(elf_read_at(w->image, at + v.vd_aux, &first, sizeof first));
        TRY(check_name(w, first.vda_name));
        if ((v.vd_ndx & ~HIDDEN) > (int)w->highest)
            w->highest = v.vd_ndx & ~HIDDEN;
        TRY(step(w, &at, v.vd_next, i, count));
    }
    return DESCENT_OK;
}

descent_status elf_check_versions(const elf_image *image, const elf_dynamic *d)
{
    walk w = {image, d, 1}; /* 0 and 1 are no versions */
    const uint64_t count = d->symbol_count;
    uint16_t part[CHUNK];

    TRY(check_needs(&w));
    TRY(check_definitions(&w));
    for (uint64_t i = 0; d->has[ELF_VERSYM] && i < count; i += CHUNK) {
        const uint64_t n = count - i < CHUNK ? count - i : CHUNK;
        TRY(elf_read_at(image, d->value[ELF_VERSYM] + i * sizeof *part, part,
                        (size_t)n * sizeof *part));
        for (uint64_t k = 0; k < n; k++)
            if ((part[k] & ~HIDDEN) > (int)w.highest)
                return inconsistent(&w);
    }
    return d->value[ELF_VERSYM] % 2 == 0 ? DESCENT_OK : inconsistent(&w);
}
