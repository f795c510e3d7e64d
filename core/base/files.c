/* SPDX-License-Identifier: MIT */
#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int system_open_read(const char *path)
{
    int descriptor;

    do
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

static int system_status(int descriptor, struct stat *out)
{
    return fstat(descriptor, out);
}

static ssize_t system_read_at(int descriptor, void *buffer, size_t bytes,
                              off_t at)
{
    return pread(descriptor, buffer, bytes, at);
}

static int system_close(int descriptor)
{
    return close(descriptor);
}

static int system_list(const char *directory,
                       int (*each)(void *user, const char *name), void *user)
{
    DIR *const stream = opendir(directory);
    int result = 0, failure;

    if (stream == NULL)
        return -1;
    while (result == 0) {
        const struct dirent *entry;
        errno = 0;
        entry = readdir(stream);
        if (entry == NULL) {
            result = errno != 0 ? -1 : 0;
            break;
        }
        result = each(user, entry->d_name);
    }
    failure = errno;
    closedir(stream);
    errno = failure;
    return result;
}

static int system_open_new(const char *path)
{
    int descriptor;

    do
        descriptor = open(
            path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

static ssize_t system_write_at(int descriptor, const void *buffer, size_t bytes,
                               off_t at)
{
    return pwrite(descriptor, buffer, bytes, at);
}

static int system_sync(int descriptor)
{
    return fsync(descriptor);
}

static int system_sync_directory(const char *directory)
{
    const int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result, failure;

    if (descriptor < 0)
        return -1;
    result = fsync(descriptor);
    failure = errno;
    close(descriptor);
    errno = failure;
    /* A file system that keeps no directories to sync says so by EINVAL. */
    return result != 0 && failure != EINVAL ? -1 : 0;
}

const files files_system = {
    .open_read = system_open_read,
    .status = system_status,
    .read_at = system_read_at,
    .close = system_close,
    .list = system_list,
    .open_new = system_open_new,
    .write_at = system_write_at,
    .sync = system_sync,
    .sync_directory = system_sync_directory,
    .rename = rename,
    .link = link,
    .unlink = unlink,
};

void files_read_text(const files *f, const char *path, char *text, size_t size)
{
    const int descriptor = f->open_read(path);
    ssize_t n = 0;

    if (descriptor >= 0) {
        n = f->read_at(descriptor, text, size - 1, 0);
        f->close(descriptor);
    }
    text[n > 0 ? n : 0] = '\0';
}

int files_read_exactly(const files *f, int descriptor, void *buffer,
                       size_t bytes, off_t at)
{
    char *to = buffer;

    while (bytes > 0) {
        const ssize_t got = f->read_at(descriptor, to, bytes, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = 0;
        if (got <= 0)
            return 0;
        to += got;
        at += got;
        bytes -= (size_t)got;
    }
    return 1;
}

int files_write_exactly(const files *f, int descriptor, const void *buffer,
                        size_t bytes, off_t at)
{
    const char *from = buffer;

    while (bytes > 0) {
        const ssize_t put = f->write_at(descriptor, from, bytes, at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put == 0)
            errno = ENOSPC;
        if (put <= 0)
            return 0;
        from += put;
        at += put;
        bytes -= (size_t)put;
    }
    return 1;
}
