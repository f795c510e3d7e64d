/* SPDX-License-Identifier: MIT */
/* The bytes before the elements, a function of the content alone. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "checkpoint/safetensors.h"

enum { ALIGNMENT = 64 };

/* ---- Order: larger elements first, so that all are aligned; then names ---- */

static int by_place(const void *a, const void *b)
{
    const checkpoint_tensor *const *const x = a, *const *const y = b;
    const size_t m = safetensors_dtype_size((*x)->dtype);
    const size_t n = safetensors_dtype_size((*y)->dtype);

    return m != n ? (m < n) - (m > n) : strcmp((*x)->name, (*y)->name);
}

static int by_name(const void *a, const void *b)
{
    const checkpoint_tensor *const *const x = a, *const *const y = b;

    return strcmp((*x)->name, (*y)->name);
}

static int by_key(const void *a, const void *b)
{
    const checkpoint_text *const *const x = a, *const *const y = b;

    return strcmp((*x)->key, (*y)->key);
}

static descent_status sort_tensors(const checkpoint_content *c,
                                   const checkpoint_tensor **order)
{
    const size_t n = c->tensor_count;

    for (size_t i = 0; i < n; i++)
        order[i] = &c->tensors[i];
    if (n > 0)
        qsort(order, n, sizeof *order, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "tensor '%s': two tensors have this name",
                               order[i]->name);
    if (n > 0)
        qsort(order, n, sizeof *order, by_place);
    return DESCENT_OK;
}

static descent_status sort_texts(const checkpoint_content *c,
                                 const checkpoint_text **order)
{
    for (size_t i = 0; i < c->text_count; i++)
        order[i] = &c->texts[i];
    if (c->text_count > 0)
        qsort(order, c->text_count, sizeof *order, by_key);
    for (size_t i = 1; i < c->text_count; i++)
        if (strcmp(order[i - 1]->key, order[i]->key) == 0)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "metadata key '%s': given twice", order[i]->key);
    return DESCENT_OK;
}

/* ---- The text ---- */

static descent_status put(memory *m, safetensors_layout *to, const char *bytes,
                          size_t n)
{
    TRY(memory_grow(m, &to->text, &to->capacity, to->size + n, 1));
    memcpy(to->text + to->size, bytes, n);
    to->size += n;
    return DESCENT_OK;
}

static descent_status put_text(memory *m, safetensors_layout *to,
                               const char *text)
{
    return put(m, to, text, strlen(text));
}

/* What stands inside of quotes. */
static descent_status put_escaped(memory *m, safetensors_layout *to,
                                  const char *text)
{
    for (; *text != '\0'; text++) {
        char buffer[TEXT_ESCAPE];
        const char *escape = text_escape(*text, buffer);
        TRY(escape != NULL ? put_text(m, to, escape) : put(m, to, text, 1));
    }
    return DESCENT_OK;
}

/* ,"PREFIXkey":"text" */
static descent_status put_member(memory *m, safetensors_layout *to,
                                 const char *prefix, const char *key,
                                 const char *text)
{
    TRY(put_text(m, to, ",\""));
    TRY(put_text(m, to, prefix));
    TRY(put_escaped(m, to, key));
    TRY(put_text(m, to, "\":\""));
    TRY(put_escaped(m, to, text));
    return put_text(m, to, "\"");
}

static descent_status put_metadata(memory *m, safetensors_layout *to,
                                   const checkpoint_text *const *texts,
                                   size_t text_count)
{
    char digits[DIGEST_DIGITS + 1];

    TRY(put_text(m, to, SAFETENSORS_BEGINNING));
    digest_write((digest){0, 0}, digits);
    TRY(put_text(m, to, digits));
    TRY(put_text(m, to, "\""));
    TRY(put_member(m, to, "", SAFETENSORS_FORMAT, SAFETENSORS_FORMAT_TEXT));
    for (size_t i = 0; i < to->count; i++) {
        digest_write(to->digests[i], digits);
        TRY(put_member(m, to, SAFETENSORS_DIGEST, to->order[i]->name, digits));
    }
    for (size_t i = 0; i < text_count; i++)
        TRY(put_member(m, to, "", texts[i]->key, texts[i]->text));
    return put_text(m, to, "}");
}

static descent_status put_tensor(memory *m, safetensors_layout *to,
                                 const checkpoint_tensor *t, uint64_t *end)
{
    char text[64 + DESCENT_MAX_DIMS * 24] = "";
    const uint64_t begin = *end;
    uint64_t bytes = 0;

    safetensors_bytes(t->dtype, t->ndim, t->shape, &bytes);
    *end += bytes;
    TRY(put_text(m, to, ",\""));
    TRY(put_escaped(m, to, t->name));
    text_append(text, sizeof text, "\":{\"dtype\":\"%s\",\"shape\":[",
                safetensors_dtype_name(t->dtype));
    for (uint32_t i = 0; i < t->ndim; i++)
        text_append(text, sizeof text, "%s%lld", i > 0 ? "," : "",
                    (long long)t->shape[i]);
    TRY(put_text(m, to, text));
    text[0] = '\0';
    text_append(text, sizeof text, "],\"data_offsets\":[%llu,%llu]}",
                (unsigned long long)begin, (unsigned long long)*end);
    return put_text(m, to, text);
}

/* Fill in what is known last: the length, and the header's own digest. */
static descent_status seal(memory *m, safetensors_layout *to)
{
    char *const json = to->text + SAFETENSORS_LENGTH;
    const uint64_t length = to->size - SAFETENSORS_LENGTH;
    char digits[DIGEST_DIGITS + 1];
    digest d;

    if (length > SAFETENSORS_HEADER_MOST)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "names and metadata need a header of %llu bytes, "
                           "expected at most %d",
                           (unsigned long long)length, SAFETENSORS_HEADER_MOST);
    TRY(safetensors_header_digest(m, json, length, &d));
    digest_write(d, digits);
    memcpy(json + strlen(SAFETENSORS_BEGINNING), digits, DIGEST_DIGITS);
    for (size_t i = 0; i < SAFETENSORS_LENGTH; i++)
        to->text[i] = (char)(length >> 8 * i & 0xff);
    return DESCENT_OK;
}

static descent_status put_all(memory *m, safetensors_layout *to,
                              const checkpoint_text *const *texts,
                              size_t text_count)
{
    static const char space[] = "        ";
    uint64_t end = 0;

    TRY(put(m, to, space, SAFETENSORS_LENGTH));
    TRY(put_metadata(m, to, texts, text_count));
    for (size_t i = 0; i < to->count; i++)
        TRY(put_tensor(m, to, to->order[i], &end));
    TRY(put_text(m, to, "}"));
    while (to->size % ALIGNMENT != 0)
        TRY(put(m, to, space, 1));
    return seal(m, to);
}

descent_status safetensors_layout_make(memory *m, const checkpoint_content *c,
                                       safetensors_layout *out)
{
    const size_t n = c->tensor_count;
    const checkpoint_text **texts = NULL;
    descent_status status;

    *out = (safetensors_layout){.count = n};
    TRY(safetensors_check(c));
    TRY(memory_new(m, n, sizeof *out->order, &out->order));
    TRY(sort_tensors(c, out->order));
    TRY(memory_new(m, n, sizeof *out->digests, &out->digests));
    for (size_t i = 0; i < n; i++) {
        const checkpoint_tensor *const t = out->order[i];
        uint64_t bytes = 0;
        safetensors_bytes(t->dtype, t->ndim, t->shape, &bytes);
        out->digests[i] = digest_of(t->data, bytes);
    }
    TRY(memory_new(m, c->text_count, sizeof *texts, &texts));
    status = sort_texts(c, texts);
    if (status == DESCENT_OK)
        status = put_all(m, out, texts, c->text_count);
    memory_release(m, texts, c->text_count, sizeof *texts);
    return status;
}

void safetensors_layout_free(memory *m, safetensors_layout *layout)
{
    memory_release(m, layout->text, layout->capacity, 1);
    memory_release(m, layout->order, layout->count, sizeof *layout->order);
    memory_release(m, layout->digests, layout->count, sizeof *layout->digests);
}
