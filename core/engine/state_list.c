/* SPDX-License-Identifier: MIT */
/* States in the application's memory: out and in. */
#include <string.h>

#include "engine/snapshot.h"
#include "tensor/view.h"

/* ---- Out ---- */

/* The parts of a text's key: descent.SECTION/PART or descent.PART. */
static descent_status
visit_text(const snapshot_text *t,
           descent_status (*visit)(void *user, const descent_state_item *),
           void *user)
{
    const char *key = t->key + strlen(SNAPSHOT_PREFIX);
    const char *slash = strchr(key, '/');
    const descent_state_item item = {
        .struct_size = sizeof item,
        .section = slash != NULL ? SNAPSHOT_OPTIONS : "",
        .part = slash != NULL ? slash + 1 : key,
        .text = t->text,
    };

    return visit(user, &item);
}

static descent_status
visit_all(const snapshot *s,
          descent_status (*visit)(void *user, const descent_state_item *),
          void *user)
{
    for (size_t i = 0; i < s->text_count; i++)
        TRY(visit_text(&s->texts[i], visit, user));
    for (size_t i = 0; i < s->count; i++) {
        const descent_tensor view = snapshot_view(&s->items[i]);
        const descent_state_item item = {
            .struct_size = sizeof item,
            .section = s->items[i].section,
            .part = s->items[i].part,
            .tensor = snapshot_tensor(s, &s->items[i]),
            .view = &view,
        };
        TRY(visit(user, &item));
    }
    return DESCENT_OK;
}

descent_status descent_optimizer_state(
    descent_optimizer *o, uint32_t flags,
    descent_status (*visit)(void *user, const descent_state_item *item),
    void *user)
{
    snapshot s;
    descent_status status;

    TRY(optimizer_enter(o));
    if (visit == NULL ||
        (flags & ~(uint32_t)DESCENT_STATE_WITHOUT_WEIGHTS) != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: descent_optimizer_state: visit is NULL, or "
                           "flags = 0x%x: expected DESCENT_STATE_*",
                           o->settings.name, flags);
    status = snapshot_take(o, (flags & DESCENT_STATE_WITHOUT_WEIGHTS) == 0, &s);
    if (status == DESCENT_OK) {
        o->busy = true;
        status = visit_all(&s, visit, user);
        o->busy = false;
    }
    snapshot_close(&s);
    return status;
}

/* ---- In ---- */

typedef struct list {
    const descent_tensor *arrays;
    const char *const *texts;
} list;

static const descent_tensor *at(const list *l, size_t i)
{
    return (const void *)((const char *)l->arrays + i * l->arrays->struct_size);
}

static const char *list_text(void *user, const char *key)
{
    const list *l = user;

    for (size_t i = 0; l->texts != NULL && l->texts[i] != NULL; i += 2)
        if (strcmp(l->texts[i], key) == 0)
            return l->texts[i + 1];
    return NULL;
}

static descent_status list_tensor(void *user, size_t i, descent_tensor *out)
{
    return view_give(at(user, i), out);
}

static descent_status list_read(void *user, size_t i, void *to, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, at(user, i)->data, bytes);
    return DESCENT_OK;
}

static descent_status check_array(const descent_tensor *t, size_t i)
{
    int64_t count;

    if (!DESCENT_HAS(t, gradient) || t->name == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "array %zu: struct_size = %u, expected %zu and a "
                           "name",
                           i + 1, t->struct_size, sizeof *t);
    if (snapshot_dtype_size(t->dtype) == 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "array '%.64s': dtype = %u is none of a state",
                           t->name, t->dtype);
    /* An f64 of this many elements is as large as any. */
    TRY(view_count(t->name, DESCENT_DTYPE_F64, t->ndim, t->shape, &count));
    TRY(view_check_strides(t->name, t->ndim, t->shape, t->strides));
    if (t->data == NULL && count > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "array '%.64s': the pointer is NULL, expected %lld "
                           "elements",
                           t->name, (long long)count);
    return DESCENT_OK;
}

static descent_status check_texts(const char *const *texts)
{
    for (size_t i = 0; texts != NULL && texts[i] != NULL; i += 2)
        if (texts[i + 1] == NULL)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "text '%.64s': expected a text after the key",
                               texts[i]);
    return DESCENT_OK;
}

descent_status descent_optimizer_load_state(descent_optimizer *o,
                                            const descent_tensor *arrays,
                                            size_t n, const char *const *texts,
                                            const descent_load_options *options)
{
    list l = {arrays, texts};
    const state_source source = {&l, n, list_text, list_tensor, list_read};

    TRY(optimizer_enter(o));
    if (arrays == NULL && n > 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: %zu arrays, but the list is NULL",
                           o->settings.name, n);
    for (size_t i = 0; i < n; i++)
        TRY(check_array(at(&l, i), i));
    TRY(check_texts(texts));
    return state_restore(o, &source, options);
}
