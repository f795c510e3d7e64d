/* SPDX-License-Identifier: MIT */
#include "checkpoint/optimizer.h"

#include <string.h>

#include "checkpoint/reader.h"
#include "checkpoint/take.h"
#include "checkpoint/writer.h"
#include "engine/snapshot.h"
#include "tensor/view.h"

/* ---- Saving ---- */

/* Content on its way to a file: the state, then what the application adds. */
typedef struct cargo {
    snapshot s;
    checkpoint_tensor *tensors;
    checkpoint_text *texts;
    size_t tensor_count, text_count;
} cargo;

static descent_status check_key(const char *what, const char *key)
{
    if (key == NULL ||
        strncmp(key, SNAPSHOT_PREFIX, strlen(SNAPSHOT_PREFIX)) != 0)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s '%.64s': states use names that begin with '%s' "
                       "themselves: expected another",
                       what, key, SNAPSHOT_PREFIX);
}

static descent_status add_more(cargo *c, const descent_save_options *more)
{
    checkpoint_tensor *const tensors = c->tensors + c->s.count;
    checkpoint_text *const texts = c->texts + c->s.text_count;
    const size_t n = more != NULL ? more->tensor_count : 0;

    if (more == NULL)
        return DESCENT_OK;
    TRY(take_tensors(more->tensors, n, tensors));
    TRY(take_texts(more->metadata, c->text_count - c->s.text_count, texts));
    for (size_t i = 0; i < n; i++)
        TRY(check_key("tensor", tensors[i].name));
    for (size_t i = 0; i < c->text_count - c->s.text_count; i++)
        TRY(check_key("metadata key", texts[i].key));
    return DESCENT_OK;
}

static descent_status fill(cargo *c, const descent_save_options *more)
{
    const snapshot *const s = &c->s;

    c->tensor_count = s->count + (more != NULL ? more->tensor_count : 0);
    c->text_count =
        s->text_count + (more != NULL ? take_count(more->metadata) : 0);
    TRY(memory_new(s->memory, c->tensor_count, sizeof *c->tensors,
                   &c->tensors));
    TRY(memory_new(s->memory, c->text_count, sizeof *c->texts, &c->texts));
    for (size_t i = 0; i < s->count; i++) {
        const snapshot_item *const item = &s->items[i];
        c->tensors[i] = (checkpoint_tensor){item->key, item->dtype, item->ndim,
                                            item->shape, item->data};
    }
    for (size_t i = 0; i < s->text_count; i++)
        c->texts[i] = (checkpoint_text){s->texts[i].key, s->texts[i].text};
    return add_more(c, more);
}

static descent_status write_cargo(cargo *c, const files *f, const char *path,
                                  const descent_save_options *more)
{
    const checkpoint_content content = {c->tensors, c->tensor_count, c->texts,
                                        c->text_count};

    TRY(safetensors_check(&content));
    if (more != NULL)
        TRY(take_check_strides(more->tensors, more->tensor_count));
    return checkpoint_write(c->s.memory, f, path, &content);
}

static descent_status check_options(const descent_save_options *options)
{
    if (options == NULL)
        return DESCENT_OK;
    if (!DESCENT_HAS(options, metadata) ||
        (options->flags & ~(uint32_t)DESCENT_STATE_WITHOUT_WEIGHTS) != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "save options: struct_size = %u, flags = 0x%x, "
                           "expected %zu and DESCENT_STATE_*",
                           options->struct_size, options->flags,
                           sizeof *options);
    if (options->tensors == NULL && options->tensor_count > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "save options: %zu tensors, but the list is NULL",
                           options->tensor_count);
    return DESCENT_OK;
}

descent_status optimizer_save(descent_optimizer *o, const files *f,
                              const char *path,
                              const descent_save_options *options)
{
    const uint32_t flags = options != NULL ? options->flags : 0;
    cargo c = {.tensors = NULL};
    descent_status status;

    TRY(check_options(options));
    status =
        snapshot_take(o, (flags & DESCENT_STATE_WITHOUT_WEIGHTS) == 0, &c.s);
    if (status == DESCENT_OK)
        status = fill(&c, options);
    if (status == DESCENT_OK)
        status = write_cargo(&c, f, path, options);
    if (c.s.memory != NULL) {
        memory_release(c.s.memory, c.tensors, c.tensor_count,
                       sizeof *c.tensors);
        memory_release(c.s.memory, c.texts, c.text_count, sizeof *c.texts);
    }
    snapshot_close(&c.s);
    return status;
}

/* ---- Loading ---- */

static const char *file_text(void *user, const char *key)
{
    return checkpoint_reader_text(user, key);
}

static const safetensors_tensor *tensor_at(const checkpoint_reader *r, size_t i)
{
    return &checkpoint_reader_header(r)->tensors[i];
}

static descent_status file_tensor(void *user, size_t i, descent_tensor *out)
{
    const safetensors_tensor *const t = tensor_at(user, i);

    return view_give(&(descent_tensor){.name = t->name,
                                       .dtype = t->dtype,
                                       .ndim = t->ndim,
                                       .shape = t->shape},
                     out);
}

/* Type and shape agree, and so do the bytes. */
static descent_status file_read(void *user, size_t i, void *to, size_t bytes)
{
    (void)bytes;
    return checkpoint_reader_read(user, tensor_at(user, i), to);
}

descent_status optimizer_load(descent_optimizer *o, const files *f,
                              const char *path,
                              const descent_load_options *options)
{
    state_source source = {NULL, 0, file_text, file_tensor, file_read};
    checkpoint_reader *r = NULL;
    descent_status status;

    TRY(optimizer_enter(o));
    TRY(checkpoint_reader_open(o->memory, f, path, &r));
    source.user = r;
    source.count = checkpoint_reader_header(r)->tensor_count;
    status = state_restore(o, &source, options);
    checkpoint_reader_close(r);
    return status == DESCENT_OK || status == DESCENT_ERR_IO
               ? status
               : status_prefix(status, "%s", path);
}

/* ---- For applications ---- */

static descent_status check_path(const char *function, const char *path)
{
    return path != NULL ? DESCENT_OK
                        : status_fail(DESCENT_ERR_ARGUMENT, "%s: path is NULL",
                                      function);
}

descent_status descent_optimizer_save(descent_optimizer *o, const char *path,
                                      const descent_save_options *options)
{
    TRY(check_path("descent_optimizer_save", path));
    return optimizer_save(o, &files_system, path, options);
}

descent_status descent_optimizer_load(descent_optimizer *o, const char *path,
                                      const descent_load_options *options)
{
    TRY(check_path("descent_optimizer_load", path));
    return optimizer_load(o, &files_system, path, options);
}
