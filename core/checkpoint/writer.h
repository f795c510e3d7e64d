/* SPDX-License-Identifier: MIT */
/* Content to a file, as one act. */
#ifndef DESCENT_CHECKPOINT_WRITER_H
#define DESCENT_CHECKPOINT_WRITER_H

#include "base/files.h"
#include "checkpoint/safetensors.h"

/* Write tensors and texts to the safetensors file `path`; the file that was
 * there stays as PATH.prev.  The same content gives the same bytes.  After a
 * failure the old file is there, unless the message says otherwise. */
descent_status checkpoint_write(memory *m, const files *f, const char *path,
                                const checkpoint_content *content);

#endif
