/* SPDX-License-Identifier: MIT */
/* The file operations: reading exactly what was asked for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/files.h"

/* A file of 100 bytes 0, 1, 2, ... that gives at most three bytes a read, after
 * an interruption. */
static int interruptions;

static ssize_t read_little(int descriptor, void *buffer, size_t bytes, off_t at)
{
    size_t n = 0;

    (void)descriptor;
    if (interruptions++ % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    for (; n < bytes && n < 3 && at + (off_t)n < 100; n++)
        ((unsigned char *)buffer)[n] = (unsigned char)(at + (off_t)n);
    return (ssize_t)n;
}

static ssize_t read_nothing(int descriptor, void *buffer, size_t bytes,
                            off_t at)
{
    (void)descriptor;
    (void)buffer;
    (void)bytes;
    (void)at;
    errno = EIO;
    return -1;
}

static void short_and_interrupted_reads_are_continued(void **state)
{
    const files f = {.read_at = read_little};
    unsigned char bytes[40];

    (void)state;
    assert_true(files_read_exactly(&f, 0, bytes, sizeof bytes, 60));
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 60 + i);
}

static void the_end_of_a_file_is_not_an_error_number(void **state)
{
    const files f = {.read_at = read_little};
    unsigned char bytes[41];

    (void)state;
    errno = EIO;
    assert_false(files_read_exactly(&f, 0, bytes, sizeof bytes, 60));
    assert_int_equal(errno, 0);
}

static void a_failing_read_keeps_its_error_number(void **state)
{
    const files f = {.read_at = read_nothing};
    char byte;

    (void)state;
    assert_false(files_read_exactly(&f, 0, &byte, 1, 0));
    assert_int_equal(errno, EIO);
}

static int take_name(void *user, const char *name)
{
    if (strcmp(name, "self") != 0)
        return 0;
    *(int *)user += 1;
    return 7;
}

static void a_listing_stops_where_its_visitor_says(void **state)
{
    int seen = 0;

    (void)state;
    assert_int_equal(files_system.list("/proc", take_name, &seen), 7);
    assert_int_equal(seen, 1);
    errno = 0;
    assert_int_equal(files_system.list("/nowhere/at/all", take_name, &seen),
                     -1);
    assert_int_equal(errno, ENOENT);
}

static void descriptors_do_not_reach_child_processes(void **state)
{
    const int descriptor = files_system.open_read("/dev/null");

    (void)state;
    assert_true(descriptor >= 0);
    assert_true((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(files_system.close(descriptor), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_and_interrupted_reads_are_continued),
        cmocka_unit_test(the_end_of_a_file_is_not_an_error_number),
        cmocka_unit_test(a_failing_read_keeps_its_error_number),
        cmocka_unit_test(a_listing_stops_where_its_visitor_says),
        cmocka_unit_test(descriptors_do_not_reach_child_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
