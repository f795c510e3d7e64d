/* SPDX-License-Identifier: MIT */
/* The safetensors format: a 64-bit little-endian length, that many bytes of
 * JSON, and the elements of all tensors without holes.  This module turns
 * content into the bytes before the elements, and back, strictly.
 *
 * Files of ours say more in their metadata: "descent.format", the version;
 * "digest.NAME" for each tensor; and "descent.digest", of the header itself
 * with zeros for its own digits, so that no byte is without a digest.  The same
 * content gives the same bytes. */
#ifndef DESCENT_CHECKPOINT_SAFETENSORS_H
#define DESCENT_CHECKPOINT_SAFETENSORS_H

#include "checkpoint/digest.h"

enum {
    SAFETENSORS_LENGTH = 8,              /* bytes of the length              */
    SAFETENSORS_HEADER_MOST = 100000000, /* bytes of JSON that are read      */
    SAFETENSORS_NAME_MOST = 4096         /* of a tensor, and of a key        */
};

/* ---- Element types (dtype.c) ---- */

/* The format's name and the bytes of an element; NULL and 0 for a type that
 * files do not hold. */
const char *safetensors_dtype_name(descent_dtype dtype);
size_t safetensors_dtype_size(descent_dtype dtype);

/* The type of that name; 0 when there is none. */
descent_dtype safetensors_dtype_find(const char *name);

/* The names of all types, for messages. */
#define SAFETENSORS_DTYPES "F64, F32, F16, BF16, U8, I64 or U64"

/* Bytes of a tensor; false for a negative dimension and where the dimensions
 * that are not 0 are more than can be addressed. */
bool safetensors_bytes(descent_dtype dtype, uint32_t ndim, const int64_t *shape,
                       uint64_t *bytes);

/* ---- Writing (content.c, header_write.c) ---- */

/* What is to be written; everything stays the caller's. */
typedef struct checkpoint_tensor {
    const char *name;
    descent_dtype dtype;
    uint32_t ndim;
    const int64_t *shape;
    const void *data; /* dense, in C order; may be NULL without elements */
} checkpoint_tensor;

typedef struct checkpoint_text {
    const char *key, *text;
} checkpoint_text;

typedef struct checkpoint_content {
    const checkpoint_tensor *tensors;
    size_t tensor_count;
    const checkpoint_text *texts;
    size_t text_count;
} checkpoint_content;

/* The beginning of a file, and the tensors in the order of their elements. */
typedef struct safetensors_layout {
    char *text; /* length and JSON, a multiple of 64 bytes */
    size_t size, capacity;
    const checkpoint_tensor **order;
    digest *digests; /* in that order */
    size_t count;
} safetensors_layout;

/* Refuse tensors that no file holds, names and keys that are empty, too long,
 * no UTF-8 or have control bytes, and keys that the format uses itself. */
descent_status safetensors_check(const checkpoint_content *c);

/* Fails on what that refuses, and on double names.  Free in any case. */
descent_status safetensors_layout_make(memory *m, const checkpoint_content *c,
                                       safetensors_layout *out);
void safetensors_layout_free(memory *m, safetensors_layout *layout);

/* ---- Reading (header_scan.c, header_read.c, metadata_read.c) ---- */

typedef struct safetensors_tensor {
    const char *name;
    descent_dtype dtype;
    uint32_t ndim;
    int64_t shape[DESCENT_MAX_DIMS];
    uint64_t begin, bytes; /* of its elements, after the header */
    digest digest;         /* when the header has digests       */
} safetensors_tensor;

typedef struct safetensors_header {
    safetensors_tensor *tensors; /* by name                              */
    size_t tensor_count, tensor_capacity;
    checkpoint_text *texts; /* of others than the format, by key    */
    size_t text_count, text_capacity;
    char *strings; /* what the names, keys and texts are in */
    size_t strings_used, strings_size;
    bool has_digests;
} safetensors_header;

/* Refuse JSON that would take too much memory or stack to parse. */
descent_status safetensors_scan(const char *json, size_t length);

/* Parse `length` bytes of JSON before `data` bytes of elements.  Everything is
 * checked but the elements.  Free in any case. */
descent_status safetensors_header_read(memory *m, const char *json,
                                       size_t length, uint64_t data,
                                       safetensors_header *out);
void safetensors_header_free(memory *m, safetensors_header *header);

/* ---- What both sides know of our own metadata ---- */

#define SAFETENSORS_OURS "descent."
#define SAFETENSORS_FORMAT "descent.format"
#define SAFETENSORS_FORMAT_TEXT "1"
#define SAFETENSORS_HEADER_DIGEST "descent.digest"
#define SAFETENSORS_DIGEST "digest."
/* A header of ours begins so; then follow the digits of its digest. */
#define SAFETENSORS_BEGINNING                                                  \
    "{\"__metadata__\":{\"" SAFETENSORS_HEADER_DIGEST "\":\""

/* True for keys that the format keeps for itself. */
bool safetensors_reserved(const char *key);

/* The digest of a header of ours, whose beginning is as above. */
descent_status safetensors_header_digest(memory *m, const char *json,
                                         size_t length, digest *out);

#endif
