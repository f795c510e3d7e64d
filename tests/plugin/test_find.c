/* SPDX-License-Identifier: MIT */
/* Where plugins are looked for, and which files are never opened. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/plugin_files.h"
#include "../support/plugin_registry.h"
#include "plugin/find.h"
#include "plugin/trust.h"

static char a[PATH_MAX], b[PATH_MAX];
static log_sink silent;
static memory *store;

static int set_up(void **state)
{
    (void)state;
    plugin_folder_make(a);
    plugin_folder_make(b);
    unsetenv("DESCENT_PLUGIN_PATH");
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    return memory_open(NULL, &store) == DESCENT_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    plugin_folder_remove(a);
    plugin_folder_remove(b);
    memory_close(store);
    return 0;
}

static descent_status create(registry **r)
{
    const registry_setup setup = {
        store, &silent, &files_system, true, plugin_is_core_option, NULL, NULL};

    return registry_create(&setup, r);
}

static bool finds(registry *r, const char *name, const char *path)
{
    descent_plugin_info info = {.struct_size = sizeof info};

    if (registry_find(r, name, &info) != DESCENT_OK) {
        fprintf(stderr, "%s: %s\n", name, descent_error_message());
        return false;
    }
    return strcmp(info.path, path) == 0;
}

static bool refuses(registry *r, const char *name, const char *part)
{
    return registry_find(r, name, NULL) != DESCENT_OK &&
           plugin_message_has(part);
}

static bool load_refused(registry *r, const char *path, const char *part)
{
    return registry_load(r, path, NULL) != DESCENT_OK &&
           plugin_message_has(part);
}

static void names_are_short_and_plain(void **state)
{
    static const struct {
        const char *path;
        bool good;
    } rows[] = {
        {"/x/adam.so", true},
        {"a.so", true},
        {"/x/a_1.so", true},
        {"/x/Adam.so", false},
        {"/x/1adam.so", false},
        {"/x/_a.so", false},
        {"/x/adam-2.so", false},
        {"/x/.so", false},
        {"/x/adam.so.1", false},
        {"/x/adam", false},
        {"/x/ad\nam.so", false},
        {"/x/", false},
        {"/a2345678901234567890123456789012.so", true},
        {"/a23456789012345678901234567890123.so", false},
    };
    char name[FIND_NAME];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (find_name_of(rows[i].path, name) != rows[i].good)
            fail_msg("%s", rows[i].path);
}

static void names_are_found_in_any_case(void **state)
{
    registry *r;

    (void)state;
    plugin_copy("both", a, "both.so");
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, a), DESCENT_OK);
    assert_true(finds(r, "Both", plugin_in(a, "both.so")));
    assert_true(finds(r, "BOTH", plugin_in(a, "both.so")));
    registry_free(r);
}

static void bad_names_are_refused(void **state)
{
    static const char *const names[] = {
        "",
        "../adam",
        "adam.so",
        "1st",
        "a\033[2Jb",
        "ad am",
        "a234567890123456789012345678901234567890",
    };
    registry *r;

    (void)state;
    assert_int_equal(create(&r), DESCENT_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(refuses(r, names[i],
                            "expected a letter, then at most 31 letters, "
                            "digits or _"));
    assert_true(refuses(r, "a\033[2Jb", "optimizer \"a?[2Jb\""));
    assert_true(refuses(r, NULL, "optimizer \"\""));
    registry_free(r);
}

static void a_missing_plugin_lists_the_directories(void **state)
{
    char variable[3 * PATH_MAX];
    registry *r;

    (void)state;
    plugin_copy("talks", b, "talks.so");
    snprintf(variable, sizeof variable, "%s:/descent-nowhere", b);
    setenv("DESCENT_PLUGIN_PATH", variable, 1);
    setenv("XDG_DATA_HOME", "/descent-data", 1);
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, a), DESCENT_OK);
    assert_true(refuses(r, "absent",
                        "optimizer \"absent\": no file absent.so "
                        "in the directories searched ("));
    snprintf(variable, sizeof variable,
             "(%s, %s, /descent-nowhere, /descent-data/descent/plugins/1, ", a,
             b);
    assert_true(plugin_message_has(variable));
    assert_true(plugin_message_has("/descent/plugins/1); put it into one of "
                                   "them or set DESCENT_PLUGIN_PATH"));
    assert_true(refuses(r, "talk", "; did you mean \"talks\"?"));
    registry_free(r);
    unsetenv("DESCENT_PLUGIN_PATH");
    unsetenv("XDG_DATA_HOME");
}

static void directories_are_searched_in_order(void **state)
{
    char home[PATH_MAX], users[PATH_MAX];
    const char *parts[] = {"/.local", "/share", "/descent", "/plugins", "/1"};
    registry *r;

    (void)state;
    plugin_folder_make(home);
    strcpy(users, home);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        strcat(users, parts[i]);
        assert_int_equal(mkdir(users, 0755), 0);
    }
    plugin_copy("good", a, "good.so");
    plugin_copy("good", b, "good.so");
    plugin_copy("both", b, "both.so");
    plugin_copy("good", users, "good.so");
    plugin_copy("both", users, "both.so");
    plugin_copy("talks", users, "talks.so");
    setenv("DESCENT_PLUGIN_PATH", b, 1);
    setenv("HOME", home, 1);
    setenv("XDG_DATA_HOME", "relative/does/not/count", 1);
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, a), DESCENT_OK);
    assert_true(finds(r, "good", plugin_in(a, "good.so")));
    assert_true(finds(r, "both", plugin_in(b, "both.so")));
    assert_true(finds(r, "talks", plugin_in(users, "talks.so")));
    registry_free(r);
    unsetenv("HOME");
    unsetenv("DESCENT_PLUGIN_PATH");
    unsetenv("XDG_DATA_HOME");
    plugin_folder_remove(home);
}

static void the_users_data_directory_is_searched(void **state)
{
    char users[PATH_MAX];
    const char *parts[] = {"/descent", "/plugins", "/1"};
    registry *r;

    (void)state;
    strcpy(users, b);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_int_equal(mkdir(strcat(users, parts[i]), 0755), 0);
    plugin_copy("both", users, "both.so");
    setenv("XDG_DATA_HOME", b, 1);
    setenv("HOME", a, 1);
    assert_int_equal(create(&r), DESCENT_OK);
    assert_true(finds(r, "both", plugin_in(users, "both.so")));
    registry_free(r);
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
}

static void added_directories_keep_their_order(void **state)
{
    search s;

    (void)state;
    setenv("DESCENT_PLUGIN_PATH", "/third:/fourth//", 1);
    assert_int_equal(search_open(&s, store, &files_system, true), DESCENT_OK);
    assert_int_equal(search_add(&s, "/first/"), DESCENT_OK);
    assert_int_equal(search_add(&s, "/"), DESCENT_OK);
    assert_string_equal(s.directories[0], "/first");
    assert_string_equal(s.directories[1], "/");
    assert_string_equal(s.directories[2], "/third");
    assert_string_equal(s.directories[3], "/fourth");
    assert_int_equal(s.count, 5); /* and the library's own */
    search_close(&s);
    unsetenv("DESCENT_PLUGIN_PATH");
}

static void the_environment_is_ignored_when_told_so(void **state)
{
    search s;

    (void)state;
    setenv("DESCENT_PLUGIN_PATH", "relative", 1);
    setenv("HOME", "/home/x", 1);
    assert_int_equal(search_open(&s, store, &files_system, false), DESCENT_OK);
    assert_int_equal(s.count, 1);
    search_close(&s);
    unsetenv("DESCENT_PLUGIN_PATH");
    unsetenv("HOME");
}

static void directories_must_be_absolute(void **state)
{
    static const struct {
        const char *value, *says;
    } rows[] = {
        {"/a:plugins", "DESCENT_PLUGIN_PATH, element 2: \"plugins\" is "
                       "relative, expected an absolute path"},
        {"/a::/b", "DESCENT_PLUGIN_PATH, element 2: empty, expected an "
                   "absolute path"},
        {"/a:", "DESCENT_PLUGIN_PATH, element 2: empty"},
        {":/a", "DESCENT_PLUGIN_PATH, element 1: empty"},
        {".", "DESCENT_PLUGIN_PATH, element 1: \".\" is relative"},
        {"/a\nb", "DESCENT_PLUGIN_PATH, element 1: \"/a?b\" has control "
                  "bytes in it; rename it"},
    };
    registry *r = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        setenv("DESCENT_PLUGIN_PATH", rows[i].value, 1);
        assert_int_equal(create(&r), DESCENT_ERR_ARGUMENT);
        assert_true(plugin_message_has(rows[i].says));
        assert_null(r);
    }
    unsetenv("DESCENT_PLUGIN_PATH");
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, "plugins"),
                     DESCENT_ERR_ARGUMENT);
    assert_true(plugin_message_has("plugin directory: \"plugins\" is "
                                   "relative"));
    assert_int_equal(registry_add_directory(r, ""), DESCENT_ERR_ARGUMENT);
    assert_int_equal(registry_add_directory(r, NULL), DESCENT_ERR_ARGUMENT);
    registry_free(r);
}

/* The working directory holds a plugin; nothing may come upon it by name. */
static void the_current_directory_is_never_searched(void **state)
{
    char here[PATH_MAX];
    registry *r;

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    plugin_copy("both", a, "both.so");
    assert_int_equal(chdir(a), 0);
    assert_int_equal(create(&r), DESCENT_OK);
    assert_true(refuses(r, "both", "no file both.so"));
    assert_true(load_refused(r, "both.so",
                             "plugin \"both.so\": expected a "
                             "path with a slash in it, such as "
                             "./NAME.so"));
    assert_true(load_refused(r, "", "expected a path with a slash"));
    assert_true(load_refused(r, NULL, "expected a path with a slash"));
    assert_int_equal(registry_load(r, "./both.so", NULL), DESCENT_OK);
    assert_true(finds(r, "both", plugin_in(a, "both.so")));
    registry_free(r);
    assert_int_equal(chdir(here), 0);
}

static void the_first_file_with_the_name_decides(void **state)
{
    registry *r;

    (void)state;
    plugin_write(plugin_in(a, "good.so"), "no plugin\n", 10);
    plugin_copy("good", b, "good.so");
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, a), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, b), DESCENT_OK);
    assert_true(refuses(r, "good", "/good.so: a text file"));
    assert_true(plugin_message_has(a));
    unlink(plugin_in(a, "good.so"));
    assert_int_equal(symlink("nowhere", plugin_in(a, "good.so")), 0);
    assert_true(refuses(r, "good", "/good.so: no such file"));
    unlink(plugin_in(a, "good.so"));
    assert_true(finds(r, "good", plugin_in(b, "good.so")));
    registry_free(r);
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(descriptor, (void *)&address, sizeof address), 0);
    close(descriptor);
}

/* Only the superuser may make one, and not every file system opens one. */
static void make_block_device(const char *path)
{
    int descriptor;

    if (mknod(path, S_IFBLK | 0600, makedev(7, 255)) != 0)
        return;
    descriptor = open(path, O_RDONLY | O_NONBLOCK);
    if (descriptor < 0 && errno != ENXIO && errno != ENODEV)
        unlink(path);
    if (descriptor >= 0)
        close(descriptor);
}

static void only_regular_files_are_opened(void **state)
{
    registry *r;

    (void)state;
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, a), DESCENT_OK);
    alarm(20); /* A FIFO must not block. */
    assert_int_equal(mkfifo(plugin_in(a, "pipe.so"), 0600), 0);
    assert_true(refuses(r, "pipe",
                        "/pipe.so: a FIFO, expected a regular file; "
                        "remove it or load"));
    assert_int_equal(mkdir(plugin_in(a, "folder.so"), 0755), 0);
    assert_true(refuses(r, "folder", "/folder.so: a directory, expected"));
    make_socket(plugin_in(a, "socket.so"));
    assert_true(refuses(r, "socket", "/socket.so: a socket, expected"));
    assert_int_equal(symlink("/dev/zero", plugin_in(a, "zero.so")), 0);
    assert_true(refuses(r, "zero", "/zero.so: a character device, expected"));
    make_block_device(plugin_in(a, "disk.so"));
    if (access(plugin_in(a, "disk.so"), F_OK) == 0)
        assert_true(refuses(r, "disk", "/disk.so: a block device, expected"));
    assert_int_equal(symlink("loop.so", plugin_in(a, "loop.so")), 0);
    assert_true(refuses(r, "loop",
                        "/loop.so: cannot be opened: Too many "
                        "levels of symbolic links"));
    alarm(0);
    registry_free(r);
}

static void what_others_may_write_is_refused(void **state)
{
    registry *r;
    const char *path;

    (void)state;
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, a), DESCENT_OK);
    plugin_copy("traced", a, "traced.so");
    path = plugin_in(a, "traced.so");
    chmod(path, 0666);
    assert_true(refuses(r, "traced",
                        "/traced.so: writable by others (mode "
                        "0666), so what it holds cannot be "
                        "trusted; run chmod go-w on it"));
    chmod(path, 0664);
    assert_true(refuses(r, "traced", "writable by its group (mode 0664)"));
    chmod(path, 0644);
    chmod(a, 0777);
    assert_true(refuses(r, "traced", ": writable by others (mode 0777)"));
    assert_true(plugin_message_has("directory "));
    chmod(a, 0775);
    assert_true(refuses(r, "traced", ": writable by its group (mode 0775)"));
    /* Others cannot touch our files in a sticky directory. */
    chmod(a, 01777);
    assert_int_equal(registry_find(r, "traced", NULL), DESCENT_OK);
    chmod(a, 0755);
    registry_free(r);
}

static void a_link_leads_to_a_directory_that_is_checked_too(void **state)
{
    registry *r;

    (void)state;
    plugin_copy("two_types", b, "two_types.so");
    assert_int_equal(
        symlink(plugin_in(b, "two_types.so"), plugin_in(a, "two_types.so")), 0);
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, a), DESCENT_OK);
    chmod(b, 0777);
    assert_true(refuses(r, "two_types", ": writable by others (mode 0777)"));
    assert_true(plugin_message_has(b));
    chmod(b, 0755);
    assert_int_equal(registry_find(r, "two_types", NULL), DESCENT_OK);
    registry_free(r);
}

static void every_directory_on_the_way_is_checked(void **state)
{
    registry *r;

    (void)state;
    assert_int_equal(mkdir(plugin_in(a, "deep"), 0755), 0);
    assert_int_equal(mkdir(plugin_in(a, "deep/er"), 0755), 0);
    plugin_copy("both", a, "deep/er/both.so");
    assert_int_equal(create(&r), DESCENT_OK);
    chmod(a, 0777);
    assert_true(load_refused(r, plugin_in(a, "deep/er/both.so"),
                             ": writable by others (mode 0777)"));
    /* Also through a link from elsewhere. */
    assert_int_equal(symlink(plugin_in(a, "deep/er"), plugin_in(b, "link")), 0);
    assert_true(load_refused(r, plugin_in(b, "link/both.so"),
                             ": writable by others (mode 0777)"));
    chmod(a, 0755);
    chmod(plugin_in(a, "deep"), 0775);
    assert_true(load_refused(r, plugin_in(b, "link/both.so"),
                             "/deep: writable by its group (mode 0775)"));
    chmod(plugin_in(a, "deep"), 0755);
    assert_int_equal(registry_load(r, plugin_in(b, "link/both.so"), NULL),
                     DESCENT_OK);
    registry_free(r);
}

/* Who may only pass through a directory can load what it holds. */
static void directories_need_not_be_readable(void **state)
{
    const char *path = plugin_in(a, "both.so");
    registry *r;
    int status = 0;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    plugin_copy("both", a, "both.so");
    chmod(a, 0711);
    pid = fork();
    if (pid == 0) {
        if (setuid(12345) != 0 || create(&r) != DESCENT_OK)
            _exit(1);
        if (registry_load(r, path, NULL) == DESCENT_OK)
            _exit(0);
        fprintf(stderr, "%s\n", descent_error_message());
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void what_belongs_to_others_is_refused(void **state)
{
    registry *r;

    (void)state;
    if (geteuid() != 0)
        skip();
    plugin_copy("traced", a, "traced.so");
    assert_int_equal(create(&r), DESCENT_OK);
    assert_int_equal(registry_add_directory(r, a), DESCENT_OK);
    assert_int_equal(chown(plugin_in(a, "traced.so"), 12345, 0), 0);
    assert_true(refuses(r, "traced",
                        "/traced.so: belongs to user 12345, "
                        "expected root or user 0; copy the "
                        "plugin to a directory of yours"));
    assert_int_equal(chown(plugin_in(a, "traced.so"), 0, 0), 0);
    assert_int_equal(chown(a, 12345, 0), 0);
    assert_true(refuses(r, "traced", ": belongs to user 12345"));
    assert_int_equal(chown(a, 0, 0), 0);
    registry_free(r);
}

static void a_huge_file_is_refused(void **state)
{
    registry *r;

    (void)state;
    plugin_write(plugin_in(a, "huge.so"), "", 0);
    assert_int_equal(truncate(plugin_in(a, "huge.so"), (256l << 20) + 1), 0);
    assert_int_equal(create(&r), DESCENT_OK);
    assert_true(load_refused(r, plugin_in(a, "huge.so"),
                             "/huge.so: 268435457 bytes, expected at most 256 "
                             "MiB"));
    registry_free(r);
}

static void paths_are_refused_that_cannot_be_shown(void **state)
{
    char path[PATH_MAX + 100];
    registry *r;

    (void)state;
    assert_int_equal(create(&r), DESCENT_OK);
    assert_true(load_refused(r, "/tmp/a\033b/good.so",
                             "\"/tmp/a?b/good.so\" has control bytes in it; "
                             "rename it"));
    assert_true(load_refused(r, "/tmp/bad-name.so",
                             "/tmp/bad-name.so: expected a file NAME.so"));
    assert_true(load_refused(r, plugin_in(a, "none.so"),
                             "/none.so: no such file; build it or correct"));
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_true(load_refused(r, path, "is longer than 4095 bytes"));
    registry_free(r);
}

static void unreadable_files_are_told(void **state)
{
    registry *r;
    const char *path = plugin_in(a, "closed.so");
    int status = 0;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    plugin_write(path, "x", 1);
    chmod(path, 0600);
    pid = fork();
    if (pid == 0) {
        if (setuid(12345) != 0 || create(&r) != DESCENT_OK)
            _exit(1);
        _exit(registry_load(r, path, NULL) == DESCENT_ERR_IO &&
                      plugin_message_has("cannot be opened: Permission denied")
                  ? 0
                  : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* A library that lies in `a`, apart from the one that this test is linked to.
 */
static bool finds_beside_library(void *library, const char *path)
{
    descent_status (*create_runtime)(const descent_runtime_options *,
                                     descent_runtime **);
    descent_status (*find)(descent_runtime *, const char *,
                           descent_plugin_info *);
    void (*free_runtime)(descent_runtime *);
    descent_plugin_info info = {.struct_size = sizeof info};
    descent_runtime *runtime = NULL;
    bool same;

    *(void **)&create_runtime = dlsym(library, "descent_runtime_create");
    *(void **)&find = dlsym(library, "descent_runtime_find");
    *(void **)&free_runtime = dlsym(library, "descent_runtime_free");
    assert_int_equal(create_runtime(NULL, &runtime), DESCENT_OK);
    same = find(runtime, "both", &info) == DESCENT_OK &&
           strcmp(info.path, path) == 0;
    free_runtime(runtime);
    return same;
}

static void plugins_beside_the_library_are_found(void **state)
{
    char from[PATH_MAX], installed[PATH_MAX];
    const char *parts[] = {"/descent", "/plugins", "/1"};
    plugin_bytes bytes;
    void *library;

    (void)state;
    if (!plugin_library_path(from))
        skip();
    bytes = plugin_read(from);
    plugin_write(plugin_in(a, "libdescent.so.0"), bytes.at, bytes.size);
    plugin_free(&bytes);
    strcpy(installed, a);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_int_equal(mkdir(strcat(installed, parts[i]), 0755), 0);
    assert_int_equal(mkdir(plugin_in(a, "plugins"), 0755), 0);
    plugin_copy("both", installed, "both.so");
    plugin_copy("both", a, "plugins/both.so");
    library = dlopen(plugin_in(a, "libdescent.so.0"), RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        fail_msg("%s", dlerror());
    assert_true(finds_beside_library(library, plugin_in(installed, "both.so")));
    /* This file marks a build tree. */
    plugin_write(plugin_in(a, ".descent-build"), "", 0);
    assert_true(finds_beside_library(library, plugin_in(a, "plugins/both.so")));
}

/* In a program that has more rights than its user, started as such by the test
 * below: the environment must not say what is loaded into it. */
static int search_with_more_rights(void)
{
    size_t count;
    search s;

    if (getauxval(AT_SECURE) == 0)
        return 77;
    if (memory_open(NULL, &store) != DESCENT_OK ||
        search_open(&s, store, &files_system, true) != DESCENT_OK)
        return 1;
    count = s.count;
    search_close(&s);
    memory_close(store);
    return count == 1 ? 0 : 2; /* the library's own alone */
}

static void the_environment_is_ignored_with_more_rights(void **state)
{
    const char *program = plugin_in(a, "program");
    plugin_bytes bytes;
    int status = 0;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    bytes = plugin_read("/proc/self/exe");
    plugin_write(program, bytes.at, bytes.size);
    plugin_free(&bytes);
    assert_int_equal(chmod(program, 04755), 0);
    pid = fork();
    if (pid == 0) {
        setenv("DESCENT_PLUGIN_PATH", "relative", 1);
        setenv("HOME", "/home/x", 1);
        if (setuid(12345) == 0)
            execl(program, program, "more-rights", (char *)NULL);
        _exit(3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* a file system that gives no rights */
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_short_and_plain),
        TEST(names_are_found_in_any_case),
        TEST(bad_names_are_refused),
        TEST(a_missing_plugin_lists_the_directories),
        TEST(directories_are_searched_in_order),
        TEST(the_users_data_directory_is_searched),
        TEST(every_directory_on_the_way_is_checked),
        TEST(directories_need_not_be_readable),
        TEST(added_directories_keep_their_order),
        TEST(the_environment_is_ignored_when_told_so),
        TEST(the_environment_is_ignored_with_more_rights),
        TEST(plugins_beside_the_library_are_found),
        TEST(directories_must_be_absolute),
        TEST(the_current_directory_is_never_searched),
        TEST(the_first_file_with_the_name_decides),
        TEST(only_regular_files_are_opened),
        TEST(what_others_may_write_is_refused),
        TEST(a_link_leads_to_a_directory_that_is_checked_too),
        TEST(what_belongs_to_others_is_refused),
        TEST(a_huge_file_is_refused),
        TEST(paths_are_refused_that_cannot_be_shown),
        TEST(unreadable_files_are_told),
    };

    if (count == 2 && strcmp(arguments[1], "more-rights") == 0)
        return search_with_more_rights();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
