/* SPDX-License-Identifier: MIT */
/* The sections of a plugin file.  The dynamic linker does not look at them, but
 * linkers write them, so they show damage of the segments that these alone do
 * not, and, standing last in the file, every truncation. */
#include "plugin/elf.h"

enum { CHUNK = 64 };

typedef struct sections {
    const elf_image *image;
    const elf_dynamic *dynamic; /* NULL before it is known */
} sections;

typedef descent_status look_at(const sections *s, const Elf64_Shdr *section);

static descent_status each_section(const sections *s, const Elf64_Ehdr *h,
                                   look_at *look)
{
    Elf64_Shdr part[CHUNK];

    for (unsigned i = 0; h->e_shoff != 0 && i < h->e_shnum; i += CHUNK) {
        const unsigned n = h->e_shnum - i < CHUNK ? h->e_shnum - i : CHUNK;
        TRY(elf_read(&s->image->file, h->e_shoff + i * sizeof *part, part,
                     n * sizeof *part));
        for (unsigned k = 0; k < n; k++)
            TRY(look(s, &part[k]));
    }
    return DESCENT_OK;
}

/* A section in memory is where the segments say, with its rights. */
static descent_status compare(const sections *s, const Elf64_Shdr *section)
{
    const elf_file *file = &s->image->file;
    const bool zeros = section->sh_type == SHT_NOBITS;
    const uint32_t rights =
        ((section->sh_flags & SHF_WRITE) != 0 ? PF_W : 0u) |
        ((section->sh_flags & SHF_EXECINSTR) != 0 ? PF_X : 0u);
    uint64_t offset = section->sh_offset;

    if ((section->sh_flags & SHF_ALLOC) == 0 || section->sh_size == 0 ||
        (zeros && (section->sh_flags & SHF_TLS) != 0))
        return DESCENT_OK;
    if (!elf_has_memory(s->image, section->sh_addr, section->sh_size, rights))
        return elf_damaged(file, "its sections and segments contradict");
    if (!zeros)
        TRY(elf_locate(s->image, section->sh_addr, section->sh_size, &offset));
    if (offset != section->sh_offset)
        return elf_damaged(file, "its sections and segments contradict");
    return DESCENT_OK;
}

descent_status elf_check_sections(const elf_image *image, const Elf64_Ehdr *h)
{
    const elf_file *file = &image->file;
    const uint64_t count = h->e_shnum == 0 ? 1 : h->e_shnum;
    const sections s = {image, NULL};

    if (h->e_shoff == 0)
        return DESCENT_OK;
    if (h->e_shentsize != sizeof(Elf64_Shdr))
        return elf_damaged(file, "its section headers have a wrong size");
    if (h->e_shoff > file->size ||
        count * sizeof(Elf64_Shdr) > file->size - h->e_shoff)
        return elf_damaged(file, "its section headers end outside the file");
    return each_section(&s, h, compare);
}

/* Linkers give each array of functions a section of its own type. */
static descent_status compare_array(const sections *s,
                                    const Elf64_Shdr *section)
{
    static const struct {
        uint32_t type;
        elf_tag address, size;
    } arrays[] = {
        {SHT_INIT_ARRAY, ELF_INIT_ARRAY, ELF_INIT_ARRAYSZ},
        {SHT_FINI_ARRAY, ELF_FINI_ARRAY, ELF_FINI_ARRAYSZ},
    };

    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (section->sh_type == arrays[i].type && section->sh_size > 0 &&
            (section->sh_addr != s->dynamic->value[arrays[i].address] ||
             section->sh_size != s->dynamic->value[arrays[i].size]))
            return elf_damaged(&s->image->file,
                               "its sections and its dynamic table "
                               "contradict");
    return DESCENT_OK;
}

descent_status elf_check_arrays(const elf_image *image, const Elf64_Ehdr *h,
                                const elf_dynamic *d)
{
    const sections s = {image, d};

    return each_section(&s, h, compare_array);
}
