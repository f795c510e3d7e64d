/* SPDX-License-Identifier: MIT */
#include "support/guarded.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { CANARY = 0xa5, NEAR = 128 };

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void guarded_open(guarded *g, int read_only)
{
    const size_t size = page_size();
    const int file = memfd_create("guarded", 0);
    unsigned char *room =
        mmap(NULL, 3 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(file >= 0 && ftruncate(file, (off_t)size) == 0);
    assert_true(room != MAP_FAILED);
    g->page = mmap(room + size, size, PROT_READ | (read_only ? 0 : PROT_WRITE),
                   MAP_SHARED | MAP_FIXED, file, 0);
    g->own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_true(g->page != MAP_FAILED && g->own != MAP_FAILED);
    close(file);
    memset(g->own, CANARY, size);
    g->at = g->size = 0;
}

void guarded_close(guarded *g)
{
    munmap(g->page - page_size(), 3 * page_size());
    munmap(g->own, page_size());
}

void *guarded_put(guarded *g, const void *bytes, size_t size, size_t distance,
                  int high)
{
    const size_t page = page_size();

    assert_true(size + distance <= page);
    g->at = high ? page - size - distance : distance;
    g->size = size;
    memcpy(g->own + g->at, bytes, size);
    return g->page + g->at;
}

/* All of these bytes are as guarded_open left them: so is each next one. */
static int unchanged(const guarded *g, size_t begin, size_t end)
{
    return begin == end ||
           (g->own[begin] == CANARY &&
            memcmp(g->own + begin, g->own + begin + 1, end - begin - 1) == 0);
}

int guarded_take(guarded *g)
{
    const size_t page = page_size(), end = g->at + g->size;
    const int fine = unchanged(g, g->at < NEAR ? 0 : g->at - NEAR, g->at) &&
                     unchanged(g, end, page - end < NEAR ? page : end + NEAR);

    memset(g->own + g->at, CANARY, g->size);
    g->at = g->size = 0;
    return fine;
}

int guarded_intact(const guarded *g)
{
    return unchanged(g, 0, page_size());
}

int guarded_where(const guarded *g, const void *address, ptrdiff_t *bytes)
{
    const uintptr_t at = (uintptr_t)address, page = (uintptr_t)g->page;

    if (at < page - page_size() || at >= page + 2 * page_size())
        return 0;
    *bytes = (ptrdiff_t)(at - page) - (ptrdiff_t)g->at;
    return 1;
}

/* ---- Stopped accesses ---- */

static sigjmp_buf back;
static const void *volatile stopped;

static void stop(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    stopped = info->si_addr;
    siglongjmp(back, 1);
}

void guarded_watch(void)
{
    const struct sigaction action = {
        .sa_sigaction = stop,
        .sa_flags = SA_SIGINFO | SA_NODEFER,
    };

    assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
    assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
}

const void *guarded_call(void (*function)(void *argument), void *argument)
{
    /* Without masks: millions of calls pass here. */
    stopped = NULL;
    if (sigsetjmp(back, 0) == 0)
        function(argument);
    return stopped;
}
