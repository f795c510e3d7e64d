/* SPDX-License-Identifier: MIT */
/* The dynamic table of a plugin file.  Addresses in it are the file's own; each
 * is turned into an offset through the segment that holds it. */
#include <string.h>

#include "plugin/elf.h"

enum { MAX_ENTRIES = 4096 };

/* Where the value of a tag goes. */
static const struct {
    int64_t tag;
    size_t field;
} kept[] = {
    {DT_SYMTAB, offsetof(elf_dynamic, symbols)},
    {DT_STRTAB, offsetof(elf_dynamic, strings)},
    {DT_STRSZ, offsetof(elf_dynamic, string_bytes)},
    {DT_SYMENT, offsetof(elf_dynamic, symbol_size)},
    {DT_HASH, offsetof(elf_dynamic, hash)},
    {DT_GNU_HASH, offsetof(elf_dynamic, gnu_hash)},
    {DT_FLAGS, offsetof(elf_dynamic, flags)},
    {DT_FLAGS_1, offsetof(elf_dynamic, flags_1)},
};

/* Tags whose value is an address that the dynamic linker follows. */
static const int64_t addresses[] = {
    DT_SYMTAB,     DT_STRTAB,
    DT_HASH,       DT_GNU_HASH,
    DT_RELA,       DT_REL,
    DT_JMPREL,     DT_INIT,
    DT_FINI,       DT_INIT_ARRAY,
    DT_FINI_ARRAY, DT_PLTGOT,
    DT_VERSYM,     DT_VERNEED,
    DT_VERDEF,     36 /* DT_RELR, which older headers lack */,
};

const Elf64_Phdr *elf_segment_at(const elf_image *image, uint64_t address)
{
    for (uint32_t i = 0; i < image->count; i++) {
        const Elf64_Phdr *p = &image->segments[i];
        if (p->p_type == PT_LOAD && address >= p->p_vaddr &&
            address - p->p_vaddr < p->p_memsz)
            return p;
    }
    return NULL;
}

descent_status elf_locate(const elf_image *image, uint64_t address,
                          uint64_t bytes, uint64_t *offset)
{
    const Elf64_Phdr *p = elf_segment_at(image, address);

    if (p == NULL || address - p->p_vaddr > p->p_filesz ||
        bytes > p->p_filesz - (address - p->p_vaddr))
        return elf_damaged(&image->file,
                           "a dynamic table lies outside its segments");
    *offset = p->p_offset + (address - p->p_vaddr);
    return DESCENT_OK;
}

descent_status elf_read_at(const elf_image *image, uint64_t address,
                           void *buffer, size_t bytes)
{
    uint64_t offset = 0;

    TRY(elf_locate(image, address, bytes, &offset));
    return elf_read(&image->file, offset, buffer, bytes);
}

static descent_status take_tag(const elf_image *image, const Elf64_Dyn *entry,
                               elf_dynamic *d)
{
    const uint64_t value = entry->d_un.d_val;

    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (entry->d_tag == addresses[i] &&
            elf_segment_at(image, value) == NULL)
            return elf_damaged(&image->file,
                               "its dynamic table points outside its segments");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (entry->d_tag == kept[i].tag)
            memcpy((char *)d + kept[i].field, &value, sizeof value);
    if (entry->d_tag == DT_TEXTREL)
        d->text_relocations = 1;
    return DESCENT_OK;
}

static descent_status find_dynamic(const elf_image *image,
                                   const Elf64_Phdr **out)
{
    uint64_t offset = 0;

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
    TRY(elf_locate(image, (*out)->p_vaddr, (*out)->p_filesz, &offset));
    if (offset != (*out)->p_offset ||
        (*out)->p_filesz > MAX_ENTRIES * sizeof(Elf64_Dyn) ||
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

static descent_status check_dynamic(const elf_image *image,
                                    const elf_dynamic *d)
{
    uint64_t offset = 0;

    if ((d->flags_1 & DF_1_PIE) != 0)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: a program, expected a shared object; link it "
                           "with cc -shared",
                           image->file.path);
    if (d->text_relocations != 0 || (d->flags & DF_TEXTREL) != 0)
        return status_fail(DESCENT_ERR_SUPPORT,
                           "%s: has text relocations, so its code would have "
                           "to be writable; compile it with -fPIC",
                           image->file.path);
    if (d->symbols == 0 || d->strings == 0 || d->string_bytes == 0 ||
        (d->hash == 0 && d->gnu_hash == 0))
        return elf_damaged(&image->file, "it has no table of symbols");
    if (d->symbol_size != sizeof(Elf64_Sym) || d->symbols % 8 != 0)
        return elf_damaged(&image->file, "its symbols have a wrong size");
    return elf_locate(image, d->strings, d->string_bytes, &offset);
}

descent_status elf_read_dynamic(const elf_image *image, elf_dynamic *d)
{
    TRY(read_table(image, d));
    return check_dynamic(image, d);
}
