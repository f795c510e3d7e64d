/* SPDX-License-Identifier: MIT */
/* Loading a state: compare it with what the optimizer has, list what differs,
 * read everything, and only then store. */
#include <string.h>

#include "base/text.h"
#include "engine/snapshot.h"
#include "tensor/view.h"

enum { LONGEST_LIST = 1500 };

typedef struct restoration {
    const state_source *source;
    const descent_load_options *options; /* or NULL */
    bool partial;
    snapshot s;
    name_table seen; /* tensors that are told of as unexpected */
    size_t differences;
    char list[LONGEST_LIST];
} restoration;

/* ---- Differences ---- */

static descent_status tell(restoration *r, uint32_t kind, const char *name,
                           const char *text)
{
    const descent_difference d = {sizeof d, kind, name, text};
    const descent_load_options *options = r->options;

    r->differences++;
    if (strlen(r->list) + strlen(text) + 8 < sizeof r->list)
        text_append(r->list, sizeof r->list, "%s%s",
                    r->list[0] != '\0' ? "; " : "", text);
    if (options == NULL || options->difference == NULL)
        return DESCENT_OK;
    const uint64_t before = status_failures();
    return status_foreign(options->difference(options->user, &d), before,
                          "the function", "difference");
}

/* "'w'", or "momentum of 'w'", or "iterations". */
static const char *called(const snapshot *s, const snapshot_item *item,
                          char *text, size_t size)
{
    const char *tensor = snapshot_tensor(s, item);

    text[0] = '\0';
    text_append(text, size, "%.64s", item->part);
    if (tensor != NULL)
        text_append(text, size, "%s'%.128s'",
                    item->part[0] != '\0' ? " of " : "", tensor);
    return text;
}

/* The name in descent.SECTION/PART/TENSOR, or NULL in other keys. */
static const char *tensor_in(const char *key)
{
    const char *part, *tensor;

    if (strncmp(key, SNAPSHOT_PREFIX, strlen(SNAPSHOT_PREFIX)) != 0)
        return NULL;
    part = strchr(key, '/');
    tensor = part != NULL ? strchr(part + 1, '/') : NULL;
    return tensor != NULL ? tensor + 1 : NULL;
}

/* ---- Whose state it is ---- */

static descent_status check_text(const restoration *r, const char *key,
                                 const char *what)
{
    const char *got = r->source->text(r->source->user, key);
    const char *expected = NULL;

    for (size_t i = 0; i < r->s.text_count; i++)
        if (strcmp(r->s.texts[i].key, key) == 0)
            expected = r->s.texts[i].text;
    if (got != NULL && expected != NULL && strcmp(got, expected) == 0)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_STATE, "%s '%.64s': expected '%s'", what,
                       got != NULL ? got : "none", expected);
}

static descent_status check_identity(const restoration *r)
{
    TRY(check_text(r, SNAPSHOT_KEY_VERSION, "the state has the format"));
    TRY(check_text(r, SNAPSHOT_KEY_KIND, "the state is that of"));
    return check_text(r, SNAPSHOT_KEY_STATE_VERSION,
                      "the rule's state is of version");
}

/* Is it a state, and does it have weights? */
static descent_status read_holds(const state_source *source, bool *weights)
{
    const char *holds = source->text(source->user, SNAPSHOT_KEY_HOLDS);

    if (source->text(source->user, SNAPSHOT_KEY_KIND) == NULL)
        return status_fail(DESCENT_ERR_STATE,
                           "this is no state of an optimizer: it has no '%s'",
                           SNAPSHOT_KEY_KIND);
    *weights = holds != NULL && strcmp(holds, SNAPSHOT_HOLDS_ALL) == 0;
    if (holds != NULL && (*weights || strcmp(holds, SNAPSHOT_HOLDS_STATE) == 0))
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_STATE,
                       SNAPSHOT_KEY_HOLDS " = '%.64s': expected '%s' or '%s'",
                       holds != NULL ? holds : "", SNAPSHOT_HOLDS_ALL,
                       SNAPSHOT_HOLDS_STATE);
}

static descent_status compare_options(restoration *r)
{
    const state_source *source = r->source;

    for (size_t i = 0; i < r->s.text_count; i++) {
        const snapshot_text *const mine = &r->s.texts[i];
        const char *got;
        char text[512] = "";

        if (mine->option == NULL)
            continue;
        got = source->text(source->user, mine->key);
        if (got != NULL && strcmp(got, mine->text) == 0)
            continue;
        text_append(text, sizeof text,
                    "%s is '%.64s' in the state, '%.64s' in the optimizer",
                    mine->option, got != NULL ? got : "none", mine->text);
        TRY(tell(r, DESCENT_DIFFERENCE_OPTION, mine->key, text));
    }
    return DESCENT_OK;
}

/* ---- Arrays ---- */

/* Tell of a tensor that is not bound once, whatever there is of it. */
static descent_status tell_unexpected(restoration *r, size_t i, const char *key)
{
    const char *tensor = tensor_in(key);
    char text[320] = "";

    if (tensor != NULL && tensors_index(r->s.o, tensor) == NAMES_NONE) {
        uint64_t at = names_hash(tensor);
        int64_t k;
        while ((k = names_next(&r->seen, &at)) != NAMES_NONE) {
            descent_tensor other = {.struct_size = sizeof other};
            TRY(r->source->tensor(r->source->user, (size_t)k, &other));
            if (strcmp(tensor_in(other.name), tensor) == 0)
                return DESCENT_OK;
        }
        names_put(&r->seen, names_hash(tensor), i);
        key = tensor;
    }
    text_append(text, sizeof text, "unexpected '%.200s'", key);
    return tell(r, DESCENT_DIFFERENCE_UNEXPECTED, key, text);
}

static const char *type_name(descent_dtype dtype)
{
    return dtype == DESCENT_DTYPE_I64  ? "i64"
           : dtype == DESCENT_DTYPE_U8 ? "u8"
                                       : dtype_name(dtype);
}

static descent_status compare_array(restoration *r, size_t i)
{
    descent_tensor got = {.struct_size = sizeof got};
    char name[256], text[768] = "", a[200], b[200];
    snapshot_item *item;

    TRY(r->source->tensor(r->source->user, i, &got));
    item = snapshot_find(&r->s, got.name);
    if (item == NULL)
        return strncmp(got.name, SNAPSHOT_PREFIX, strlen(SNAPSHOT_PREFIX)) == 0
                   ? tell_unexpected(r, i, got.name)
                   : DESCENT_OK; /* the application's */
    called(&r->s, item, name, sizeof name);
    if (item->source != 0 || item->differs)
        return status_fail(DESCENT_ERR_ARGUMENT, "%s is there twice", name);
    if (got.ndim != item->ndim ||
        (got.ndim > 0 &&
         memcmp(got.shape, item->shape, got.ndim * sizeof *got.shape) != 0)) {
        text_append(text, sizeof text, "%s has the shape %s, expected %s", name,
                    view_shape_text(got.ndim, got.shape, a, sizeof a),
                    view_shape_text(item->ndim, item->shape, b, sizeof b));
        item->differs = true;
        return tell(r, DESCENT_DIFFERENCE_SHAPE, item->key, text);
    }
    if (got.dtype != item->dtype) {
        text_append(text, sizeof text, "%s is %s, expected %s", name,
                    type_name(got.dtype), type_name(item->dtype));
        item->differs = true;
        return tell(r, DESCENT_DIFFERENCE_TYPE, item->key, text);
    }
    item->source = i + 1;
    if (strcmp(item->section, SNAPSHOT_SLOTS) == 0 &&
        item->tensor != SNAPSHOT_WHOLE)
        r->s.o->entries[item->tensor].wanted = true;
    return DESCENT_OK;
}

/* Is nothing there of the tensor whose items begin with number i? */
static bool is_absent(const snapshot *s, size_t i)
{
    const int64_t tensor = s->items[i].tensor;

    for (; i < s->count && s->items[i].tensor == tensor; i++)
        if (s->items[i].source != 0 || s->items[i].differs)
            return false;
    return true;
}

/* Of a tensor that is not there at all the first item is told of alone. */
static descent_status tell_missing(restoration *r)
{
    int64_t absent = SNAPSHOT_WHOLE;

    for (size_t i = 0; i < r->s.count; i++) {
        const snapshot_item *const item = &r->s.items[i];
        char name[256], text[320] = "";
        const bool first = i == 0 || item->tensor != item[-1].tensor;
        const char *tensor = snapshot_tensor(&r->s, item);

        if (item->source != 0 || item->differs ||
            (item->optional && !r->s.o->entries[item->tensor].wanted) ||
            (tensor != NULL && item->tensor == absent))
            continue;
        if (tensor != NULL && first && is_absent(&r->s, i)) {
            absent = item->tensor;
            text_append(text, sizeof text, "missing '%.200s'", tensor);
            TRY(tell(r, DESCENT_DIFFERENCE_MISSING, tensor, text));
            continue;
        }
        text_append(text, sizeof text, "missing %s",
                    called(&r->s, item, name, sizeof name));
        TRY(tell(r, DESCENT_DIFFERENCE_MISSING, item->key, text));
    }
    return DESCENT_OK;
}

static descent_status compare(restoration *r)
{
    TRY(names_reset(&r->seen, r->s.memory, r->source->count));
    TRY(compare_options(r));
    for (size_t i = 0; i < r->source->count; i++)
        TRY(compare_array(r, i));
    TRY(tell_missing(r));
    if (r->differences == 0 || r->partial)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_STATE,
                       "the state does not fit, and nothing was loaded: %zu "
                       "difference%s: %s",
                       r->differences, r->differences == 1 ? "" : "s", r->list);
}

/* ---- Storing ---- */

static descent_status read_all(restoration *r)
{
    TRY(snapshot_stage(&r->s));
    for (size_t i = 0; i < r->s.count; i++) {
        const snapshot_item *const item = &r->s.items[i];
        if (item->source != 0)
            TRY(r->source->read(r->source->user, item->source - 1, item->staged,
                                item->bytes));
    }
    return snapshot_judge(&r->s);
}

static descent_status run(restoration *r)
{
    bool weights = false;

    TRY(groups_check(r->s.o));
    TRY(read_holds(r->source, &weights));
    TRY(snapshot_open(r->s.o, weights, &r->s));
    TRY(check_identity(r));
    TRY(compare(r));
    TRY(read_all(r));
    TRY(snapshot_commit(&r->s));
    if (r->differences == 0)
        r->s.o->poisoned = false;
    return DESCENT_OK;
}

static descent_status check_options(const descent_load_options *options)
{
    if (options == NULL)
        return DESCENT_OK;
    if (!DESCENT_HAS(options, user) ||
        (options->flags & ~(uint32_t)DESCENT_LOAD_PARTIAL) != 0)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "load options: struct_size = %u, flags = 0x%x, "
                           "expected %zu and DESCENT_LOAD_PARTIAL or 0",
                           options->struct_size, options->flags,
                           sizeof *options);
    return DESCENT_OK;
}

descent_status state_restore(descent_optimizer *o, const state_source *source,
                             const descent_load_options *options)
{
    restoration r = {.source = source, .options = options, .s = {.o = o}};
    descent_status status;

    TRY(optimizer_enter(o));
    TRY(check_options(options));
    if (o->swapped)
        return status_fail(DESCENT_ERR_STATE,
                           "%s: the averages stand in for the weights: swap "
                           "them back before a state is loaded",
                           o->settings.name);
    r.partial = options != NULL && (options->flags & DESCENT_LOAD_PARTIAL) != 0;
    r.s.memory = o->memory;
    o->busy = true; /* also while the application is told of differences */
    status = run(&r);
    o->busy = false;
    for (size_t i = 0; i < o->count; i++)
        o->entries[i].wanted = false;
    o->changed = true;
    names_free(&r.seen, o->memory);
    snapshot_close(&r.s);
    return status == DESCENT_OK ? status
                                : status_prefix(status, "%s", o->settings.name);
}
