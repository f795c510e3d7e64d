/* SPDX-License-Identifier: MIT */
/* What the two halves of reading a header share: tensors, and metadata. */
#ifndef DESCENT_CHECKPOINT_HEADER_H
#define DESCENT_CHECKPOINT_HEADER_H

#include <jansson.h>

#include "checkpoint/safetensors.h"

/* A copy of a string of the header, in the block of its strings: they are never
 * longer than their JSON text, so the block has room for all. */
const char *header_keep(safetensors_header *h, const char *text);

/* Refuse names that are empty, too long or have control bytes. */
descent_status header_check_name(const char *what, const char *name);

/* Judge the object __metadata__ (or NULL) of a header, and, in a file of ours,
 * the header by its digest. */
descent_status metadata_check(memory *m, json_t *metadata, const char *json,
                              size_t length, bool *is_ours);

/* Copy texts, and the digests of the tensors that are there already. */
descent_status metadata_read(memory *m, json_t *metadata,
                             safetensors_header *h);

#endif
