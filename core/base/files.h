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

/* As their namesakes of POSIX: 0, a descriptor or a count of bytes, or -1 with
 * errno. */
typedef struct files {
    int (*open_read)(const char *path);
    int (*status)(int descriptor, struct stat *out);
    ssize_t (*read_at)(int descriptor, void *buffer, size_t bytes, off_t at);
    int (*close)(int descriptor);
    /* Hand the name of each entry to `each`, in no order, until it returns
     * non-zero, which is returned; 0 at the end, -1 with errno on failure. */
    int (*list)(const char *directory,
                int (*each)(void *user, const char *name), void *user);
    /* Create a file to write to; one that exists, or a link, is an error. */
    int (*open_new)(const char *path);
    ssize_t (*write_at)(int descriptor, const void *buffer, size_t bytes,
                        off_t at);
    int (*sync)(int descriptor);
    /* Make the names in a directory survive a power cut. */
    int (*sync_directory)(const char *directory);
    int (*rename)(const char *from, const char *to);
    int (*link)(const char *from, const char *to);
    int (*unlink)(const char *path);
} files;

/* The operating system's.  Opening never blocks (FIFOs) and never passes the
 * descriptor to child processes. */
extern const files files_system;

/* The start of a short file; "" when it cannot be read. */
void files_read_text(const files *f, const char *path, char *text, size_t size);

/* Read exactly `bytes` bytes at `at`, retrying interrupted and short reads;
 * false with errno (0 at the end of the file) when it cannot. */
int files_read_exactly(const files *f, int descriptor, void *buffer,
                       size_t bytes, off_t at);

/* Write all of them, likewise; false with errno. */
int files_write_exactly(const files *f, int descriptor, const void *buffer,
                        size_t bytes, off_t at);

#endif
