/* SPDX-License-Identifier: MIT */
/* Safetensors files: what is written comes back, the same content is the same
 * bytes, and nothing that is damaged or hostile is accepted. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/reader.h"
#include "checkpoint/writer.h"
#include "support/check.h"
#include "support/checkpoints.h"
#include "support/plugin_files.h"

static memory *m;
static char folder[PATH_MAX], path[PATH_MAX];

static int setup(void **state)
{
    (void)state;
    plugin_folder_make(folder);
    snprintf(path, sizeof path, "%s", plugin_in(folder, "c.safetensors"));
    return memory_open(NULL, &m);
}

static int teardown(void **state)
{
    (void)state;
    plugin_folder_remove(folder);
    memory_close(m);
    return 0;
}

static void save(int seed)
{
    ok(checkpoint_write(m, &files_system, path, checkpoints_content(seed)));
}

/* Open and check all digests, as a loader does first. */
static descent_status verify(const char *name)
{
    checkpoint_reader *r = NULL;
    descent_status status = checkpoint_reader_open(m, &files_system, name, &r);

    if (status == DESCENT_OK)
        status = checkpoint_reader_check_all(r);
    checkpoint_reader_close(r);
    return status;
}

/* ---- Good files ---- */

static void what_is_written_comes_back(void **state)
{
    const checkpoint_content *c = checkpoints_content(3);
    checkpoint_reader *r = NULL;
    char buffer[64];

    (void)state;
    save(3);
    ok(checkpoint_reader_open(m, &files_system, path, &r));
    assert_int_equal(checkpoint_reader_header(r)->tensor_count,
                     c->tensor_count);
    assert_int_equal(checkpoint_reader_header(r)->text_count, c->text_count);
    for (size_t i = 0; i < c->tensor_count; i++) {
        const checkpoint_tensor *const want = &c->tensors[i];
        const safetensors_tensor *got = checkpoint_reader_tensor(r, want->name);

        assert_non_null(got);
        assert_int_equal(got->dtype, want->dtype);
        assert_int_equal(got->ndim, want->ndim);
        for (uint32_t d = 0; d < want->ndim; d++)
            assert_int_equal(got->shape[d], want->shape[d]);
        assert_true(got->bytes <= sizeof buffer);
        ok(checkpoint_reader_read(r, got, buffer));
        if (got->bytes > 0)
            assert_memory_equal(buffer, want->data, got->bytes);
    }
    for (size_t i = 0; i < c->text_count; i++)
        assert_string_equal(checkpoint_reader_text(r, c->texts[i].key),
                            c->texts[i].text);
    assert_null(checkpoint_reader_tensor(r, "missing"));
    assert_null(checkpoint_reader_text(r, "descent.format"));
    checkpoint_reader_close(r);
}

static uint64_t header_length(const plugin_bytes *b)
{
    uint64_t length = 0;

    memcpy(&length, b->at, sizeof length);
    return length;
}

static void elements_are_aligned_and_headers_padded_with_spaces(void **state)
{
    checkpoint_reader *r = NULL;
    plugin_bytes b;

    (void)state;
    save(1);
    b = plugin_read(path);
    assert_int_equal((header_length(&b) + 8) % 64, 0);
    for (size_t i = 8 + header_length(&b) - 1; b.at[i] != '}'; i--)
        assert_int_equal(b.at[i], ' ');
    plugin_free(&b);
    ok(checkpoint_reader_open(m, &files_system, path, &r));
    for (size_t i = 0; i < checkpoint_reader_header(r)->tensor_count; i++) {
        const safetensors_tensor *t = &checkpoint_reader_header(r)->tensors[i];
        assert_int_equal(t->begin % safetensors_dtype_size(t->dtype), 0);
    }
    checkpoint_reader_close(r);
}

static void
the_same_content_is_the_same_bytes_in_any_order_and_locale(void **state)
{
    const checkpoint_content *c = checkpoints_content(2);
    checkpoint_tensor tensors[8];
    checkpoint_text texts[2] = {c->texts[1], c->texts[0]};
    const checkpoint_content turned = {tensors, c->tensor_count, texts, 2};
    plugin_bytes a, b;

    (void)state;
    for (size_t i = 0; i < c->tensor_count; i++)
        tensors[i] = c->tensors[c->tensor_count - 1 - i];
    save(2);
    a = plugin_read(path);
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL)
        print_message("# not run: saving in de_DE.UTF-8, which is not "
                      "installed here\n");
    ok(checkpoint_write(m, &files_system, path, &turned));
    ok(verify(path));
    setlocale(LC_ALL, "C");
    b = plugin_read(path);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.at, b.at, a.size);
    plugin_free(&a);
    plugin_free(&b);
}

static void a_file_of_nothing_is_a_file(void **state)
{
    const checkpoint_content nothing = {0};

    (void)state;
    ok(checkpoint_write(m, &files_system, path, &nothing));
    ok(verify(path));
}

static void content_that_no_file_holds_is_refused(void **state)
{
    static const float x[2];
    static const int64_t two[] = {2}, negative[] = {-2},
                         huge[] = {0, INT64_MAX, INT64_MAX};
    static char longest[SAFETENSORS_NAME_MOST + 2];
    const struct {
        checkpoint_tensor tensor;
        const char *text;
    } rows[] = {
        {{"", DESCENT_DTYPE_F32, 1, two, x}, "is empty"},
        {{NULL, DESCENT_DTYPE_F32, 1, two, x}, "is empty"},
        {{"a\nb", DESCENT_DTYPE_F32, 1, two, x}, "control bytes"},
        {{"\xed\xa0\x80", DESCENT_DTYPE_F32, 1, two, x}, "UTF-8"},
        {{"\xc0\x80", DESCENT_DTYPE_F32, 1, two, x}, "UTF-8"},
        {{longest, DESCENT_DTYPE_F32, 1, two, x}, "1 to 4096 bytes"},
        {{"__metadata__", DESCENT_DTYPE_F32, 1, two, x}, "uses this name"},
        {{"x", 0, 1, two, x}, "dtype = 0, expected F64"},
        {{"x", 99, 1, two, x}, "dtype = 99, expected F64"},
        {{"x", DESCENT_DTYPE_F32, 9, two, x}, "ndim = 9, expected at most 8"},
        {{"x", DESCENT_DTYPE_F32, 1, NULL, x}, "shape is NULL"},
        {{"x", DESCENT_DTYPE_F32, 1, negative, x}, "is negative"},
        {{"x", DESCENT_DTYPE_F32, 3, huge, x}, "can be addressed"},
        {{"x", DESCENT_DTYPE_F32, 1, two, NULL}, "the pointer is NULL"},
    };
    static const checkpoint_text bad[] = {{"descent.format", "9"},
                                          {"descent.digest", ""},
                                          {"digest.x", ""},
                                          {"", "empty"},
                                          {"x", NULL},
                                          {"x", "\xff"}};
    const checkpoint_tensor twice[] = {{"x", DESCENT_DTYPE_F32, 1, two, x},
                                       {"x", DESCENT_DTYPE_F32, 1, two, x}};
    const checkpoint_content both = {twice, 2, NULL, 0};

    (void)state;
    memset(longest, 'n', sizeof longest - 1);
    save(1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const checkpoint_content c = {&rows[i].tensor, 1, NULL, 0};
        refused(checkpoint_write(m, &files_system, path, &c),
                DESCENT_ERR_ARGUMENT, rows[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const checkpoint_content c = {NULL, 0, &bad[i], 1};
        refused(checkpoint_write(m, &files_system, path, &c),
                DESCENT_ERR_ARGUMENT, "metadata");
    }
    refused(checkpoint_write(m, &files_system, path, &both),
            DESCENT_ERR_ARGUMENT, "two tensors have this name");
    ok(verify(path));
}

/* ---- Damage ---- */

static void s12_12_every_truncation_is_refused(void **state)
{
    plugin_bytes b;

    (void)state;
    save(1);
    b = plugin_read(path);
    for (size_t size = 0; size < b.size; size++) {
        plugin_write(path, b.at, size);
        refused(verify(path), DESCENT_ERR_IO, path);
    }
    plugin_free(&b);
}

static void s12_12_something_added_is_refused(void **state)
{
    plugin_bytes b;
    char *more;

    (void)state;
    save(1);
    b = plugin_read(path);
    more = calloc(1, b.size + 1);
    assert_non_null(more);
    memcpy(more, b.at, b.size);
    plugin_write(path, more, b.size + 1);
    refused(verify(path), DESCENT_ERR_IO, "cut off or added to");
    free(more);
    plugin_free(&b);
}

static void s12_12_every_flipped_bit_is_refused(void **state)
{
    plugin_bytes b;
    char name[PATH_MAX];

    (void)state;
    save(1);
    b = plugin_read(path);
    snprintf(name, sizeof name, "%s", plugin_in(folder, "flipped"));
    for (size_t bit = 0; bit < 8 * b.size; bit++) {
        b.at[bit / 8] ^= (unsigned char)(1u << bit % 8);
        plugin_write(name, b.at, b.size);
        if (verify(name) == DESCENT_OK)
            fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
        assert_int_equal(descent_error_code(), DESCENT_ERR_IO);
        b.at[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    plugin_free(&b);
}

static void a_damaged_file_names_its_former_one(void **state)
{
    char former[PATH_MAX];
    plugin_bytes b;

    (void)state;
    snprintf(former, sizeof former, "%s",
             plugin_in(folder, "c.safetensors.prev"));
    save(1);
    save(2);
    b = plugin_read(path);
    b.at[b.size - 1] ^= 1;
    plugin_write(path, b.at, b.size);
    refused(verify(path), DESCENT_ERR_IO, ".prev is whole");
    refused(verify(path), DESCENT_ERR_IO, "do not match their digest");
    plugin_write(path, b.at, 100);
    refused(verify(path), DESCENT_ERR_IO, ".prev is whole");
    plugin_write(former, b.at, b.size);
    refused(verify(path), DESCENT_ERR_IO, ".prev is damaged too");
    assert_int_equal(unlink(former), 0);
    refused(verify(path), DESCENT_ERR_IO, "there is no ");
    plugin_free(&b);
}

/* ---- Hostile files ---- */

/* Write a file of this header and so many zero bytes, and read it. */
static descent_status verify_header(const char *json, size_t length,
                                    size_t data)
{
    const uint64_t announced = length;
    unsigned char *bytes = calloc(1, 8 + length + data);

    assert_non_null(bytes);
    memcpy(bytes, &announced, 8);
    memcpy(bytes + 8, json, length);
    plugin_write(path, bytes, 8 + length + data);
    free(bytes);
    return verify(path);
}

#define TENSOR(dtype, shape, offsets)                                          \
    "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define X(dtype, shape, offsets) "{\"x\":" TENSOR(dtype, shape, offsets) "}"
#define GOOD TENSOR("\"F32\"", "[2]", "[0,8]")

static void a_file_of_another_writer_is_read(void **state)
{
    static const char *const good[] = {
        "{\"x\":" GOOD "}",
        "{\"x\":" GOOD "}      ",
        "{\"../../x\":" GOOD "}",
        "{\"__metadata__\":{\"format\":\"pt\",\"digest.x\":\"?\"},\"x\":" GOOD
        "}",
        "{\"x\":{\"data_offsets\":[0,8],\"shape\":[2],\"dtype\":\"F32\"}}",
        "{\"e\":" TENSOR("\"F32\"", "[0]", "[0,0]") ",\"x\":" GOOD "}",
        "{\"x\":" GOOD ",\"e\":" TENSOR("\"F32\"", "[3,0]", "[8,8]") "}",
        "{\"b\":" TENSOR("\"U8\"", "[]", "[7,8]") ",\"a\":" TENSOR(
            "\"U8\"", "[7]", "[0,7]") "}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ok(verify_header(good[i], strlen(good[i]), 8));
}

static void hostile_headers_are_refused(void **state)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        /* JSON */
        {"", "does not begin with '{'"},
        {" {}", "does not begin with '{'"},
        {"[]", "does not begin with '{'"},
        {"{", "no JSON object"},
        {"{}{}", "no JSON object"},
        {"{} x", "no JSON object"},
        {"{\"x\":" GOOD ",}", "no JSON object"},
        {"{\"x\xff\":" GOOD "}", "no JSON object"},
        {"{\"x\\u0000y\":" GOOD "}", "no JSON object"},
        {"{\"x\\ud800\":" GOOD "}", "no JSON object"},
        {"{\"x\":" GOOD ",\"x\":" GOOD "}", "duplicate"},
        {X("\"F32\"", "[2]", "[0,8],\"dtype\":\"F32\""), "duplicate"},
        {"{\"x\":[[[[[]]]]]}", "nested deeper"},
        {"{\"x\":{\"y\":{\"z\":{}}}}", "nested deeper"},
        {X("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), "more than 8"},
        /* Fields */
        {"{\"x\":1}", "expected the fields"},
        {"{\"x\":{}}", "expected the fields"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}", "expected the fields"},
        {X("\"F32\"", "[2]", "[0,8],\"more\":1"), "expected the fields"},
        {"{\"\":" GOOD "}", "1 to 4096 bytes"},
        {"{\"a\\nb\":" GOOD "}", "control bytes"},
        {X("\"f32\"", "[2]", "[0,8]"), "dtype f32, expected F64"},
        {X("\"F8\"", "[2]", "[0,8]"), "dtype F8, expected F64"},
        {X("1", "[2]", "[0,8]"), "dtype is no text"},
        {X("\"F32\"", "[-2]", "[0,8]"), "dimension 1 of its shape"},
        {X("\"F32\"", "[2.0]", "[0,8]"), "dimension 1 of its shape"},
        {X("\"F32\"", "[\"2\"]", "[0,8]"), "dimension 1 of its shape"},
        {X("\"F32\"", "{}", "[0,8]"), "expected a list"},
        {X("\"F32\"", "2", "[0,8]"), "expected a list"},
        {X("\"F32\"", "[18446744073709551618]", "[0,8]"), "too big integer"},
        {X("\"F32\"", "[4611686018427387906]", "[0,8]"), "more elements"},
        {X("\"F32\"", "[4294967297,4294967298]", "[0,8]"), "more elements"},
        {X("\"F32\"", "[0,4294967297,4294967298]", "[0,0]"), "more elements"},
        {X("\"F32\"", "[3]", "[0,8]"), "8 bytes, but its shape"},
        /* Offsets */
        {X("\"F32\"", "[2]", "[0]"), "data_offsets: expected two"},
        {X("\"F32\"", "[2]", "[0,8,8]"), "data_offsets: expected two"},
        {X("\"F32\"", "[2]", "[0,8.0]"), "data_offsets: expected two"},
        {X("\"F32\"", "[2]", "[-8,0]"), "data_offsets: expected two"},
        {X("\"F32\"", "[2]", "[8,0]"), "data_offsets: expected two"},
        {X("\"F32\"", "[2]", "[1,9]"), "begins at 1, expected 0"},
        {X("\"F32\"", "[1]", "[0,4]"), "8 bytes of elements, but the header "
                                       "describes 4"},
        {X("\"F32\"", "[4]", "[0,16]"), "describes 16"},
        {X("\"U8\"", "[4611686018427387904]", "[0,4611686018427387904]"),
         "cut off"},
        {"{\"x\":" GOOD ",\"y\":" GOOD "}", "begins at 0, expected 8"},
        {"{\"x\":" TENSOR("\"U8\"", "[5]", "[0,5]") ",\"y\":" TENSOR(
             "\"U8\"", "[4]", "[4,8]") "}",
         "begins at 4, expected 5"},
        {"{\"x\":" TENSOR("\"U8\"", "[3]", "[0,3]") ",\"y\":" TENSOR(
             "\"U8\"", "[4]", "[4,8]") "}",
         "begins at 4, expected 3"},
        /* Metadata */
        {"{\"__metadata__\":[],\"x\":" GOOD "}", "an object of texts"},
        {"{\"__metadata__\":{\"a\":1},\"x\":" GOOD "}", "expected a text"},
        {"{\"__metadata__\":{\"a\":null},\"x\":" GOOD "}", "expected a text"},
        {"{\"__metadata__\":{\"\":\"\"},\"x\":" GOOD "}", "metadata key"},
        {"{\"__metadata__\":{\"descent.format\":\"2\"},\"x\":" GOOD "}",
         "is '2': this version reads '1'"},
        {"{\"__metadata__\":{\"descent.step\":\"2\"},\"x\":" GOOD "}",
         "descent.format"},
        {"{\"__metadata__\":{\"descent.format\":\"1\"},\"x\":" GOOD "}",
         "no digest where one is expected"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        refused(verify_header(rows[i].json, strlen(rows[i].json), 8),
                DESCENT_ERR_IO, rows[i].text);
}

/* `count` times `piece` between two texts. */
static void refused_repeated(const char *before, const char *piece,
                             const char *after, size_t count, const char *text)
{
    const size_t size = strlen(piece);
    char *json = malloc(strlen(before) + count * size + strlen(after) + 1);
    char *at = json;

    assert_non_null(json);
    at = stpcpy(at, before);
    for (size_t i = 0; i < count; i++, at += size)
        memcpy(at, piece, size);
    at = stpcpy(at, after);
    refused(verify_header(json, (size_t)(at - json), 8), DESCENT_ERR_IO, text);
    free(json);
}

static void headers_that_would_cost_much_are_refused(void **state)
{
    (void)state;
    refused_repeated("{\"x\":", "[", "", 100000, "nested deeper");
    refused_repeated("{\"x\":", "{\"y\":", "", 100000, "nested deeper");
    refused_repeated("{\"x\":{\"shape\":[", "1,", "1]}}", 5000,
                     "more than 8 numbers");
    refused_repeated("{\"__metadata__\":{", "\"\":0,", "\"\":0}}",
                     (1 << 21) + 1, "more than 2097152 entries");
    refused_repeated("{\"", "n", "\":" GOOD "}", 70000, "1 to 4096 bytes");
    refused_repeated("{\"", "\\", "", 99999, "no JSON object");
}

static void lengths_that_cannot_be_are_refused(void **state)
{
    static const struct {
        uint64_t length;
        const char *text;
    } rows[] = {
        {0, "does not begin with '{'"},
        {1, "no JSON object"},
        {57, "a header of 57 bytes is announced, 56 are there"},
        {100000000, "a header of 100000000 bytes is announced"},
        {100000001, "expected at most 100000000"},
        {UINT64_C(1) << 32, "expected at most 100000000"},
        {UINT64_C(1) << 63, "expected at most 100000000"},
        {UINT64_MAX - 7, "expected at most 100000000"},
        {UINT64_MAX, "a header of 18446744073709551615 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char bytes[64];

        memset(bytes, '{', sizeof bytes);
        memcpy(bytes, &rows[i].length, 8);
        plugin_write(path, bytes, sizeof bytes);
        refused(verify(path), DESCENT_ERR_IO, rows[i].text);
    }
}

static void other_formats_are_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } rows[] = {
        {"\x80\x02}q\x00X\x01\x00\x00\x00", 10, "a Python pickle"},
        {"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00}", 12,
         "a Python pickle"},
        {"\x80\x04K\x01.", 5, "a Python pickle"},
        {"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00", 11, "a zip archive"},
        {"\x93NUMPY\x01\x00v\x00{'descr'", 18, "a .npy file"},
        {"GGUF\x03\x00\x00\x00\x01\x00\x00", 11, "a GGUF file"},
        {"\x89HDF\r\n\x1a\n\x00\x00", 10, "an HDF5 file"},
        {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00", 9, "gzip"},
        {"hello, world", 12, "no safetensors file"},
        {"", 0, "0 bytes, expected at least 8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plugin_write(path, rows[i].bytes, rows[i].size);
        refused(verify(path), DESCENT_ERR_IO, rows[i].text);
    }
}

static void what_is_no_file_is_refused(void **state)
{
    static const unsigned char first[16] = {0x10};
    char name[PATH_MAX];

    (void)state;
    refused(verify(folder), DESCENT_ERR_IO, "is a directory");
    refused(verify("/dev/zero"), DESCENT_ERR_IO, "pipe, socket or device");
    refused(verify(plugin_in(folder, "missing")), DESCENT_ERR_IO,
            "No such file or directory");
    refused(verify(""), DESCENT_ERR_ARGUMENT, "the path is empty");
    snprintf(name, sizeof name, "%s", plugin_in(folder, "fifo"));
    assert_int_equal(mkfifo(name, 0600), 0);
    refused(verify(name), DESCENT_ERR_IO, "pipe, socket or device");
    assert_int_equal(unlink(name), 0);
    /* A hole of a tebibyte costs nothing. */
    plugin_write(path, first, sizeof first);
    assert_int_equal(truncate(path, INT64_C(1) << 40), 0);
    refused(verify(path), DESCENT_ERR_IO, "does not begin with '{'");
    assert_int_equal(truncate(path, 0), 0);
}

static void a_file_cut_off_while_it_is_read_is_an_error(void **state)
{
    checkpoint_reader *r = NULL;
    char buffer[64];

    (void)state;
    save(1);
    ok(checkpoint_reader_open(m, &files_system, path, &r));
    assert_int_equal(truncate(path, 100), 0);
    refused(checkpoint_reader_read(
                r, checkpoint_reader_tensor(r, "layer/kernel"), buffer),
            DESCENT_ERR_IO, "ended while it was read");
    checkpoint_reader_close(r);
}

static void a_failing_read_is_an_error_at_every_call(void **state)
{
    descent_status status = DESCENT_ERR_IO;

    (void)state;
    save(1);
    for (int at = 1; status != DESCENT_OK; at++) {
        checkpoint_reader *r = NULL;

        checkpoints_plan =
            (fault_plan){.fault = FAULT_FAIL, .at = at, .error = EIO};
        status = checkpoint_reader_open(m, &checkpoints_files, path, &r);
        if (status == DESCENT_OK)
            status = checkpoint_reader_check_all(r);
        if (status != DESCENT_OK)
            refused(status, DESCENT_ERR_IO, "Input/output error");
        checkpoint_reader_close(r);
        assert_true(at < 100);
    }
    checkpoints_plan = (fault_plan){0};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(elements_are_aligned_and_headers_padded_with_spaces),
        cmocka_unit_test(
            the_same_content_is_the_same_bytes_in_any_order_and_locale),
        cmocka_unit_test(a_file_of_nothing_is_a_file),
        cmocka_unit_test(content_that_no_file_holds_is_refused),
        cmocka_unit_test(s12_12_every_truncation_is_refused),
        cmocka_unit_test(s12_12_something_added_is_refused),
        cmocka_unit_test(s12_12_every_flipped_bit_is_refused),
        cmocka_unit_test(a_damaged_file_names_its_former_one),
        cmocka_unit_test(a_file_of_another_writer_is_read),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(headers_that_would_cost_much_are_refused),
        cmocka_unit_test(lengths_that_cannot_be_are_refused),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(a_file_cut_off_while_it_is_read_is_an_error),
        cmocka_unit_test(a_failing_read_is_an_error_at_every_call),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
