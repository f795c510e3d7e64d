/* SPDX-License-Identifier: MIT */
/* Reads a plugin file's headers and dynamic tables before any of its code can
 * run: dlopen dies of a truncated or damaged file and runs the constructors of
 * every file, so what is wrong with one must be known earlier. */
#ifndef DESCENT_PLUGIN_ELF_H
#define DESCENT_PLUGIN_ELF_H

#include <elf.h>
#include <stdbool.h>

#include "base/files.h"
#include "base/status.h"

enum { ELF_MAX_SEGMENTS = 64, ELF_MAX_NEEDED = 64 };

/* An open file; `path` is for messages. */
typedef struct elf_file {
    const files *files;
    int descriptor;
    uint64_t size;
    const char *path;
} elf_file;

/* A file whose segments have been checked. */
typedef struct elf_image {
    elf_file file;
    uint32_t count;
    Elf64_Phdr segments[ELF_MAX_SEGMENTS];
} elf_image;

/* The entries of a dynamic table of which there is at most one. */
typedef enum elf_tag {
    ELF_SYMTAB,
    ELF_SYMENT,
    ELF_STRTAB,
    ELF_STRSZ,
    ELF_HASH,
    ELF_GNU_HASH,
    ELF_RELA,
    ELF_RELASZ,
    ELF_RELAENT,
    ELF_RELACOUNT,
    ELF_JMPREL,
    ELF_PLTRELSZ,
    ELF_PLTREL,
    ELF_RELR,
    ELF_RELRSZ,
    ELF_RELRENT,
    ELF_INIT,
    ELF_FINI,
    ELF_INIT_ARRAY,
    ELF_INIT_ARRAYSZ,
    ELF_FINI_ARRAY,
    ELF_FINI_ARRAYSZ,
    ELF_PLTGOT,
    ELF_VERSYM,
    ELF_VERNEED,
    ELF_VERNEEDNUM,
    ELF_VERDEF,
    ELF_VERDEFNUM,
    ELF_RPATH,
    ELF_RUNPATH,
    ELF_FLAGS,
    ELF_FLAGS_1,
    ELF_TEXTREL,
    ELF_TAGS
} elf_tag;

/* What the dynamic table says; the value of an absent entry is 0. */
typedef struct elf_dynamic {
    uint64_t value[ELF_TAGS];
    bool has[ELF_TAGS];
    uint32_t needed_count;
    uint64_t needed[ELF_MAX_NEEDED]; /* offsets among the strings */
    uint64_t symbol_count;
} elf_dynamic;

/* Accept a shared object that this process can map and that exports the entry
 * of this interface's major version as a function.  Every other file is refused
 * with a sentence that says what it is and what to do. */
descent_status elf_check(const elf_file *file);

/* The parts of elf_check, in their order. */

/* Refuse a file that does not begin as ELF does, by what it is. */
descent_status elf_refuse_stranger(const elf_file *file,
                                   const unsigned char *head, size_t bytes);

/* Read and check the segments that the file header tells. */
descent_status elf_read_segments(elf_image *image, const Elf64_Ehdr *header);

/* Compare the sections, if there are any, with the segments ... */
descent_status elf_check_sections(const elf_image *image,
                                  const Elf64_Ehdr *header);

/* ... and with the arrays of functions of the dynamic table. */
descent_status elf_check_arrays(const elf_image *image,
                                const Elf64_Ehdr *header, const elf_dynamic *d);

/* Read and check the dynamic table. */
descent_status elf_read_dynamic(const elf_image *image, elf_dynamic *d);

/* Check the symbols, count them, and look for the entry among them. */
descent_status elf_find_entry(const elf_image *image, elf_dynamic *d);

/* Check the libraries that the file needs, and where they are looked for. */
descent_status elf_check_needed(const elf_image *image, const elf_dynamic *d);

/* Check the versions of symbols. */
descent_status elf_check_versions(const elf_image *image, const elf_dynamic *d);

/* Check what is to be written where, and which functions run by themselves. */
descent_status elf_check_relocations(const elf_image *image,
                                     const elf_dynamic *d);

/* The segment whose memory holds the address, or NULL. */
const Elf64_Phdr *elf_segment_at(const elf_image *image, uint64_t address);

/* True when all `bytes` at `address` lie in a segment with these rights. */
bool elf_has_memory(const elf_image *image, uint64_t address, uint64_t bytes,
                    uint32_t rights);

/* Turn the `bytes` at `address` into an offset in the file, and read them. */
descent_status elf_locate(const elf_image *image, uint64_t address,
                          uint64_t bytes, uint64_t *offset);
descent_status elf_read_at(const elf_image *image, uint64_t address,
                           void *buffer, size_t bytes);

/* Read the string at `offset` among the strings, which must end in `size`
 * bytes. */
descent_status elf_read_string(const elf_image *image, const elf_dynamic *d,
                               uint64_t offset, char *text, size_t size);

/* Read `bytes` at `at`, which need not lie in the file. */
descent_status elf_read(const elf_file *file, uint64_t at, void *buffer,
                        size_t bytes);

/* Fail: the file contradicts itself. */
descent_status elf_damaged(const elf_file *file, const char *what);

#endif
