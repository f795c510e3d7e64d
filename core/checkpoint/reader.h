/* SPDX-License-Identifier: MIT */
/* Safetensors files, ours and others', read without trust: never mapped, and
 * judged as a whole before anything of them is handed out. */
#ifndef DESCENT_CHECKPOINT_READER_H
#define DESCENT_CHECKPOINT_READER_H

#include "base/files.h"
#include "checkpoint/safetensors.h"

typedef struct checkpoint_reader checkpoint_reader;

/* Open a file and check all of it but the digests of the tensors.  A failure
 * that is the file's own adds whether PATH.prev is whole. */
descent_status checkpoint_reader_open(memory *m, const files *f,
                                      const char *path,
                                      checkpoint_reader **out);
void checkpoint_reader_close(checkpoint_reader *r); /* NULL is allowed */

/* Everything in the file, by name and by key; lives as long as the reader. */
const safetensors_header *checkpoint_reader_header(const checkpoint_reader *r);

/* The tensor of that name, the text of that key; or NULL. */
const safetensors_tensor *checkpoint_reader_tensor(const checkpoint_reader *r,
                                                   const char *name);
const char *checkpoint_reader_text(const checkpoint_reader *r, const char *key);

/* Read the elements of a tensor of this file into t->bytes bytes of memory and
 * check their digest, if the file has digests.  After a failure the memory's
 * contents are undefined. */
descent_status checkpoint_reader_read(checkpoint_reader *r,
                                      const safetensors_tensor *t, void *to);

/* Say whether the elements match their digest, without keeping them; true where
 * there is none.  Fails when they cannot be read. */
descent_status checkpoint_reader_matches(checkpoint_reader *r,
                                         const safetensors_tensor *t,
                                         bool *matches);

/* Fail unless all do.  Call it before the first read where nothing may change
 * on a failure. */
descent_status checkpoint_reader_check_all(checkpoint_reader *r);

#endif
