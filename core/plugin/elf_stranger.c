/* SPDX-License-Identifier: MIT */
/* What a file is that is no ELF file, for a message that helps. */
#include <string.h>

#include "plugin/elf.h"

#define REBUILD "link it with cc -shared on this machine"

static const struct {
    const char *head;
    size_t bytes;
    const char *what, *advice;
} strangers[] = {
    {"#!", 2, "a script", "give the shared object itself"},
    {"!<arch>\n", 8, "an archive of object files (.a)", REBUILD},
    {"!<thin>\n", 8, "an archive of object files (.a)", REBUILD},
    {"/* GNU ld script", 16, "a linker script",
     "give the shared object that it names"},
    {"MZ", 2, "a Windows file", REBUILD},
    {"\xcf\xfa\xed\xfe", 4, "a macOS file", REBUILD},
    {"\xca\xfe\xba\xbe", 4, "a macOS file", REBUILD},
    {"BC\xc0\xde", 4, "LLVM bitcode", REBUILD},
    {"\0asm", 4, "a WebAssembly module", REBUILD},
    {"\x1f\x8b", 2, "compressed by gzip", "unpack it"},
    {"PK\x03\x04", 4, "a zip archive", "unpack it"},
    {"\xfd"
     "7zXZ",
     5, "compressed by xz", "unpack it"},
    {"(\xb5/\xfd", 4, "compressed by zstd", "unpack it"},
};

static int is_text(const unsigned char *head, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((head[i] < 0x20 && strchr("\t\n\v\f\r", head[i]) == NULL) ||
            head[i] == 0 || head[i] == 0x7f)
            return 0;
    return 1;
}

descent_status elf_refuse_stranger(const elf_file *file,
                                   const unsigned char *head, size_t bytes)
{
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (bytes >= strangers[i].bytes &&
            memcmp(head, strangers[i].head, strangers[i].bytes) == 0)
            return status_fail(
                DESCENT_ERR_ABI, "%s: %s, expected a shared object; %s",
                file->path, strangers[i].what, strangers[i].advice);
    if (bytes < SELFMAG && memcmp(head, ELFMAG, bytes) == 0)
        return elf_damaged(file, "it ends in its first four bytes");
    return status_fail(
        DESCENT_ERR_ABI, "%s: %s, expected a shared object; " REBUILD,
        file->path, is_text(head, bytes) ? "a text file" : "not an ELF file");
}
