/* SPDX-License-Identifier: MIT */
/* Putting a state in the place of the one that is there. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "engine/slots.h"
#include "engine/snapshot.h"
#include "schedule/schedule.h"
#include "tensor/convert.h"

descent_status snapshot_stage(snapshot *s)
{
    enum { ALIGNMENT = 64 };
    size_t at = 0;

    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].source != 0)
            at += (s->items[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    TRY(memory_new(s->memory, at + 1, 1, &s->staged));
    s->staged_bytes = at + 1;
    at = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i].source == 0)
            continue;
        s->items[i].staged = s->staged + at;
        at += (s->items[i].bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    return DESCENT_OK;
}

/* No run counts to the limit, and none that goes on from below it to where a
 * state could no longer be loaded. */
static descent_status judge_counter(const snapshot *s,
                                    const snapshot_item *item)
{
    const int64_t value = *(const int64_t *)item->staged;
    const bool flag = strcmp(item->part, "accumulated") == 0;

    if (item->data == &s->integers[SNAPSHOT_SEED])
        return option_check(&s->o->settings.table, OPTION_SEED, (double)value);
    return value >= 0 && value <= (flag ? 1 : INT64_MAX / 2)
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_ARGUMENT, "%s = %lld: expected %s",
                             item->key, (long long)value,
                             flag ? "0 or 1" : "0 or more, less than 2^62");
}

static descent_status judge_loss_scale(const snapshot_item *item)
{
    const double scale = *(const double *)item->staged;
    char text[TEXT_NUMBER];

    return isfinite(scale) && scale > 0
               ? DESCENT_OK
               : status_fail(DESCENT_ERR_ARGUMENT,
                             "%s = %s: expected a finite number above 0",
                             item->key, text_number(scale, text));
}

/* Marks of rows are 0 or 1. */
static descent_status judge_marks(const snapshot_item *item)
{
    const uint8_t *marks = item->staged;

    for (uint64_t i = 0; i < item->bytes; i++)
        if (marks[i] > 1)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s: element %llu = %u: expected 0 or 1",
                               item->key, (unsigned long long)i + 1, marks[i]);
    return DESCENT_OK;
}

descent_status snapshot_judge(const snapshot *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const snapshot_item *const item = &s->items[i];
        if (item->staged == NULL)
            continue;
        if (item->dtype == DESCENT_DTYPE_I64)
            TRY(judge_counter(s, item));
        if (item->dtype == DESCENT_DTYPE_U8)
            TRY(judge_marks(item));
        if (item->data == &s->o->loss_scale.scale)
            TRY(judge_loss_scale(item));
        if (item->schedule != NULL)
            TRY(schedule_judge(item->schedule, item->staged,
                               (size_t)item->length));
    }
    return DESCENT_OK;
}

/* Where the elements are, now that the state is built. */
static void locate(const snapshot *s, snapshot_item *item)
{
    descent_tensor view = {.ndim = 0};

    if (item->tensor == SNAPSHOT_WHOLE ||
        strcmp(item->section, SNAPSHOT_SLOTS) != 0)
        return;
    slot_describe(s->o, &s->o->entries[item->tensor], item->part, &view);
    item->data = view.data;
}

static void store(const snapshot *s, const snapshot_item *item)
{
    const double *numbers = item->data;

    if (item->staged == NULL)
        return;
    if (item->bytes > 0)
        memcpy(item->data, item->staged, item->bytes);
    if (item->schedule != NULL) /* it has been judged */
        descent_schedule_load(item->schedule, numbers, (size_t)item->length);
    for (size_t k = 0; item->scalar != NULL && k < s->o->group_count; k++)
        s->o->groups[k]->scalar[item->scalar_index] = numbers[k];
}

/* What was not loaded, but is made from weights that were, or of a tensor that
 * joins a run. */
static void remake(const snapshot *s, const snapshot_item *item)
{
    const entry *e = &s->o->entries[item->tensor];
    const size_t n = (size_t)e->count;

    if (item->data == NULL)
        return;
    if (item->data == e->master)
        convert(DESCENT_DTYPE_F32, e->master, e->dtype, e->weight, n);
    else if (item->data == e->lost)
        memset(e->lost, 0, n * sizeof *e->lost);
    else if (item->data == e->average && s->o->updates > 0)
        convert(e->state_dtype, e->average, e->dtype, e->weight, n);
}

/* Build the state of those tensors that have one in what is loaded: others build
 * theirs at the next step, as ever. */
static descent_status build(const snapshot *s)
{
    descent_optimizer *o = s->o;
    descent_status status;

    o->loading = true;
    status = state_build(o);
    o->loading = false;
    return status;
}

descent_status snapshot_commit(snapshot *s)
{
    int64_t moved = SNAPSHOT_WHOLE; /* the last tensor whose weights changed */

    TRY(build(s));
    for (size_t i = 0; i < s->count; i++) {
        snapshot_item *const item = &s->items[i];
        locate(s, item);
        store(s, item);
        if (item->staged != NULL &&
            strcmp(item->section, SNAPSHOT_WEIGHTS) == 0)
            moved = item->tensor;
        if (item->staged == NULL && item->tensor != SNAPSHOT_WHOLE &&
            (item->fresh || item->tensor == moved))
            remake(s, item);
    }
    s->o->settings.number[OPTION_SEED] = (double)s->integers[SNAPSHOT_SEED];
    settings_unsettle(&s->o->settings);
    return DESCENT_OK;
}
