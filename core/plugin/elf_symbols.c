/* SPDX-License-Identifier: MIT */
/* The entry among the symbols of a plugin file. */
#include <stdbool.h>
#include <string.h>

#include "plugin/elf.h"

enum { CHUNK = 256, MAX_SYMBOLS = 1 << 20 };

/* The highest symbol that begins a chain of the GNU hash table; none may come
 * before the `first` that is in it. */
static descent_status highest_bucket(const elf_image *image, uint64_t buckets,
                                     uint32_t count, uint32_t first,
                                     uint32_t *highest)
{
    uint32_t part[CHUNK];

    *highest = 0;
    for (uint32_t i = 0; i < count; i += CHUNK) {
        const uint32_t n = count - i < CHUNK ? count - i : CHUNK;
        TRY(elf_read_at(image, buckets + 4ull * i, part, n * sizeof *part));
        for (uint32_t k = 0; k < n; k++) {
            if (part[k] != 0 && part[k] < first)
                return elf_damaged(&image->file,
                                   "its table of hashes is inconsistent");
            if (part[k] > *highest)
                *highest = part[k];
        }
    }
    return DESCENT_OK;
}

/* The number of symbols is where the last chain of the hash table ends. */
static descent_status count_by_gnu_hash(const elf_image *image, uint64_t table,
                                        uint64_t *count)
{
    struct {
        uint32_t buckets, first, bloom, shift;
    } h;
    uint64_t buckets, chains, offset;
    uint32_t last, hash;

    TRY(elf_read_at(image, table, &h, sizeof h));
    /* The dynamic linker divides by the one and asserts the other. */
    if (h.buckets == 0 || h.bloom == 0 || (h.bloom & (h.bloom - 1)) != 0 ||
        h.shift > 63 || table % 8 != 0)
        return elf_damaged(&image->file, "its table of hashes is inconsistent");
    TRY(elf_locate(image, table, sizeof h + 8ull * h.bloom, &offset));
    buckets = table + sizeof h + 8ull * h.bloom;
    chains = buckets + 4ull * h.buckets;
    TRY(highest_bucket(image, buckets, h.buckets, h.first, &last));
    *count = h.first;
    if (last == 0)
        return DESCENT_OK;
    do {
        if (last >= MAX_SYMBOLS)
            return elf_damaged(&image->file, "it has too many symbols");
        TRY(elf_read_at(image, chains + 4ull * (last - h.first), &hash,
                        sizeof hash));
        last++;
    } while ((hash & 1) == 0);
    *count = last;
    return DESCENT_OK;
}

static descent_status count_symbols(const elf_image *image,
                                    const elf_dynamic *d, uint64_t *count)
{
    const uint64_t hash = d->value[ELF_HASH];
    uint32_t sizes[2];
    uint64_t offset;

    if (d->has[ELF_GNU_HASH]) {
        TRY(count_by_gnu_hash(image, d->value[ELF_GNU_HASH], count));
    } else {
        TRY(elf_read_at(image, hash, sizes, sizeof sizes));
        if (sizes[0] == 0)
            return elf_damaged(&image->file, "its table of hashes is empty");
        TRY(elf_locate(image, hash,
                       sizeof sizes + 4ull * sizes[0] + 4ull * sizes[1],
                       &offset));
        *count = sizes[1];
    }
    if (*count > MAX_SYMBOLS)
        return elf_damaged(&image->file, "it has too many symbols");
    return elf_locate(image, d->value[ELF_SYMTAB], *count * sizeof(Elf64_Sym),
                      &offset);
}

/* What the symbols say about entries. */
typedef struct entries {
    bool ours, ours_is_no_function;
    unsigned other; /* another major version, or 0 */
} entries;

static bool is_function(const elf_image *image, const Elf64_Sym *s)
{
    const Elf64_Phdr *p = elf_segment_at(image, s->st_value);

    return ELF64_ST_TYPE(s->st_info) == STT_FUNC && p != NULL &&
           (p->p_flags & PF_X) != 0;
}

static bool is_exported(const Elf64_Sym *s)
{
    const unsigned binding = ELF64_ST_BIND(s->st_info);
    const unsigned visibility = ELF64_ST_VISIBILITY(s->st_other);

    return s->st_shndx != SHN_UNDEF &&
           (binding == STB_GLOBAL || binding == STB_WEAK) &&
           (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

/* The dynamic linker follows the addresses of symbols when others name them. */
static descent_status check_symbol(const elf_image *image, const elf_dynamic *d,
                                   const Elf64_Sym *s)
{
    const bool is_place = s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS &&
                          ELF64_ST_TYPE(s->st_info) != STT_TLS &&
                          ELF64_ST_TYPE(s->st_info) != STT_SECTION;

    if (s->st_name >= d->value[ELF_STRSZ])
        return elf_damaged(&image->file, "a symbol's name lies outside");
    /* It may mark the end of a segment. */
    if (is_place && elf_segment_at(image, s->st_value) == NULL &&
        (s->st_value == 0 || elf_segment_at(image, s->st_value - 1) == NULL))
        return elf_damaged(&image->file, "a symbol lies outside its segments");
    if (is_place && ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC &&
        !elf_has_memory(image, s->st_value, 1, PF_X))
        return elf_damaged(&image->file, "a function that runs by itself lies "
                                         "outside its code");
    return DESCENT_OK;
}

static descent_status take_symbol(const elf_image *image, const elf_dynamic *d,
                                  const Elf64_Sym *s, entries *found)
{
    static const char prefix[] = "descent_plugin_v";
    char name[sizeof prefix + 4] = "";
    uint64_t bytes;
    unsigned major = 0;

    TRY(check_symbol(image, d, s));
    if (!is_exported(s))
        return DESCENT_OK;
    bytes = d->value[ELF_STRSZ] - s->st_name;
    TRY(elf_read_at(image, d->value[ELF_STRTAB] + s->st_name, name,
                    bytes < sizeof name ? (size_t)bytes : sizeof name));
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 ||
        memchr(name, '\0', sizeof name) == NULL)
        return DESCENT_OK;
    for (const char *c = name + sizeof prefix - 1; *c != '\0'; c++) {
        if (*c < '0' || *c > '9')
            return DESCENT_OK;
        major = major * 10 + (unsigned)(*c - '0');
    }
    if (strcmp(name, DESCENT_ENTRY) != 0)
        found->other = major;
    else if (is_function(image, s))
        found->ours = true;
    else
        found->ours_is_no_function = true;
    return DESCENT_OK;
}

static descent_status read_symbols(const elf_image *image, const elf_dynamic *d,
                                   uint64_t count, entries *found)
{
    Elf64_Sym part[CHUNK / 4];

    memset(found, 0, sizeof *found);
    for (uint64_t i = 0; i < count; i += CHUNK / 4) {
        const uint64_t n = count - i < CHUNK / 4 ? count - i : CHUNK / 4;
        TRY(elf_read_at(image, d->value[ELF_SYMTAB] + i * sizeof *part, part,
                        (size_t)n * sizeof *part));
        for (uint64_t k = 0; k < n; k++)
            TRY(take_symbol(image, d, &part[k], found));
    }
    return DESCENT_OK;
}

descent_status elf_find_entry(const elf_image *image, elf_dynamic *d)
{
    entries found;

    TRY(count_symbols(image, d, &d->symbol_count));
    TRY(read_symbols(image, d, d->symbol_count, &found));
    if (found.ours)
        return DESCENT_OK;
    if (found.ours_is_no_function)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: " DESCENT_ENTRY " is not a function; write it "
                           "with DESCENT_PLUGIN of descent/kernel.h",
                           image->file.path);
    if (found.other != 0)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: built for plugin ABI %u, this is %d; rebuild "
                           "it with the headers of this installation",
                           image->file.path, found.other, DESCENT_ABI_MAJOR);
    return status_fail(
        DESCENT_ERR_ABI,
        "%s: no entry: a plugin exports the function " DESCENT_ENTRY
        ", this file is something else; build it with "
        "DESCENT_PLUGIN of descent/kernel.h",
        image->file.path);
}
