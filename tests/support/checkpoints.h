/* SPDX-License-Identifier: MIT */
/* What tests of checkpoint files share: a small content, and file operations
 * that fail on demand. */
#ifndef DESCENT_TESTS_CHECKPOINTS_H
#define DESCENT_TESTS_CHECKPOINTS_H

#include "base/files.h"
#include "checkpoint/safetensors.h"

/* Six tensors of all types, one of them empty, and two texts; `seed` changes
 * the elements and one text, but not the size. */
const checkpoint_content *checkpoints_content(int seed);

/* Operations of the system that count every call but status, and do
 * `fault` at call number `at` (from 1). */
typedef enum fault {
    FAULT_NONE,
    FAULT_FAIL,       /* fails with `error`; from there on when `sticky`   */
    FAULT_SHORT,      /* every write takes few bytes, with interruptions   */
    FAULT_KILL,       /* the process ends by SIGKILL, before the call      */
    FAULT_KILL_MIDWAY /* ... after it; a write has taken half of its bytes */
} fault;

typedef struct fault_plan {
    fault fault;
    int at, error;
    bool sticky;
    bool no_links; /* links fail with EPERM, uncounted */
    int calls;     /* counted so far                   */
} fault_plan;
extern fault_plan checkpoints_plan;
extern const files checkpoints_files;

/* Entries of a directory, but "." and "..". */
int checkpoints_entries(const char *directory);

#endif
