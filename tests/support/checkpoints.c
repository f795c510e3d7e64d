/* SPDX-License-Identifier: MIT */
#include "support/checkpoints.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

const checkpoint_content *checkpoints_content(int seed)
{
    static const int64_t matrix[] = {2, 3}, empty[] = {0, 7}, three[] = {3};
    static float f32[6];
    static double f64;
    static uint16_t bf16[3], f16[3];
    static uint8_t u8[3];
    static uint64_t u64;
    static const checkpoint_tensor tensors[] = {
        {"layer/kernel", DESCENT_DTYPE_F32, 2, matrix, f32},
        {"\xc3\xa9 \"quoted\\", DESCENT_DTYPE_F64, 0, NULL, &f64},
        {"half", DESCENT_DTYPE_BF16, 1, three, bf16},
        {"other half", DESCENT_DTYPE_F16, 1, three, f16},
        {"bytes", DESCENT_DTYPE_U8, 1, three, u8},
        {"step", DESCENT_DTYPE_U64, 0, NULL, &u64},
        {"nothing", DESCENT_DTYPE_I64, 2, empty, NULL},
    };
    static char step[2];
    static const checkpoint_text texts[] = {
        {"step", step}, {"a note", "two\nlines, \"quoted\" \xe2\x82\xac"}};
    static const checkpoint_content content = {tensors, 7, texts, 2};

    for (int i = 0; i < 6; i++)
        f32[i] = (float)(seed * 10 + i) / 4;
    for (int i = 0; i < 3; i++) {
        bf16[i] = (uint16_t)(0x3f80 + seed + i);
        f16[i] = (uint16_t)(0x3c00 + seed + i);
        u8[i] = (uint8_t)(seed * 3 + i);
    }
    f64 = seed / 3.0;
    u64 = UINT64_MAX - (uint64_t)seed;
    step[0] = (char)('0' + seed);
    return &content;
}

fault_plan checkpoints_plan;

static void die(void)
{
    raise(SIGKILL);
}

/* Count a call; false when it must fail. */
static bool before(void)
{
    fault_plan *const p = &checkpoints_plan;
    const int call = ++p->calls;

    if (p->fault == FAULT_KILL && call == p->at)
        die();
    if (p->fault == FAULT_FAIL &&
        (call == p->at || (p->sticky && call > p->at))) {
        errno = p->error;
        return false;
    }
    return true;
}

static int after(int result)
{
    if (checkpoints_plan.fault == FAULT_KILL_MIDWAY &&
        checkpoints_plan.calls == checkpoints_plan.at)
        die();
    return result;
}

static int open_read(const char *path)
{
    return before() ? after(files_system.open_read(path)) : -1;
}

static ssize_t read_at(int descriptor, void *buffer, size_t bytes, off_t at)
{
    return before() ? files_system.read_at(descriptor, buffer, bytes, at) : -1;
}

static int open_new(const char *path)
{
    return before() ? after(files_system.open_new(path)) : -1;
}

static ssize_t write_at(int descriptor, const void *buffer, size_t bytes,
                        off_t at)
{
    const bool last = checkpoints_plan.fault == FAULT_KILL_MIDWAY &&
                      checkpoints_plan.calls + 1 == checkpoints_plan.at;

    if (!before())
        return -1;
    if (checkpoints_plan.fault == FAULT_SHORT) {
        errno = EINTR;
        if (checkpoints_plan.calls % 3 == 0)
            return -1;
        bytes = bytes > 5 ? 5 : bytes;
    }
    bytes =
        files_system.write_at(descriptor, buffer, last ? bytes / 2 : bytes, at);
    after(0);
    return (ssize_t)bytes;
}

static int sync_file(int descriptor)
{
    return before() ? after(files_system.sync(descriptor)) : -1;
}

static int sync_directory(const char *directory)
{
    return before() ? after(files_system.sync_directory(directory)) : -1;
}

static int move(const char *from, const char *to)
{
    return before() ? after(files_system.rename(from, to)) : -1;
}

static int make_link(const char *from, const char *to)
{
    if (checkpoints_plan.no_links && access(from, F_OK) == 0) {
        errno = EPERM;
        return -1;
    }
    return before() ? after(files_system.link(from, to)) : -1;
}

static int take_away(const char *path)
{
    return before() ? after(files_system.unlink(path)) : -1;
}

static int file_status(int descriptor, struct stat *out)
{
    return files_system.status(descriptor, out);
}

/* A failing close has closed, as Linux' does. */
static int close_file(int descriptor)
{
    const bool good = before();
    const int failure = errno;

    files_system.close(descriptor);
    errno = failure;
    return good ? after(0) : -1;
}

const files checkpoints_files = {
    .open_read = open_read,
    .status = file_status,
    .read_at = read_at,
    .close = close_file,
    .open_new = open_new,
    .write_at = write_at,
    .sync = sync_file,
    .sync_directory = sync_directory,
    .rename = move,
    .link = make_link,
    .unlink = take_away,
};

static int count_entry(void *user, const char *name)
{
    *(int *)user += strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    return 0;
}

int checkpoints_entries(const char *directory)
{
    int count = 0;

    if (files_system.list(directory, count_entry, &count) != 0)
        return -1;
    return count;
}
