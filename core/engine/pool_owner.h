/* SPDX-License-Identifier: MIT */
/* Whether this process is the one that threads were started in, or a child of
 * it: fork does not take them along. */
#ifndef DESCENT_ENGINE_POOL_OWNER_H
#define DESCENT_ENGINE_POOL_OWNER_H

#include <stdatomic.h>
#include <stdbool.h>

typedef struct pool_owner {
    atomic_long process;           /* 0 before there are any              */
    _Atomic(unsigned char *) mark; /* a page that children find empty; or
                                      NULL                                */
} pool_owner;

/* They are this process's. */
void pool_owner_claim(pool_owner *w);
void pool_owner_release(pool_owner *w);

/* Is it the parent of this process?  False before a claim. */
bool pool_owner_is_parent(const pool_owner *w);

#endif
