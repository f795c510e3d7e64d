/* SPDX-License-Identifier: MIT */
/* A header of unknown origin: parsed, judged, and copied into memory of ours.
 * Nothing of it is handed out before all of it is right. */
#include <stdlib.h>
#include <string.h>

#include "checkpoint/header.h"

/* ---- Tensors ---- */

static descent_status read_shape(const json_t *list, safetensors_tensor *t)
{
    const size_t n = json_array_size(list);

    if (!json_is_array(list) || n > DESCENT_MAX_DIMS)
        return status_fail(DESCENT_ERR_IO,
                           "tensor '%.64s': shape: expected a list of at most "
                           "%d sizes",
                           t->name, DESCENT_MAX_DIMS);
    t->ndim = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *const size = json_array_get(list, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return status_fail(DESCENT_ERR_IO,
                               "tensor '%.64s': dimension %zu of its shape: "
                               "expected an integer, 0 or more",
                               t->name, i + 1);
        t->shape[i] = json_integer_value(size);
    }
    return DESCENT_OK;
}

static descent_status read_offsets(const json_t *list, safetensors_tensor *t)
{
    const json_t *const begin = json_array_get(list, 0);
    const json_t *const end = json_array_get(list, 1);
    uint64_t bytes;

    if (json_array_size(list) != 2 || !json_is_integer(begin) ||
        !json_is_integer(end) || json_integer_value(begin) < 0 ||
        json_integer_value(end) < json_integer_value(begin))
        return status_fail(DESCENT_ERR_IO,
                           "tensor '%.64s': data_offsets: expected two "
                           "integers, 0 or more, in rising order",
                           t->name);
    t->begin = (uint64_t)json_integer_value(begin);
    t->bytes = (uint64_t)json_integer_value(end) - t->begin;
    if (!safetensors_bytes(t->dtype, t->ndim, t->shape, &bytes))
        return status_fail(DESCENT_ERR_IO,
                           "tensor '%.64s': its shape has more elements than "
                           "can be addressed",
                           t->name);
    if (bytes != t->bytes)
        return status_fail(DESCENT_ERR_IO,
                           "tensor '%.64s': %llu bytes, but its shape and type "
                           "need %llu",
                           t->name, (unsigned long long)t->bytes,
                           (unsigned long long)bytes);
    return DESCENT_OK;
}

static descent_status read_tensor(safetensors_header *h, const char *name,
                                  const json_t *fields)
{
    safetensors_tensor *const t = &h->tensors[h->tensor_count];
    const char *dtype = json_string_value(json_object_get(fields, "dtype"));

    TRY(header_check_name("tensor", name));
    t->name = header_keep(h, name);
    if (!json_is_object(fields) || json_object_size(fields) != 3 ||
        json_object_get(fields, "shape") == NULL ||
        json_object_get(fields, "data_offsets") == NULL)
        return status_fail(DESCENT_ERR_IO,
                           "tensor '%.64s': expected the fields dtype, shape "
                           "and data_offsets, and no others",
                           name);
    t->dtype = dtype != NULL ? safetensors_dtype_find(dtype) : 0;
    if (t->dtype == 0)
        return status_fail(DESCENT_ERR_IO,
                           "tensor '%.64s': dtype %.32s, "
                           "expected " SAFETENSORS_DTYPES,
                           name, dtype != NULL ? dtype : "is no text");
    TRY(read_shape(json_object_get(fields, "shape"), t));
    TRY(read_offsets(json_object_get(fields, "data_offsets"), t));
    h->tensor_count++;
    return DESCENT_OK;
}

static int by_place(const void *a, const void *b)
{
    const safetensors_tensor *const x = a, *const y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int by_name(const void *a, const void *b)
{
    const safetensors_tensor *const x = a, *const y = b;

    return strcmp(x->name, y->name);
}

/* The tensors must cover the elements, each byte once; then sort by name. */
static descent_status check_places(safetensors_header *h, uint64_t data)
{
    uint64_t end = 0;

    if (h->tensor_count > 0)
        qsort(h->tensors, h->tensor_count, sizeof *h->tensors, by_place);
    for (size_t i = 0; i < h->tensor_count; i++) {
        const safetensors_tensor *const t = &h->tensors[i];
        if (t->begin != end)
            return status_fail(DESCENT_ERR_IO,
                               "tensor '%.64s' begins at %llu, expected %llu: "
                               "tensors may neither overlap nor leave holes",
                               t->name, (unsigned long long)t->begin,
                               (unsigned long long)end);
        end += t->bytes;
    }
    if (end != data)
        return status_fail(DESCENT_ERR_IO,
                           "%llu bytes of elements, but the header describes "
                           "%llu: the file was cut off or added to",
                           (unsigned long long)data, (unsigned long long)end);
    if (h->tensor_count > 0)
        qsort(h->tensors, h->tensor_count, sizeof *h->tensors, by_name);
    return DESCENT_OK;
}

/* ---- The whole ---- */

static descent_status read_root(memory *m, json_t *root, const char *json,
                                size_t length, safetensors_header *h)
{
    json_t *const metadata = json_object_get(root, "__metadata__");
    const char *name;
    json_t *fields;

    TRY(metadata_check(m, metadata, json, length, &h->has_digests));
    h->strings_size = length;
    TRY(memory_new(m, h->strings_size, 1, &h->strings));
    h->tensor_capacity = json_object_size(root);
    TRY(memory_new(m, h->tensor_capacity, sizeof *h->tensors, &h->tensors));
    json_object_foreach(root, name, fields)
    {
        if (fields != metadata)
            TRY(read_tensor(h, name, fields));
    }
    return metadata_read(m, metadata, h);
}

descent_status safetensors_header_read(memory *m, const char *json,
                                       size_t length, uint64_t data,
                                       safetensors_header *out)
{
    json_error_t error;
    json_t *root;
    descent_status status;

    *out = (safetensors_header){0};
    TRY(safetensors_scan(json, length));
    root = json_loadb(json, length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return status_fail(DESCENT_ERR_IO,
                           "the header is no JSON object: %s (at byte %d)",
                           error.text, error.position);
    }
    status = read_root(m, root, json, length, out);
    json_decref(root);
    if (status == DESCENT_OK)
        status = check_places(out, data);
    return status;
}

void safetensors_header_free(memory *m, safetensors_header *h)
{
    memory_release(m, h->tensors, h->tensor_capacity, sizeof *h->tensors);
    memory_release(m, h->texts, h->text_capacity, sizeof *h->texts);
    memory_release(m, h->strings, h->strings_size, 1);
}
