/* SPDX-License-Identifier: MIT */
/* dlopen finds a library that it has by the name it was opened with, and only
 * else by device and inode.  A plugin is opened through its descriptor, so that
 * the file checked is the file loaded; since descriptors' numbers come again,
 * each name given to dlopen is made unique. */
#include "plugin/load.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "plugin/elf.h"
#include "plugin/guard.h"
#include "plugin/trust.h"

enum { CHANGES = 512, REASON = 4096 };

struct image {
    image *next;
    dev_t device;
    ino_t inode;
    void *handle;
    load_entry *entry;
    char *path;
    char *refusal; /* why it must not be used, or NULL */
};

static image *images;
static memory *store; /* of the images, which outlive every runtime */
static size_t opened; /* names given to dlopen */

static image *find_image(const trusted *file)
{
    image *i = images;

    while (i != NULL && (i->device != file->device || i->inode != file->inode))
        i = i->next;
    return i;
}

static descent_status create_image(const char *path, image **out)
{
    image *i;

    if (store == NULL)
        TRY(memory_open(NULL, &store));
    TRY(memory_new(store, 1, sizeof *i, &i));
    if (memory_text(store, path, &i->path) != DESCENT_OK) {
        memory_release(store, i, 1, sizeof *i);
        return DESCENT_ERR_MEMORY;
    }
    *out = i;
    return DESCENT_OK;
}

static void free_image(image *i)
{
    memory_release_text(store, i->path);
    memory_release(store, i, 1, sizeof *i);
}

static descent_status refuse_changes(const char *where, const char *changed)
{
    return status_fail(DESCENT_ERR_SUPPORT,
                       "%s: changes %s of this process when it is loaded, "
                       "which has been restored; build it without -Ofast, "
                       "-ffast-math and such calls",
                       where, changed);
}

/* The descriptor's path, written differently each time: "./" between slashes
 * means nothing, so a number hides there.  It begins at an address, so that two
 * copies of this library in a process write different ones. */
static void unique_name(int descriptor, char name[PATH_MAX])
{
    uintptr_t number = (uintptr_t)&images + opened++;

    snprintf(name, PATH_MAX, "/proc/self/fd");
    for (; number != 0; number >>= 1)
        text_append(name, PATH_MAX, (number & 1) != 0 ? "/./" : "/");
    text_append(name, PATH_MAX, "/%d", descriptor);
}

/* Refuse what dlopen gave under the plain path, when that was another file. */
static descent_status check_replaced(const char *path, const trusted *file,
                                     const void *handle)
{
    const image *i = images;

    while (i != NULL && i->handle != handle)
        i = i->next;
    if (i == NULL && trust_leads_to(path, file->device, file->inode))
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_STATE,
                       "%s: replaced by another file since it was loaded; "
                       "start the process again",
                       path);
}

static descent_status open_library(const char *path, const trusted *file,
                                   void **handle)
{
    char name[PATH_MAX];
    const char *reason;

    unique_name(file->descriptor, name);
    /* Without /proc only the name is left. */
    if (!trust_leads_to(name, file->device, file->inode))
        strcpy(name, path);
    *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (*handle != NULL)
        return strcmp(name, path) == 0 ? check_replaced(path, file, *handle)
                                       : DESCENT_OK;
    reason = dlerror();
    if (reason == NULL)
        reason = "no reason given";
    else if (strncmp(reason, name, strlen(name)) == 0)
        reason += strlen(name) + strspn(reason + strlen(name), ": ");
    return status_fail(DESCENT_ERR_ABI,
                       "%s: cannot be loaded: %s; build it on this machine",
                       path, reason);
}

/* Remember the reason that status_fail has recorded.  Without memory for it the
 * image is useless all the same, as it has no entry. */
static descent_status condemn(image *i, descent_status status)
{
    char reason[REASON];

    i->entry = NULL;
    if (i->refusal != NULL)
        return status;
    snprintf(reason, sizeof reason, "%s", descent_error_message());
    if (memory_text(store, reason, &i->refusal) == DESCENT_OK)
        return status;
    return status_fail(status, "%s", reason);
}

/* Load a checked file into `i` and take it into the list. */
static descent_status bring_in(image *i, const trusted *file)
{
    guard before;
    char changed[CHANGES];
    descent_status status;
    void *entry;

    guard_take(&before);
    status = open_library(i->path, file, &i->handle);
    guard_restore(&before, changed, sizeof changed);
    TRY(status);
    i->device = file->device;
    i->inode = file->inode;
    i->next = images;
    images = i;
    if (changed[0] != '\0')
        return condemn(i, refuse_changes(i->path, changed));
    entry = dlsym(i->handle, DESCENT_ENTRY);
    if (entry == NULL)
        return condemn(
            i, status_fail(DESCENT_ERR_ABI,
                           "%s: the dynamic linker finds no " DESCENT_ENTRY
                           "; build it again",
                           i->path));
    memcpy(&i->entry, &entry, sizeof entry);
    return DESCENT_OK;
}

static descent_status load_checked(const files *f, const char *path,
                                   const trusted *file, image **out)
{
    const elf_file elf = {f, file->descriptor, file->size, path};
    image *i = find_image(file);
    descent_status status;

    if (i == NULL) {
        TRY(elf_check(&elf));
        TRY(create_image(path, &i));
        status = bring_in(i, file);
        if (status != DESCENT_OK) {
            if (images != i)
                free_image(i);
            return status;
        }
    }
    if (i->refusal != NULL)
        return status_fail(DESCENT_ERR_SUPPORT, "%s", i->refusal);
    if (i->entry == NULL)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: refused before, when memory was short; start "
                           "the process again",
                           path);
    *out = i;
    return DESCENT_OK;
}

descent_status load_image(const files *f, const char *path, image **out)
{
    trusted file;
    descent_status status;

    TRY(trust_open(f, path, &file));
    status = load_checked(f, path, &file, out);
    f->close(file.descriptor);
    return status;
}

const char *load_path(const image *i)
{
    return i->path;
}

/* Ask an entry; `image`, when there is one, is refused for good if it changes
 * the process, because a second call might hide the change. */
static descent_status ask(const char *where, load_entry *entry, image *i,
                          host *h, const descent_plugin **out)
{
    const uint64_t before_failures = status_failures();
    guard before;
    char changed[CHANGES];

    guard_take(&before);
    *out = entry(&h->services);
    guard_restore(&before, changed, sizeof changed);
    if (changed[0] != '\0' && i != NULL)
        return condemn(i, refuse_changes(where, changed));
    if (changed[0] != '\0')
        return refuse_changes(where, changed);
    if (*out != NULL)
        return DESCENT_OK;
    if (status_failures() != before_failures)
        return status_prefix(descent_error_code(), "%s: refuses to work",
                             where);
    return status_fail(DESCENT_ERR_ABI,
                       "%s: its entry returned NULL, expected its tables; ask "
                       "its author for the reason",
                       where);
}

descent_status load_ask(image *i, host *h, const descent_plugin **out)
{
    return ask(i->path, i->entry, i, h, out);
}

descent_status load_call(const char *where, load_entry *entry, host *h,
                         const descent_plugin **out)
{
    return ask(where, entry, NULL, h, out);
}
