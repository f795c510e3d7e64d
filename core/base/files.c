/* SPDX-License-Identifier: MIT */
#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

const files files_system = {
    system_open_read, system_status, system_read_at, system_close, system_list,
};

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
