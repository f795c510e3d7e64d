/* SPDX-License-Identifier: MIT */
/* Brings checked files into the process, once each, for ever.  Every call needs
 * the lock of plugin/lock.h. */
#ifndef DESCENT_PLUGIN_LOAD_H
#define DESCENT_PLUGIN_LOAD_H

#include "base/files.h"
#include "base/status.h"
#include "plugin/host.h"

typedef const descent_plugin *load_entry(const descent_host *host);

/* A file in the process. */
typedef struct image image;

/* Check and load the file `path`, absolute; a file that is loaded already is
 * known by its device and inode. */
descent_status load_image(const files *f, const char *path, image **out);

/* The path under which it was loaded first; lives as long as the process. */
const char *load_path(const image *i);

/* Ask an image for its tables. */
descent_status load_ask(image *i, host *h, const descent_plugin **out);

/* Ask an entry function; `where` is for messages. */
descent_status load_call(const char *where, load_entry *entry, host *h,
                         const descent_plugin **out);

#endif
