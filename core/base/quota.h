/* SPDX-License-Identifier: MIT */
/* How much processor time the control groups of this process allow it: what
 * limits a container. */
#ifndef DESCENT_BASE_QUOTA_H
#define DESCENT_BASE_QUOTA_H

#include "files.h"

/* In processors, rounded up; 0 where nothing limits it or can be read. */
uint32_t quota_processors(const files *f);

#endif
