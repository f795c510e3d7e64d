/* SPDX-License-Identifier: MIT */
/* Reads a plugin file's headers and dynamic tables before any of its code can
 * run: dlopen dies of a truncated file and runs the constructors of every file,
 * so what is wrong with one must be known earlier. */
#ifndef DESCENT_PLUGIN_ELF_H
#define DESCENT_PLUGIN_ELF_H

#include <elf.h>

#include "base/files.h"
#include "base/status.h"

enum { ELF_MAX_SEGMENTS = 64 };

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

/* What the dynamic table says; an absent address is 0. */
typedef struct elf_dynamic {
    uint64_t symbols, strings, string_bytes, symbol_size, hash, gnu_hash;
    uint64_t text_relocations, flags, flags_1;
} elf_dynamic;

/* Accept a shared object that this process can map and that exports the entry
 * of this interface's major version as a function.  Every other file is refused
 * with a sentence that says what it is and what to do. */
descent_status elf_check(const elf_file *file);

/* The parts of elf_check. */

/* Refuse a file that does not begin as ELF does, by what it is. */
descent_status elf_refuse_stranger(const elf_file *file,
                                   const unsigned char *head, size_t bytes);

/* Read and check the file header and the segments. */
descent_status elf_read_segments(elf_image *image);

/* Read and check the dynamic table. */
descent_status elf_read_dynamic(const elf_image *image, elf_dynamic *d);

/* Look for the entry among the symbols. */
descent_status elf_find_entry(const elf_image *image);

/* The segment whose memory holds the address, or NULL. */
const Elf64_Phdr *elf_segment_at(const elf_image *image, uint64_t address);

/* Turn the `bytes` at `address` into an offset in the file, and read them. */
descent_status elf_locate(const elf_image *image, uint64_t address,
                          uint64_t bytes, uint64_t *offset);
descent_status elf_read_at(const elf_image *image, uint64_t address,
                           void *buffer, size_t bytes);

/* Read `bytes` at `at`, which need not lie in the file. */
descent_status elf_read(const elf_file *file, uint64_t at, void *buffer,
                        size_t bytes);

/* Fail: the file contradicts itself. */
descent_status elf_damaged(const elf_file *file, const char *what);

#endif
