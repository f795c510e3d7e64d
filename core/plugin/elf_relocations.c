/* SPDX-License-Identifier: MIT */
/* What the dynamic linker writes into a plugin file's memory, and the functions
 * that it then calls: constructors and destructors. */
#include "plugin/elf.h"

enum { CHUNK = 64 };

/* Which relocations position-independent code has, and which of them may wait
 * for the first call. */
typedef struct relocation {
    uint32_t kind;
    bool may_wait;
} relocation;

#if defined __x86_64__
enum { RELATIVE = R_X86_64_RELATIVE, INDIRECT = R_X86_64_IRELATIVE };
static const relocation known[] = {
    {R_X86_64_NONE, false},     {R_X86_64_64, false},
    {R_X86_64_GLOB_DAT, false}, {R_X86_64_JUMP_SLOT, true},
    {R_X86_64_RELATIVE, false}, {R_X86_64_DTPMOD64, false},
    {R_X86_64_DTPOFF64, false}, {R_X86_64_TPOFF64, false},
    {R_X86_64_TLSDESC, true},   {R_X86_64_IRELATIVE, true},
};
#else
enum { RELATIVE = R_AARCH64_RELATIVE, INDIRECT = R_AARCH64_IRELATIVE };
static const relocation known[] = {
    {R_AARCH64_NONE, false},       {R_AARCH64_ABS64, false},
    {R_AARCH64_GLOB_DAT, false},   {R_AARCH64_JUMP_SLOT, true},
    {R_AARCH64_RELATIVE, false},   {R_AARCH64_TLS_DTPMOD, false},
    {R_AARCH64_TLS_DTPREL, false}, {R_AARCH64_TLS_TPREL, false},
    {R_AARCH64_TLSDESC, true},     {R_AARCH64_IRELATIVE, true},
};
#endif

/* An array of functions, and how many of its places get an address. */
typedef struct array {
    uint64_t at, bytes, filled;
} array;

typedef struct writes {
    const elf_image *image;
    const elf_dynamic *dynamic;
    array arrays[2];
} writes;

static bool is_code(const writes *w, uint64_t address)
{
    return elf_has_memory(w->image, address, 1, PF_X);
}

/* The address of `target`, told by the file unless it is another library's, is
 * written to `at`. */
static descent_status take_write(writes *w, uint64_t at, bool is_own,
                                 uint64_t target)
{
    if (!elf_has_memory(w->image, at, sizeof(uint64_t), PF_W))
        return elf_damaged(&w->image->file,
                           "a relocation changes what is not writable");
    for (size_t i = 0; i < sizeof w->arrays / sizeof *w->arrays; i++) {
        array *const a = &w->arrays[i];
        if (at < a->at || at - a->at >= a->bytes)
            continue;
        if ((at - a->at) % sizeof(uint64_t) != 0 ||
            (is_own && !is_code(w, target)))
            return elf_damaged(&w->image->file,
                               "a function that runs by itself lies outside "
                               "its code");
        a->filled++;
    }
    return DESCENT_OK;
}

static descent_status take_relocation(writes *w, const Elf64_Rela *r,
                                      bool must_wait)
{
    const uint32_t kind = ELF64_R_TYPE(r->r_info);
    size_t i = 0;

    while (i < sizeof known / sizeof *known && known[i].kind != kind)
        i++;
    if (i == sizeof known / sizeof *known)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: has relocations of type %u, which a shared "
                           "object has no use for; compile it with -fPIC",
                           w->image->file.path, kind);
    if (must_wait && !known[i].may_wait)
        return elf_damaged(&w->image->file,
                           "its relocations of calls are something else");
    if (kind == 0)
        return DESCENT_OK;
    if (ELF64_R_SYM(r->r_info) >= w->dynamic->symbol_count &&
        ELF64_R_SYM(r->r_info) != 0)
        return elf_damaged(&w->image->file,
                           "a relocation names a symbol that is not there");
    if (kind == INDIRECT && !is_code(w, (uint64_t)r->r_addend))
        return elf_damaged(&w->image->file, "a function that runs by itself "
                                            "lies outside its code");
    return take_write(w, r->r_offset, kind == RELATIVE, (uint64_t)r->r_addend);
}

/* The first `relative` rows are taken for relative ones without a look. */
static descent_status read_relocations(writes *w, elf_tag table, elf_tag bytes,
                                       uint64_t relative)
{
    const uint64_t at = w->dynamic->value[table];
    const uint64_t count = w->dynamic->value[bytes] / sizeof(Elf64_Rela);
    Elf64_Rela part[CHUNK];

    for (uint64_t i = 0; i < count; i += CHUNK) {
        const uint64_t n = count - i < CHUNK ? count - i : CHUNK;
        TRY(elf_read_at(w->image, at + i * sizeof *part, part,
                        (size_t)n * sizeof *part));
        for (uint64_t k = 0; k < n; k++) {
            if (i + k < relative && ELF64_R_TYPE(part[k].r_info) != RELATIVE)
                return elf_damaged(&w->image->file,
                                   "its relocations are miscounted");
            TRY(take_relocation(w, &part[k], table == ELF_JMPREL));
        }
    }
    return relative <= count
               ? DESCENT_OK
               : elf_damaged(&w->image->file, "its relocations are miscounted");
}

/* A relative relocation whose addend stands where it is written to. */
static descent_status take_packed(writes *w, uint64_t at)
{
    uint64_t target = 0;

    TRY(elf_read_at(w->image, at, &target, sizeof target));
    return take_write(w, at, true, target);
}

/* An even word is an address; an odd one has a bit for each of the 63 words
 * after the last that was told. */
static descent_status read_packed(writes *w)
{
    const uint64_t count = w->dynamic->value[ELF_RELRSZ] / sizeof(uint64_t);
    uint64_t next = 0, word = 0;

    for (uint64_t i = 0; i < count; i++) {
        TRY(elf_read_at(w->image, w->dynamic->value[ELF_RELR] + i * sizeof word,
                        &word, sizeof word));
        if ((word & 1) == 0) {
            TRY(take_packed(w, word));
            next = word + sizeof word;
            continue;
        }
        for (unsigned bit = 1; bit < 64; bit++, next += sizeof word)
            if ((word >> bit & 1) != 0)
                TRY(take_packed(w, next));
    }
    return DESCENT_OK;
}

descent_status elf_check_relocations(const elf_image *image,
                                     const elf_dynamic *d)
{
    writes w = {
        image,
        d,
        {{d->value[ELF_INIT_ARRAY], d->value[ELF_INIT_ARRAYSZ], 0},
         {d->value[ELF_FINI_ARRAY], d->value[ELF_FINI_ARRAYSZ], 0}},
    };

    TRY(read_relocations(&w, ELF_RELA, ELF_RELASZ, d->value[ELF_RELACOUNT]));
    TRY(read_relocations(&w, ELF_JMPREL, ELF_PLTRELSZ, 0));
    TRY(read_packed(&w));
    for (size_t i = 0; i < sizeof w.arrays / sizeof *w.arrays; i++)
        if (w.arrays[i].filled * sizeof(uint64_t) != w.arrays[i].bytes)
            return elf_damaged(&image->file, "a function that runs by itself "
                                             "has no address");
    return DESCENT_OK;
}
