/* SPDX-License-Identifier: MIT */
/* The state that a type declares. */
#include <math.h>
#include <string.h>

#include "plugin/judge.h"
#include "plugin/type.h"

#define LEAST_SLOT JUDGE_THROUGH(descent_slot, initial_param)

/* State that the core keeps beside a rule's own. */
static bool is_core_state(const char *name)
{
    static const char *const taken[] = {"average", "gradient_accumulator",
                                        "master", "compensation"};

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(taken[i], name) == 0)
            return true;
    return false;
}

static descent_status judge_name(const judged *j, uint32_t i)
{
    const descent_slot *s = type_slot(j->type, i);
    const char *id = j->type->id;

    if (s->name == NULL)
        return status_fail(
            DESCENT_ERR_ABI,
            "%s: name of slot %u = NULL, expected a name" JUDGE_TELL, id, i);
    if (!judge_is_name(s->name))
        return status_fail(DESCENT_ERR_ABI,
                           "%s: slot \"%.92s\": expected a name of small "
                           "letters, digits and _, at most 63 bytes" JUDGE_TELL,
                           id, s->name);
    if (is_core_state(s->name))
        return status_fail(DESCENT_ERR_ABI,
                           "%s: slot \"%s\": the core keeps state of this "
                           "name; expected another",
                           id, s->name);
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(type_slot(j->type, k)->name, s->name) == 0)
            return status_fail(DESCENT_ERR_ABI,
                               "%s: slot \"%s\" is declared twice" JUDGE_TELL,
                               id, s->name);
    if (!judge_is_text(s->help))
        return status_fail(DESCENT_ERR_ABI,
                           "%s: slot %s: help: expected UTF-8 text without "
                           "control bytes, not empty" JUDGE_TELL,
                           id, s->name);
    return DESCENT_OK;
}

static descent_status judge_shape(const judged *j, const descent_slot *s)
{
    const unsigned known =
        DESCENT_SLOT_SCRATCH | DESCENT_SLOT_LISTED | DESCENT_SLOT_LEADS;
    const char *id = j->type->id;

    if (s->shape < DESCENT_SLOT_LIKE_WEIGHT ||
        s->shape > DESCENT_SLOT_PER_COLUMN)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: slot %s: shape = %u, expected 1 to %d; it "
                           "needs a newer Descent",
                           id, s->name, s->shape, DESCENT_SLOT_PER_COLUMN);
    if ((s->flags & ~known) != 0)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: slot %s: flags = 0x%x has bits that this "
                           "version does not know; it needs a newer Descent",
                           id, s->name, s->flags);
    if (j->type->scope != DESCENT_SCOPE_TENSOR &&
        (s->shape > DESCENT_SLOT_SCALAR ||
         (s->flags & DESCENT_SLOT_SCRATCH) != 0))
        return status_fail(DESCENT_ERR_ABI,
                           "%s: slot %s: rows, columns and scratch memory "
                           "need scope = DESCENT_SCOPE_TENSOR" JUDGE_TELL,
                           id, s->name);
    return DESCENT_OK;
}

/* Rules see every array in the compute type, so that is how it is kept. */
static descent_status judge_dtype(const judged *j, const descent_slot *s)
{
    const bool scalar = s->shape == DESCENT_SLOT_SCALAR;

    if (s->dtype == (scalar ? DESCENT_DTYPE_F64 : DESCENT_DTYPE_COMPUTE))
        return DESCENT_OK;
    return status_fail(
        DESCENT_ERR_SUPPORT, "%s: slot %s: dtype = %u, expected %s" JUDGE_TELL,
        j->type->id, s->name, s->dtype,
        scalar ? "DESCENT_DTYPE_F64 for a scalar" : "DESCENT_DTYPE_COMPUTE");
}

static descent_status judge_first_value(const judged *j, const descent_slot *s)
{
    const descent_param *p;

    if (s->initial_param == NULL) {
        if (!isnan(s->initial))
            return DESCENT_OK;
        return status_fail(
            DESCENT_ERR_ABI,
            "%s: slot %s: initial = nan, expected a number" JUDGE_TELL,
            j->type->id, s->name);
    }
    /* The learning rate's row is no option that rules see. */
    p = judge_find_param(j->type, s->initial_param);
    if (p != NULL && strcmp(p->name, "learning_rate") != 0)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ABI,
                       "%s: slot %s: initial_param = \"%.92s\", expected an "
                       "option of the plugin's own" JUDGE_TELL,
                       j->type->id, s->name, s->initial_param);
}

static descent_status judge_slot(const judged *j, uint32_t i)
{
    const descent_slot *s = type_slot(j->type, i);
    const uint32_t variants = j->type->variant_count;

    TRY(judge_name(j, i));
    TRY(judge_shape(j, s));
    TRY(judge_dtype(j, s));
    if (variants < 32 && s->variants >> variants != 0)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: slot %s: variants = 0x%x, but there are only "
                           "%u variants" JUDGE_TELL,
                           j->type->id, s->name, s->variants, variants);
    return judge_first_value(j, s);
}

descent_status judge_slots(const judged *j)
{
    const descent_optimizer_type *t = j->type;

    TRY(judge_table(j, "slots", t->slots, t->slot_size, t->slot_count,
                    LEAST_SLOT, DESCENT_MAX_SLOTS));
    for (uint32_t i = 0; i < t->slot_count; i++) {
        TRY(judge_row(j, "slot", i, type_slot(t, i)->struct_size, LEAST_SLOT,
                      t->slot_size));
        TRY(judge_slot(j, i));
    }
    return DESCENT_OK;
}
