/* SPDX-License-Identifier: MIT */
/* A save that fails or is killed at any of its file operations leaves the old
 * file or the new one, whole; one that fails leaves nothing else. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkpoint/reader.h"
#include "checkpoint/writer.h"
#include "support/check.h"
#include "support/checkpoints.h"
#include "support/plugin_files.h"

static memory *m;
static char folder[PATH_MAX], path[PATH_MAX], former[PATH_MAX];
static plugin_bytes images[3]; /* what content 0, 1, 2 is as a file */

static descent_status save(int seed)
{
    return checkpoint_write(m, &checkpoints_files, path,
                            checkpoints_content(seed));
}

/* Which content the file is, checked as a reader would; -1 for no file. */
static int holds(const char *name)
{
    checkpoint_reader *r = NULL;
    plugin_bytes bytes;
    int found = -2;

    if (access(name, F_OK) != 0)
        return -1;
    ok(checkpoint_reader_open(m, &files_system, name, &r));
    ok(checkpoint_reader_check_all(r));
    checkpoint_reader_close(r);
    bytes = plugin_read(name);
    for (int i = 0; i < 3; i++)
        if (bytes.size == images[i].size &&
            memcmp(bytes.at, images[i].at, bytes.size) == 0)
            found = i;
    plugin_free(&bytes);
    return found;
}

/* An empty folder; then, with `old`, content 0 and 1 saved in turn. */
static void begin(bool old)
{
    plugin_folder_make(folder);
    snprintf(path, sizeof path, "%s", plugin_in(folder, "c.safetensors"));
    snprintf(former, sizeof former, "%s",
             plugin_in(folder, "c.safetensors.prev"));
    checkpoints_plan = (fault_plan){0};
    for (int i = 0; old && i < 2; i++)
        ok(save(i));
}

static int setup(void **state)
{
    (void)state;
    ok(memory_open(NULL, &m));
    for (int i = 0; i < 3; i++) {
        begin(false);
        ok(save(i));
        images[i] = plugin_read(path);
        plugin_folder_remove(folder);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        plugin_free(&images[i]);
    memory_close(m);
    return 0;
}

static void a_save_keeps_the_former_file(void **state)
{
    (void)state;
    begin(true);
    assert_int_equal(holds(path), 1);
    assert_int_equal(holds(former), 0);
    ok(save(2));
    assert_int_equal(holds(path), 2);
    assert_int_equal(holds(former), 1);
    assert_int_equal(checkpoints_entries(folder), 2);
    plugin_folder_remove(folder);
}

static const int errors[] = {ENOSPC, EIO, EDQUOT, EROFS};
enum { ERRORS = sizeof errors / sizeof *errors };

/* One save of content 2 over 1 (or nothing) with call `at` failing; false when
 * the save has fewer calls. */
static bool fail_at(int at, int error, bool old, bool no_links)
{
    descent_status status;
    int calls;

    begin(old);
    checkpoints_plan = (fault_plan){
        .fault = FAULT_FAIL, .at = at, .error = error, .no_links = no_links};
    status = save(2);
    calls = checkpoints_plan.calls;
    if (calls < at) {
        ok(status);
        plugin_folder_remove(folder);
        return false;
    }
    if (status == DESCENT_OK && no_links) { /* closing what was only read */
        assert_int_equal(holds(path), 2);
        plugin_folder_remove(folder);
        return true;
    }
    /* Only the last sync fails with the new file in place, and says so. */
    refused(status, DESCENT_ERR_IO, strerrordesc_np(error));
    assert_non_null(strstr(descent_error_message(), path));
    if (strstr(descent_error_message(), "saved, but") != NULL)
        assert_int_equal(holds(path), 2);
    else
        assert_int_equal(holds(path), old ? 1 : -1);
    assert_int_equal(checkpoints_entries(folder),
                     (access(path, F_OK) == 0) + (access(former, F_OK) == 0));
    assert_true(holds(former) >= (old ? 0 : -1));

    checkpoints_plan = (fault_plan){0};
    ok(save(2));
    assert_int_equal(holds(path), 2);
    plugin_folder_remove(folder);
    return true;
}

static void a_failing_operation_leaves_the_old_file(void **state)
{
    (void)state;
    for (int variant = 0; variant < 3; variant++)
        for (int e = 0; e < ERRORS; e++) {
            int at = 1;

            while (fail_at(at, errors[e], variant > 0, variant == 2))
                at++;
            assert_true(at > 10);
        }
}

static void short_and_interrupted_writes_are_continued(void **state)
{
    (void)state;
    begin(true);
    checkpoints_plan = (fault_plan){.fault = FAULT_SHORT};
    ok(save(2));
    assert_true(checkpoints_plan.calls > 100);
    assert_int_equal(holds(path), 2);
    plugin_folder_remove(folder);
}

static void without_hard_links_the_former_file_is_copied(void **state)
{
    (void)state;
    begin(true);
    checkpoints_plan.no_links = true;
    ok(save(2));
    assert_int_equal(holds(path), 2);
    assert_int_equal(holds(former), 1);
    assert_int_equal(checkpoints_entries(folder), 2);
    plugin_folder_remove(folder);
}

/* Killed between the two renames, the former file and the file are one. */
static void a_former_file_that_is_the_file_itself_is_no_trouble(void **state)
{
    (void)state;
    begin(true);
    assert_int_equal(unlink(former), 0);
    assert_int_equal(link(path, former), 0);
    ok(save(2));
    assert_int_equal(holds(path), 2);
    assert_int_equal(holds(former), 1);
    assert_int_equal(checkpoints_entries(folder), 2);
    plugin_folder_remove(folder);
}

static bool kill_at(int at, fault how, bool no_links)
{
    int status;
    pid_t child;

    begin(true);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        checkpoints_plan =
            (fault_plan){.fault = how, .at = at, .no_links = no_links};
        _exit(save(2) == DESCENT_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                     WIFEXITED(status) ? 0 : SIGKILL);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(holds(path) == 1 || holds(path) == 2);
    assert_true(holds(former) == 0 || holds(former) == 1);
    if (WIFEXITED(status))
        assert_int_equal(holds(path), 2);

    ok(save(0));
    assert_int_equal(holds(path), 0);
    assert_true(holds(former) == 1 || holds(former) == 2);
    plugin_folder_remove(folder);
    return WIFSIGNALED(status);
}

static void a_kill_at_any_operation_leaves_the_old_or_the_new_file(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        int at = 1;

        while (kill_at(at, variant % 2 ? FAULT_KILL_MIDWAY : FAULT_KILL,
                       variant > 1))
            at++;
        assert_true(at > 10);
    }
}

static void a_save_that_cannot_begin_is_refused(void **state)
{
    char name[PATH_MAX], text[PATH_MAX + 8];

    (void)state;
    begin(true);
    snprintf(name, sizeof name, "%s", path);
    snprintf(path, sizeof path, "%s", plugin_in(folder, "no/such/file"));
    refused(save(1), DESCENT_ERR_IO, "No such file or directory");
    snprintf(path, sizeof path, "%s", plugin_in(folder, ""));
    refused(save(1), DESCENT_ERR_ARGUMENT, "expected the name of a file");
    snprintf(path, sizeof path, "%s", folder);
    refused(save(1), DESCENT_ERR_IO, "Is a directory");
    path[0] = '\0';
    refused(save(1), DESCENT_ERR_ARGUMENT, "expected the name of a file");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    refused(checkpoint_write(m, &files_system, text, checkpoints_content(1)),
            DESCENT_ERR_ARGUMENT, "is too long");
    assert_int_equal(holds(name), 1);
    assert_int_equal(checkpoints_entries(folder), 2);
    plugin_folder_remove(folder);
}

static void a_link_at_the_name_is_replaced(void **state)
{
    const char *target;

    (void)state;
    begin(true);
    target = plugin_in(folder, "target");
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink("target", path), 0);
    ok(save(2));
    assert_int_equal(holds(path), 2);
    assert_int_equal(holds(target), 1);
    assert_int_equal(holds(former), 1);
    plugin_folder_remove(folder);
}

/* Save contents 0, 1, 2, 0, ... in a process of its own. */
static void start_saver(int saves)
{
    const pid_t child = fork();

    assert_true(child >= 0);
    for (int i = 0; child == 0 && i < saves; i++)
        if (save(i % 3) != DESCENT_OK)
            _exit(1);
    if (child == 0)
        _exit(0);
}

static void savers_of_one_path_and_readers_see_whole_files(void **state)
{
    enum { SAVERS = 4, SAVES = 40 };
    int left = SAVERS, reads = 0;

    (void)state;
    begin(true);
    for (int i = 0; i < SAVERS; i++)
        start_saver(SAVES);
    while (left > 0) {
        int status;
        const pid_t ended = waitpid(-1, &status, WNOHANG);

        assert_true(holds(path) >= 0);
        reads++;
        if (ended > 0) {
            assert_int_equal(status, 0);
            left--;
        }
    }
    assert_true(reads > SAVERS);
    assert_true(holds(former) >= 0);
    assert_int_equal(checkpoints_entries(folder), 2);
    plugin_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_save_keeps_the_former_file),
        cmocka_unit_test(a_failing_operation_leaves_the_old_file),
        cmocka_unit_test(short_and_interrupted_writes_are_continued),
        cmocka_unit_test(without_hard_links_the_former_file_is_copied),
        cmocka_unit_test(a_former_file_that_is_the_file_itself_is_no_trouble),
        cmocka_unit_test(
            a_kill_at_any_operation_leaves_the_old_or_the_new_file),
        cmocka_unit_test(a_save_that_cannot_begin_is_refused),
        cmocka_unit_test(a_link_at_the_name_is_replaced),
        cmocka_unit_test(savers_of_one_path_and_readers_see_whole_files),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
