/* SPDX-License-Identifier: MIT */
/* The hyperparameters of a type, and other systems' defaults for them. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "plugin/judge.h"
#include "plugin/type.h"

enum { MAX_PARAMS = 256, MAX_PRESETS = 1024, MAX_NAMES = 64 };

enum {
    KNOWN_FLAGS = DESCENT_PARAM_MIN_OPEN | DESCENT_PARAM_MAX_OPEN |
                  DESCENT_PARAM_STRUCTURAL | DESCENT_PARAM_SELECTS |
                  DESCENT_PARAM_WARN_ZERO | DESCENT_PARAM_KERAS3 |
                  DESCENT_PARAM_WARN_ABOVE
};

#define LEAST_PARAM JUDGE_THROUGH(descent_param, aliases)
#define LEAST_PRESET JUDGE_THROUGH(descent_preset, value)

static const char rate[] = "learning_rate";

const descent_param *judge_find_param(const descent_optimizer_type *type,
                                      const char *name)
{
    for (uint32_t i = 0; i < type->param_count; i++)
        if (strcmp(type_param(type, i)->name, name) == 0)
            return type_param(type, i);
    return NULL;
}

static size_t count_texts(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && n <= MAX_NAMES && list[n] != NULL)
        n++;
    return n;
}

/* Name k of a param: its own, then its aliases; NULL past the end. */
static const char *name_at(const descent_param *p, size_t k)
{
    if (k == 0)
        return p->name;
    return p->aliases == NULL ? NULL : p->aliases[k - 1];
}

/* True when a name before name k of param i is the same. */
static bool is_taken(const descent_optimizer_type *t, uint32_t i, size_t k,
                     const char *name)
{
    for (uint32_t a = 0; a <= i; a++) {
        const descent_param *p = type_param(t, a);
        for (size_t b = 0; name_at(p, b) != NULL; b++) {
            if (a == i && b == k)
                return false;
            if (strcmp(name_at(p, b), name) == 0)
                return true;
        }
    }
    return false;
}

static descent_status judge_names(const judged *j, uint32_t i)
{
    const descent_param *p = type_param(j->type, i);
    const char *id = j->type->id;

    if (p->name == NULL)
        return status_fail(
            DESCENT_ERR_ABI,
            "%s: name of option %u = NULL, expected a name" JUDGE_TELL, id, i);
    if (count_texts(p->aliases) > MAX_NAMES)
        return status_fail(DESCENT_ERR_ABI,
                           "%s.%.92s: more than %d aliases; does their list "
                           "end with NULL?",
                           id, p->name, MAX_NAMES);
    for (size_t k = 0; name_at(p, k) != NULL; k++) {
        const char *name = name_at(p, k);
        if (!judge_is_name(name))
            return status_fail(
                DESCENT_ERR_ABI,
                "%s: option \"%.92s\": expected a name of small "
                "letters, digits and _, at most 63 bytes" JUDGE_TELL,
                id, name);
        if (is_taken(j->type, i, k, name))
            return status_fail(DESCENT_ERR_ABI,
                               "%s: option \"%s\" is declared twice" JUDGE_TELL,
                               id, name);
        if (j->is_core(name) && (k > 0 || strcmp(name, rate) != 0))
            return status_fail(DESCENT_ERR_ABI,
                               "%s: option \"%s\" belongs to every optimizer; "
                               "a plugin declares %s alone of these",
                               id, name, rate);
    }
    return DESCENT_OK;
}

static bool is_whole(double x)
{
    return isinf(x) || floor(x) == x;
}

/* Which ranges make sense for a type. */
static bool is_range(const descent_param *p)
{
    const double least = p->minimum, most = p->maximum;
    const bool open =
        (p->flags & (DESCENT_PARAM_MIN_OPEN | DESCENT_PARAM_MAX_OPEN)) != 0;

    if (isnan(least) || isnan(most) || least > most || least == HUGE_VAL ||
        most == -HUGE_VAL || (open && least == most))
        return false;
    switch (p->type) {
    case DESCENT_PARAM_INT:
        return is_whole(least) && is_whole(most);
    case DESCENT_PARAM_BOOL:
        return least == 0 && most == 1 && !open;
    case DESCENT_PARAM_CHOICE:
        return least == 0 && !open &&
               most == (double)count_texts(p->choices) - 1;
    default:
        return true;
    }
}

descent_status judge_value(const judged *j, const descent_param *p,
                           const char *what, double value)
{
    const bool below = (p->flags & DESCENT_PARAM_MIN_OPEN) != 0
                           ? value <= p->minimum
                           : value < p->minimum;
    const bool above = (p->flags & DESCENT_PARAM_MAX_OPEN) != 0
                           ? value >= p->maximum
                           : value > p->maximum;
    char v[TEXT_NUMBER], least[TEXT_NUMBER], most[TEXT_NUMBER];

    if (!isfinite(value) || below || above)
        return status_fail(
            DESCENT_ERR_ABI,
            "%s.%s: %s = %s, expected %s %s x %s %s" JUDGE_TELL, j->type->id,
            p->name, what, text_number(value, v),
            text_number(p->minimum, least),
            (p->flags & DESCENT_PARAM_MIN_OPEN) != 0 ? "<" : "<=",
            (p->flags & DESCENT_PARAM_MAX_OPEN) != 0 ? "<" : "<=",
            text_number(p->maximum, most));
    if (p->type != DESCENT_PARAM_REAL && !is_whole(value))
        return status_fail(DESCENT_ERR_ABI,
                           "%s.%s: %s = %s, expected a whole number" JUDGE_TELL,
                           j->type->id, p->name, what, text_number(value, v));
    return DESCENT_OK;
}

static descent_status judge_choices(const judged *j, const descent_param *p)
{
    const size_t count = count_texts(p->choices);

    if (count == 0 || count > MAX_NAMES)
        return status_fail(DESCENT_ERR_ABI,
                           "%s.%s: a choice among %s%zu texts, expected 1 to "
                           "%d and then NULL" JUDGE_TELL,
                           j->type->id, p->name,
                           count > MAX_NAMES ? "at least " : "", count,
                           MAX_NAMES);
    for (size_t i = 0; i < count; i++) {
        if (!judge_is_text(p->choices[i]))
            return status_fail(DESCENT_ERR_ABI,
                               "%s.%s: choice %zu: expected UTF-8 text without "
                               "control bytes, not empty" JUDGE_TELL,
                               j->type->id, p->name, i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(p->choices[k], p->choices[i]) == 0)
                return status_fail(DESCENT_ERR_ABI,
                                   "%s.%s: choices %zu and %zu are the same, "
                                   "\"%.92s\"" JUDGE_TELL,
                                   j->type->id, p->name, k, i, p->choices[i]);
    }
    return DESCENT_OK;
}

static descent_status judge_kind(const judged *j, const descent_param *p)
{
    const unsigned fixed = DESCENT_PARAM_STRUCTURAL | DESCENT_PARAM_SELECTS;
    const char *id = j->type->id;

    if (p->type < DESCENT_PARAM_REAL || p->type > DESCENT_PARAM_CHOICE)
        return status_fail(DESCENT_ERR_ABI,
                           "%s.%s: type = %u, expected 1 to %d; it needs a "
                           "newer Descent",
                           id, p->name, p->type, DESCENT_PARAM_CHOICE);
    if ((p->flags & ~(unsigned)KNOWN_FLAGS) != 0)
        return status_fail(DESCENT_ERR_ABI,
                           "%s.%s: flags = 0x%x has bits that this version "
                           "does not know; it needs a newer Descent",
                           id, p->name, p->flags);
    if (strcmp(p->name, rate) == 0 &&
        (p->type != DESCENT_PARAM_REAL || (p->flags & fixed) != 0))
        return status_fail(
            DESCENT_ERR_ABI,
            "%s.%s: expected a real number that may change" JUDGE_TELL, id,
            rate);
    if (p->type == DESCENT_PARAM_CHOICE)
        TRY(judge_choices(j, p));
    else if (p->choices != NULL)
        return status_fail(
            DESCENT_ERR_ABI,
            "%s.%s: choices are given, but its type is %u" JUDGE_TELL, id,
            p->name, p->type);
    return DESCENT_OK;
}

static descent_status judge_param(const judged *j, uint32_t i)
{
    const descent_param *p = type_param(j->type, i);
    char least[TEXT_NUMBER], most[TEXT_NUMBER];

    TRY(judge_names(j, i));
    TRY(judge_kind(j, p));
    if (!judge_is_text(p->help))
        return status_fail(DESCENT_ERR_ABI,
                           "%s.%s: help: expected UTF-8 text without control "
                           "bytes, not empty" JUDGE_TELL,
                           j->type->id, p->name);
    if (!is_range(p))
        return status_fail(DESCENT_ERR_ABI,
                           "%s.%s: its range from %s to %s makes no sense for "
                           "its type" JUDGE_TELL,
                           j->type->id, p->name, text_number(p->minimum, least),
                           text_number(p->maximum, most));
    return judge_value(j, p, "default", p->initial);
}

descent_status judge_params(const judged *j)
{
    const descent_optimizer_type *t = j->type;

    TRY(judge_table(j, "options", t->params, t->param_size, t->param_count,
                    LEAST_PARAM, MAX_PARAMS));
    for (uint32_t i = 0; i < t->param_count; i++) {
        TRY(judge_row(j, "option", i, type_param(t, i)->struct_size,
                      LEAST_PARAM, t->param_size));
        TRY(judge_param(j, i));
    }
    return DESCENT_OK;
}

static descent_status judge_preset(const judged *j, uint32_t i)
{
    const descent_preset *p = type_preset(j->type, i);
    const char *id = j->type->id;
    const descent_param *param;

    if (p->reserved != 0)
        return status_fail(
            DESCENT_ERR_ABI,
            "%s: reserved of preset %u = %u, expected 0" JUDGE_TELL, id, i,
            p->reserved);
    if (!judge_is_name(p->flavour) || !judge_is_name(p->param))
        return status_fail(DESCENT_ERR_ABI,
                           "%s: preset %u: expected names of a flavour and an "
                           "option" JUDGE_TELL,
                           id, i);
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(type_preset(j->type, k)->flavour, p->flavour) == 0 &&
            strcmp(type_preset(j->type, k)->param, p->param) == 0)
            return status_fail(DESCENT_ERR_ABI,
                               "%s: flavour %s gives %s twice" JUDGE_TELL, id,
                               p->flavour, p->param);
    param = judge_find_param(j->type, p->param);
    if (param != NULL)
        return judge_value(j, param, p->flavour, p->value);
    if (j->is_core(p->param))
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ABI,
                       "%s: flavour %s gives a value to \"%s\", expected an "
                       "option" JUDGE_TELL,
                       id, p->flavour, p->param);
}

descent_status judge_presets(const judged *j)
{
    const descent_optimizer_type *t = j->type;

    TRY(judge_table(j, "presets", t->presets, t->preset_size, t->preset_count,
                    LEAST_PRESET, MAX_PRESETS));
    for (uint32_t i = 0; i < t->preset_count; i++) {
        TRY(judge_row(j, "preset", i, type_preset(t, i)->struct_size,
                      LEAST_PRESET, t->preset_size));
        TRY(judge_preset(j, i));
    }
    return DESCENT_OK;
}
