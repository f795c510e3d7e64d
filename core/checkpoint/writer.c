/* SPDX-License-Identifier: MIT */
#include "checkpoint/writer.h"

#include "checkpoint/replace.h"

static descent_status write_all(replacement *r, const safetensors_layout *l)
{
    TRY(replace_write(r, l->text, l->size));
    for (size_t i = 0; i < l->count; i++) {
        const checkpoint_tensor *const t = l->order[i];
        uint64_t bytes = 0;
        safetensors_bytes(t->dtype, t->ndim, t->shape, &bytes);
        TRY(replace_write(r, t->data, bytes));
    }
    return replace_commit(r, true);
}

descent_status checkpoint_write(memory *m, const files *f, const char *path,
                                const checkpoint_content *content)
{
    safetensors_layout layout;
    replacement r;
    descent_status status = safetensors_layout_make(m, content, &layout);

    if (status != DESCENT_OK)
        status_prefix(status, "%s", path);
    else
        status = replace_begin(&r, f, path);
    if (status == DESCENT_OK)
        status = write_all(&r, &layout);
    safetensors_layout_free(m, &layout);
    return status;
}
