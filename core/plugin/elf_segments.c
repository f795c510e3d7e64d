/* SPDX-License-Identifier: MIT */
/* The segments of a plugin file: what the dynamic linker maps, and the parts of
 * it that it reads or protects without another look. */
#include "plugin/elf.h"

/* The smallest page of both machines; thread-local data is copied for each
 * thread, and failing to do so ends the process. */
enum { PAGE = 4096, MOST_THREAD_LOCAL = 1 << 24 };

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

bool elf_has_memory(const elf_image *image, uint64_t address, uint64_t bytes,
                    uint32_t rights)
{
    const Elf64_Phdr *p = elf_segment_at(image, address);

    return p != NULL && bytes <= p->p_memsz - (address - p->p_vaddr) &&
           (p->p_flags & rights) == rights;
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

/* `end` is where the last segment ended. */
static descent_status check_load(const elf_image *image, const Elf64_Phdr *p,
                                 uint64_t *end)
{
    const elf_file *file = &image->file;

    if (p->p_memsz < p->p_filesz)
        return elf_damaged(file,
                           "a segment is longer in the file than in memory");
    if (p->p_vaddr + p->p_memsz < p->p_vaddr || p->p_vaddr < *end)
        return elf_damaged(file, "its segments overlap in memory");
    if ((p->p_align & (p->p_align - 1)) != 0 ||
        (p->p_align > 1 && (p->p_vaddr - p->p_offset) % p->p_align != 0))
        return elf_damaged(file, "a segment is misaligned");
    /* Mapping goes by whole pages, each with the rights of the last. */
    if (*end > 0 && p->p_vaddr / PAGE == (*end - 1) / PAGE)
        return elf_damaged(file, "two of its segments share a page");
    if ((p->p_flags & PF_R) == 0 ||
        (p->p_memsz > p->p_filesz && (p->p_flags & PF_W) == 0))
        return elf_damaged(file, "a segment lacks the right to be read or to "
                                 "be cleared");
    if ((p->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
        return status_fail(DESCENT_ERR_SUPPORT,
                           "%s: has a segment that is both writable and "
                           "executable; link it without -N",
                           file->path);
    *end = p->p_vaddr + p->p_memsz;
    return DESCENT_OK;
}

/* A part of one of the segments in memory. */
static descent_status check_part(const elf_image *image, const Elf64_Phdr *p)
{
    const elf_file *file = &image->file;
    const Elf64_Phdr *in = elf_segment_at(image, p->p_vaddr);
    const bool local = p->p_type == PT_TLS;

    if (p->p_type == PT_NULL || p->p_type == PT_GNU_STACK || p->p_memsz == 0)
        return DESCENT_OK;
    if (p->p_memsz < p->p_filesz || (p->p_align & (p->p_align - 1)) != 0 ||
        (local &&
         (p->p_memsz > MOST_THREAD_LOCAL || p->p_align > MOST_THREAD_LOCAL)))
        return elf_damaged(file, local ? "its thread-local data is inconsistent"
                                       : "a part of a segment is inconsistent");
    /* Thread-local data that begins as zeros has no place of its own. */
    if (local && p->p_filesz == 0)
        return DESCENT_OK;
    if (in == NULL ||
        (local ? p->p_filesz : p->p_memsz) >
            in->p_memsz - (p->p_vaddr - in->p_vaddr) ||
        p->p_offset - in->p_offset != p->p_vaddr - in->p_vaddr ||
        p->p_filesz > in->p_filesz ||
        p->p_vaddr - in->p_vaddr > in->p_filesz - p->p_filesz)
        return elf_damaged(file, p->p_type == PT_DYNAMIC
                                     ? "its dynamic table is misplaced"
                                     : "a part of a segment is misplaced");
    if ((p->p_type == PT_DYNAMIC || p->p_type == PT_GNU_RELRO) &&
        (in->p_flags & PF_W) == 0)
        return elf_damaged(file, "what the dynamic linker writes to lies in a "
                                 "segment that is not writable");
    return DESCENT_OK;
}

static descent_status check_stack(const elf_image *image)
{
    for (uint32_t i = 0; i < image->count; i++)
        if (image->segments[i].p_type == PT_GNU_STACK &&
            (image->segments[i].p_flags & PF_X) == 0)
            return DESCENT_OK;
    /* Without a word about the stack the C library makes it executable. */
    return status_fail(DESCENT_ERR_SUPPORT,
                       "%s: asks for an executable stack; link it with "
                       "-Wl,-z,noexecstack",
                       image->file.path);
}

static descent_status check_segments(const elf_image *image)
{
    const elf_file *file = &image->file;
    uint64_t end = 0;
    unsigned loads = 0;

    for (uint32_t i = 0; i < image->count; i++) {
        const Elf64_Phdr *p = &image->segments[i];
        /* Also where nothing is read: a map beyond the end kills by SIGBUS. */
        if ((p->p_filesz > 0 || p->p_type == PT_LOAD) &&
            (p->p_offset > file->size ||
             p->p_filesz > file->size - p->p_offset))
            return elf_damaged(file, "a segment ends outside the file");
        if (p->p_type != PT_LOAD)
            continue;
        TRY(check_load(image, p, &end));
        loads++;
    }
    if (loads == 0)
        return elf_damaged(file, "nothing in it is to be loaded");
    for (uint32_t i = 0; i < image->count; i++)
        if (image->segments[i].p_type != PT_LOAD)
            TRY(check_part(image, &image->segments[i]));
    return check_stack(image);
}

descent_status elf_read_segments(elf_image *image, const Elf64_Ehdr *h)
{
    const elf_file *file = &image->file;

    if (h->e_phnum == 0 || h->e_phnum > ELF_MAX_SEGMENTS)
        return status_fail(DESCENT_ERR_IO,
                           "%s: %u segments, expected 1 to %d; build it or "
                           "copy it again",
                           file->path, h->e_phnum, ELF_MAX_SEGMENTS);
    image->count = h->e_phnum;
    TRY(elf_read(file, h->e_phoff, image->segments,
                 h->e_phnum * sizeof *image->segments));
    return check_segments(image);
}
