/* SPDX-License-Identifier: MIT */
/* Which options pick which variant: see choices.h. */
#include "tool/choices.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tries are limited: a rule with more combinations than this would be odd. */
enum { MOST_OPTIONS = 64, MOST_SWITCHES = 10, MOST_TRIES = 4096 };

/* An option that may pick the variant, and the values tried for it: the
 * default is number 0. */
typedef struct choice_switch {
    const descent_param *param;
    size_t index; /* in the values that variant() gets */
    unsigned values, now;
} choice_switch;

typedef struct choices {
    const descent_optimizer_type *type;
    double value[MOST_OPTIONS];
    choice_switch switches[MOST_SWITCHES];
    size_t switch_count;
} choices;

/* A value in the option's range that is not zero. */
static double not_zero(const descent_param *p)
{
    if (p->initial != 0)
        return p->initial;
    if (isinf(p->maximum))
        return p->minimum > 0 ? 2 * p->minimum : 1;
    return p->maximum != 0 ? p->maximum / 2 : p->minimum / 2;
}

static unsigned count_values(const descent_param *p)
{
    unsigned n = 0;

    if (p->flags & DESCENT_PARAM_SELECTS)
        return 2;
    if (!(p->flags & DESCENT_PARAM_STRUCTURAL))
        return 1;
    if (p->type == DESCENT_PARAM_BOOL)
        return 2;
    if (p->type != DESCENT_PARAM_CHOICE)
        return 1;
    while (p->choices[n] != NULL)
        n++;
    return n;
}

static double value_of(const choice_switch *s)
{
    const descent_param *const p = s->param;

    if (s->now == 0)
        return p->initial;
    if (p->flags & DESCENT_PARAM_SELECTS)
        return p->initial != 0 ? 0 : not_zero(p);
    if (p->type == DESCENT_PARAM_BOOL)
        return p->initial == 0;
    /* Choices in their order, but for the default. */
    return s->now <= p->initial ? s->now - 1 : s->now;
}

static bool gather(choices *c)
{
    const descent_param *p;
    size_t index = 0;

    for (size_t i = 0; (p = descent_type_option(c->type, i)) != NULL; i++) {
        const unsigned values = count_values(p);

        if (strcmp(p->name, "learning_rate") == 0)
            continue;
        if (index == MOST_OPTIONS)
            return false;
        c->value[index] = p->initial;
        if (values > 1 && c->switch_count < MOST_SWITCHES)
            c->switches[c->switch_count++] =
                (choice_switch){.param = p, .index = index, .values = values};
        index++;
    }
    return true;
}

/* The next combination; false after the last. */
static bool advance(choices *c)
{
    for (size_t i = 0; i < c->switch_count; i++) {
        choice_switch *const s = &c->switches[i];

        s->now = (s->now + 1) % s->values;
        c->value[s->index] = value_of(s);
        if (s->now != 0)
            return true;
    }
    return false;
}

static unsigned count_changes(const choices *c)
{
    unsigned changes = 0;

    for (size_t i = 0; i < c->switch_count; i++)
        changes += c->switches[i].now != 0;
    return changes;
}

/* The present combination in words. */
static json_t *words_of(const choices *c)
{
    enum { JOINT = sizeof " and " - 1 };
    char text[1024] = "";

    for (size_t i = 0; i < c->switch_count; i++) {
        const choice_switch *const s = &c->switches[i];
        const descent_param *const p = s->param;
        const double value = c->value[s->index];
        const size_t length = strlen(text);
        char *const at = text + length;
        const size_t left = sizeof text - length;

        if (s->now == 0)
            continue;
        if (p->type == DESCENT_PARAM_BOOL)
            snprintf(at, left, " and %.80s = %s", p->name,
                     value != 0 ? "true" : "false");
        else if (p->flags & DESCENT_PARAM_SELECTS)
            snprintf(at, left, " and %.80s %s", p->name,
                     value != 0 ? "not 0" : "= 0");
        else
            snprintf(at, left, " and %.80s = %.80s", p->name,
                     p->choices[(size_t)value]);
    }
    return json_string(text[0] != '\0' ? text + JOINT : text);
}

/* Try the combinations; those with fewer changes win. */
static int search(choices *c, json_t *list, unsigned *fewest)
{
    int tries = 0;

    do {
        const uint32_t variant =
            c->type->variant != NULL ? c->type->variant(c->type, c->value) : 0;
        const unsigned changes = count_changes(c);

        if (variant >= c->type->variant_count ||
            (!json_is_null(json_array_get(list, variant)) &&
             fewest[variant] <= changes))
            continue;
        fewest[variant] = changes;
        if (json_array_set_new(list, variant, words_of(c)) != 0)
            return -1;
    } while (++tries < MOST_TRIES && advance(c));
    return 0;
}

json_t *choices_of_variants(const descent_optimizer_type *type)
{
    enum { MOST_VARIANTS = 32 }; /* a slot's mask has no more bits */
    unsigned fewest[MOST_VARIANTS] = {0};
    choices c = {.type = type};
    json_t *list = json_array();

    for (uint32_t v = 0; v < type->variant_count; v++)
        if (json_array_append_new(list, json_null()) != 0)
            goto fail;
    if (type->variant_count > MOST_VARIANTS || !gather(&c))
        return list;
    if (search(&c, list, fewest) == 0)
        return list;
fail:
    json_decref(list);
    return NULL;
}
