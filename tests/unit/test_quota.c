/* SPDX-License-Identifier: MIT */
/* How many threads a process has when it does not say: the processors that it may
 * run on, and what its control groups allow.  And how large the caches are. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cache.h"
#include "base/cpu.h"
#include "base/quota.h"
#include "support/check.h"

/* ---- Control groups ---- */

typedef struct text_file {
    const char *path, *text;
} text_file;

static const text_file *there; /* ends with a NULL path */

static int open_text(const char *path)
{
    for (int i = 0; there[i].path != NULL; i++)
        if (strcmp(there[i].path, path) == 0)
            return i;
    return -1;
}

static ssize_t read_text(int descriptor, void *buffer, size_t bytes, off_t at)
{
    const char *text = there[descriptor].text + at;
    const size_t n = strlen(text) < bytes ? strlen(text) : bytes;

    memcpy(buffer, text, n);
    return (ssize_t)n;
}

static int close_text(int descriptor)
{
    assert_true(descriptor >= 0);
    return 0;
}

static const files texts = {
    .open_read = open_text, .read_at = read_text, .close = close_text};

#define OWN "/proc/self/cgroup"
#define TOP "/sys/fs/cgroup"

static void the_tightest_group_counts(void **state)
{
    static const struct {
        uint32_t expected;
        text_file there[6];
    } cases[] = {
        {0, {{NULL, NULL}}},
        {0, {{OWN, ""}}},
        {0, {{OWN, "0::/"}}},
        {0, {{OWN, "0::/\n"}, {TOP "//cpu.max", "max 100000\n"}}},
        {2, {{OWN, "0::/\n"}, {TOP "/cpu.max", "200000 100000\n"}}},
        {2, {{OWN, "0::/\n"}, {TOP "//cpu.max", "150000 100000\n"}}},
        {1, {{OWN, "0::/\n"}, {TOP "//cpu.max", "1000 100000\n"}}},
        {3,
         {{OWN, "1:name=systemd:/x\n0::/a/b c\n"},
          {TOP "/a/b c/cpu.max", "400000 100000\n"},
          {TOP "/a/cpu.max", "300000 100000\n"},
          {TOP "/cpu.max", "max 100000\n"}}},
        {0, {{OWN, "0::/a\n"}, {TOP "/b/cpu.max", "100000 100000\n"}}},
        {0, {{OWN, "0::/a\n"}, {TOP "/a/cpu.max", "100000 0\n"}}},
        {0, {{OWN, "0::/a\n"}, {TOP "/a/cpu.max", "garbage"}}},
        {0, {{OWN, "garbage\n:\n\n"}, {TOP "/cpu.max", "1 1"}}},
        {2,
         {{OWN, "4:cpuacct,cpu:/a\n2:cpuset:/\n"},
          {TOP "/cpu/a/cpu.cfs_quota_us", "150000\n"},
          {TOP "/cpu/a/cpu.cfs_period_us", "100000\n"}}},
        {0,
         {{OWN, "4:cpu:/a\n"},
          {TOP "/cpu/a/cpu.cfs_quota_us", "-1\n"},
          {TOP "/cpu/a/cpu.cfs_period_us", "100000\n"}}},
        {0,
         {{OWN, "4:cpuset:/a\n"},
          {TOP "/cpu/a/cpu.cfs_quota_us", "100000\n"},
          {TOP "/cpu/a/cpu.cfs_period_us", "100000\n"}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        there = cases[i].there;
        if (quota_processors(&texts) != cases[i].expected)
            fail_msg("case %zu: %u processors, expected %u", i,
                     quota_processors(&texts), cases[i].expected);
    }
}

/* ---- Caches ---- */

#define CACHE(index) "/sys/devices/system/cpu/cpu0/cache/index" #index "/size"

static void the_last_cache_counts(void **state)
{
    static const struct {
        size_t expected;
        text_file there[3];
    } cases[] = {
        {(size_t)8192 << 10, {{CACHE(2), "512K\n"}, {CACHE(3), "8192K\n"}}},
        {(size_t)512 << 10, {{CACHE(2), "512K\n"}}},
        {(size_t)512 << 10, {{CACHE(2), "512K\n"}, {CACHE(3), "0K\n"}}},
        {CACHE_GUESS, {{NULL, NULL}}},
        {CACHE_GUESS, {{CACHE(3), "8192\n"}}},
        {CACHE_GUESS, {{CACHE(3), "99999999999999999999999K"}}},
        {CACHE_GUESS, {{CACHE(3), "large"}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        there = cases[i].there;
        if (cache_bytes(&texts) != cases[i].expected)
            fail_msg("case %zu: %zu bytes, expected %zu", i,
                     cache_bytes(&texts), cases[i].expected);
    }
}

/* ---- Affinity ---- */

/* In a child: on the first of the processors alone, as with taskset. */
static int count_on_one(void)
{
    cpu_set_t all, one;
    int first = 0;

    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return 1;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return 2;
    descent_runtime *runtime = check_runtime();
    const uint32_t threads = descent_runtime_threads(runtime);
    ok(descent_runtime_set_threads(runtime, 5));
    ok(descent_runtime_set_threads(runtime, 0));
    const uint32_t again = descent_runtime_threads(runtime);
    descent_runtime_free(runtime);
    return threads == 1 && again == 1 && cpu_count() == 1 ? 0 : 3;
}

static void the_default_is_the_processors_that_may_be_used(void **state)
{
    const uint32_t allowed = quota_processors(&files_system);
    const uint32_t all = cpu_count();
    int status = 0;

    (void)state;
    unsetenv("DESCENT_THREADS");
    descent_runtime *runtime = check_runtime();
    assert_int_equal(descent_runtime_threads(runtime),
                     allowed > 0 && allowed < all ? allowed : all);
    descent_runtime_free(runtime);
    const pid_t child = fork();
    if (child == 0)
        _exit(count_on_one());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tightest_group_counts),
        cmocka_unit_test(the_last_cache_counts),
        cmocka_unit_test(the_default_is_the_processors_that_may_be_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
