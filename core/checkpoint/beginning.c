/* SPDX-License-Identifier: MIT */
#include "checkpoint/beginning.h"

#include <string.h>

#include "checkpoint/safetensors.h"

#define PICKLE                                                                 \
    "a Python pickle, which can run any code when loaded: load it with the "   \
    "program that made it and save it with the safetensors package"

static const struct {
    size_t size;
    const char *bytes, *kind;
} kinds[] = {
    {2, "\x80\x02", PICKLE},
    {2, "\x80\x03", PICKLE},
    {2, "\x80\x04", PICKLE},
    {2, "\x80\x05", PICKLE},
    {4, "PK\x03\x04",
     "a zip archive, such as PyTorch's .pt, NumPy's .npz and Keras' .keras: "
     "load it there and save it with the safetensors package"},
    {6, "\x93NUMPY", "a .npy file: name it so, or load it with NumPy"},
    {4, "GGUF", "a GGUF file: convert it to safetensors"},
    {8, "\x89HDF\r\n\x1a\n",
     "an HDF5 file, such as Keras' .weights.h5: load it there and save it with "
     "the safetensors package"},
    {2, "\x1f\x8b", "compressed with gzip: unpack it first"},
    {4, "\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"},
};

/* What a file that begins so is, and what to do with it; NULL when unknown. */
static const char *foreign_kind(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (size >= kinds[i].size &&
            memcmp(bytes, kinds[i].bytes, kinds[i].size) == 0)
            return kinds[i].kind;
    return NULL;
}

descent_status beginning_refuse(const unsigned char *bytes, size_t size,
                                const char *format, ...)
{
    const char *kind = foreign_kind(bytes, size);
    va_list arguments;

    if (kind != NULL)
        return status_fail(DESCENT_ERR_IO, "no safetensors file but %s", kind);
    va_start(arguments, format);
    status_fail_va(DESCENT_ERR_IO, format, arguments);
    va_end(arguments);
    return DESCENT_ERR_IO;
}

static uint64_t little_endian(const unsigned char *bytes)
{
    uint64_t value = 0;

    for (size_t i = SAFETENSORS_LENGTH; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

descent_status beginning_length(const unsigned char *first, uint64_t size,
                                uint64_t *length)
{
    if (size < SAFETENSORS_LENGTH)
        return beginning_refuse(
            first, size,
            "no safetensors file: %llu bytes, expected at least %d",
            (unsigned long long)size, SAFETENSORS_LENGTH);
    *length = little_endian(first);
    if (*length > SAFETENSORS_HEADER_MOST)
        return beginning_refuse(
            first, SAFETENSORS_LENGTH,
            "no safetensors file, or damaged: a header of %llu "
            "bytes, expected at most %d",
            (unsigned long long)*length, SAFETENSORS_HEADER_MOST);
    if (*length > size - SAFETENSORS_LENGTH)
        return beginning_refuse(
            first, SAFETENSORS_LENGTH,
            "no safetensors file, or cut off: a header of %llu bytes "
            "is announced, %llu are there",
            (unsigned long long)*length,
            (unsigned long long)(size - SAFETENSORS_LENGTH));
    return DESCENT_OK;
}
