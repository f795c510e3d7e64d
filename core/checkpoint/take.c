/* SPDX-License-Identifier: MIT */
#include "checkpoint/take.h"

#include "tensor/view.h"

static descent_status take_tensor(const descent_tensor *t, size_t i,
                                  checkpoint_tensor *out)
{
    if (!DESCENT_HAS(t, gradient))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor %zu: struct_size = %u, expected %zu", i + 1,
                           t->struct_size, sizeof *t);
    if (t->flags != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor %zu: flags = 0x%x, expected 0", i + 1,
                           t->flags);
    *out = (checkpoint_tensor){t->name, t->dtype, t->ndim, t->shape, t->data};
    return DESCENT_OK;
}

descent_status take_tensors(const descent_tensor *tensors, size_t n,
                            checkpoint_tensor *out)
{
    const char *at = (const char *)tensors;

    for (size_t i = 0; i < n; i++, at += tensors->struct_size)
        TRY(take_tensor((const void *)at, i, &out[i]));
    return DESCENT_OK;
}

/* Strides can be judged when names and shapes are known to be good. */
descent_status take_check_strides(const descent_tensor *tensors, size_t n)
{
    const char *at = (const char *)tensors;

    for (size_t i = 0; i < n; i++, at += tensors->struct_size) {
        const descent_tensor *const t = (const void *)at;
        TRY(view_check_strides(t->name, t->ndim, t->shape, t->strides));
    }
    return DESCENT_OK;
}

descent_status take_texts(const char *const *metadata, size_t n,
                          checkpoint_text *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (checkpoint_text){metadata[2 * i], metadata[2 * i + 1]};
        if (out[i].text == NULL)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "metadata key '%.64s': expected a text after it",
                               out[i].key);
    }
    return DESCENT_OK;
}

size_t take_count(const char *const *metadata)
{
    size_t n = 0;

    while (metadata != NULL && metadata[2 * n] != NULL &&
           metadata[2 * n + 1] != NULL)
        n++;
    return n + (metadata != NULL && metadata[2 * n] != NULL);
}
