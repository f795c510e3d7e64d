/* SPDX-License-Identifier: MIT */
/* The texts of a header, and the digests among them. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "checkpoint/header.h"

const char *header_keep(safetensors_header *h, const char *text)
{
    char *const at = h->strings + h->strings_used;
    const size_t size = strlen(text) + 1;

    memcpy(at, text, size);
    h->strings_used += size;
    return at;
}

descent_status header_check_name(const char *what, const char *name)
{
    return text_is_plain(name, SAFETENSORS_NAME_MOST)
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_IO,
                             "%s '%.64s': expected 1 to %d bytes without "
                             "control bytes",
                             what, name, SAFETENSORS_NAME_MOST);
}

static int by_key(const void *a, const void *b)
{
    const checkpoint_text *const x = a, *const y = b;

    return strcmp(x->key, y->key);
}

static descent_status check_texts(json_t *metadata)
{
    const char *key;
    json_t *value;

    if (metadata != NULL && !json_is_object(metadata))
        return status_fail(DESCENT_ERR_IO,
                           "__metadata__: expected an object of texts");
    json_object_foreach(metadata, key, value)
    {
        TRY(header_check_name("metadata key", key));
        if (!json_is_string(value))
            return status_fail(DESCENT_ERR_IO,
                               "metadata '%.64s': expected a text", key);
    }
    return DESCENT_OK;
}

static bool has_key_of_ours(json_t *metadata)
{
    const char *key;
    json_t *value;

    json_object_foreach(metadata, key, value)
    {
        if (strncmp(key, SAFETENSORS_OURS, strlen(SAFETENSORS_OURS)) == 0)
            return true;
    }
    return false;
}

static descent_status read_texts(memory *m, json_t *metadata,
                                 safetensors_header *h)
{
    const char *key;
    json_t *value;

    h->text_capacity = json_object_size(metadata);
    TRY(memory_new(m, h->text_capacity, sizeof *h->texts, &h->texts));
    json_object_foreach(metadata, key, value)
    {
        if (h->has_digests && safetensors_reserved(key))
            continue;
        h->texts[h->text_count].key = header_keep(h, key);
        h->texts[h->text_count].text = header_keep(h, json_string_value(value));
        h->text_count++;
    }
    if (h->text_count > 0)
        qsort(h->texts, h->text_count, sizeof *h->texts, by_key);
    return DESCENT_OK;
}

/* ---- Digests of files of ours ---- */

static descent_status check_format(const json_t *metadata)
{
    const char *format =
        json_string_value(json_object_get(metadata, SAFETENSORS_FORMAT));

    if (format == NULL || strcmp(format, SAFETENSORS_FORMAT_TEXT) != 0)
        return status_fail(DESCENT_ERR_IO,
                           SAFETENSORS_FORMAT " is '%.32s': this version reads "
                                              "'" SAFETENSORS_FORMAT_TEXT "'",
                           format != NULL ? format : "");
    return DESCENT_OK;
}

static descent_status check_header(memory *m, const char *json, size_t length,
                                   const json_t *metadata)
{
    const char *digits =
        json_string_value(json_object_get(metadata, SAFETENSORS_HEADER_DIGEST));
    const size_t before = strlen(SAFETENSORS_BEGINNING);
    digest stored, found;

    if (digits == NULL || !digest_read(digits, &stored) ||
        length < before + DIGEST_DIGITS ||
        memcmp(json, SAFETENSORS_BEGINNING, before) != 0 ||
        memcmp(json + before, digits, DIGEST_DIGITS) != 0)
        return status_fail(DESCENT_ERR_IO,
                           "the header has no digest where one is expected: "
                           "damaged, or changed by another program");
    TRY(safetensors_header_digest(m, json, length, &found));
    if (!digest_equal(stored, found))
        return status_fail(DESCENT_ERR_IO,
                           "the header does not match its digest: damaged, or "
                           "changed by another program");
    return DESCENT_OK;
}

static descent_status read_digests(const json_t *metadata,
                                   safetensors_header *h)
{
    for (size_t i = 0; i < h->tensor_count; i++) {
        safetensors_tensor *const t = &h->tensors[i];
        char key[sizeof SAFETENSORS_DIGEST + SAFETENSORS_NAME_MOST] =
            SAFETENSORS_DIGEST;
        const char *digits;

        text_append(key, sizeof key, "%s", t->name);
        digits = json_string_value(json_object_get(metadata, key));
        if (digits == NULL || !digest_read(digits, &t->digest))
            return status_fail(DESCENT_ERR_IO,
                               "tensor '%.64s' has no digest, which files of "
                               "this format have",
                               t->name);
    }
    return DESCENT_OK;
}

descent_status metadata_check(memory *m, json_t *metadata, const char *json,
                              size_t length, bool *is_ours)
{
    TRY(check_texts(metadata));
    *is_ours = has_key_of_ours(metadata);
    if (!*is_ours)
        return DESCENT_OK;
    TRY(check_format(metadata));
    return check_header(m, json, length, metadata);
}

descent_status metadata_read(memory *m, json_t *metadata, safetensors_header *h)
{
    TRY(read_texts(m, metadata, h));
    return h->has_digests ? read_digests(metadata, h) : DESCENT_OK;
}
