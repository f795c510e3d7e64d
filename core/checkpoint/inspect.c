/* SPDX-License-Identifier: MIT */
/* Checkpoints looked at as a whole: every tensor with the verdict of its
 * digest, and the metadata. */
#include "checkpoint/reader.h"
#include "engine/runtime.h"

static descent_status open_at(descent_runtime *runtime, const char *path,
                              checkpoint_reader **out)
{
    TRY(runtime_check(runtime));
    if (path == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "checkpoint: the path is NULL");
    return checkpoint_reader_open(runtime->memory, &files_system, path, out);
}

static descent_status visit_tensor(checkpoint_reader *r,
                                   const safetensors_tensor *t,
                                   descent_checkpoint_visitor visit, void *user)
{
    const bool has_digest = checkpoint_reader_header(r)->has_digests;
    const descent_tensor tensor = {.struct_size = sizeof tensor,
                                   .dtype = t->dtype,
                                   .name = t->name,
                                   .ndim = t->ndim,
                                   .shape = t->shape};
    descent_checkpoint_item item = {
        .struct_size = sizeof item, .tensor = &tensor, .bytes = t->bytes};
    bool matches = true;

    if (has_digest)
        TRY(checkpoint_reader_matches(r, t, &matches));
    item.digest = !has_digest ? DESCENT_DIGEST_NONE
                  : matches   ? DESCENT_DIGEST_GOOD
                              : DESCENT_DIGEST_BAD;
    return visit(user, &item);
}

static descent_status visit_all(checkpoint_reader *r,
                                descent_checkpoint_visitor visit, void *user)
{
    const safetensors_header *const h = checkpoint_reader_header(r);

    for (size_t i = 0; i < h->tensor_count; i++)
        TRY(visit_tensor(r, &h->tensors[i], visit, user));
    for (size_t i = 0; i < h->text_count; i++) {
        const descent_checkpoint_item item = {.struct_size = sizeof item,
                                              .key = h->texts[i].key,
                                              .text = h->texts[i].text};
        TRY(visit(user, &item));
    }
    return DESCENT_OK;
}

descent_status descent_checkpoint_inspect(descent_runtime *runtime,
                                          const char *path,
                                          descent_checkpoint_visitor visit,
                                          void *user)
{
    checkpoint_reader *r = NULL;
    descent_status status;

    if (visit == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_checkpoint_inspect: visit is NULL");
    TRY(open_at(runtime, path, &r));
    status = visit_all(r, visit, user);
    checkpoint_reader_close(r);
    return status;
}

descent_status descent_checkpoint_verify(descent_runtime *runtime,
                                         const char *path)
{
    checkpoint_reader *r = NULL;
    descent_status status;

    TRY(open_at(runtime, path, &r));
    status = checkpoint_reader_check_all(r);
    checkpoint_reader_close(r);
    return status;
}
