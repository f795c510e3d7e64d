/* SPDX-License-Identifier: MIT */
/* Opens a plugin file for checking and loading, when nobody but the superuser
 * and the user of this process can have written it. */
#ifndef DESCENT_PLUGIN_TRUST_H
#define DESCENT_PLUGIN_TRUST_H

#include <stdbool.h>

#include "base/files.h"
#include "base/status.h"

typedef struct trusted {
    int descriptor;
    uint64_t size;
    dev_t device;
    ino_t inode;
} trusted;

/* Open the regular file `path`, absolute, without blocking on whatever else
 * stands there.  The caller closes the descriptor. */
descent_status trust_open(const files *f, const char *path, trusted *out);

/* True when `path` leads to the file with this device and inode now. */
bool trust_leads_to(const char *path, dev_t device, ino_t inode);

/* Fail unless `path`, which `what` describes, is absolute and shorter than the
 * system's limit, and free of control bytes. */
descent_status trust_check_path(const char *what, const char *path);

#endif
