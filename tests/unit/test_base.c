/* SPDX-License-Identifier: MIT */
/* The lowest layer: text, failures, memory, processor features, log, files. */
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

/* ---- Text ---- */

static void numbers_are_short_and_read_back(void **state)
{
    static const struct {
        double x;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e300, "1e+300"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e22, "1e+22"},
        {5e-324, "5e-324"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {NAN, "nan"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {100000, "100000"},
        {1.0 / 3, "0.3333333333333333"},
    };
    char buffer[TEXT_NUMBER];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(text_number(rows[i].x, buffer), rows[i].text);
    for (int i = -300; i < 300; i++) {
        const double x = ldexp(4.0 / 3 + i * 0x1p-40, i * 3);
        assert_true(strtod(text_number(x, buffer), NULL) == x);
    }
}

/* Switch to a locale that writes a comma, made in `directory` when the system
 * has none. */
static bool use_comma(const char *directory)
{
    char command[256];

    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL)
        return true;
    snprintf(command, sizeof command,
             "localedef -f UTF-8 -i de_DE %s/de_DE.UTF-8 >/dev/null 2>&1",
             directory);
    return system(command) == 0 && setenv("LOCPATH", directory, 1) == 0 &&
           setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
}

/* The decimal point stays a point where people write a comma. */
static void numbers_do_not_depend_on_the_locale(void **state)
{
    char directory[] = "/tmp/descent-test-XXXXXX";
    char written[TEXT_NUMBER], small[TEXT_NUMBER], third[TEXT_NUMBER];
    char command[64];
    bool comma;

    (void)state;
    assert_non_null(mkdtemp(directory));
    comma = use_comma(directory);
    snprintf(written, sizeof written, "%g", 0.5);
    text_number(-1.25e-7, small);
    text_number(1.0 / 3, third);
    setlocale(LC_NUMERIC, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    assert_string_equal(small, "-1.25e-07");
    assert_string_equal(third, "0.3333333333333333");
    if (!comma) {
        puts("# not run: no locale with a decimal comma, and none can be made");
        skip();
    }
    assert_string_equal(written, "0,5");
}

static void appending_cuts_what_does_not_fit(void **state)
{
    char text[8] = "", guard[9] = "abc";

    (void)state;
    text_append(text, sizeof text, "%s-%d", "ab", 7);
    assert_string_equal(text, "ab-7");
    text_append(text, sizeof text, "%s", "cdefgh");
    assert_string_equal(text, "ab-7cde");
    text_append(text, sizeof text, "x");
    assert_string_equal(text, "ab-7cde");
    text_append(guard, 4, "def");
    assert_string_equal(guard, "abc");
}

static void names_compare_in_any_case(void **state)
{
    char lower[6];

    (void)state;
    assert_true(text_equal_any_case("RMSprop", "rmsPROP"));
    assert_true(text_equal_any_case("", ""));
    assert_false(text_equal_any_case("adam", "adamw"));
    assert_false(text_equal_any_case("adamw", "adam"));
    assert_false(text_equal_any_case("[", "{")); /* differ by the case bit */
    text_lower(lower, sizeof lower, "AdaGrad");
    assert_string_equal(lower, "adagr");
}

static void distances_count_edits_and_swaps(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } rows[] = {
        {"", "", 0},
        {"adam", "adam", 0},
        {"adam", "Adam", 0},
        {"adam", "adamw", 1},
        {"adam", "dam", 1},
        {"adam", "adem", 1},
        {"adam", "aadm", 1},
        {"", "abc", 3},
        {"beta1", "beta_1", 1},
        {"kitten", "sitting", 3},
    };
    char far[80];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(text_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(text_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
    memset(far, 'a', sizeof far - 1);
    far[sizeof far - 1] = '\0';
    assert_true(text_distance(far, far) > 10);
}

static const char *nearest(const char *wanted)
{
    static const char *const names[] = {"learning_rate", "beta_1", "beta_2",
                                        "epsilon", "rho"};
    text_nearest search = {.wanted = wanted};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        text_nearest_offer(&search, names[i]);
    return search.best;
}

static void only_near_names_are_suggested(void **state)
{
    (void)state;
    assert_string_equal(nearest("learning_rte"), "learning_rate");
    assert_string_equal(nearest("learningrate"), "learning_rate");
    assert_string_equal(nearest("beta2"), "beta_2");
    assert_string_equal(nearest("epsilom"), "epsilon");
    assert_string_equal(nearest("Rho"), "rho");
    assert_null(nearest("momentum"));
    assert_null(nearest("xyz"));
    assert_null(nearest(""));
}

static void plain_text_is_bounded_and_printable(void **state)
{
    (void)state;
    assert_true(text_is_plain("adam", 4));
    assert_false(text_is_plain("adam", 3));
    assert_false(text_is_plain("", 4));
    assert_false(text_is_plain("a\nb", 9));
    assert_false(text_is_plain("a\x1b[0m", 9));
    assert_false(text_is_plain("a\x7f", 9));
    assert_true(text_is_plain("\xc3\xa4", 9)); /* UTF-8 */
}

/* ---- Failures ---- */

static void failures_keep_code_and_text(void **state)
{
    (void)state;
    assert_int_equal(status_fail(DESCENT_ERR_IO, "file %s, line %d", "x", 3),
                     DESCENT_ERR_IO);
    assert_int_equal(descent_error_code(), DESCENT_ERR_IO);
    assert_string_equal(descent_error_message(), "file x, line 3");
    assert_int_equal(status_prefix(DESCENT_ERR_IO, "group %d", 2),
                     DESCENT_ERR_IO);
    assert_string_equal(descent_error_message(), "group 2: file x, line 3");
    /* What went well leaves the last failure as it is. */
    assert_int_equal(status_prefix(DESCENT_OK, "group %d", 3), DESCENT_OK);
    assert_string_equal(descent_error_message(), "group 2: file x, line 3");
    assert_int_equal(descent_error_code(), DESCENT_ERR_IO);
    /* The last message may be an argument of the next. */
    descent_error_set(DESCENT_ERR_SCRIPT, "again: %s", descent_error_message());
    assert_string_equal(descent_error_message(),
                        "again: group 2: file x, line 3");
    assert_int_equal(descent_error_code(), DESCENT_ERR_SCRIPT);
}

static void control_bytes_never_reach_a_terminal(void **state)
{
    (void)state;
    status_fail(DESCENT_ERR_ARGUMENT, "name %s", "a\x1b[2J\n\r\t\x7f\xc3\xa4");
    assert_string_equal(descent_error_message(), "name a?[2J????\xc3\xa4");
}

static void endless_messages_are_cut(void **state)
{
    static char text[100000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 100; i++)
        status_prefix(status_fail(DESCENT_ERR_IO, "%s", text), "%s", text);
    assert_true(strlen(descent_error_message()) < sizeof text / 10);
}

static void *fail_elsewhere(void *out)
{
    *(bool *)out = descent_error_code() == DESCENT_OK &&
                   descent_error_message()[0] == '\0';
    status_fail(DESCENT_ERR_MEMORY, "there");
    return NULL;
}

static void failures_belong_to_their_thread(void **state)
{
    pthread_t thread;
    bool clean = false;

    (void)state;
    status_fail(DESCENT_ERR_IO, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &clean), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(clean);
    assert_int_equal(descent_error_code(), DESCENT_ERR_IO);
    assert_string_equal(descent_error_message(), "here");
}

static void codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(descent_status_name(DESCENT_OK), "ok");
    assert_string_equal(descent_status_name(DESCENT_ERR_ARGUMENT), "argument");
    assert_string_equal(descent_status_name(DESCENT_ERR_INTERNAL), "internal");
    assert_string_equal(descent_status_name(1), "unknown");
    assert_string_equal(descent_status_name(-10), "unknown");
    assert_string_equal(descent_status_name(INT32_MIN), "unknown");
    assert_string_equal(descent_version(), DESCENT_VERSION);
}

/* ---- Memory ---- */

/* An allocator that counts, checks sizes, and can be told to fail. */
typedef struct counting {
    size_t live, blocks;
    int left; /* calls until it fails; negative: never */
} counting;

static void *count_allocate(void *user, size_t bytes, size_t alignment)
{
    counting *c = user;
    void *block = NULL;

    if (c->left == 0 || posix_memalign(&block, alignment, bytes) != 0)
        return NULL;
    if (c->left > 0)
        c->left--;
    memset(block, 0xa5, bytes);
    c->live += bytes;
    c->blocks++;
    return block;
}

static void count_release(void *user, void *block, size_t bytes)
{
    counting *c = user;

    c->live -= bytes;
    c->blocks--;
    free(block);
}

static memory *counted(counting *c)
{
    const descent_allocator allocator = {sizeof allocator, 0, c, count_allocate,
                                         count_release};
    memory *m = NULL;

    assert_int_equal(memory_open(&allocator, &m), DESCENT_OK);
    return m;
}

static void memory_is_zeroed_aligned_and_given_back(void **state)
{
    counting c = {.left = -1};
    memory *m = counted(&c);
    double *numbers;
    char *text;

    (void)state;
    assert_int_equal(memory_new(m, 1000, sizeof *numbers, &numbers), 0);
    assert_int_equal((uintptr_t)numbers % 64, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(numbers[i] == 0);
    assert_int_equal(memory_text(m, "descent", &text), 0);
    assert_string_equal(text, "descent");
    memory_close(memory_retain(m));
    memory_release(m, numbers, 1000, sizeof *numbers);
    memory_release(m, NULL, 1000, 8);
    memory_release_text(m, text);
    memory_release_text(m, NULL);
    memory_close(m);
    memory_close(NULL);
    assert_int_equal(c.live, 0);
    assert_int_equal(c.blocks, 0);
}

static void sizes_that_overflow_are_refused(void **state)
{
    counting c = {.left = -1};
    memory *m = counted(&c);
    void *block = &c;

    (void)state;
    assert_int_equal(memory_new(m, SIZE_MAX / 2, 3, &block),
                     DESCENT_ERR_MEMORY);
    assert_null(block);
    assert_non_null(strstr(descent_error_message(), "of 3 bytes"));
    assert_int_equal(memory_new(m, SIZE_MAX, 1, &block), DESCENT_ERR_MEMORY);
    assert_int_equal(memory_new(m, SIZE_MAX / 8 + 2, 8, &block),
                     DESCENT_ERR_MEMORY);
    assert_int_equal(memory_new(m, 0, 8, &block), DESCENT_OK);
    assert_null(block);
    memory_close(m);
    assert_int_equal(c.blocks, 0);
}

static void failing_allocators_are_errors(void **state)
{
    counting c = {.left = 0};
    descent_allocator allocator = {sizeof allocator, 0, &c, count_allocate,
                                   count_release};
    memory *m = NULL;
    void *block = &c;
    int *array = NULL;
    size_t capacity = 0;

    (void)state;
    assert_int_equal(memory_open(&allocator, &m), DESCENT_ERR_MEMORY);
    assert_null(m);
    c.left = 2;
    m = counted(&c);
    assert_int_equal(memory_grow(m, &array, &capacity, 1, sizeof *array), 0);
    array[0] = 17;
    assert_int_equal(memory_new(m, 3, 5, &block), DESCENT_ERR_MEMORY);
    assert_null(block);
    assert_string_equal(descent_error_message(), "out of memory (15 bytes)");
    assert_int_equal(memory_text(m, "x", (char **)&block), DESCENT_ERR_MEMORY);
    /* What failed to grow is still there. */
    assert_int_equal(
        memory_grow(m, &array, &capacity, capacity + 1, sizeof *array),
        DESCENT_ERR_MEMORY);
    assert_int_equal(array[0], 17);
    memory_release(m, array, capacity, sizeof *array);
    memory_close(m);
    assert_int_equal(c.blocks, 0);
    allocator.release = NULL;
    assert_int_equal(memory_open(&allocator, &m), DESCENT_ERR_ARGUMENT);
    allocator.struct_size = 8;
    assert_int_equal(memory_open(&allocator, &m), DESCENT_ERR_ARGUMENT);
}

static void arrays_grow_and_keep_their_contents(void **state)
{
    counting c = {.left = -1};
    memory *m = counted(&c);
    size_t *array = NULL, capacity = 0;

    (void)state;
    for (size_t n = 0; n < 1000; n++) {
        assert_int_equal(
            memory_grow(m, &array, &capacity, n + 1, sizeof *array), 0);
        assert_true(capacity > n && array[n] == 0);
        array[n] = n;
    }
    for (size_t n = 0; n < 1000; n++)
        assert_int_equal(array[n], n);
    assert_int_equal(
        memory_grow(m, &array, &capacity, SIZE_MAX / 4, sizeof *array),
        DESCENT_ERR_MEMORY);
    memory_release(m, array, capacity, sizeof *array);
    memory_close(m);
    assert_int_equal(c.live, 0);
}

/* ---- Processor, log, clock, files ---- */

static void levels_are_limited_by_name(void **state)
{
    const descent_isa both = DESCENT_ISA_AVX2 | DESCENT_ISA_AVX512;
    descent_isa isa = 77;

    (void)state;
    assert_int_equal(cpu_isa_limit(both, "any", "X", &isa), DESCENT_OK);
    assert_int_equal(isa, DESCENT_ISA_ANY);
    assert_int_equal(cpu_isa_limit(both, "avx2", "X", &isa), DESCENT_OK);
    assert_int_equal(isa, DESCENT_ISA_AVX2);
    assert_int_equal(cpu_isa_limit(both, "avx512", "X", &isa), DESCENT_OK);
    assert_int_equal(isa, both);
    assert_int_equal(cpu_isa_limit(DESCENT_ISA_AVX2, "avx512", "X", &isa), 0);
    assert_int_equal(isa, DESCENT_ISA_AVX2);
    assert_int_equal(cpu_isa_limit(both, "sse9", "DESCENT_ISA", &isa),
                     DESCENT_ERR_ARGUMENT);
    assert_string_equal(descent_error_message(),
                        "DESCENT_ISA = \"sse9\": expected any, avx2 or avx512");
    assert_string_equal(cpu_isa_name(DESCENT_ISA_ANY), "any");
    assert_string_equal(cpu_isa_name(DESCENT_ISA_AVX2), "avx2");
    assert_string_equal(cpu_isa_name(both), "avx512");
    assert_int_equal(cpu_isa() & ~both, 0);
    assert_true((cpu_isa() & DESCENT_ISA_AVX512) == 0 ||
                (cpu_isa() & DESCENT_ISA_AVX2) != 0);
    assert_true(cpu_count() >= 1);
}

static void keep_text(void *user, int level, const char *text)
{
    snprintf(user, 64, "%d %s", level, text);
}

static void messages_reach_the_sink(void **state)
{
    char kept[64] = "none";
    const log_sink silent = {NULL, kept}, sink = {keep_text, kept};

    (void)state;
    log_write(&silent, LOG_ERROR, "lost");
    assert_string_equal(kept, "none");
    log_write(&sink, LOG_WARNING, "%s = %d", "beta", 3);
    assert_string_equal(kept, "2 beta = 3");
}

static void the_clock_does_not_go_back(void **state)
{
    double last = descent_clock();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        const double now = descent_clock();
        assert_true(now >= last);
        last = now;
    }
}

static void files_are_read_exactly_or_not_at_all(void **state)
{
    char path[] = "/tmp/descent-test-XXXXXX", buffer[8] = "";
    int descriptor = mkstemp(path);

    (void)state;
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "optimizer", 9), 9);
    close(descriptor);
    descriptor = files_system.open_read(path);
    assert_true(descriptor >= 0);
    assert_true(files_read_exactly(&files_system, descriptor, buffer, 4, 5));
    assert_string_equal(buffer, "izer");
    assert_false(files_read_exactly(&files_system, descriptor, buffer, 5, 5));
    assert_int_equal(errno, 0);
    assert_int_equal(files_system.close(descriptor), 0);
    assert_int_equal(unlink(path), 0);
    assert_true(files_system.open_read(path) < 0);
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_short_and_read_back),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(appending_cuts_what_does_not_fit),
        cmocka_unit_test(names_compare_in_any_case),
        cmocka_unit_test(distances_count_edits_and_swaps),
        cmocka_unit_test(only_near_names_are_suggested),
        cmocka_unit_test(plain_text_is_bounded_and_printable),
        cmocka_unit_test(failures_keep_code_and_text),
        cmocka_unit_test(control_bytes_never_reach_a_terminal),
        cmocka_unit_test(endless_messages_are_cut),
        cmocka_unit_test(failures_belong_to_their_thread),
        cmocka_unit_test(codes_have_names),
        cmocka_unit_test(memory_is_zeroed_aligned_and_given_back),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(failing_allocators_are_errors),
        cmocka_unit_test(arrays_grow_and_keep_their_contents),
        cmocka_unit_test(levels_are_limited_by_name),
        cmocka_unit_test(messages_reach_the_sink),
        cmocka_unit_test(the_clock_does_not_go_back),
        cmocka_unit_test(files_are_read_exactly_or_not_at_all),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
