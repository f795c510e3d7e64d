/* SPDX-License-Identifier: MIT */
/* Files of tensors for applications: descent_file_*. */
#include <string.h>

#include "base/text.h"
#include "checkpoint/reader.h"
#include "checkpoint/replace.h"
#include "checkpoint/take.h"
#include "checkpoint/writer.h"
#include "engine/runtime.h"
#include "tensor/view.h"

struct descent_file {
    descent_runtime *runtime;
    checkpoint_reader *reader;
};

/* ---- Writing ---- */

static descent_status save(memory *m, const char *path,
                           const descent_tensor *tensors,
                           const char *const *metadata,
                           checkpoint_content *content, checkpoint_tensor *t,
                           checkpoint_text *texts)
{
    content->tensors = t;
    content->texts = texts;
    TRY(take_tensors(tensors, content->tensor_count, t));
    TRY(take_texts(metadata, content->text_count, texts));
    TRY(safetensors_check(content));
    TRY(take_check_strides(tensors, content->tensor_count));
    return checkpoint_write(m, &files_system, path, content);
}

descent_status descent_file_save(descent_runtime *runtime, const char *path,
                                 const descent_tensor *tensors, size_t n,
                                 const char *const *metadata)
{
    checkpoint_content content = {.tensor_count = n,
                                  .text_count = take_count(metadata)};
    checkpoint_tensor *t = NULL;
    checkpoint_text *texts = NULL;
    descent_status status;

    TRY(runtime_check(runtime));
    if (path == NULL || (tensors == NULL && n > 0))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_file_save: %s is NULL",
                           path == NULL ? "path" : "tensors");
    status = memory_new(runtime->memory, n, sizeof *t, &t);
    if (status == DESCENT_OK)
        status = memory_new(runtime->memory, content.text_count, sizeof *texts,
                            &texts);
    if (status == DESCENT_OK)
        status =
            save(runtime->memory, path, tensors, metadata, &content, t, texts);
    memory_release(runtime->memory, t, n, sizeof *t);
    memory_release(runtime->memory, texts, content.text_count, sizeof *texts);
    return status;
}

descent_status descent_file_replace(descent_runtime *runtime, const char *path,
                                    const void *bytes, size_t size)
{
    replacement r;

    TRY(runtime_check(runtime));
    if (path == NULL || (bytes == NULL && size > 0))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_file_replace: %s is NULL",
                           path == NULL ? "path" : "bytes");
    TRY(replace_begin(&r, &files_system, path));
    TRY(replace_write(&r, bytes, size));
    return replace_commit(&r, false);
}

/* ---- Reading ---- */

descent_status descent_file_open(descent_runtime *runtime, const char *path,
                                 descent_file **out)
{
    descent_file *file;
    descent_status status;

    TRY(runtime_check(runtime));
    if (path == NULL || out == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_file_open: %s is NULL",
                           path == NULL ? "path" : "file");
    TRY(memory_new(runtime->memory, 1, sizeof *file, &file));
    status = checkpoint_reader_open(runtime->memory, &files_system, path,
                                    &file->reader);
    if (status != DESCENT_OK) {
        memory_release(runtime->memory, file, 1, sizeof *file);
        return status;
    }
    file->runtime = runtime_retain(runtime);
    *out = file;
    return DESCENT_OK;
}

void descent_file_close(descent_file *file)
{
    descent_runtime *runtime;

    if (file == NULL)
        return;
    runtime = file->runtime;
    checkpoint_reader_close(file->reader);
    memory_release(runtime->memory, file, 1, sizeof *file);
    descent_runtime_free(runtime);
}

size_t descent_file_count(const descent_file *file)
{
    return checkpoint_reader_header(file->reader)->tensor_count;
}

static descent_status tensor_at(const descent_file *file, size_t index,
                                const safetensors_tensor **out)
{
    const safetensors_header *h = checkpoint_reader_header(file->reader);

    if (index >= h->tensor_count)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor %zu: the file has %zu, counted from 0",
                           index, h->tensor_count);
    *out = &h->tensors[index];
    return DESCENT_OK;
}

descent_status descent_file_tensor(const descent_file *file, size_t index,
                                   descent_tensor *tensor)
{
    const safetensors_tensor *t = NULL;

    TRY(tensor_at(file, index, &t));
    return view_give(&(descent_tensor){.name = t->name,
                                       .dtype = t->dtype,
                                       .ndim = t->ndim,
                                       .shape = t->shape},
                     tensor);
}

descent_status descent_file_index(const descent_file *file, const char *name,
                                  size_t *index)
{
    const safetensors_header *h = checkpoint_reader_header(file->reader);
    const safetensors_tensor *t = checkpoint_reader_tensor(file->reader, name);
    text_nearest nearest = {.wanted = name};

    if (t != NULL) {
        *index = (size_t)(t - h->tensors);
        return DESCENT_OK;
    }
    for (size_t i = 0; i < h->tensor_count; i++)
        text_nearest_offer(&nearest, h->tensors[i].name);
    if (nearest.best == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%.64s': the file has none of that name",
                           name);
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "tensor '%.64s': the file has none of that name; did "
                       "you mean '%s'?",
                       name, nearest.best);
}

descent_status descent_file_read(descent_file *file, size_t index, void *to,
                                 size_t bytes)
{
    const safetensors_tensor *t = NULL;

    TRY(tensor_at(file, index, &t));
    if (bytes != t->bytes || (to == NULL && bytes > 0))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': memory of %zu bytes, expected %llu",
                           t->name, to != NULL ? bytes : 0,
                           (unsigned long long)t->bytes);
    return checkpoint_reader_read(file->reader, t, to);
}

const char *descent_file_key(const descent_file *file, size_t i)
{
    const safetensors_header *h = checkpoint_reader_header(file->reader);

    return i < h->text_count ? h->texts[i].key : NULL;
}

const char *descent_file_text(const descent_file *file, const char *key)
{
    return checkpoint_reader_text(file->reader, key);
}
