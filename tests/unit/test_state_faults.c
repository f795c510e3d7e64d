/* SPDX-License-Identifier: MIT */
/* Saving and loading the state of an optimizer with faults: the process killed,
 * file operations and allocations failing.  The old or the new checkpoint is
 * there, whole; what could not be loaded has changed nothing. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkpoint/optimizer.h"
#include "support/check.h"
#include "support/checkpoints.h"
#include "support/plugin_files.h"

static const char everything[] =
    "{\"amsgrad\": true, \"weight_decay\": 0.01, \"global_clipnorm\": 1, "
    "\"use_ema\": true, \"gradient_accumulation_steps\": 2, \"master\": "
    "\"f32\", \"learning_rate\": {\"class_name\": \"reduce_on_plateau\", "
    "\"config\": {}}}";

/* ---- Memory that runs out ---- */

static long allowed = LONG_MAX, live;

static void *scarce(void *user, size_t bytes, size_t alignment)
{
    void *block = NULL;

    (void)user;
    if (allowed-- == 0 || posix_memalign(&block, alignment, bytes) != 0)
        return NULL;
    live++;
    return block;
}

static void give_back(void *user, void *block, size_t bytes)
{
    (void)user;
    memset(block, 0xa5, bytes);
    live--;
    free(block);
}

static const descent_allocator allocator = {sizeof allocator, 0, NULL, scarce,
                                            give_back};

/* ---- An optimizer of two tensors ---- */

enum { SIZE = 6 };

typedef struct fixture {
    descent_runtime *runtime;
    descent_optimizer *o;
    float single[SIZE], single_gradient[SIZE];
    uint16_t half[SIZE], half_gradient[SIZE];
} fixture;

static void begin(fixture *f, int steps)
{
    static const int64_t n = SIZE;
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .allocator = &allocator};
    descent_options *set = NULL;
    descent_tensor t[2] = {{.struct_size = sizeof *t,
                            .dtype = DESCENT_DTYPE_F32,
                            .name = "single",
                            .ndim = 1,
                            .shape = &n,
                            .data = f->single,
                            .gradient = f->single_gradient},
                           {.struct_size = sizeof *t,
                            .dtype = DESCENT_DTYPE_BF16,
                            .name = "half",
                            .ndim = 1,
                            .shape = &n,
                            .data = f->half,
                            .gradient = f->half_gradient}};

    for (int i = 0; i < SIZE; i++) {
        f->single[i] = (float)i - 2;
        f->single_gradient[i] = (float)(i % 3) - 1;
        f->half[i] = f->half_gradient[i] = (uint16_t)(0x3f80 + i);
    }
    ok(descent_runtime_create(&options, &f->runtime));
    ok(descent_options_from_json(f->runtime, everything, strlen(everything),
                                 &set));
    ok(descent_optimizer_create(f->runtime, "adam", set, &f->o));
    descent_options_free(set);
    ok(descent_optimizer_add(f->o, t, 2));
    for (int i = 0; i < steps; i++)
        check_step(f->o);
}

static void end(fixture *f)
{
    descent_optimizer_free(f->o);
    descent_runtime_free(f->runtime);
    assert_int_equal(live, 0);
}

/* ---- Files ---- */

static char folder[PATH_MAX], path[PATH_MAX];

static void open_folder(void)
{
    plugin_folder_make(folder);
    snprintf(path, sizeof path, "%s", plugin_in(folder, "c.safetensors"));
    checkpoints_plan = (fault_plan){0};
}

static descent_status save(fixture *f)
{
    return optimizer_save(f->o, &checkpoints_files, path, NULL);
}

static bool equal(const plugin_bytes *a, const plugin_bytes *b)
{
    return a->size == b->size && memcmp(a->at, b->at, a->size) == 0;
}

/* What a state is as a file. */
static plugin_bytes image(fixture *f)
{
    const char *other = plugin_in(folder, "image");
    plugin_bytes bytes;

    ok(optimizer_save(f->o, &files_system, other, NULL));
    bytes = plugin_read(other);
    assert_int_equal(unlink(other), 0);
    unlink(plugin_in(folder, "image.prev"));
    return bytes;
}

static bool kill_at(fixture *f, int at, fault how)
{
    plugin_bytes old = image(f), found, new;
    fixture fresh;
    int status;
    pid_t child;

    ok(save(f));
    check_step(f->o);
    new = image(f);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        checkpoints_plan = (fault_plan){.fault = how, .at = at};
        _exit(save(f) == DESCENT_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) ? WEXITSTATUS(status) == 0
                                  : WTERMSIG(status) == SIGKILL);
    found = plugin_read(path);
    assert_true(equal(&found, &old) || equal(&found, &new));
    if (WIFEXITED(status))
        assert_true(equal(&found, &new));
    begin(&fresh, 0);
    ok(descent_optimizer_load(fresh.o, path, NULL));
    plugin_free(&found);
    found = image(&fresh);
    assert_true(equal(&found, &old) || equal(&found, &new));
    descent_optimizer_free(fresh.o);
    descent_runtime_free(fresh.runtime);
    plugin_free(&old);
    plugin_free(&new);
    plugin_free(&found);
    return WIFSIGNALED(status);
}

static void a_kill_at_any_operation_leaves_a_whole_checkpoint(void **state)
{
    (void)state;
    for (int how = FAULT_KILL; how <= FAULT_KILL_MIDWAY; how++) {
        int at = 0;
        fixture f;

        open_folder();
        begin(&f, 3);
        do
            checkpoints_plan = (fault_plan){0};
        while (kill_at(&f, ++at, (fault)how));
        assert_true(at > 20);
        end(&f);
        plugin_folder_remove(folder);
    }
}

/* ---- Loading ---- */

/* One load into `f` with the nth operation or allocation failing; false when it
 * has fewer. */
static bool fail_at(fixture *f, int at, bool starve)
{
    plugin_bytes before = image(f), after;
    descent_status status;
    bool over;

    checkpoints_plan = (fault_plan){
        .fault = starve ? FAULT_NONE : FAULT_FAIL, .at = at, .error = EIO};
    allowed = starve ? at - 1 : LONG_MAX;
    status = optimizer_load(f->o, &checkpoints_files, path, NULL);
    over = starve ? allowed >= 0 : checkpoints_plan.calls < at;
    allowed = LONG_MAX;
    after = image(f);
    if (status != DESCENT_OK) {
        assert_int_equal(status, starve ? DESCENT_ERR_MEMORY : DESCENT_ERR_IO);
        assert_true(equal(&before, &after));
    } else {
        /* What fails when all is read, such as closing, does not matter. */
        assert_false(equal(&before, &after));
    }
    plugin_free(&before);
    plugin_free(&after);
    return !over;
}

static void check_loading(bool starve)
{
    int at = 0, failures = 0;
    fixture f;
    bool more = true;

    open_folder();
    begin(&f, 5);
    ok(save(&f));
    end(&f);
    while (more) {
        begin(&f, 2);
        more = fail_at(&f, ++at, starve);
        failures += more;
        end(&f);
    }
    assert_true(failures > 10);
    plugin_folder_remove(folder);
}

static void a_failing_operation_of_a_load_changes_nothing(void **state)
{
    (void)state;
    check_loading(false);
}

static void a_failing_allocation_of_a_load_changes_nothing(void **state)
{
    (void)state;
    check_loading(true);
}

/* The same where the state is not built yet: then it is not built either. */
static void a_failed_load_builds_no_state(void **state)
{
    descent_status status = DESCENT_ERR_MEMORY;
    fixture f, fresh;

    (void)state;
    open_folder();
    begin(&f, 5);
    ok(save(&f));
    end(&f);
    for (long n = 0; status != DESCENT_OK; n++) {
        begin(&fresh, 0);
        allowed = n;
        status = descent_optimizer_load(fresh.o, path, NULL);
        allowed = LONG_MAX;
        if (status != DESCENT_OK) {
            assert_int_equal(status, DESCENT_ERR_MEMORY);
            assert_int_equal(descent_optimizer_state_bytes(fresh.o), 0);
            assert_int_equal(descent_optimizer_iterations(fresh.o), 0);
            assert_float_equal(fresh.single[0], -2, 0);
            ok(descent_optimizer_load(fresh.o, path, NULL));
        }
        assert_int_equal(descent_optimizer_iterations(fresh.o), 5);
        end(&fresh);
    }
    plugin_folder_remove(folder);
}

/* ---- Saving, and lists ---- */

static descent_status ignore(void *user, const descent_tensor *item)
{
    (void)user;
    (void)item;
    return DESCENT_OK;
}

static descent_status listing(fixture *f)
{
    return descent_optimizer_weights(f->o, DESCENT_ORDER_KERAS3, ignore, NULL);
}

static void a_failing_allocation_of_a_save_keeps_the_old_file(void **state)
{
    descent_status status = DESCENT_ERR_MEMORY;
    plugin_bytes old, found;
    fixture f;
    long n = 0;

    (void)state;
    open_folder();
    begin(&f, 3);
    ok(save(&f));
    old = image(&f);
    check_step(f.o);
    for (; status != DESCENT_OK; n++) {
        allowed = n;
        status = save(&f);
        allowed = LONG_MAX;
        if (status == DESCENT_OK)
            break;
        assert_int_equal(status, DESCENT_ERR_MEMORY);
        found = plugin_read(path);
        assert_true(equal(&old, &found));
        plugin_free(&found);
    }
    assert_true(n > 20);
    plugin_free(&old);
    end(&f);
    plugin_folder_remove(folder);
}

/* Of these arrays Keras has no master. */
static void lists_survive_failing_allocations(void **state)
{
    descent_status status = DESCENT_ERR_MEMORY;
    fixture f;

    (void)state;
    for (long n = 0; status == DESCENT_ERR_MEMORY; n++) {
        begin(&f, 1);
        allowed = n;
        status = listing(&f);
        allowed = LONG_MAX;
        end(&f);
    }
    refused(status, DESCENT_ERR_SUPPORT, "has no place for 'master'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_at_any_operation_leaves_a_whole_checkpoint),
        cmocka_unit_test(a_failing_operation_of_a_load_changes_nothing),
        cmocka_unit_test(a_failing_allocation_of_a_load_changes_nothing),
        cmocka_unit_test(a_failed_load_builds_no_state),
        cmocka_unit_test(a_failing_allocation_of_a_save_keeps_the_old_file),
        cmocka_unit_test(lists_survive_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
