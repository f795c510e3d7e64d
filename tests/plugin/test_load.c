/* SPDX-License-Identifier: MIT */
/* Bringing plugin files into the process. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sched.h>

#include "../support/plugin_files.h"
#include "../support/plugin_registry.h"
#include "plugin/elf.h"

static test_registry t;
static char built[PATH_MAX], folder[PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    plugin_built_folder(built);
    plugin_folder_make(folder);
    plugin_registry_open(&t, built);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plugin_registry_close(&t);
    plugin_folder_remove(folder);
    return 0;
}

static bool refused(const char *name, const char *part)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    const bool found = registry_find(t.registry, name, &info) == DESCENT_OK;

    if (found)
        fprintf(stderr, "accepted, expected: %s\n", part);
    return !found && info.path == NULL && plugin_message_has(part);
}

static void a_good_plugin_is_loaded(void **state)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    char path[PATH_MAX];

    (void)state;
    plugin_built_path("good", path);
    if (registry_find(t.registry, "good", &info) != DESCENT_OK)
        fail_msg("%s", descent_error_message());
    assert_int_equal(info.status, DESCENT_OK);
    assert_string_equal(info.path, path);
    assert_null(info.reason);
    assert_string_equal(info.type->id, "good");
    assert_string_equal(info.plugin->name, "descent-good");
}

static void what_an_entry_may_answer(void **state)
{
    (void)state;
    assert_true(refused("returns_null",
                        "/returns_null.so: its entry returned NULL, expected "
                        "its tables; ask its author for the reason"));
    assert_true(refused("declines", "/declines.so: refuses to work: the moon "
                                    "is in the wrong house"));
    assert_int_equal(descent_error_code(), DESCENT_ERR_SUPPORT);
    assert_true(refused("wrong_magic",
                        "/wrong_magic.so: magic = 0x31534e44, expected "
                        "0x44534e31; build it with"));
    assert_true(refused("wrong_major",
                        "/wrong_major.so: built for plugin ABI 2, this is 1; "
                        "rebuild it with the headers of this installation"));
    assert_true(refused("misnamed",
                        "/misnamed.so: id = \"other\", expected \"misnamed\", "
                        "as the file is called; rename the one or the other"));
}

static void the_type_with_the_files_name_is_used(void **state)
{
    descent_plugin_info info = {.struct_size = sizeof info};

    (void)state;
    assert_int_equal(registry_find(t.registry, "two_types", &info), DESCENT_OK);
    assert_string_equal(info.type->id, "two_types");
    assert_int_equal(info.plugin->type_count, 2);
}

static void no_constructor_of_a_file_that_is_no_plugin_runs(void **state)
{
    static const char *const names[] = {"no_entry", "data_entry", "newer"};
    const char *trace = plugin_in(folder, "trace");

    (void)state;
    setenv("PLUGIN_TRACE", trace, 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(refused(names[i], names[i]));
        assert_int_not_equal(access(trace, F_OK), 0);
    }
    /* The constructor is there: in a plugin it runs. */
    assert_int_equal(registry_find(t.registry, "traced", NULL), DESCENT_OK);
    assert_int_equal(access(trace, F_OK), 0);
    unsetenv("PLUGIN_TRACE");
}

static void changes_of_the_process_are_refused_and_undone(void **state)
{
    static const struct {
        const char *name, *says;
    } rows[] = {
        {"sets_rounding", "changes the floating-point state (rounding) of "
                          "this process when it is loaded, which has been "
                          "restored; build it without -Ofast"},
        {"flushes", "changes the floating-point state (flush-to-zero)"},
        {"entry_rounding", "changes the floating-point state (rounding)"},
        {"sets_locale", "changes the locale of this process"},
        {"thread_locale", "changes the locale of the thread of this"},
        {"entry_locale", "changes the locale of this process"},
        {"entry_signals", "changes the handler of SIGUSR2 of this process"},
#if defined __x86_64__
        {"entry_masks", "changes the floating-point state (exception masks)"},
#endif
        {"takes_signals", "changes the handler of SIGUSR1, the handler of "
                          "SIGPIPE of this process"},
    };
    const locale_t thread = uselocale((locale_t)0);
    struct sigaction action;
    fenv_t before, after;

    (void)state;
    fegetenv(&before);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(refused(rows[i].name, rows[i].says));
        assert_true(plugin_message_has(rows[i].name));
        fegetenv(&after);
        assert_memory_equal(&before, &after, sizeof before);
        assert_int_equal(fegetround(), FE_TONEAREST);
        assert_string_equal(setlocale(LC_ALL, NULL), "C");
        assert_ptr_equal(uselocale((locale_t)0), thread);
    }
    sigaction(SIGUSR1, NULL, &action);
    assert_ptr_equal(action.sa_handler, SIG_DFL);
    sigaction(SIGUSR2, NULL, &action);
    assert_ptr_equal(action.sa_handler, SIG_DFL);
    sigaction(SIGPIPE, NULL, &action);
    assert_ptr_equal(action.sa_handler, SIG_DFL);
    assert_int_equal(registry_find(t.registry, "raises_flags", NULL),
                     DESCENT_OK);
}

/* Its constructor does not run again, and its entry behaves the second time. */
static void a_plugin_that_changed_the_process_stays_refused(void **state)
{
    const char *trace = plugin_in(folder, "again");
    test_registry other, fresh;
    descent_plugin_info info = {.struct_size = sizeof info};

    (void)state;
    /* A new file, whose constructor has not run before. */
    plugin_copy("sets_rounding", folder, "sets_rounding.so");
    setenv("PLUGIN_TRACE", trace, 1);
    plugin_registry_open(&other, built);
    plugin_registry_open(&fresh, folder);
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(
            registry_find(fresh.registry, "sets_rounding", &info), DESCENT_OK);
        assert_true(plugin_message_has("floating-point state"));
        assert_int_equal(unlink(trace) == 0, i == 0);
        assert_true(refused("entry_rounding", "floating-point state"));
        assert_int_not_equal(
            registry_find(other.registry, "entry_rounding", &info), DESCENT_OK);
    }
    plugin_registry_close(&other);
    plugin_registry_close(&fresh);
    unsetenv("PLUGIN_TRACE");
}

/* The loader's own memory is the C library's. */
static int allocations = -1; /* that succeed, or all */

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    static int (*next)(void **, size_t, size_t);

    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "posix_memalign");
    if (allocations == 0)
        return ENOMEM;
    if (allocations > 0)
        allocations--;
    return next(block, alignment, bytes);
}

static bool refuses_to_load(const char *path)
{
    return registry_load(t.registry, path, NULL) != DESCENT_OK;
}

/* A reason that cannot be kept is no acquittal. */
static void without_memory_for_the_reason_it_stays_refused(void **state)
{
    static const struct {
        const char *name, *says;
    } rows[] = {
        {"sets_rounding", "changes the floating-point state"},
        {"entry_rounding", "changes the floating-point state"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char file[64];
        const char *path;
        int enough = -1;
        snprintf(file, sizeof file, "%s.so", rows[i].name);
        path = plugin_in(folder, file);
        do {
            plugin_copy(rows[i].name, folder, file);
            allocations = ++enough;
            assert_true(refuses_to_load(path));
            allocations = -1;
        } while (descent_error_code() == DESCENT_ERR_MEMORY);
        assert_true(enough > 0);
        assert_true(plugin_message_has(rows[i].says));
        assert_true(refuses_to_load(path));
        assert_true(plugin_message_has("refused before, when memory was "
                                       "short; start the process again"));
    }
}

static void two_runtimes_share_one_library(void **state)
{
    test_registry other;
    descent_plugin_info a = {.struct_size = sizeof a};
    descent_plugin_info b = {.struct_size = sizeof b};

    (void)state;
    assert_int_equal(registry_find(t.registry, "good", &a), DESCENT_OK);
    plugin_registry_open(&other, built);
    assert_int_equal(registry_find(other.registry, "good", &b), DESCENT_OK);
    assert_ptr_equal(a.type, b.type);
    assert_ptr_equal(a.path, b.path);
    plugin_registry_close(&other);
    /* Pointers of a runtime that is gone stay good. */
    assert_string_equal(b.type->id, "good");
    assert_true(access(b.path, R_OK) == 0);
}

/* Descriptors get the same number one after the other; each file must be the
 * one that was asked for, also when it replaces an earlier one under its path.
 */
static void each_file_is_the_one_that_was_checked(void **state)
{
    const descent_optimizer_type *seen[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        descent_plugin_info info = {.struct_size = sizeof info};
        test_registry fresh;
        plugin_copy(i % 2 == 0 ? "traced" : "good", folder,
                    i % 2 == 0 ? "traced.so" : "good.so");
        plugin_registry_open(&fresh, folder);
        if (registry_find(fresh.registry, i % 2 == 0 ? "traced" : "good",
                          &info) != DESCENT_OK)
            fail_msg("%s", descent_error_message());
        assert_string_equal(info.type->id, i % 2 == 0 ? "traced" : "good");
        seen[i] = info.type;
        for (int k = 0; k < i; k++)
            assert_ptr_not_equal(seen[k], info.type);
        plugin_registry_close(&fresh);
    }
}

/* Somebody puts another file into the place of the one that is being checked.
 */
static ssize_t read_and_swap(int descriptor, void *buffer, size_t bytes,
                             off_t at)
{
    (void)rename(plugin_in(folder, "swap"), plugin_in(folder, "both.so"));
    return files_system.read_at(descriptor, buffer, bytes, at);
}

static void the_file_checked_is_the_file_loaded(void **state)
{
    files swapping = files_system;
    const registry_setup setup = {
        t.memory, &t.log, &swapping, false, plugin_is_core_option, NULL, NULL};
    descent_plugin_info info = {.struct_size = sizeof info};
    registry *r;

    (void)state;
    swapping.read_at = read_and_swap;
    plugin_copy("both", folder, "both.so");
    plugin_copy("traced", folder, "swap");
    setenv("PLUGIN_TRACE", plugin_in(folder, "swapped"), 1);
    assert_int_equal(registry_create(&setup, &r), DESCENT_OK);
    assert_int_equal(registry_load(r, plugin_in(folder, "both.so"), &info),
                     DESCENT_OK);
    assert_string_equal(info.type->id, "both");
    assert_int_not_equal(access(plugin_in(folder, "swap"), F_OK), 0);
    assert_int_not_equal(access(plugin_in(folder, "swapped"), F_OK), 0);
    registry_free(r);
    unsetenv("PLUGIN_TRACE");
}

static int count_descriptors(void)
{
    int n = 0;

    for (int i = 0; i < 256; i++)
        n += fcntl(i, F_GETFD) != -1;
    return n;
}

static void loading_leaves_no_descriptor_open(void **state)
{
    const int before = count_descriptors();

    (void)state;
    plugin_copy("both", folder, "both.so");
    plugin_write(plugin_in(folder, "broken.so"), "text", 4);
    assert_int_equal(
        registry_load(t.registry, plugin_in(folder, "both.so"), NULL),
        DESCENT_OK);
    assert_int_not_equal(
        registry_load(t.registry, plugin_in(folder, "broken.so"), NULL),
        DESCENT_OK);
    assert_int_equal(count_descriptors(), before);
}

static void replace_text(plugin_bytes *bytes, const char *old, const char *new)
{
    const size_t length = strlen(old) + 1;
    size_t changed = 0;

    assert_int_equal(strlen(new) + 1, length);
    for (size_t i = 0; i + length <= bytes->size; i++)
        if (memcmp(bytes->at + i, old, length) == 0) {
            memcpy(bytes->at + i, new, length);
            changed++;
        }
    assert_true(changed > 0);
}

static void what_the_dynamic_linker_refuses_is_told(void **state)
{
    plugin_bytes bytes;
    char path[PATH_MAX];

    (void)state;
    plugin_built_path("takes_signals", path);
    bytes = plugin_read(path);
    replace_text(&bytes, "sigaction", "sigactiox");
    plugin_write(plugin_in(folder, "takes_signals.so"), bytes.at, bytes.size);
    plugin_free(&bytes);
    assert_int_not_equal(
        registry_load(t.registry, plugin_in(folder, "takes_signals.so"), NULL),
        DESCENT_OK);
    assert_true(plugin_message_has("/takes_signals.so: cannot be loaded: "));
    assert_true(plugin_message_has("sigactiox"));
    assert_null(strstr(descent_error_message(), "/proc/"));
}

/* Run `child` in a child process; the exit status, or -1 for a crash. */
static int in_child(int (*child)(const char *path), const char *path)
{
    int status = 0;
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        alarm(20);
        /* The test framework catches these; here they must end the child. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        _exit(child(path));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { SOUND = 0, REFUSED = 3, STRANGE = 4 };

static int try_load(const char *path)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    test_registry fresh;

    plugin_registry_open(&fresh, NULL);
    if (registry_load(fresh.registry, path, &info) != DESCENT_OK)
        return descent_error_code() == DESCENT_ERR_IO &&
                       strstr(descent_error_message(), path) != NULL
                   ? REFUSED
                   : STRANGE;
    return info.type->step != NULL ? SOUND : STRANGE;
}

/* Cut the file at every 61st byte; dlopen itself dies of most of these. */
static void truncate_everywhere(const char *from, const char *file)
{
    plugin_bytes bytes = plugin_read(from);
    const char *path = strdup(plugin_in(folder, file));
    int cuts = 0;

    for (size_t size = 0; size < bytes.size; size += 61, cuts++) {
        int result;
        plugin_write(path, bytes.at, size);
        result = in_child(try_load, path);
        if (result != REFUSED && result != SOUND)
            fail_msg("%s cut at %zu: result %d", file, size, result);
    }
    plugin_write(path, bytes.at, bytes.size);
    assert_int_equal(in_child(try_load, path), SOUND);
    assert_true(cuts > 100);
    plugin_free(&bytes);
    unlink(path);
    free((void *)(uintptr_t)path);
}

static void a_truncated_plugin_crashes_nothing(void **state)
{
    char path[PATH_MAX];

    (void)state;
    plugin_built_path("good", path);
    truncate_everywhere(path, "good.so");
}

static void a_truncated_adam_crashes_nothing(void **state)
{
    char path[PATH_MAX];

    (void)state;
    if (!plugin_shipped_path("adam", path))
        skip();
    truncate_everywhere(path, "adam.so");
}

/* ---- Files with one bit wrong ---- */

static plugin_bytes flipped;

static ssize_t read_flipped(int descriptor, void *buffer, size_t bytes,
                            off_t at)
{
    size_t n = 0;

    (void)descriptor;
    if (at >= 0 && (size_t)at < flipped.size)
        n = flipped.size - (size_t)at;
    n = bytes < n ? bytes : n;
    memcpy(buffer, flipped.at + at, n);
    return (ssize_t)n;
}

/* The crashes of bytes [from, to) with one bit wrong: each file that is accepted
 * is loaded in a child. */
static int count_crashes(size_t from, size_t to, const char *path)
{
    static const files table = {.read_at = read_flipped};
    const elf_file file = {&table, 0, flipped.size, path};
    int crashes = 0;

    for (size_t bit = from * 8; bit < to * 8; bit++) {
        unsigned char *const byte = &flipped.at[bit / 8];
        *byte ^= (unsigned char)(1u << bit % 8);
        if (elf_check(&file) == DESCENT_OK) {
            plugin_write(path, flipped.at, flipped.size);
            crashes += in_child(try_load, path) == -1;
        }
        *byte ^= (unsigned char)(1u << bit % 8);
    }
    return crashes;
}

/* Whether the address of DT_INIT is right no check can see. */
static void flip_dynamic_table(const Elf64_Phdr *table, const char *path)
{
    const size_t begin = table->p_offset;

    for (size_t at = begin; at < begin + table->p_filesz;
         at += sizeof(Elf64_Dyn)) {
        const Elf64_Dyn *entry = (const void *)(flipped.at + at);
        const int64_t tag = entry->d_tag;
        int crashes;
        if (tag == DT_NULL)
            return;
        crashes = count_crashes(at, at + sizeof tag, path);
        if (tag != DT_INIT)
            crashes += count_crashes(at + sizeof tag, at + sizeof *entry, path);
        if (crashes != 0)
            fail_msg("tag %llx: %d crashes", (unsigned long long)tag, crashes);
    }
}

static void a_flipped_bit_in_the_tables_crashes_nothing(void **state)
{
    char from[PATH_MAX];
    const Elf64_Ehdr *header;
    const Elf64_Phdr *segments;
    char path[PATH_MAX];

    (void)state;
    if (!plugin_shipped_path("adam", from))
        skip();
    snprintf(path, sizeof path, "%s", plugin_in(folder, "adam.so"));
    flipped = plugin_read(from);
    header = (const void *)flipped.at;
    segments = (const void *)(flipped.at + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        const size_t at = header->e_phoff + i * sizeof *segments;
        const int crashes = count_crashes(at, at + sizeof *segments, path);
        if (crashes != 0)
            fail_msg("segment %u: %d crashes", i, crashes);
        if (segments[i].p_type == PT_DYNAMIC)
            flip_dynamic_table(&segments[i], path);
    }
    plugin_free(&flipped);
    unlink(path);
}

/* Without /proc the path is all there is.  A file that replaces a loaded one
 * cannot be told to the dynamic linker then, which must be noticed. */
static int without_proc(const char *path)
{
    test_registry first, other;
    descent_plugin_info info = {.struct_size = sizeof info};

    plugin_registry_open(&first, NULL);
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/proc", "tmpfs", 0, NULL) != 0)
        return 77;
    if (access("/proc/self", F_OK) == 0 ||
        registry_load(first.registry, path, &info) != DESCENT_OK ||
        strcmp(info.type->id, "traced") != 0)
        return 1;
    plugin_copy("traced", folder, "traced.so");
    plugin_registry_open(&other, folder);
    if (registry_find(other.registry, "traced", &info) == DESCENT_OK)
        return 2;
    return strstr(descent_error_message(),
                  "replaced by another file since it was loaded; start the "
                  "process again") != NULL
               ? 0
               : 5;
}

static void without_proc_the_path_is_used_and_compared(void **state)
{
    int result;

    (void)state;
    plugin_copy("traced", folder, "traced.so");
    result = in_child(without_proc, plugin_in(folder, "traced.so"));
    if (result == 77)
        skip();
    assert_int_equal(result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_plugin_is_loaded),
        cmocka_unit_test(what_an_entry_may_answer),
        cmocka_unit_test(the_type_with_the_files_name_is_used),
        cmocka_unit_test(no_constructor_of_a_file_that_is_no_plugin_runs),
        cmocka_unit_test(changes_of_the_process_are_refused_and_undone),
        cmocka_unit_test(a_plugin_that_changed_the_process_stays_refused),
        cmocka_unit_test(without_memory_for_the_reason_it_stays_refused),
        cmocka_unit_test(two_runtimes_share_one_library),
        cmocka_unit_test(each_file_is_the_one_that_was_checked),
        cmocka_unit_test(the_file_checked_is_the_file_loaded),
        cmocka_unit_test(loading_leaves_no_descriptor_open),
        cmocka_unit_test(what_the_dynamic_linker_refuses_is_told),
        cmocka_unit_test(a_truncated_plugin_crashes_nothing),
        cmocka_unit_test(a_truncated_adam_crashes_nothing),
        cmocka_unit_test(a_flipped_bit_in_the_tables_crashes_nothing),
        cmocka_unit_test(without_proc_the_path_is_used_and_compared),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
