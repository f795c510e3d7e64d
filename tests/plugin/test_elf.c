/* SPDX-License-Identifier: MIT */
/* What is said about a file before any of its code can run.  Files are bytes in
 * memory here, cut and changed at will. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/plugin_files.h"
#include "../support/plugin_registry.h"
#include "plugin/elf.h"

static plugin_bytes good; /* a sound plugin                 */
static plugin_bytes file; /* what the checker is given      */
static long lost;         /* bytes that reads do not reach  */

static ssize_t read_bytes(int descriptor, void *buffer, size_t bytes, off_t at)
{
    const size_t end = file.size - (size_t)lost;
    size_t n;

    (void)descriptor;
    if (at < 0 || (size_t)at >= end)
        return 0;
    n = bytes < end - (size_t)at ? bytes : end - (size_t)at;
    memcpy(buffer, file.at + at, n);
    return (ssize_t)n;
}

static descent_status check(void)
{
    static const files table = {.read_at = read_bytes};
    const elf_file f = {&table, 0, file.size, "/p/good.so"};

    return elf_check(&f);
}

/* Start from a fresh copy of the good plugin. */
static void restore(void)
{
    free(file.at);
    file.size = good.size;
    file.at = malloc(good.size);
    assert_non_null(file.at);
    memcpy(file.at, good.at, good.size);
    lost = 0;
}

/* The checker reads no more than it was told is there. */
static void cut(size_t size)
{
    unsigned char *shorter = malloc(size + 1);

    assert_non_null(shorter);
    memcpy(shorter, good.at, size);
    free(file.at);
    file.at = shorter;
    file.size = size;
    lost = 0;
}

static bool refused(const char *part)
{
    const descent_status status = check();

    if (status == DESCENT_OK) {
        fprintf(stderr, "accepted, expected: %s\n", part);
        return false;
    }
    /* Each sentence names the file. */
    return plugin_message_has("/p/good.so: ") && plugin_message_has(part);
}

static Elf64_Ehdr *header(void)
{
    return (void *)file.at;
}

static Elf64_Phdr *segment(uint32_t type)
{
    Elf64_Phdr *p = (void *)(file.at + header()->e_phoff);

    for (unsigned i = 0; i < header()->e_phnum; i++)
        if (p[i].p_type == type)
            return &p[i];
    fail_msg("no segment of type %u", type);
    return NULL;
}

static Elf64_Dyn *find_tag(int64_t wanted)
{
    Elf64_Dyn *d = (void *)(file.at + segment(PT_DYNAMIC)->p_offset);

    for (; d->d_tag != DT_NULL; d++)
        if (d->d_tag == wanted)
            return d;
    return NULL;
}

static Elf64_Dyn *tag(int64_t wanted)
{
    Elf64_Dyn *d = find_tag(wanted);

    assert_non_null(d);
    return d;
}

/* Make the tag, if there is one, mean nothing. */
static void drop(int64_t unwanted)
{
    if (find_tag(unwanted) != NULL)
        find_tag(unwanted)->d_tag = DT_DEBUG;
}

static void a_good_plugin_is_accepted(void **state)
{
    (void)state;
    restore();
    if (check() != DESCENT_OK)
        fail_msg("%s", descent_error_message());
}

static void files_that_are_no_elf_are_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } rows[] = {
        {"", 0, "an empty file; build it or copy it again"},
        {"hello\nworld\n", 12, "a text file, expected a shared object; link"},
        {"h", 1, "a text file"},
        {"#!/bin/sh\n", 10, "a script, expected a shared object; give"},
        {"!<arch>\nx/", 10, "an archive of object files (.a), expected"},
        {"!<thin>\nx/", 10, "an archive of object files"},
        {"/* GNU ld script\n*/", 19, "a linker script"},
        {"MZ\x90\0", 4, "a Windows file"},
        {"\xcf\xfa\xed\xfe....", 8, "a macOS file"},
        {"\x1f\x8b\x08\0", 4, "compressed by gzip"},
        {"PK\x03\x04....", 8, "a zip archive"},
        {"\0\0\0\0\0\0\0\0", 8, "not an ELF file"},
        {"\x7f"
         "EL",
         3, "it ends in its first four bytes"},
        {"\x7f"
         "ELF",
         4, "truncated or damaged: a table ends outside"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        free(file.at);
        file.at = malloc(rows[i].size + 1);
        file.size = rows[i].size;
        lost = 0;
        memcpy(file.at, rows[i].bytes, rows[i].size);
        assert_true(refused(rows[i].says));
    }
}

static void other_machines_are_named(void **state)
{
    (void)state;
    restore();
    header()->e_machine = EM_RISCV;
    assert_true(refused("built for RISC-V (64 bits, little-endian), this "
                        "process is "));
    assert_true(plugin_message_has("; build it for this machine"));
    restore();
    header()->e_ident[EI_CLASS] = ELFCLASS32;
    header()->e_machine = EM_386;
    assert_true(refused("built for 32-bit x86 (32 bits, "));
    restore();
    header()->e_ident[EI_DATA] = ELFDATA2MSB;
    header()->e_machine = (uint16_t)(EM_S390 << 8);
    assert_true(refused("built for IBM Z (64 bits, big-endian)"));
    restore();
    header()->e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
    assert_true(refused("built for another operating system (OS ABI 9)"));
}

static void other_kinds_of_elf_files_are_named(void **state)
{
    (void)state;
    restore();
    header()->e_type = ET_REL;
    assert_true(refused("an object file that is not linked, expected a shared "
                        "object; link it with cc -shared"));
    header()->e_type = ET_EXEC;
    assert_true(refused("a program, expected a shared object"));
    header()->e_type = ET_CORE;
    assert_true(refused("a core dump"));
    header()->e_type = 0xfe00;
    assert_true(refused("an ELF file of an unknown type"));
    restore();
    tag(DT_FLAGS_1)->d_un.d_val |= DF_1_PIE;
    assert_true(refused("a program, expected a shared object"));
}

static void headers_that_contradict_are_refused(void **state)
{
    (void)state;
    restore();
    header()->e_phentsize = 55;
    assert_true(refused("its headers have a wrong size"));
    restore();
    header()->e_phnum = 65;
    assert_true(refused("65 segments, expected 1 to 64"));
    header()->e_phnum = 0;
    assert_true(refused("0 segments, expected 1 to 64"));
    restore();
    header()->e_phoff = UINT64_MAX - 8;
    assert_true(refused("a table ends outside the file"));
    restore();
    header()->e_shentsize = 63;
    assert_true(refused("its section headers have a wrong size"));
    restore();
    header()->e_shoff = UINT64_MAX - 8;
    assert_true(refused("its section headers end outside the file"));
}

static void segments_that_contradict_are_refused(void **state)
{
    (void)state;
    restore();
    segment(PT_LOAD)->p_offset = UINT64_MAX - 100;
    assert_true(refused("a segment ends outside the file"));
    restore();
    segment(PT_LOAD)->p_memsz = segment(PT_LOAD)->p_filesz - 1;
    assert_true(refused("a segment is longer in the file than in memory"));
    restore();
    segment(PT_LOAD)->p_memsz = UINT64_MAX;
    segment(PT_LOAD)->p_flags = PF_R | PF_W;
    assert_true(refused("its segments overlap in memory"));
    segment(PT_LOAD)->p_flags = PF_R;
    assert_true(refused("a segment lacks the right to be read or to be "
                        "cleared"));
    restore();
    segment(PT_LOAD)->p_align = 3;
    assert_true(refused("a segment is misaligned"));
    restore();
    segment(PT_LOAD)->p_vaddr += 8;
    assert_true(refused("a segment is misaligned"));
    restore();
    segment(PT_DYNAMIC)->p_type = PT_NOTE;
    assert_true(refused("no dynamic table, so no shared object"));
    restore();
    segment(PT_DYNAMIC)->p_offset += 16;
    assert_true(refused("its dynamic table is misplaced"));
    restore();
    segment(PT_DYNAMIC)->p_vaddr = 1ull << 40;
    assert_true(refused("its dynamic table is misplaced"));
    restore();
    for (unsigned i = 0; i < header()->e_phnum; i++)
        ((Elf64_Phdr *)(void *)(file.at + header()->e_phoff))[i].p_type =
            PT_NOTE;
    assert_true(refused("nothing in it is to be loaded"));
}

static void what_lies_outside_the_segments_is_refused(void **state)
{
    static const uint32_t types[] = {PT_NOTE,      PT_GNU_PROPERTY,
                                     PT_GNU_RELRO, PT_GNU_EH_FRAME,
                                     PT_TLS,       PT_INTERP};
    Elf64_Phdr *p;

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        restore();
        *segment(PT_GNU_EH_FRAME) =
            (Elf64_Phdr){types[i], PF_R, 0, 1ull << 38, 0, 0x100, 0x1000, 8};
        assert_true(refused("a part of a segment is misplaced"));
    }
    restore();
    p = segment(PT_GNU_RELRO);
    p->p_memsz += 1ull << 20;
    assert_true(refused("a part of a segment is misplaced"));
    restore();
    p = segment(PT_GNU_EH_FRAME);
    *p = (Elf64_Phdr){PT_TLS, PF_R, 0, 0, 0, 0, 1ull << 40, 8};
    assert_true(refused("its thread-local data is inconsistent"));
    /* Nothing is read from it, but it is mapped. */
    restore();
    p = segment(PT_LOAD);
    while (p->p_type == PT_LOAD)
        p++;
    *p = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 1ull << 30, 1ull << 30,
                      0,       0,           0x200,      0x1000};
    assert_true(refused("a segment ends outside the file"));
}

static void sections_and_segments_agree(void **state)
{
    (void)state;
    restore();
    for (unsigned i = 0; i < header()->e_phnum; i++) {
        Elf64_Phdr *p = (void *)(file.at + header()->e_phoff);
        if (p[i].p_type == PT_LOAD && (p[i].p_flags & PF_X) != 0)
            p[i].p_flags = PF_R;
    }
    assert_true(refused("its sections and segments contradict"));
    /* Without sections there is nothing to compare. */
    restore();
    header()->e_shoff = 0;
    header()->e_shnum = 0;
    assert_int_equal(check(), DESCENT_OK);
}

static Elf64_Rela *relocations(void)
{
    return (void *)(file.at + tag(DT_RELA)->d_un.d_ptr);
}

static void relocations_that_lie_are_refused(void **state)
{
    (void)state;
    restore();
    relocations()->r_offset = 0;
    assert_true(refused("a relocation changes what is not writable"));
    restore();
    relocations()->r_offset = UINT64_MAX - 3;
    assert_true(refused("a relocation changes what is not writable"));
    restore();
    drop(DT_RELACOUNT);
    relocations()->r_info |= 1ull << 50;
    assert_true(refused("a relocation names a symbol that is not there"));
    restore();
    drop(DT_RELACOUNT);
    relocations()->r_info = 5;
    assert_true(refused("has relocations of type 5, which a shared object has "
                        "no use for; compile it with -fPIC"));
    restore();
    relocations()->r_info = 0;
    assert_true(refused("its relocations are miscounted"));
    /* The first one is the constructor's. */
    restore();
    relocations()->r_addend = 0;
    assert_true(refused("a function that runs by itself lies outside"));
    restore();
    relocations()->r_offset += 1024;
    assert_int_not_equal(check(), DESCENT_OK);
}

static void half_told_tables_are_refused(void **state)
{
    static const int64_t tags[] = {DT_RELASZ, DT_RELA, DT_INIT_ARRAY,
                                   DT_FINI_ARRAYSZ};

    (void)state;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        restore();
        drop(tags[i]);
        assert_true(refused("its dynamic table tells only half of a table"));
    }
    restore();
    tag(DT_FLAGS_1)->d_tag = DT_STRSZ;
    assert_true(refused("its dynamic table says something twice"));
    restore();
    tag(DT_FLAGS_1)->d_tag = DT_REL;
    assert_true(refused("its relocations are of another machine's form"));
    restore();
    tag(DT_FLAGS_1)->d_tag = DT_VERDEFNUM;
    assert_true(refused("its dynamic table tells only half of a table"));
}

/* Let the table have one more entry, whose value is a string. */
static void say(int64_t what, const char *text)
{
    static const char unused[] = "_ITM_deregisterTMCloneTable";
    char *strings, *place;

    restore();
    strings = (char *)file.at + tag(DT_STRTAB)->d_un.d_ptr;
    place = memmem(strings, tag(DT_STRSZ)->d_un.d_val, unused, sizeof unused);
    assert_non_null(place);
    assert_true(strlen(text) < sizeof unused);
    strcpy(place, text);
    tag(DT_FLAGS_1)->d_un.d_val = (uint64_t)(place - strings);
    tag(DT_FLAGS_1)->d_tag = what;
}

static void no_library_comes_from_the_current_directory(void **state)
{
    static const struct {
        int64_t tag;
        const char *text, *says;
    } rows[] = {
        {DT_NEEDED, "./libx.so",
         "needs the library \"./libx.so\", a path "
         "from the current directory, where nothing "
         "is ever looked for; link it with -l"},
        {DT_NEEDED, "sub/libx.so", "needs the library \"sub/libx.so\""},
        {DT_NEEDED, "", "needs the library \"\""},
        {DT_NEEDED, "$ORIGIN/libx.so", "looks for libraries at \"$ORIGIN"},
        {DT_FILTER, "./libx.so", "needs the library \"./libx.so\""},
        {DT_RPATH, ".",
         "element 1 of its DT_RPATH, \".\", is no absolute "
         "path"},
        {DT_RUNPATH, "/a:lib",
         "element 2 of its DT_RUNPATH, \"/a:lib\", is "
         "no absolute path, and nothing is ever looked "
         "for in the current directory; link it with an "
         "absolute -rpath"},
        {DT_RUNPATH, "/a:", "element 2 of its DT_RUNPATH"},
        {DT_RUNPATH, ":/a", "element 1 of its DT_RUNPATH"},
        {DT_RUNPATH, "/a:$ORIGIN/lib",
         "looks for libraries at "
         "\"/a:$ORIGIN/lib\", but is opened "
         "through a descriptor, which has no "
         "folder; link them statically or with "
         "an absolute -rpath"},
        {DT_RPATH, "${ORIGIN}", "looks for libraries at \"${ORIGIN}\""},
    };
    static const struct {
        int64_t tag;
        const char *text;
    } sound[] = {
        {DT_NEEDED, "libx.so.1"},
        {DT_NEEDED, "/lib/libx.so.1"},
        {DT_RUNPATH, "/a/b:/c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        say(rows[i].tag, rows[i].text);
        assert_true(refused(rows[i].says));
    }
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        say(sound[i].tag, sound[i].text);
        assert_int_equal(check(), DESCENT_OK);
    }
}

static void an_executable_stack_is_refused(void **state)
{
    (void)state;
    restore();
    segment(PT_GNU_STACK)->p_flags |= PF_X;
    assert_true(refused("asks for an executable stack; link it with "
                        "-Wl,-z,noexecstack"));
    restore();
    segment(PT_GNU_STACK)->p_type = PT_NOTE;
    assert_true(refused("asks for an executable stack"));
}

static void text_relocations_are_refused(void **state)
{
    (void)state;
    restore();
    tag(DT_FLAGS_1)->d_tag = DT_TEXTREL;
    assert_true(refused("has text relocations, so its code would have to be "
                        "writable; compile it with -fPIC"));
    restore();
    tag(DT_FLAGS)->d_un.d_val |= DF_TEXTREL;
    assert_true(refused("has text relocations"));
}

static void dynamic_tables_that_lie_are_refused(void **state)
{
    static const struct {
        int64_t tag;
        uint64_t value;
        const char *says;
    } rows[] = {
        {DT_SYMTAB, 1ull << 40, "its dynamic table points outside"},
        {DT_STRTAB, UINT64_MAX, "its dynamic table points outside"},
        {DT_GNU_HASH, UINT64_MAX - 4, "its dynamic table points outside"},
        {DT_INIT, 1ull << 50, "its dynamic table points outside"},
        {DT_STRSZ, UINT64_MAX, "a dynamic table has a wrong size"},
        {DT_STRSZ, 1 << 23, "a dynamic table lies outside"},
        {DT_RELASZ, 24 * 4096 * 24, "a dynamic table lies outside"},
        {DT_RELASZ, 25, "a dynamic table has a wrong size"},
        {DT_RELAENT, 16, "a dynamic table has a wrong size"},
        {DT_RELACOUNT, 1 << 20, "its relocations are miscounted"},
        {DT_INIT_ARRAYSZ, 1 << 20, "a dynamic table lies outside"},
        {DT_INIT_ARRAYSZ, 0, "its sections and its dynamic table contradict"},
        {DT_FINI_ARRAYSZ, 4, "a dynamic table has a wrong size"},
        {DT_INIT, 0, "a function that runs by itself lies outside its code"},
        {DT_FINI, 8, "a function that runs by itself lies outside its code"},
        {DT_PLTGOT, 0, "its table of addresses is not writable"},
        {DT_STRSZ, 1, "a symbol's name lies outside"},
        {DT_STRSZ, 0, "it has no table of symbols"},
        {DT_SYMENT, 16, "its symbols have a wrong size"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        restore();
        tag(rows[i].tag)->d_un.d_val = rows[i].value;
        assert_true(refused(rows[i].says));
    }
    restore();
    tag(DT_SYMTAB)->d_tag = DT_DEBUG;
    assert_true(refused("it has no table of symbols"));
    restore();
    drop(DT_GNU_HASH);
    drop(DT_HASH);
    assert_true(refused("it has no table of symbols"));
}

/* Put the older table of hashes into the place of the newer one. */
static uint32_t *use_old_hashes(void)
{
    Elf64_Dyn *entry;
    uint32_t *table;

    restore();
    drop(DT_HASH);
    entry = tag(DT_GNU_HASH);
    entry->d_tag = DT_HASH;
    table = (void *)(file.at + entry->d_un.d_ptr);
    table[0] = 1;
    table[1] =
        (uint32_t)((tag(DT_STRTAB)->d_un.d_ptr - tag(DT_SYMTAB)->d_un.d_ptr) /
                   sizeof(Elf64_Sym));
    return table;
}

static void the_older_table_of_hashes_will_do(void **state)
{
    (void)state;
    use_old_hashes();
    if (check() != DESCENT_OK)
        fail_msg("%s", descent_error_message());
    use_old_hashes()[1] = 1;
    assert_true(refused("no entry"));
    use_old_hashes()[1] = UINT32_MAX;
    assert_true(refused("a dynamic table lies outside its segments"));
    use_old_hashes()[0] = 0;
    assert_true(refused("its table of hashes is empty"));
}

static void tables_of_hashes_that_lie_are_refused(void **state)
{
    /* buckets, first symbol, bloom words, shift */
    static const uint32_t rows[][2] = {
        {0, 0}, {0, 1u << 30}, {1, UINT32_MAX}, {2, 0},
        {2, 3}, {2, 1u << 31}, {3, 64},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t *table;
        restore();
        /* The first segment of a plugin begins at offset and address 0. */
        table = (void *)(file.at + tag(DT_GNU_HASH)->d_un.d_ptr);
        table[rows[i][0]] = rows[i][1];
        assert_int_not_equal(check(), DESCENT_OK);
        assert_true(plugin_message_has("truncated or damaged: "));
    }
}

static void a_file_that_shrinks_while_it_is_read_is_refused(void **state)
{
    (void)state;
    restore();
    for (lost = 1; (size_t)lost < good.size; lost += 509)
        if (check() != DESCENT_OK)
            assert_true(plugin_message_has("/p/good.so: "));
    lost = (long)good.size - 32;
    assert_true(refused("it became shorter while it was read"));
}

static void truncation_at_any_byte_is_found(void **state)
{
    (void)state;
    for (size_t size = 0; size < good.size; size++) {
        /* Every byte near the ends, where tables are; else every seventh. */
        if (size > 8192 && good.size - size > 8192 && size % 7 != 0)
            continue;
        cut(size);
        if (check() == DESCENT_OK)
            fail_msg("cut at %zu of %zu: accepted", size, good.size);
    }
}

/* Flip each bit of bytes [from, to): the checker may take the file or leave it,
 * but it must name it, and read nothing else. */
static void flip(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        for (int bit = 0; bit < 8; bit++) {
            file.at[i] ^= (unsigned char)(1 << bit);
            if (check() != DESCENT_OK)
                assert_true(plugin_message_has("/p/good.so: "));
            file.at[i] ^= (unsigned char)(1 << bit);
        }
}

static void a_flipped_bit_in_any_table_does_no_harm(void **state)
{
    uint64_t names, symbols;

    (void)state;
    restore();
    flip(0, sizeof(Elf64_Ehdr) + header()->e_phnum * sizeof(Elf64_Phdr));
    flip(segment(PT_DYNAMIC)->p_offset,
         segment(PT_DYNAMIC)->p_offset + segment(PT_DYNAMIC)->p_filesz);
    names = tag(DT_STRTAB)->d_un.d_ptr;
    symbols = tag(DT_SYMTAB)->d_un.d_ptr;
    flip(tag(DT_GNU_HASH)->d_un.d_ptr, tag(DT_GNU_HASH)->d_un.d_ptr + 64);
    flip(symbols, symbols + 240);
    flip(names, names + 100);
    assert_int_equal(check(), DESCENT_OK);
}

static void use_built(const char *name)
{
    char path[PATH_MAX];

    plugin_built_path(name, path);
    free(file.at);
    file = plugin_read(path);
    lost = 0;
}

static void a_file_without_the_entry_is_refused(void **state)
{
    (void)state;
    use_built("no_entry");
    assert_true(refused("no entry: a plugin exports the function "
                        "descent_plugin_v1, this file is something else"));
}

static void an_entry_that_is_data_is_refused(void **state)
{
    (void)state;
    use_built("data_entry");
    assert_true(refused("descent_plugin_v1 is not a function"));
}

static void another_major_version_is_refused_by_the_entrys_name(void **state)
{
    (void)state;
    use_built("newer");
    assert_true(refused("built for plugin ABI 2, this is 1; rebuild it with "
                        "the headers of this installation"));
    use_built("both");
    assert_int_equal(check(), DESCENT_OK);
}

static void shared_objects_of_the_system_are_no_plugins(void **state)
{
    static const char *const paths[] = {
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib/x86_64-linux-gnu/libm.so.6",
        "/lib/aarch64-linux-gnu/libc.so.6",
        "/lib64/libc.so.6",
    };

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        FILE *there = fopen(paths[i], "rb");
        if (there == NULL)
            continue;
        fclose(there);
        free(file.at);
        file = plugin_read(paths[i]);
        assert_true(refused("no entry"));
    }
}

static int set_up(void **state)
{
    char path[PATH_MAX];

    (void)state;
    plugin_built_path("good", path);
    good = plugin_read(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plugin_free(&good);
    plugin_free(&file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_plugin_is_accepted),
        cmocka_unit_test(files_that_are_no_elf_are_named),
        cmocka_unit_test(other_machines_are_named),
        cmocka_unit_test(other_kinds_of_elf_files_are_named),
        cmocka_unit_test(headers_that_contradict_are_refused),
        cmocka_unit_test(segments_that_contradict_are_refused),
        cmocka_unit_test(what_lies_outside_the_segments_is_refused),
        cmocka_unit_test(sections_and_segments_agree),
        cmocka_unit_test(relocations_that_lie_are_refused),
        cmocka_unit_test(half_told_tables_are_refused),
        cmocka_unit_test(no_library_comes_from_the_current_directory),
        cmocka_unit_test(an_executable_stack_is_refused),
        cmocka_unit_test(text_relocations_are_refused),
        cmocka_unit_test(dynamic_tables_that_lie_are_refused),
        cmocka_unit_test(tables_of_hashes_that_lie_are_refused),
        cmocka_unit_test(the_older_table_of_hashes_will_do),
        cmocka_unit_test(a_file_that_shrinks_while_it_is_read_is_refused),
        cmocka_unit_test(truncation_at_any_byte_is_found),
        cmocka_unit_test(a_flipped_bit_in_any_table_does_no_harm),
        cmocka_unit_test(a_file_without_the_entry_is_refused),
        cmocka_unit_test(an_entry_that_is_data_is_refused),
        cmocka_unit_test(another_major_version_is_refused_by_the_entrys_name),
        cmocka_unit_test(shared_objects_of_the_system_are_no_plugins),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
