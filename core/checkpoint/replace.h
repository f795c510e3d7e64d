/* SPDX-License-Identifier: MIT */
/* Replacing a file as a whole: whatever happens, its name stands for the old
 * bytes or the new ones, complete.  The new ones go to a temporary name in the
 * same directory, are synced, and take the name; then the directory is synced.
 * A symbolic link at the name is replaced, not followed. */
#ifndef DESCENT_CHECKPOINT_REPLACE_H
#define DESCENT_CHECKPOINT_REPLACE_H

#include <limits.h>
#include <stdbool.h>

#include "base/files.h"

/* What is added to the name under which the former file is kept. */
#define REPLACE_FORMER ".prev"

typedef struct replacement {
    const files *files;
    const char *path; /* the caller's */
    char directory[PATH_MAX];
    char temporary[PATH_MAX];
    char spare[PATH_MAX]; /* second name of the former file, or ""  */
    int descriptor;       /* of the temporary file, or -1           */
    uint64_t size;
} replacement;

/* Create the temporary file.  After a success exactly one of commit and abandon
 * must follow, and after any failure of these functions nothing. */
descent_status replace_begin(replacement *r, const files *f, const char *path);

/* Append to it. */
descent_status replace_write(replacement *r, const void *bytes, size_t size);

/* Put it in place; `keep` keeps the former file, if any, as PATH.prev.  Only
 * when the last step fails, the sync of the directory, the new file is already
 * there. */
descent_status replace_commit(replacement *r, bool keep);

/* Give up without a trace. */
void replace_abandon(replacement *r);

/* PATH.prev. */
descent_status replace_former_path(const char *path, char former[PATH_MAX]);

#endif
