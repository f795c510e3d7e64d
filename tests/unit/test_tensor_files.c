/* SPDX-License-Identifier: MIT */
/* descent_file_* and descent_checkpoint_*, as applications use them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"
#include "support/plugin_files.h"

static descent_runtime *runtime;
static char folder[PATH_MAX], path[PATH_MAX];

static int setup(void **state)
{
    (void)state;
    plugin_folder_make(folder);
    snprintf(path, sizeof path, "%s", plugin_in(folder, "x.safetensors"));
    runtime = check_runtime();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plugin_folder_remove(folder);
    descent_runtime_free(runtime);
    return 0;
}

static const int64_t shape[] = {2, 3};
static float kernel[6] = {1, 2, 3, 4, 5, 6};
static uint64_t step = 7;
static const descent_tensor tensors[] = {
    {.struct_size = sizeof *tensors,
     .dtype = DESCENT_DTYPE_F32,
     .name = "kernel",
     .ndim = 2,
     .shape = shape,
     .data = kernel},
    {.struct_size = sizeof *tensors,
     .dtype = DESCENT_DTYPE_U64,
     .name = "step",
     .data = &step},
};
static const char *const metadata[] = {"made by", "a test", "b", "", NULL};

static void save(void)
{
    ok(descent_file_save(runtime, path, tensors, 2, metadata));
}

static void tensors_and_texts_come_back(void **state)
{
    descent_tensor t = {.struct_size = sizeof t};
    descent_file *file = NULL;
    float back[6];
    size_t at = 9;

    (void)state;
    save();
    ok(descent_file_open(runtime, path, &file));
    assert_int_equal(descent_file_count(file), 2);
    ok(descent_file_index(file, "kernel", &at));
    assert_int_equal(at, 0);
    ok(descent_file_tensor(file, at, &t));
    assert_string_equal(t.name, "kernel");
    assert_int_equal(t.dtype, DESCENT_DTYPE_F32);
    assert_int_equal(t.ndim, 2);
    assert_int_equal(t.shape[1], 3);
    assert_null(t.data);
    ok(descent_file_read(file, at, back, sizeof back));
    assert_memory_equal(back, kernel, sizeof kernel);
    assert_string_equal(descent_file_key(file, 0), "b");
    assert_string_equal(descent_file_key(file, 1), "made by");
    assert_null(descent_file_key(file, 2));
    assert_string_equal(descent_file_text(file, "made by"), "a test");
    assert_null(descent_file_text(file, "step"));

    refused(descent_file_index(file, "kernal", &at), DESCENT_ERR_ARGUMENT,
            "did you mean 'kernel'?");
    refused(descent_file_index(file, "quite another", &at),
            DESCENT_ERR_ARGUMENT, "none of that name");
    refused(descent_file_tensor(file, 2, &t), DESCENT_ERR_ARGUMENT,
            "tensor 2: the file has 2, counted from 0");
    refused(descent_file_read(file, 0, back, 20), DESCENT_ERR_ARGUMENT,
            "memory of 20 bytes, expected 24");
    t.struct_size = 8;
    refused(descent_file_tensor(file, 0, &t), DESCENT_ERR_ARGUMENT,
            "struct_size = 8");
    descent_file_close(file);
    descent_file_close(NULL);
}

static void a_file_keeps_its_runtime(void **state)
{
    descent_runtime *other = check_runtime();
    descent_file *file = NULL;
    uint64_t back = 0;

    (void)state;
    save();
    ok(descent_file_open(other, path, &file));
    descent_runtime_free(other);
    ok(descent_file_read(file, 1, &back, sizeof back));
    assert_true(back == step);
    descent_file_close(file);
}

static void bad_arguments_are_refused(void **state)
{
    static const int64_t turned[] = {1, 2};
    static const char *const odd[] = {"key", NULL};
    descent_tensor t = tensors[0];
    descent_file *file = NULL;

    (void)state;
    save();
    refused(descent_file_save(NULL, path, tensors, 2, NULL),
            DESCENT_ERR_ARGUMENT, "runtime is NULL");
    refused(descent_file_save(runtime, NULL, tensors, 2, NULL),
            DESCENT_ERR_ARGUMENT, "path is NULL");
    refused(descent_file_save(runtime, path, NULL, 2, NULL),
            DESCENT_ERR_ARGUMENT, "tensors is NULL");
    refused(descent_file_save(runtime, path, tensors, 2, odd),
            DESCENT_ERR_ARGUMENT, "'key': expected a text");
    refused(descent_file_open(runtime, NULL, &file), DESCENT_ERR_ARGUMENT,
            "path is NULL");
    refused(descent_file_replace(runtime, path, NULL, 1), DESCENT_ERR_ARGUMENT,
            "bytes is NULL");
    refused(descent_checkpoint_verify(runtime, NULL), DESCENT_ERR_ARGUMENT,
            "path is NULL");
    refused(descent_checkpoint_inspect(runtime, path, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "visit is NULL");
    t.strides = turned;
    refused(descent_file_save(runtime, path, &t, 1, NULL), DESCENT_ERR_ARGUMENT,
            "only dense tensors");
    t = tensors[0];
    t.flags = 1;
    refused(descent_file_save(runtime, path, &t, 1, NULL), DESCENT_ERR_ARGUMENT,
            "flags = 0x1");
    t = tensors[0];
    t.struct_size = 16;
    refused(descent_file_save(runtime, path, &t, 1, NULL), DESCENT_ERR_ARGUMENT,
            "struct_size = 16");
    ok(descent_checkpoint_verify(runtime, path));
}

typedef struct seen {
    int tensors, texts;
    uint32_t digest[2];
    uint64_t bytes;
} seen;

static descent_status look(void *user, const descent_checkpoint_item *item)
{
    seen *const s = user;

    assert_true((item->tensor == NULL) == (item->text != NULL));
    if (item->tensor == NULL) {
        s->texts++;
        return DESCENT_OK;
    }
    s->digest[s->tensors++] = item->digest;
    s->bytes += item->bytes;
    return DESCENT_OK;
}

static descent_status stop(void *user, const descent_checkpoint_item *item)
{
    (void)user;
    return descent_error_set(DESCENT_ERR_SCRIPT, "enough of %s",
                             item->tensor->name);
}

static void an_inspection_visits_everything_and_judges_it(void **state)
{
    seen s = {0};
    plugin_bytes b;

    (void)state;
    save();
    ok(descent_checkpoint_inspect(runtime, path, look, &s));
    assert_int_equal(s.tensors, 2);
    assert_int_equal(s.texts, 2);
    assert_int_equal(s.bytes, 32);
    assert_int_equal(s.digest[0], DESCENT_DIGEST_GOOD);
    refused(descent_checkpoint_inspect(runtime, path, stop, NULL),
            DESCENT_ERR_SCRIPT, "enough of kernel");

    b = plugin_read(path);
    b.at[b.size - 1] ^= 4;
    plugin_write(path, b.at, b.size);
    plugin_free(&b);
    s = (seen){0};
    ok(descent_checkpoint_inspect(runtime, path, look, &s));
    assert_int_equal(s.digest[0], DESCENT_DIGEST_BAD);
    assert_int_equal(s.digest[1], DESCENT_DIGEST_GOOD);
    refused(descent_checkpoint_verify(runtime, path), DESCENT_ERR_IO,
            "tensor 'kernel' do not match their digest");
}

static void any_file_can_be_replaced(void **state)
{
    const char *name = plugin_in(folder, "note.txt");
    plugin_bytes b;

    (void)state;
    ok(descent_file_replace(runtime, name, "one", 3));
    ok(descent_file_replace(runtime, name, "three", 5));
    b = plugin_read(name);
    assert_int_equal(b.size, 5);
    assert_memory_equal(b.at, "three", 5);
    plugin_free(&b);
    assert_int_equal(access(plugin_in(folder, "note.txt.prev"), F_OK), -1);
}

/* ---- Failing allocations ---- */

static long countdown, held;

static void *allocate(void *user, size_t bytes, size_t alignment)
{
    void *block = NULL;

    (void)user;
    if (countdown-- == 0 || posix_memalign(&block, alignment, bytes) != 0)
        return NULL;
    held++;
    return block;
}

static void release(void *user, void *block, size_t bytes)
{
    (void)user;
    (void)bytes;
    held--;
    free(block);
}

static descent_status save_and_load(descent_runtime *r)
{
    descent_file *file = NULL;
    float back[6];
    descent_status status = descent_file_save(r, path, tensors, 2, metadata);

    if (status == DESCENT_OK)
        status = descent_checkpoint_verify(r, path);
    if (status == DESCENT_OK)
        status = descent_file_open(r, path, &file);
    if (status == DESCENT_OK)
        status = descent_file_read(file, 0, back, sizeof back);
    descent_file_close(file);
    return status;
}

static void a_failing_allocation_leaks_nothing_and_spares_the_file(void **state)
{
    const descent_allocator allocator = {.struct_size = sizeof allocator,
                                         .allocate = allocate,
                                         .release = release};
    const descent_runtime_options options = {.struct_size = sizeof options,
                                             .allocator = &allocator};
    descent_runtime *r = NULL;
    descent_status status = DESCENT_ERR_MEMORY;
    long before;

    (void)state;
    save();
    countdown = -1;
    ok(descent_runtime_create(&options, &r));
    before = held;
    for (long n = 0; status != DESCENT_OK; n++) {
        countdown = n;
        status = save_and_load(r);
        if (status != DESCENT_OK)
            refused(status, DESCENT_ERR_MEMORY, "out of memory");
        assert_int_equal(held, before);
        countdown = -1;
        ok(descent_checkpoint_verify(runtime, path));
        assert_true(n < 1000);
    }
    descent_runtime_free(r);
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_and_texts_come_back),
        cmocka_unit_test(a_file_keeps_its_runtime),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(an_inspection_visits_everything_and_judges_it),
        cmocka_unit_test(any_file_can_be_replaced),
        cmocka_unit_test(
            a_failing_allocation_leaks_nothing_and_spares_the_file),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
