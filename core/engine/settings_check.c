/* SPDX-License-Identifier: MIT */
/* Options that do not go together, and those that are rarely meant. */
#include <math.h>
#include <string.h>

#include "engine/settings.h"

/* Is there a number or a schedule? */
static bool is_given(const settings *s, size_t row)
{
    const settings *holder = settings_holder(s, row);

    return holder->schedule[row] != NULL || !isnan(holder->number[row]);
}

static descent_status check_ownership(const settings *s)
{
    if ((s->type->flags & DESCENT_TYPE_OWNS_DECAY) == 0 ||
        s->number[OPTION_WEIGHT_DECAY_MODE] == DECAY_DECOUPLED)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s.weight_decay_mode = \"l2\": its rule owns weight "
                       "decay, expected \"decoupled\"",
                       s->table.owner);
}

static descent_status check_scope(const settings *s)
{
    if (s->type->scope == DESCENT_SCOPE_ELEMENT ||
        s->number[OPTION_SPARSE] == SPARSE_DENSE)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s.sparse = \"lazy\": its rule works on whole tensors, "
                       "expected \"dense\"",
                       s->table.owner);
}

/* Rounded to f32 it must still be one. */
static descent_status check_rate(const settings *s)
{
    const size_t row = OPTION_LEARNING_RATE;

    return s->number[OPTION_LEARNING_RATE_F32] == 0 || s->schedule[row] != NULL
               ? DESCENT_OK
               : option_check(&s->table, row, (double)(float)s->number[row]);
}

static descent_status check_conflicts(const settings *s)
{
    static const size_t clips[] = {OPTION_CLIPNORM, OPTION_CLIPVALUE,
                                   OPTION_GLOBAL_CLIPNORM};
    const char *first = NULL;

    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++) {
        if (!is_given(s, clips[i]))
            continue;
        /* Keras 2.3 clips the norm and then the values. */
        if (clips[i] == OPTION_CLIPVALUE && first != NULL &&
            s->number[OPTION_FLAVOUR] == FLAVOUR_KERAS2)
            continue;
        if (first != NULL)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s: %s and %s are both set: expected at most "
                               "one of clipnorm, clipvalue, global_clipnorm",
                               s->table.owner, first,
                               s->table.rows[clips[i]]->name);
        first = s->table.rows[clips[i]]->name;
    }
    return DESCENT_OK;
}

descent_status settings_check(const settings *s)
{
    TRY(check_conflicts(s));
    TRY(check_ownership(s));
    TRY(check_scope(s));
    TRY(check_rate(s));
    for (const settings *d = s->derived; d != NULL; d = d->next)
        TRY(check_conflicts(d));
    return DESCENT_OK;
}

uint32_t settings_variant(const settings *s)
{
    return s->type->variant == NULL ? 0 : s->type->variant(s->type, s->selects);
}

void settings_warn_of_rare(const settings *s, size_t row, double before)
{
    char why[OPTION_WHY];

    if (s->schedule[row] == NULL &&
        !option_is_rare(&s->table, row, before, NULL) &&
        option_is_rare(&s->table, row, s->number[row], why))
        log_write(s->log, LOG_WARNING, "%s", why);
}

void settings_warn(settings *s)
{
    for (size_t row = OPTION_COMMON; row < s->table.count; row++)
        if (s->base == NULL || s->own[row])
            settings_warn_of_rare(s, row, NAN);
    if (s->base != NULL)
        return;
    if (!isnan(s->number[OPTION_DECAY]) &&
        s->number[OPTION_FLAVOUR] != FLAVOUR_KERAS2)
        log_write(s->log, LOG_WARNING,
                  "%s.decay is ignored: flavour = \"keras2\" applies it, and a "
                  "schedule does the same in every flavour",
                  s->table.owner);
    for (size_t row = OPTION_COMMON; row < s->table.count; row++) {
        const descent_param *p = s->table.rows[row];
        double *value = &s->selects[row - OPTION_COMMON];
        /* A structural switch picks the variant, or does nothing. */
        if (*value != 0 && p->type == DESCENT_PARAM_BOOL &&
            (p->flags & DESCENT_PARAM_STRUCTURAL) != 0) {
            *value = 0;
            if (settings_variant(s) == s->variant)
                log_write(s->log, LOG_WARNING,
                          "%s.%s = true has no effect with these options",
                          s->table.owner, p->name);
            *value = 1;
        }
    }
}
