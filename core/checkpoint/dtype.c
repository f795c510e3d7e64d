/* SPDX-License-Identifier: MIT */
/* What reading and writing the format have in common. */
#include <string.h>

#include "checkpoint/safetensors.h"

static const struct {
    descent_dtype dtype;
    const char *name;
    size_t size;
} types[] = {
    {DESCENT_DTYPE_F64, "F64", 8}, {DESCENT_DTYPE_F32, "F32", 4},
    {DESCENT_DTYPE_F16, "F16", 2}, {DESCENT_DTYPE_BF16, "BF16", 2},
    {DESCENT_DTYPE_U8, "U8", 1},   {DESCENT_DTYPE_I64, "I64", 8},
    {DESCENT_DTYPE_U64, "U64", 8},
};
enum { TYPES = sizeof types / sizeof *types };

const char *safetensors_dtype_name(descent_dtype dtype)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].dtype == dtype)
            return types[i].name;
    return NULL;
}

size_t safetensors_dtype_size(descent_dtype dtype)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].dtype == dtype)
            return types[i].size;
    return 0;
}

descent_dtype safetensors_dtype_find(const char *name)
{
    for (size_t i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].dtype;
    return 0;
}

bool safetensors_bytes(descent_dtype dtype, uint32_t ndim, const int64_t *shape,
                       uint64_t *bytes)
{
    int64_t n = (int64_t)safetensors_dtype_size(dtype);
    bool empty = false;

    /* A dimension of 0 must not hide that the others are absurd. */
    for (uint32_t i = 0; i < ndim; i++) {
        empty = empty || shape[i] == 0;
        if (shape[i] < 0 ||
            (shape[i] > 0 && __builtin_mul_overflow(n, shape[i], &n)))
            return false;
    }
    *bytes = empty ? 0 : (uint64_t)n;
    return true;
}

bool safetensors_reserved(const char *key)
{
    return strcmp(key, SAFETENSORS_FORMAT) == 0 ||
           strcmp(key, SAFETENSORS_HEADER_DIGEST) == 0 ||
           strncmp(key, SAFETENSORS_DIGEST, strlen(SAFETENSORS_DIGEST)) == 0;
}

descent_status safetensors_header_digest(memory *m, const char *json,
                                         size_t length, digest *out)
{
    static const char zeros[] = "00000000000000000000000000000000";
    const size_t before = strlen(SAFETENSORS_BEGINNING);
    const size_t after = before + DIGEST_DIGITS;
    digester *d;

    TRY(digester_open(m, &d));
    digester_add(d, json, before);
    digester_add(d, zeros, DIGEST_DIGITS);
    digester_add(d, json + after, length - after);
    *out = digester_result(d);
    digester_close(m, d);
    return DESCENT_OK;
}
