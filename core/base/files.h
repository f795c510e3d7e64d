/* SPDX-License-Identifier: MIT */
/* The file operations of the core, behind one table, so that tests can inject
 * faults.  Only this module opens files. */
#ifndef DESCENT_BASE_FILES_H
#define DESCENT_BASE_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "status.h"

typedef struct files {
    int (*open_read)(const char *path); /* descriptor, or -1 with errno  */
    int (*status)(int descriptor, struct stat *out);
    ssize_t (*read_at)(int descriptor, void *buffer, size_t bytes, off_t at);
    int (*close)(int descriptor);
    /* Hand the name of each entry to `each`, in no order, until it returns
     * non-zero, which is returned; 0 at the end, -1 with errno on failure. */
    int (*list)(const char *directory,
                int (*each)(void *user, const char *name), void *user);
} files;

/* The operating system's.  Opening never blocks (FIFOs) and never passes the
 * descriptor to child processes. */
extern const files files_system;

/* Read exactly `bytes` bytes at `at`, retrying interrupted and short reads;
 * false with errno (0 at the end of the file) when it cannot. */
int files_read_exactly(const files *f, int descriptor, void *buffer,
                       size_t bytes, off_t at);

#endif
