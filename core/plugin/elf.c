/* SPDX-License-Identifier: MIT */
/* The file header of a plugin file, and the order of all checks. */
#include "plugin/elf.h"

#include <errno.h>
#include <string.h>

#if defined __x86_64__
enum { HOST_MACHINE = EM_X86_64 };
#elif defined __aarch64__
enum { HOST_MACHINE = EM_AARCH64 };
#else
#error "Descent runs on x86-64 and AArch64"
#endif

static const struct {
    unsigned machine;
    const char *name;
} machines[] = {
    {EM_X86_64, "x86-64"},       {EM_AARCH64, "AArch64"},
    {EM_386, "32-bit x86"},      {EM_ARM, "32-bit ARM"},
    {EM_RISCV, "RISC-V"},        {EM_PPC64, "64-bit PowerPC"},
    {EM_S390, "IBM Z"},          {EM_MIPS, "MIPS"},
    {EM_LOONGARCH, "LoongArch"},
};

static const char *machine_name(unsigned machine)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (machines[i].machine == machine)
            return machines[i].name;
    return "another machine";
}

descent_status elf_damaged(const elf_file *file, const char *what)
{
    return status_fail(DESCENT_ERR_IO,
                       "%s: truncated or damaged: %s; build it or copy it "
                       "again",
                       file->path, what);
}

descent_status elf_read(const elf_file *file, uint64_t at, void *buffer,
                        size_t bytes)
{
    if (at > file->size || bytes > file->size - at)
        return elf_damaged(file, "a table ends outside the file");
    if (files_read_exactly(file->files, file->descriptor, buffer, bytes,
                           (off_t)at))
        return DESCENT_OK;
    if (errno == 0)
        return elf_damaged(file, "it became shorter while it was read");
    return status_fail(DESCENT_ERR_IO, "%s: cannot be read: %s", file->path,
                       strerrordesc_np(errno));
}

/* Which machine and system the file is for. */
static descent_status check_target(const elf_file *file, const Elf64_Ehdr *h)
{
    const unsigned char *id = h->e_ident;
    uint16_t machine = h->e_machine;

    if (id[EI_DATA] != ELFDATA2LSB && id[EI_DATA] != ELFDATA2MSB)
        return elf_damaged(file, "its byte order is neither little nor big");
    if (id[EI_CLASS] != ELFCLASS32 && id[EI_CLASS] != ELFCLASS64)
        return elf_damaged(file, "its class is neither 32 nor 64 bits");
    if (id[EI_DATA] != ELFDATA2LSB)
        machine = (uint16_t)(machine >> 8 | machine << 8);
    if (machine != HOST_MACHINE || id[EI_CLASS] != ELFCLASS64 ||
        id[EI_DATA] != ELFDATA2LSB)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: built for %s (%s bits, %s-endian), this "
                           "process is %s; build it for this machine",
                           file->path, machine_name(machine),
                           id[EI_CLASS] == ELFCLASS64 ? "64" : "32",
                           id[EI_DATA] == ELFDATA2LSB ? "little" : "big",
                           machine_name(HOST_MACHINE));
    if (id[EI_OSABI] != ELFOSABI_SYSV && id[EI_OSABI] != ELFOSABI_GNU)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: built for another operating system (OS ABI "
                           "%u); build it for this machine",
                           file->path, id[EI_OSABI]);
    return DESCENT_OK;
}

static descent_status check_kind(const elf_file *file, const Elf64_Ehdr *h)
{
    static const char *const kinds[] = {
        [ET_NONE] = "an ELF file without a type",
        [ET_REL] = "an object file that is not linked",
        [ET_EXEC] = "a program",
        [ET_CORE] = "a core dump",
    };

    if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_version != EV_CURRENT)
        return elf_damaged(file, "its ELF version is not 1");
    if (h->e_type == ET_DYN)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ABI,
                       "%s: %s, expected a shared object; link it with "
                       "cc -shared",
                       file->path,
                       h->e_type < sizeof kinds / sizeof *kinds
                           ? kinds[h->e_type]
                           : "an ELF file of an unknown type");
}

/* Check the file header, the segments and the sections. */
static descent_status read_headers(elf_image *image, Elf64_Ehdr *h)
{
    const elf_file *file = &image->file;

    TRY(elf_read(file, 0, h, sizeof *h));
    TRY(check_target(file, h));
    TRY(check_kind(file, h));
    if (h->e_ehsize != sizeof *h || h->e_phentsize != sizeof(Elf64_Phdr))
        return elf_damaged(file, "its headers have a wrong size");
    TRY(elf_read_segments(image, h));
    return elf_check_sections(image, h);
}

static descent_status check_tables(const elf_image *image, const Elf64_Ehdr *h)
{
    elf_dynamic d;

    TRY(elf_read_dynamic(image, &d));
    TRY(elf_find_entry(image, &d));
    TRY(elf_check_needed(image, &d));
    TRY(elf_check_versions(image, &d));
    TRY(elf_check_arrays(image, h, &d));
    return elf_check_relocations(image, &d);
}

/* No check can tell damaged code and data from what the author meant.  Nor an
 * address of DT_INIT or DT_FINI that still lies in the code: both may be any
 * function.  Of the 6,336 single bits of adam.so's program headers and dynamic
 * table, 14 of DT_INIT's address make dlopen crash, and none of the others. */
descent_status elf_check(const elf_file *file)
{
    elf_image image = {.file = *file};
    unsigned char head[sizeof(Elf64_Ehdr)];
    const size_t bytes =
        file->size < sizeof head ? (size_t)file->size : sizeof head;
    Elf64_Ehdr h;

    if (file->size == 0)
        return status_fail(DESCENT_ERR_IO,
                           "%s: an empty file; build it or copy it again",
                           file->path);
    TRY(elf_read(file, 0, head, bytes));
    if (bytes < SELFMAG || memcmp(head, ELFMAG, SELFMAG) != 0)
        return elf_refuse_stranger(file, head, bytes);
    TRY(read_headers(&image, &h));
    return check_tables(&image, &h);
}
