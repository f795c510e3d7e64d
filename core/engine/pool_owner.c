/* SPDX-License-Identifier: MIT */
/* The process that threads belong to.  Asking for its number is a system call,
 * which steps of a few microseconds feel; Linux empties a page in children that
 * have memory of their own when it is asked to.  The page is the system's, not
 * the allocator's: without one the number is asked for. */
#include "engine/pool_owner.h"

#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Emulators say yes to everything. */
static bool wipes(unsigned char *page)
{
#ifdef MADV_WIPEONFORK
    return madvise(page, page_size(), MADV_WIPEONFORK) == 0 &&
           madvise(page, page_size(), -1) != 0;
#else
    (void)page;
    return false;
#endif
}

static unsigned char *make_mark(void)
{
    unsigned char *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return NULL;
    if (!wipes(page)) {
        munmap(page, page_size());
        return NULL;
    }
    *page = 1;
    return page;
}

void pool_owner_claim(pool_owner *w)
{
    if (atomic_load(&w->process) != 0)
        return;
    atomic_store(&w->mark, make_mark());
    atomic_store(&w->process, (long)getpid());
}

void pool_owner_release(pool_owner *w)
{
    unsigned char *const page = atomic_load(&w->mark);

    if (page != NULL)
        munmap(page, page_size());
}

bool pool_owner_is_parent(const pool_owner *w)
{
    const long process =
        atomic_load_explicit(&w->process, memory_order_acquire);
    const unsigned char *mark =
        atomic_load_explicit(&w->mark, memory_order_relaxed);

    if (process == 0)
        return false;
    return mark != NULL ? *mark == 0 : process != (long)getpid();
}
