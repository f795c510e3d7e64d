/* SPDX-License-Identifier: MIT */
/* One lock for all that the registries of this process share.  Loading is rare
 * and works on the whole process (locale, handlers, the dynamic linker). */
#ifndef DESCENT_PLUGIN_LOCK_H
#define DESCENT_PLUGIN_LOCK_H

#include "base/status.h"

/* Fails, instead of waiting for ever, in a thread that holds the lock: a log
 * function called while a plugin is loaded must not load another. */
descent_status lock_enter(void);
void lock_leave(void);

#endif
