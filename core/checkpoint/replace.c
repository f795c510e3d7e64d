/* SPDX-License-Identifier: MIT */
#include "checkpoint/replace.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { TRIES = 64, PIECE = 16384 };

static descent_status failed(const replacement *r, const char *what)
{
    const int failure = errno;
    const char *reason = strerrordesc_np(failure);

    return status_fail(DESCENT_ERR_IO, "%s: %s: %s", r->path, what,
                       reason != NULL ? reason : "unknown error");
}

/* A name in the directory that nobody else makes up: processes differ by their
 * number, hosts by the time, and who comes second finds it taken. */
static void invent(const replacement *r, char name[PATH_MAX])
{
    static atomic_uint count;
    const uint64_t moment = (uint64_t)(descent_clock() * 1e9);

    name[0] = '\0';
    text_append(name, PATH_MAX, "%s/.descent-%lx-%llx-%x.tmp", r->directory,
                (unsigned long)getpid(), (unsigned long long)moment,
                atomic_fetch_add(&count, 1));
}

static descent_status split(replacement *r, const char *path)
{
    const char *slash = strrchr(path, '/');
    const size_t length = strlen(path);

    r->directory[0] = '\0';
    if (slash == path)
        text_append(r->directory, PATH_MAX, "/.");
    else if (slash != NULL)
        text_append(r->directory, PATH_MAX, "%.*s", (int)(slash - path), path);
    else
        text_append(r->directory, PATH_MAX, ".");
    if (length == 0 || path[length - 1] == '/')
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "'%s': expected the name of a file", path);
    if (length + sizeof REPLACE_FORMER > PATH_MAX ||
        strlen(r->directory) + 64 > PATH_MAX)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "'%.64s...': a path of %zu bytes is too long", path,
                           length);
    return DESCENT_OK;
}

descent_status replace_former_path(const char *path, char former[PATH_MAX])
{
    if (strlen(path) + sizeof REPLACE_FORMER > PATH_MAX)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "'%.64s...': the path is too long", path);
    former[0] = '\0';
    text_append(former, PATH_MAX, "%s" REPLACE_FORMER, path);
    return DESCENT_OK;
}

/* Create a file under a new name; -1 with errno. */
static int create(const replacement *r, char name[PATH_MAX])
{
    int descriptor = -1;

    for (int i = 0; i < TRIES && descriptor < 0; i++) {
        invent(r, name);
        descriptor = r->files->open_new(name);
        if (descriptor < 0 && errno != EEXIST)
            break;
    }
    return descriptor;
}

descent_status replace_begin(replacement *r, const files *f, const char *path)
{
    *r = (replacement){.files = f, .path = path, .descriptor = -1};
    TRY(split(r, path));
    r->descriptor = create(r, r->temporary);
    return r->descriptor >= 0
               ? DESCENT_OK
               : failed(r,
                        "not saved: cannot create a temporary file beside it");
}

descent_status replace_write(replacement *r, const void *bytes, size_t size)
{
    if (!files_write_exactly(r->files, r->descriptor, bytes, size,
                             (off_t)r->size)) {
        failed(r, "not saved: cannot write the temporary file");
        replace_abandon(r);
        return DESCENT_ERR_IO;
    }
    r->size += size;
    return DESCENT_OK;
}

/* ---- The former file ---- */

/* Copy what `from` holds to the descriptor, and sync; false with errno. */
static bool copy(const files *f, int from, int to)
{
    char piece[PIECE];
    off_t at = 0;

    for (;;) {
        const ssize_t got = f->read_at(from, piece, sizeof piece, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            return f->sync(to) == 0;
        if (!files_write_exactly(f, to, piece, (size_t)got, at))
            return false;
        at += got;
    }
}

/* For file systems without hard links, and files that this user may not link:
 * make the spare name a copy; false with errno. */
static bool copy_former(replacement *r)
{
    const files *const f = r->files;
    const int from = f->open_read(r->path);
    bool good = false;
    int to, failure;

    if (from < 0)
        return false;
    to = create(r, r->spare);
    failure = errno;
    if (to < 0)
        r->spare[0] = '\0';
    else
        good = copy(f, from, to);
    if (to >= 0) {
        failure = errno;
        if (f->close(to) != 0 && good) {
            failure = errno;
            good = false;
        }
    }
    f->close(from);
    errno = failure;
    return good;
}

/* Give the former file a second name; "" when there is no former file. */
static bool link_former(replacement *r)
{
    int result = -1;

    for (int i = 0; i < TRIES && result != 0; i++) {
        invent(r, r->spare);
        result = r->files->link(r->path, r->spare);
        if (result != 0 && errno != EEXIST)
            break;
    }
    if (result == 0)
        return true;
    r->spare[0] = '\0';
    if (errno == ENOENT)
        return true;
    return (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS ||
            errno == EMLINK) &&
           copy_former(r);
}

static descent_status keep_former(replacement *r)
{
    char former[PATH_MAX];

    if (!link_former(r))
        return failed(r, "not saved: cannot keep the former file");
    if (r->spare[0] == '\0')
        return DESCENT_OK;
    TRY(replace_former_path(r->path, former));
    if (r->files->rename(r->spare, former) != 0)
        return failed(r, "not saved: cannot keep the former file");
    /* Where both were names of one file already, rename left both. */
    if (r->files->unlink(r->spare) != 0 && errno != ENOENT)
        return failed(r, "not saved: cannot keep the former file");
    r->spare[0] = '\0';
    return DESCENT_OK;
}

/* ---- The end ---- */

/* A sync that failed may have dropped what it could not write: no second try
 * could know, so this file is given up. */
static descent_status finish(replacement *r)
{
    const int descriptor = r->descriptor;

    if (r->files->sync(descriptor) != 0)
        return failed(r, "not saved: cannot sync the temporary file");
    r->descriptor = -1;
    if (r->files->close(descriptor) != 0)
        return failed(r, "not saved: cannot close the temporary file");
    return DESCENT_OK;
}

static descent_status put_in_place(replacement *r, bool keep)
{
    TRY(finish(r));
    if (keep)
        TRY(keep_former(r));
    if (r->files->rename(r->temporary, r->path) != 0)
        return failed(r, "not saved: the new file cannot take the name");
    return DESCENT_OK;
}

descent_status replace_commit(replacement *r, bool keep)
{
    const descent_status status = put_in_place(r, keep);

    if (status != DESCENT_OK) {
        replace_abandon(r);
        return status;
    }
    if (r->files->sync_directory(r->directory) != 0)
        return failed(r,
                      "saved, but a power cut might undo it: cannot sync the "
                      "directory");
    return DESCENT_OK;
}

void replace_abandon(replacement *r)
{
    if (r->descriptor >= 0)
        r->files->close(r->descriptor);
    r->files->unlink(r->temporary);
    if (r->spare[0] != '\0')
        r->files->unlink(r->spare);
}
