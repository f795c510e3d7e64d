/* SPDX-License-Identifier: MIT */
#include "checkpoint/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/beginning.h"
#include "checkpoint/replace.h"

enum { PIECE = 1 << 20 };

struct checkpoint_reader {
    memory *memory;
    const files *files;
    char *path;
    int descriptor;
    uint64_t data; /* offset of the first element */
    safetensors_header header;
    bool is_former; /* of another file: has no former file itself    */
    bool is_read;   /* a failure from here on is the file's own      */
};

/* ---- Failures ---- */

static descent_status system_failure(const checkpoint_reader *r, int failure)
{
    const char *reason = strerrordesc_np(failure);

    return status_fail(DESCENT_ERR_IO, "%s: %s", r->path,
                       failure == 0     ? "ended while it was read"
                       : reason != NULL ? reason
                                        : "unknown error");
}

static descent_status open_file(memory *m, const files *f, const char *path,
                                bool is_former, checkpoint_reader **out);

/* The file is bad, as the last message says: add its path, and whether there is
 * a former one to turn to. */
static descent_status damaged(const checkpoint_reader *r, descent_status status)
{
    char former[PATH_MAX], message[1024];
    checkpoint_reader *other = NULL;
    const char *verdict = "is whole";
    int descriptor;

    status_prefix(status, "%s", r->path);
    if (r->is_former || status == DESCENT_ERR_MEMORY)
        return status;
    strncpy(message, descent_error_message(), sizeof message - 1);
    message[sizeof message - 1] = '\0';
    if (replace_former_path(r->path, former) != DESCENT_OK)
        return status_fail(status, "%s", message);
    descriptor = r->files->open_read(former);
    if (descriptor < 0)
        return status_fail(status, "%s; there is no %s", message, former);
    r->files->close(descriptor);
    if (open_file(r->memory, r->files, former, true, &other) != DESCENT_OK ||
        checkpoint_reader_check_all(other) != DESCENT_OK)
        verdict = "is damaged too";
    checkpoint_reader_close(other);
    return status_fail(status, "%s; the former file %s %s", message, former,
                       verdict);
}

/* ---- Opening ---- */

static descent_status read_json(checkpoint_reader *r,
                                const unsigned char *first, char *json,
                                uint64_t length, uint64_t data)
{
    r->is_read = false;
    if (!files_read_exactly(r->files, r->descriptor, json, length,
                            SAFETENSORS_LENGTH))
        return system_failure(r, errno);
    r->is_read = true;
    if (length == 0 || json[0] != '{')
        return beginning_refuse(
            first, SAFETENSORS_LENGTH,
            "no safetensors file, or damaged: the header does not "
            "begin with '{'");
    return safetensors_header_read(r->memory, json, length, data, &r->header);
}

static descent_status read_header(checkpoint_reader *r,
                                  const unsigned char *first, uint64_t size)
{
    uint64_t length = 0;
    char *json;
    descent_status status;

    TRY(beginning_length(first, size, &length));
    r->data = SAFETENSORS_LENGTH + length;
    TRY(memory_new(r->memory, length, 1, &json));
    status = read_json(r, first, json, length, size - r->data);
    memory_release(r->memory, json, length, 1);
    return status;
}

static descent_status fill(checkpoint_reader *r)
{
    unsigned char first[BEGINNING_BYTES] = {0};
    struct stat status;
    uint64_t size;
    size_t n;

    r->descriptor = r->files->open_read(r->path);
    if (r->descriptor < 0 || r->files->status(r->descriptor, &status) != 0)
        return system_failure(r, errno);
    if (!S_ISREG(status.st_mode))
        return status_fail(DESCENT_ERR_IO, "%s: %s: expected a file", r->path,
                           S_ISDIR(status.st_mode)
                               ? "is a directory"
                               : "is a pipe, socket or device");
    size = (uint64_t)status.st_size;
    n = size < sizeof first ? (size_t)size : sizeof first;
    if (!files_read_exactly(r->files, r->descriptor, first, n, 0))
        return system_failure(r, errno);
    r->is_read = true;
    return read_header(r, first, size);
}

static descent_status open_file(memory *m, const files *f, const char *path,
                                bool is_former, checkpoint_reader **out)
{
    checkpoint_reader *r;
    descent_status status;

    TRY(memory_new(m, 1, sizeof *r, &r));
    r->memory = m;
    r->files = f;
    r->descriptor = -1;
    r->is_former = is_former;
    status = memory_text(m, path, &r->path);
    if (status == DESCENT_OK)
        status = fill(r);
    if (r->is_read && status != DESCENT_OK)
        status = damaged(r, status);
    if (status != DESCENT_OK)
        checkpoint_reader_close(r);
    else
        *out = r;
    return status;
}

descent_status checkpoint_reader_open(memory *m, const files *f,
                                      const char *path, checkpoint_reader **out)
{
    if (path[0] == '\0')
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "the path is empty: expected that of a file");
    return open_file(m, f, path, false, out);
}

void checkpoint_reader_close(checkpoint_reader *r)
{
    if (r == NULL)
        return;
    if (r->descriptor >= 0)
        r->files->close(r->descriptor);
    safetensors_header_free(r->memory, &r->header);
    memory_release_text(r->memory, r->path);
    memory_release(r->memory, r, 1, sizeof *r);
}

/* ---- Looking ---- */

const safetensors_header *checkpoint_reader_header(const checkpoint_reader *r)
{
    return &r->header;
}

static int compare_name(const void *name, const void *tensor)
{
    return strcmp(name, ((const safetensors_tensor *)tensor)->name);
}

static int compare_key(const void *key, const void *text)
{
    return strcmp(key, ((const checkpoint_text *)text)->key);
}

const safetensors_tensor *checkpoint_reader_tensor(const checkpoint_reader *r,
                                                   const char *name)
{
    const safetensors_header *const h = &r->header;

    return h->tensor_count == 0 ? NULL
                                : bsearch(name, h->tensors, h->tensor_count,
                                          sizeof *h->tensors, compare_name);
}

const char *checkpoint_reader_text(const checkpoint_reader *r, const char *key)
{
    const safetensors_header *const h = &r->header;
    const checkpoint_text *const found =
        h->text_count == 0 ? NULL
                           : bsearch(key, h->texts, h->text_count,
                                     sizeof *h->texts, compare_key);

    return found != NULL ? found->text : NULL;
}

/* ---- Elements ---- */

static descent_status mismatch(const checkpoint_reader *r,
                               const safetensors_tensor *t)
{
    status_fail(DESCENT_ERR_IO,
                "damaged: the elements of tensor '%.64s' do not match their "
                "digest",
                t->name);
    return damaged(r, DESCENT_ERR_IO);
}

descent_status checkpoint_reader_read(checkpoint_reader *r,
                                      const safetensors_tensor *t, void *to)
{
    if (!files_read_exactly(r->files, r->descriptor, to, t->bytes,
                            (off_t)(r->data + t->begin)))
        return system_failure(r, errno);
    if (r->header.has_digests &&
        !digest_equal(digest_of(to, t->bytes), t->digest))
        return mismatch(r, t);
    return DESCENT_OK;
}

static descent_status add_elements(checkpoint_reader *r,
                                   const safetensors_tensor *t, char *piece,
                                   digester *d)
{
    for (uint64_t at = 0; at < t->bytes;) {
        const uint64_t left = t->bytes - at;
        const size_t n = left < PIECE ? (size_t)left : PIECE;

        if (!files_read_exactly(r->files, r->descriptor, piece, n,
                                (off_t)(r->data + t->begin + at)))
            return system_failure(r, errno);
        digester_add(d, piece, n);
        at += n;
    }
    return DESCENT_OK;
}

descent_status checkpoint_reader_matches(checkpoint_reader *r,
                                         const safetensors_tensor *t,
                                         bool *matches)
{
    digester *d;
    char *piece;
    descent_status status;

    *matches = true;
    if (!r->header.has_digests)
        return DESCENT_OK;
    TRY(digester_open(r->memory, &d));
    status = memory_new(r->memory, PIECE, 1, &piece);
    if (status == DESCENT_OK)
        status = add_elements(r, t, piece, d);
    if (status == DESCENT_OK)
        *matches = digest_equal(digester_result(d), t->digest);
    memory_release(r->memory, piece, PIECE, 1);
    digester_close(r->memory, d);
    return status;
}

descent_status checkpoint_reader_check_all(checkpoint_reader *r)
{
    for (size_t i = 0; i < r->header.tensor_count; i++) {
        bool matches = true;

        TRY(checkpoint_reader_matches(r, &r->header.tensors[i], &matches));
        if (!matches)
            return mismatch(r, &r->header.tensors[i]);
    }
    return DESCENT_OK;
}
