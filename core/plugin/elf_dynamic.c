/* SPDX-License-Identifier: MIT */
/* The dynamic table of a plugin file.  Addresses in it are the file's own; each
 * is turned into an offset through the segment that holds it. */
#include <string.h>

#include "plugin/elf.h"

enum { MAX_ENTRIES = 4096, MAX_ROWS = 1 << 24 };

/* What older headers lack. */
enum { TAG_RELRSZ = 35, TAG_RELR = 36, TAG_RELRENT = 37 };

/* Which tags are kept; those of addresses must point into a segment. */
static const struct {
    int64_t tag;
    bool is_address;
} kept[ELF_TAGS] = {
    [ELF_SYMTAB] = {DT_SYMTAB, true},
    [ELF_SYMENT] = {DT_SYMENT, false},
    [ELF_STRTAB] = {DT_STRTAB, true},
    [ELF_STRSZ] = {DT_STRSZ, false},
    [ELF_HASH] = {DT_HASH, true},
    [ELF_GNU_HASH] = {DT_GNU_HASH, true},
    [ELF_RELA] = {DT_RELA, true},
    [ELF_RELASZ] = {DT_RELASZ, false},
    [ELF_RELAENT] = {DT_RELAENT, false},
    [ELF_RELACOUNT] = {DT_RELACOUNT, false},
    [ELF_JMPREL] = {DT_JMPREL, true},
    [ELF_PLTRELSZ] = {DT_PLTRELSZ, false},
    [ELF_PLTREL] = {DT_PLTREL, false},
    [ELF_RELR] = {TAG_RELR, true},
    [ELF_RELRSZ] = {TAG_RELRSZ, false},
    [ELF_RELRENT] = {TAG_RELRENT, false},
    [ELF_INIT] = {DT_INIT, true},
    [ELF_FINI] = {DT_FINI, true},
    [ELF_INIT_ARRAY] = {DT_INIT_ARRAY, true},
    [ELF_INIT_ARRAYSZ] = {DT_INIT_ARRAYSZ, false},
    [ELF_FINI_ARRAY] = {DT_FINI_ARRAY, true},
    [ELF_FINI_ARRAYSZ] = {DT_FINI_ARRAYSZ, false},
    [ELF_PLTGOT] = {DT_PLTGOT, true},
    [ELF_VERSYM] = {DT_VERSYM, true},
    [ELF_VERNEED] = {DT_VERNEED, true},
    [ELF_VERNEEDNUM] = {DT_VERNEEDNUM, false},
    [ELF_VERDEF] = {DT_VERDEF, true},
    [ELF_VERDEFNUM] = {DT_VERDEFNUM, false},
    [ELF_RPATH] = {DT_RPATH, false},
    [ELF_RUNPATH] = {DT_RUNPATH, false},
    [ELF_FLAGS] = {DT_FLAGS, false},
    [ELF_FLAGS_1] = {DT_FLAGS_1, false},
    [ELF_TEXTREL] = {DT_TEXTREL, false},
};

/* Tables whose address and size are told apart.  The dynamic linker follows the
 * one and asserts the other, so neither may be missing. */
static const struct {
    elf_tag address, bytes, row_bytes; /* ELF_TAGS: rows have no such tag */
    uint64_t row;
} tables[] = {
    {ELF_STRTAB, ELF_STRSZ, ELF_TAGS, 1},
    {ELF_RELA, ELF_RELASZ, ELF_RELAENT, sizeof(Elf64_Rela)},
    {ELF_JMPREL, ELF_PLTRELSZ, ELF_TAGS, sizeof(Elf64_Rela)},
    {ELF_RELR, ELF_RELRSZ, ELF_RELRENT, sizeof(uint64_t)},
    {ELF_INIT_ARRAY, ELF_INIT_ARRAYSZ, ELF_TAGS, sizeof(uint64_t)},
    {ELF_FINI_ARRAY, ELF_FINI_ARRAYSZ, ELF_TAGS, sizeof(uint64_t)},
};

static descent_status take_needed(const elf_image *image, uint64_t offset,
                                  elf_dynamic *d)
{
    if (d->needed_count == ELF_MAX_NEEDED)
        return status_fail(DESCENT_ERR_SUPPORT,
                           "%s: needs more than %d libraries; link it with "
                           "fewer",
                           image->file.path, ELF_MAX_NEEDED);
    d->needed[d->needed_count++] = offset;
    return DESCENT_OK;
}

static descent_status take_tag(const elf_image *image, const Elf64_Dyn *entry,
                               elf_dynamic *d)
{
    const uint64_t value = entry->d_un.d_val;
    size_t i = 0;

    /* The last two name libraries that stand in for this one. */
    if (entry->d_tag == DT_NEEDED || entry->d_tag == DT_AUXILIARY ||
        entry->d_tag == DT_FILTER)
        return take_needed(image, value, d);
    if (entry->d_tag == DT_REL)
        return elf_damaged(&image->file,
                           "its relocations are of another machine's form");
    while (i < ELF_TAGS && entry->d_tag != kept[i].tag)
        i++;
    if (i == ELF_TAGS)
        return DESCENT_OK;
    if (d->has[i])
        return elf_damaged(&image->file,
                           "its dynamic table says something twice");
    if (kept[i].is_address && elf_segment_at(image, value) == NULL)
        return elf_damaged(&image->file,
                           "its dynamic table points outside its segments");
    d->has[i] = true;
    d->value[i] = value;
    return DESCENT_OK;
}

static descent_status find_dynamic(const elf_image *image,
                                   const Elf64_Phdr **out)
{
    *out = NULL;
    for (uint32_t i = 0; i < image->count; i++) {
        if (image->segments[i].p_type != PT_DYNAMIC)
            continue;
        if (*out != NULL)
            return elf_damaged(&image->file, "it has two dynamic tables");
        *out = &image->segments[i];
    }
    if (*out == NULL)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: no dynamic table, so no shared object; link "
                           "it with cc -shared",
                           image->file.path);
    if ((*out)->p_filesz > MAX_ENTRIES * sizeof(Elf64_Dyn) ||
        (*out)->p_filesz != (*out)->p_memsz ||
        (*out)->p_vaddr % sizeof(uint64_t) != 0)
        return elf_damaged(&image->file, "its dynamic table is misplaced");
    return DESCENT_OK;
}

static descent_status read_table(const elf_image *image, elf_dynamic *d)
{
    const Elf64_Phdr *table;
    uint64_t count;

    TRY(find_dynamic(image, &table));
    count = table->p_filesz / sizeof(Elf64_Dyn);
    memset(d, 0, sizeof *d);
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Dyn entry;
        TRY(elf_read(&image->file, table->p_offset + i * sizeof entry, &entry,
                     sizeof entry));
        if (entry.d_tag == DT_NULL)
            return DESCENT_OK;
        TRY(take_tag(image, &entry, d));
    }
    return elf_damaged(&image->file, "its dynamic table has no end");
}

static descent_status check_tables(const elf_image *image, const elf_dynamic *d)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const uint64_t bytes = d->value[tables[i].bytes];
        const uint64_t row = tables[i].row;
        uint64_t offset = 0;
        if (d->has[tables[i].address] != d->has[tables[i].bytes])
            return elf_damaged(&image->file,
                               "its dynamic table tells only half of a table");
        if (!d->has[tables[i].address])
            continue;
        if (bytes % row != 0 || bytes / row > MAX_ROWS ||
            (row > 1 && d->value[tables[i].address] % sizeof(uint64_t) != 0) ||
            (tables[i].row_bytes != ELF_TAGS &&
             d->value[tables[i].row_bytes] != row))
            return elf_damaged(&image->file,
                               "a dynamic table has a wrong size");
        TRY(elf_locate(image, d->value[tables[i].address], bytes, &offset));
    }
    return DESCENT_OK;
}

/* Rules between single entries. */
static descent_status check_entries(const elf_image *image,
                                    const elf_dynamic *d)
{
    const elf_file *file = &image->file;

    if (d->has[ELF_JMPREL] != d->has[ELF_PLTREL] ||
        (d->has[ELF_PLTREL] && d->value[ELF_PLTREL] != DT_RELA))
        return elf_damaged(file, "its relocations are of another machine's "
                                 "form");
    if (d->has[ELF_PLTGOT] &&
        !elf_has_memory(image, d->value[ELF_PLTGOT], 8, PF_W))
        return elf_damaged(file, "its table of addresses is not writable");
    if (d->has[ELF_VERNEED] != d->has[ELF_VERNEEDNUM] ||
        d->has[ELF_VERDEF] != d->has[ELF_VERDEFNUM] ||
        (!d->has[ELF_VERSYM] && (d->has[ELF_VERNEED] || d->has[ELF_VERDEF])))
        return elf_damaged(file,
                           "its dynamic table tells only half of a table");
    for (elf_tag t = ELF_INIT; t <= ELF_FINI; t++)
        if (d->has[t] && !elf_has_memory(image, d->value[t], 1, PF_X))
            return elf_damaged(file, "a function that runs by itself lies "
                                     "outside its code");
    return DESCENT_OK;
}

static descent_status check_dynamic(const elf_image *image,
                                    const elf_dynamic *d)
{
    const elf_file *file = &image->file;
    char end = 0;

    if ((d->value[ELF_FLAGS_1] & DF_1_PIE) != 0)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: a program, expected a shared object; link it "
                           "with cc -shared",
                           file->path);
    if (d->has[ELF_TEXTREL] || (d->value[ELF_FLAGS] & DF_TEXTREL) != 0)
        return status_fail(DESCENT_ERR_SUPPORT,
                           "%s: has text relocations, so its code would have "
                           "to be writable; compile it with -fPIC",
                           file->path);
    if (!d->has[ELF_SYMTAB] || !d->has[ELF_STRTAB] ||
        d->value[ELF_STRSZ] == 0 ||
        (!d->has[ELF_HASH] && !d->has[ELF_GNU_HASH]))
        return elf_damaged(file, "it has no table of symbols");
    if (d->value[ELF_SYMENT] != sizeof(Elf64_Sym) ||
        d->value[ELF_SYMTAB] % 8 != 0)
        return elf_damaged(file, "its symbols have a wrong size");
    TRY(check_tables(image, d));
    TRY(check_entries(image, d));
    /* A string that does not end would be read past the table. */
    TRY(elf_read_at(image, d->value[ELF_STRTAB] + d->value[ELF_STRSZ] - 1, &end,
                    1));
    return end == '\0' ? DESCENT_OK
                       : elf_damaged(file, "its last string has no end");
}

descent_status elf_read_dynamic(const elf_image *image, elf_dynamic *d)
{
    TRY(read_table(image, d));
    return check_dynamic(image, d);
}
