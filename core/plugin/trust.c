/* SPDX-License-Identifier: MIT */
#include "plugin/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { LARGEST_MIB = 256 };

descent_status trust_check_path(const char *what, const char *path)
{
    if (path[0] == '\0')
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: empty, expected an absolute path", what);
    if (strnlen(path, PATH_MAX) >= PATH_MAX)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: \"%.92s\" is longer than %d bytes", what, path,
                           PATH_MAX - 1);
    if (!text_is_plain(path, PATH_MAX))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: \"%.92s\" has control bytes in it; rename it",
                           what, path);
    if (path[0] != '/')
        return status_fail(
            DESCENT_ERR_ARGUMENT,
            "%s: \"%.92s\" is relative, expected an absolute path", what, path);
    return DESCENT_OK;
}

static const char *kind_name(mode_t mode)
{
    static const struct {
        mode_t kind;
        const char *name;
    } kinds[] = {
        {S_IFDIR, "a directory"},    {S_IFIFO, "a FIFO"},
        {S_IFSOCK, "a socket"},      {S_IFCHR, "a character device"},
        {S_IFBLK, "a block device"},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((mode & S_IFMT) == kinds[i].kind)
            return kinds[i].name;
    return "not a regular file";
}

static descent_status refuse_kind(const char *path, mode_t mode)
{
    return status_fail(DESCENT_ERR_IO,
                       "%s: %s, expected a regular file; remove it or load "
                       "the plugin from another directory",
                       path, kind_name(mode));
}

/* Why open failed: what cannot be opened at all, such as a socket, is named. */
static descent_status refuse_unopened(const char *path, int failure)
{
    struct stat status;

    if ((failure == ENXIO || failure == ENODEV) && stat(path, &status) == 0)
        return refuse_kind(path, status.st_mode);
    if (failure == ENOENT)
        return status_fail(DESCENT_ERR_IO,
                           "%s: no such file; build it or correct the path",
                           path);
    return status_fail(DESCENT_ERR_IO,
                       "%s: cannot be opened: %s; correct the path or its "
                       "permissions",
                       path, strerrordesc_np(failure));
}

/* Others could put anything where they may write, but in a sticky directory
 * they cannot touch files that are not theirs. */
static descent_status check_owner(const char *what, const char *path,
                                  const struct stat *status)
{
    const bool sticky =
        S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX) != 0;

    if (status->st_uid != 0 && status->st_uid != geteuid())
        return status_fail(DESCENT_ERR_IO,
                           "%s %s: belongs to user %u, expected root or user "
                           "%u; copy the plugin to a directory of yours",
                           what, path, (unsigned)status->st_uid,
                           (unsigned)geteuid());
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky)
        return status_fail(DESCENT_ERR_IO,
                           "%s %s: writable by %s (mode %04o), so what it "
                           "holds cannot be trusted; run chmod go-w on it",
                           what, path,
                           (status->st_mode & S_IWOTH) != 0 ? "others"
                                                            : "its group",
                           (unsigned)(status->st_mode & 07777));
    return DESCENT_OK;
}

/* Check every directory that `path` leads through: who may write to one of them
 * could put another in the place of the next.  Looking at a directory needs no
 * right to read it. */
static descent_status check_directories(const char *path)
{
    char directory[PATH_MAX] = "/";
    struct stat status;

    for (const char *slash = path; slash != NULL;
         slash = strchr(slash + 1, '/')) {
        const size_t length = (size_t)(slash - path);
        if (length > 0) {
            memcpy(directory, path, length);
            directory[length] = '\0';
        }
        if (stat(directory, &status) != 0)
            return refuse_unopened(directory, errno);
        TRY(check_owner("directory", directory, &status));
    }
    return DESCENT_OK;
}

bool trust_leads_to(const char *path, dev_t device, ino_t inode)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_dev == device &&
           status.st_ino == inode;
}

static descent_status check_file(const files *f, const char *path, trusted *out)
{
    char real[PATH_MAX];
    struct stat status;

    if (f->status(out->descriptor, &status) != 0)
        return refuse_unopened(path, errno);
    if (!S_ISREG(status.st_mode))
        return refuse_kind(path, status.st_mode);
    TRY(check_owner("file", path, &status));
    if (status.st_size > (off_t)LARGEST_MIB << 20)
        return status_fail(DESCENT_ERR_IO,
                           "%s: %lld bytes, expected at most %d MiB; strip it "
                           "or build it again",
                           path, (long long)status.st_size, LARGEST_MIB);
    out->size = (uint64_t)status.st_size;
    out->device = status.st_dev;
    out->inode = status.st_ino;
    TRY(check_directories(path));
    /* Symbolic links lead through other directories. */
    if (realpath(path, real) == NULL)
        return refuse_unopened(path, errno);
    return check_directories(real);
}

descent_status trust_open(const files *f, const char *path, trusted *out)
{
    descent_status status;

    TRY(trust_check_path("plugin", path));
    out->descriptor = f->open_read(path);
    if (out->descriptor < 0)
        return refuse_unopened(path, errno);
    status = check_file(f, path, out);
    if (status != DESCENT_OK)
        f->close(out->descriptor);
    return status;
}
