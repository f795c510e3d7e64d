/* SPDX-License-Identifier: MIT */
/* The texts of a state: whose it is, and the options it was made with. */
#include <math.h>

#include "base/text.h"
#include "engine/snapshot.h"

static descent_status add_text(snapshot *s, const char *key, const char *part,
                               const char *text, const char *option)
{
    snapshot_text item = {.option = option};

    TRY(memory_grow(s->memory, &s->texts, &s->text_capacity, s->text_count + 1,
                    sizeof *s->texts));
    item.key = snapshot_begin(s);
    TRY(snapshot_put(s, key));
    TRY(snapshot_put(s, part));
    snapshot_end(s);
    item.text = snapshot_begin(s);
    TRY(snapshot_put(s, text));
    snapshot_end(s);
    s->texts[s->text_count++] = item;
    return DESCENT_OK;
}

/* Options that say what the arrays mean: of a rule all that shape it, of the
 * core these. */
static bool must_agree(const option_table *table, size_t row)
{
    static const size_t common[] = {OPTION_COUNTER, OPTION_EMA_ON,
                                    OPTION_MASTER, OPTION_SLOT_DTYPE,
                                    OPTION_GRADIENT_ACCUMULATION_STEPS};

    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (common[i] == row)
            return true;
    return row >= OPTION_COMMON &&
           (table->rows[row]->flags & DESCENT_PARAM_STRUCTURAL) != 0;
}

/* A value as people read it, into text[size]. */
static const char *option_text(const settings *s, size_t row, char *text,
                               size_t size)
{
    const descent_param *p = s->table.rows[row];
    const double value = s->number[row];
    char number[TEXT_NUMBER];

    text[0] = '\0';
    if (row == OPTION_NAME)
        text_append(text, size, "%s", s->name);
    else if (s->schedule[row] != NULL) {
        const char *kind = descent_schedule_name(s->schedule[row]);
        text_append(text, size, "schedule %s",
                    kind != NULL ? kind : "of a function");
    } else if (isnan(value))
        text_append(text, size, "none");
    else if (p->type == DESCENT_PARAM_BOOL)
        text_append(text, size, "%s", value != 0 ? "true" : "false");
    else if (p->type == DESCENT_PARAM_CHOICE)
        text_append(text, size, "%s", p->choices[(size_t)value]);
    else
        text_append(text, size, "%s", text_number(value, number));
    return text;
}

/* Worth telling: not as declared; of a group what it has of its own. */
static bool is_told(const settings *s, size_t row)
{
    if (s->base != NULL)
        return s->own[row];

    const double value = s->number[row], initial = s->table.rows[row]->initial;
    return row == OPTION_NAME || row == OPTION_LEARNING_RATE ||
           s->schedule[row] != NULL || must_agree(&s->table, row) ||
           !(value == initial || (isnan(value) && isnan(initial)));
}

static descent_status add_options(snapshot *s, size_t group)
{
    const settings *options = s->o->groups[group]->settings;
    const option_table *table = &s->o->settings.table;
    char text[256], part[SNAPSHOT_PART];

    for (size_t row = 0; row < table->count; row++)
        if (is_told(options, row))
            TRY(add_text(s, SNAPSHOT_PREFIX SNAPSHOT_OPTIONS "/",
                         snapshot_option(table, row, group, part),
                         option_text(options, row, text, sizeof text),
                         group == 0 && must_agree(table, row)
                             ? table->rows[row]->name
                             : NULL));
    return DESCENT_OK;
}

descent_status snapshot_add_texts(snapshot *s, bool weights)
{
    char text[16] = "";

    TRY(add_text(s, SNAPSHOT_KEY_VERSION, "", SNAPSHOT_VERSION, NULL));
    TRY(add_text(s, SNAPSHOT_KEY_KIND, "", s->o->type->id, NULL));
    text_append(text, sizeof text, "%u", s->o->type->state_version);
    TRY(add_text(s, SNAPSHOT_KEY_STATE_VERSION, "", text, NULL));
    TRY(add_text(s, SNAPSHOT_KEY_HOLDS, "",
                 weights ? SNAPSHOT_HOLDS_ALL : SNAPSHOT_HOLDS_STATE, NULL));
    for (size_t group = 0; group < s->o->group_count; group++)
        TRY(add_options(s, group));
    return DESCENT_OK;
}
