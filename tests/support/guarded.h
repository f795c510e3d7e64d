/* SPDX-License-Identifier: MIT */
/* Arrays that lie in a page of their own, between pages that may not be touched
 * and bytes that must not change. */
#ifndef DESCENT_TESTS_GUARDED_H
#define DESCENT_TESTS_GUARDED_H

#include <stddef.h>

typedef struct guarded {
    unsigned char *page; /* as what is tested sees it               */
    unsigned char *own;  /* the same bytes, which the test may write */
    size_t at, size;     /* the array, in bytes of the page         */
} guarded;

/* One page; `read_only`: what is tested may not write to it. */
void guarded_open(guarded *g, int read_only);
void guarded_close(guarded *g);

/* Put an array of `size` bytes `distance` bytes after the lower guard, or before
 * the upper one when `high`, filled with `bytes`; returns it as what is tested
 * sees it. */
void *guarded_put(guarded *g, const void *bytes, size_t size, size_t distance,
                  int high);

/* Take the array away.  Returns 0 when bytes near it have changed. */
int guarded_take(guarded *g);

/* Returns 0 when any byte of a page without an array has changed. */
int guarded_intact(const guarded *g);

/* Bytes from the array to an address in its page or guards: negative before it,
 * 0 at its first byte; returns 0 when the address is not there. */
int guarded_where(const guarded *g, const void *address, ptrdiff_t *bytes);

/* Have guarded_call told of stopped accesses, to the end of this cmocka test,
 * which has handlers of its own. */
void guarded_watch(void);

/* Call, and return the address of the access that the guards stopped; NULL when
 * there was none. */
const void *guarded_call(void (*function)(void *argument), void *argument);

#endif
