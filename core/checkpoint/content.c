/* SPDX-License-Identifier: MIT */
/* Judging what is to be written, before anything is. */
#include <string.h>

#include "base/text.h"
#include "checkpoint/safetensors.h"

static descent_status check_name(const char *what, const char *name)
{
    if (name == NULL || name[0] == '\0')
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s is empty: expected 1 to %d bytes", what,
                           SAFETENSORS_NAME_MOST);
    if (!text_is_plain(name, SAFETENSORS_NAME_MOST) || !text_is_utf8(name))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s '%.64s': expected 1 to %d bytes of UTF-8 "
                           "without control bytes",
                           what, name, SAFETENSORS_NAME_MOST);
    return DESCENT_OK;
}

static descent_status check_tensor(const checkpoint_tensor *t, uint64_t *bytes)
{
    TRY(check_name("the name of a tensor", t->name));
    if (strcmp(t->name, "__metadata__") == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': the format uses this name itself",
                           t->name);
    if (safetensors_dtype_name(t->dtype) == NULL)
        return status_fail(
            DESCENT_ERR_ARGUMENT,
            "tensor '%s': dtype = %u, expected " SAFETENSORS_DTYPES, t->name,
            t->dtype);
    if (t->ndim > DESCENT_MAX_DIMS)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': ndim = %u, expected at most %d",
                           t->name, t->ndim, DESCENT_MAX_DIMS);
    if (t->ndim > 0 && t->shape == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': shape is NULL, expected %u dimensions",
                           t->name, t->ndim);
    if (!safetensors_bytes(t->dtype, t->ndim, t->shape, bytes))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': a dimension is negative, or there are "
                           "more elements than can be addressed",
                           t->name);
    if (t->data == NULL && *bytes > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "tensor '%s': the pointer is NULL, expected %llu "
                           "bytes",
                           t->name, (unsigned long long)*bytes);
    return DESCENT_OK;
}

static descent_status check_text(const checkpoint_text *t)
{
    TRY(check_name("a key of the metadata", t->key));
    if (safetensors_reserved(t->key))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "metadata key '%s': the format uses this key itself",
                           t->key);
    if (t->text == NULL || !text_is_utf8(t->text))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "metadata '%s': expected a text in UTF-8", t->key);
    return DESCENT_OK;
}

descent_status safetensors_check(const checkpoint_content *c)
{
    uint64_t total = 0, bytes;

    for (size_t i = 0; i < c->tensor_count; i++) {
        TRY(check_tensor(&c->tensors[i], &bytes));
        total += bytes;
        if (total > INT64_MAX)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "the tensors are more than a file can hold");
    }
    for (size_t i = 0; i < c->text_count; i++)
        TRY(check_text(&c->texts[i]));
    return DESCENT_OK;
}
