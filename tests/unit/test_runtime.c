/* SPDX-License-Identifier: MIT */
/* What a runtime takes from its options and from the environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static descent_status create(const char *isa, uint32_t threads, uint32_t flags,
                             descent_runtime **out)
{
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .isa = isa,
                                             .threads = threads,
                                             .flags = flags};

    *out = NULL;
    return descent_runtime_create(&options, out);
}

static int forget_environment(void **state)
{
    (void)state;
    unsetenv("DESCENT_ISA");
    unsetenv("DESCENT_THREADS");
    return 0;
}

static void the_environment_narrows_the_level(void **state)
{
    descent_runtime *runtime;

    (void)state;
    setenv("DESCENT_ISA", "any", 1);
    ok(create(NULL, 0, 0, &runtime));
    assert_string_equal(descent_runtime_isa(runtime), "any");
    descent_runtime_free(runtime);
    setenv("DESCENT_ISA", "sse9", 1);
    refused(create(NULL, 0, 0, &runtime), DESCENT_ERR_ARGUMENT,
            "DESCENT_ISA = \"sse9\": expected any, avx2 or avx512");
    assert_null(runtime);
    /* The application's word goes first, and may exclude the environment. */
    ok(create("any", 0, 0, &runtime));
    descent_runtime_free(runtime);
    ok(create(NULL, 0, DESCENT_RUNTIME_IGNORE_ENVIRONMENT, &runtime));
    descent_runtime_free(runtime);
    refused(create("AVX2", 0, 0, &runtime), DESCENT_ERR_ARGUMENT,
            "isa = \"AVX2\"");
}

static void a_step_uses_the_level_that_was_chosen(void **state)
{
    static const char *const levels[] = {"any", "avx2", "avx512"};
    float first[3] = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        float w[3] = {1, 2, 3}, g[3] = {0.1f, 0.2f, -0.3f};
        descent_runtime *runtime;
        setenv("DESCENT_ISA", levels[i], 1);
        ok(create(NULL, 0, 0, &runtime));
        descent_optimizer *o = check_optimizer(runtime, "adam", NULL);
        check_bind(o, "w", w, g, 3);
        check_step(o);
        if (i == 0)
            memcpy(first, w, sizeof w);
        assert_memory_equal(first, w, sizeof w);
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

static void the_number_of_threads_is_checked(void **state)
{
    static const char *const bad[] = {
        "0", "-1", "1e3", "two", "2x", "99999999999999999999", " 2"};
    descent_runtime *runtime;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("DESCENT_THREADS", bad[i], 1);
        refused(create(NULL, 0, 0, &runtime), DESCENT_ERR_ARGUMENT,
                "DESCENT_THREADS = ");
    }
    setenv("DESCENT_THREADS", "3", 1);
    ok(create(NULL, 0, 0, &runtime));
    assert_int_equal(descent_runtime_threads(runtime), 3);
    descent_runtime_free(runtime);
    ok(create(NULL, 5, 0, &runtime));
    assert_int_equal(descent_runtime_threads(runtime), 5);
    descent_runtime_free(runtime);
    refused(create(NULL, 5000, 0, &runtime), DESCENT_ERR_ARGUMENT,
            "threads = 5000");
}

static void options_that_cannot_be_are_refused(void **state)
{
    static const char *const relative[] = {"plugins", NULL};
    descent_allocator nothing = {.struct_size = sizeof nothing};
    descent_runtime_options options = {.struct_size = 4};
    descent_runtime *runtime = NULL;

    (void)state;
    refused(descent_runtime_create(&options, &runtime), DESCENT_ERR_ARGUMENT,
            "struct_size = 4");
    options.struct_size = sizeof options;
    options.flags = 1u << 31;
    refused(descent_runtime_create(&options, &runtime), DESCENT_ERR_ARGUMENT,
            "unknown bits");
    options.flags = 0;
    options.allocator = &nothing;
    refused(descent_runtime_create(&options, &runtime), DESCENT_ERR_ARGUMENT,
            "allocator");
    options.allocator = NULL;
    options.directories = relative;
    refused(descent_runtime_create(&options, &runtime), DESCENT_ERR_ARGUMENT,
            "plugins");
    refused(descent_runtime_create(NULL, NULL), DESCENT_ERR_ARGUMENT, "NULL");
    assert_null(runtime);
    refused(descent_optimizer_create(NULL, "adam", NULL,
                                     &(descent_optimizer *){NULL}),
            DESCENT_ERR_ARGUMENT, "runtime is NULL");
    descent_runtime_free(NULL);
    descent_optimizer_free(NULL);
    descent_options_free(NULL);
    descent_schedule_release(NULL);
}

static void objects_outlive_their_runtime(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_options *options = NULL;
    descent_schedule *hold = NULL;
    descent_optimizer *o = check_optimizer(runtime, "sgd", NULL);
    float w = 1, g = 1;
    double value = 0;

    (void)state;
    ok(descent_options_create(runtime, &options));
    ok(descent_options_set_number(options, "value", 0.5));
    ok(descent_schedule_create(runtime, "hold", options, &hold));
    descent_runtime_free(runtime);
    check_bind(o, "w", &w, &g, 1);
    check_step(o);
    assert_true(w == 0.99f);
    ok(descent_optimizer_set_schedule(o, "learning_rate", hold));
    descent_optimizer_free(o);
    ok(descent_schedule_at(hold, 7, &value));
    assert_true(value == 0.5);
    ok(descent_options_set_number(options, "value", 1));
    descent_options_free(options);
    descent_schedule_release(hold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_environment_narrows_the_level,
                                        forget_environment, forget_environment),
        cmocka_unit_test_setup_teardown(a_step_uses_the_level_that_was_chosen,
                                        forget_environment, forget_environment),
        cmocka_unit_test_setup_teardown(the_number_of_threads_is_checked,
                                        forget_environment, forget_environment),
        cmocka_unit_test(options_that_cannot_be_are_refused),
        cmocka_unit_test(objects_outlive_their_runtime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
