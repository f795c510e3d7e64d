/* SPDX-License-Identifier: MIT */
#include "engine/settings.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "plugin/type.h"
#include "schedule/schedule.h"

/* Rows of the type's own follow the common ones, without its learning rate. */
static descent_status fill_table(memory *m, const descent_optimizer_type *type,
                                 option_table *table)
{
    const descent_param *rate = NULL;
    size_t own = 0, row = OPTION_COMMON;

    for (size_t i = 0; i < type->param_count; i++) {
        if (strcmp(type_param(type, i)->name, "learning_rate") == 0)
            rate = type_param(type, i);
        else
            own++;
    }
    TRY(option_table_create(m, type->id, own, rate, table));
    for (size_t i = 0; i < type->param_count; i++)
        if (type_param(type, i) != rate)
            table->rows[row++] = type_param(type, i);
    return DESCENT_OK;
}

static descent_status take_item(settings *s, size_t row, const bag_item *item)
{
    const descent_param *p = s->table.rows[row];

    if (item->kind == BAG_NONE) {
        if (option_may_be_none(p))
            return DESCENT_OK;
        return option_refuse(&s->table, row, item, "a value");
    }
    if (item->kind == BAG_SCHEDULE) {
        if ((p->flags & DESCENT_PARAM_STRUCTURAL) != 0)
            return option_refuse(&s->table, row, item,
                                 "a fixed value: it shapes the state");
        descent_schedule_retain(item->schedule);
        s->schedule[row] = item->schedule;
        return DESCENT_OK;
    }
    if (p->type == DESCENT_PARAM_TEXT) {
        if (item->kind != BAG_TEXT || !text_is_plain(item->text, 255))
            return option_refuse(&s->table, row, item,
                                 "a string of 1 to 255 bytes without control "
                                 "bytes");
        return memory_text(s->memory, item->text, &s->name);
    }
    TRY(option_read(&s->table, row, item, &s->number[row]));
    if (row == OPTION_MULTI_PRECISION)
        s->number[OPTION_MASTER] = s->number[row];
    return DESCENT_OK;
}

/* Do two rows set one option? */
static bool are_one(size_t a, size_t b)
{
    a = a == OPTION_MULTI_PRECISION ? OPTION_MASTER : a;
    b = b == OPTION_MULTI_PRECISION ? OPTION_MASTER : b;
    return a == b;
}

static descent_status take_preset(settings *s, const descent_preset *p)
{
    const char *const *names = s->table.rows[OPTION_FLAVOUR]->choices;
    size_t row;

    if (strcmp(p->flavour, names[(int)s->number[OPTION_FLAVOUR]]) != 0)
        return DESCENT_OK;
    TRY(option_find(&s->table, p->param, &row));
    TRY(option_check(&s->table, row, p->value));
    s->number[row] = p->value;
    return DESCENT_OK;
}

/* The flavour goes first: it sets what the other options replace. */
static descent_status take_flavour(settings *s, const descent_options *options)
{
    const bag_item *item = bag_find(options, "flavour");
    const descent_preset *p;

    if (item != NULL)
        TRY(take_item(s, OPTION_FLAVOUR, item));
    for (size_t i = 0; (p = descent_common_preset(i)) != NULL; i++)
        TRY(take_preset(s, p));
    for (size_t i = 0; i < s->type->preset_count; i++)
        TRY(take_preset(s, type_preset(s->type, i)));
    return DESCENT_OK;
}

static descent_status take_options(settings *s, const descent_options *options)
{
    const size_t n = options == NULL ? 0 : options->count;
    const bag_item *given, *other;
    size_t row, other_row;

    for (size_t i = 0; i < n; i++) {
        given = &options->items[i];
        TRY(option_find(&s->table, given->name, &row));
        for (size_t j = 0; j < i; j++) {
            other = &options->items[j];
            TRY(option_find(&s->table, other->name, &other_row));
            if (are_one(row, other_row))
                return status_fail(DESCENT_ERR_ARGUMENT,
                                   "%s: '%s' and '%s' are two names of one "
                                   "option: expected one of them",
                                   s->table.owner, other->name, given->name);
        }
        TRY(take_item(s, row, given));
    }
    return DESCENT_OK;
}

static bool given(const settings *s, size_t row)
{
    return s->schedule[row] != NULL || !isnan(s->number[row]);
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

static descent_status check_conflicts(const settings *s)
{
    static const size_t clips[] = {OPTION_CLIPNORM, OPTION_CLIPVALUE,
                                   OPTION_GLOBAL_CLIPNORM};
    const char *first = NULL;

    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++) {
        if (!given(s, clips[i]))
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

static uint32_t choose_variant(const settings *s)
{
    return s->type->variant == NULL ? 0 : s->type->variant(s->type, s->selects);
}

/* A scheduled option that selects a variant counts as not zero. */
static descent_status select_variant(settings *s)
{
    for (size_t row = OPTION_COMMON; row < s->table.count; row++) {
        const bool selects =
            (s->table.rows[row]->flags & DESCENT_PARAM_SELECTS) != 0;
        s->selects[row - OPTION_COMMON] =
            selects && s->schedule[row] != NULL ? 1 : s->number[row];
    }
    s->variant = choose_variant(s);
    if (s->variant >= s->type->variant_count)
        return status_fail(DESCENT_ERR_ABI,
                           "%s: the plugin chose variant %u of %u",
                           s->table.owner, s->variant, s->type->variant_count);
    return DESCENT_OK;
}

/* What is allowed but rarely meant. */
static void warn(settings *s, const log_sink *log)
{
    if (!isnan(s->number[OPTION_DECAY]) &&
        s->number[OPTION_FLAVOUR] != FLAVOUR_KERAS2)
        log_write(log, LOG_WARNING,
                  "%s.decay is ignored: flavour = \"keras2\" applies it, and a "
                  "schedule does the same in every flavour",
                  s->table.owner);
    for (size_t row = OPTION_COMMON; row < s->table.count; row++) {
        const descent_param *p = s->table.rows[row];
        double *value = &s->selects[row - OPTION_COMMON];
        const bool on = *value != 0;
        if (!on && (p->flags & DESCENT_PARAM_WARN_ZERO) != 0 &&
            s->schedule[row] == NULL)
            log_write(log, LOG_WARNING,
                      "%s.%s = 0: a zero gradient can divide by zero",
                      s->table.owner, p->name);
        /* A structural switch picks the variant, or does nothing. */
        if (on && p->type == DESCENT_PARAM_BOOL &&
            (p->flags & DESCENT_PARAM_STRUCTURAL) != 0) {
            *value = 0;
            if (choose_variant(s) == s->variant)
                log_write(log, LOG_WARNING,
                          "%s.%s = true has no effect with these options",
                          s->table.owner, p->name);
            *value = 1;
        }
    }
}

/* The id, but an acronym keeps its capitals: "adam", "SGD". */
static descent_status default_name(settings *s)
{
    const char *title = s->type->title;

    for (const char *c = title; *c != '\0'; c++)
        if (*c < 'A' || *c > 'Z')
            return memory_text(s->memory, s->type->id, &s->name);
    return memory_text(s->memory, title, &s->name);
}

static descent_status fill(settings *s, const log_sink *log,
                           const descent_options *options)
{
    memory *m = s->memory;

    TRY(fill_table(m, s->type, &s->table));
    TRY(memory_new(m, s->table.count + 1, sizeof *s->number, &s->number));
    TRY(memory_new(m, s->table.count, sizeof *s->schedule, &s->schedule));
    TRY(memory_new(m, s->table.count + 1, sizeof *s->now, &s->now));
    TRY(memory_new(m, s->table.count - OPTION_COMMON + 1, sizeof *s->selects,
                   &s->selects));
    /* A plugin that counts its rows wrong reads a NaN, not a stranger's number. */
    s->number[s->table.count] = s->now[s->table.count] = NAN;
    s->selects[s->table.count - OPTION_COMMON] = NAN;
    for (size_t row = 0; row < s->table.count; row++)
        s->number[row] = s->table.rows[row]->initial;
    TRY(take_flavour(s, options));
    TRY(take_options(s, options));
    TRY(check_conflicts(s));
    TRY(check_ownership(s));
    if (s->name == NULL)
        TRY(default_name(s));
    TRY(select_variant(s));
    warn(s, log);
    return DESCENT_OK;
}

descent_status settings_create(memory *m, const log_sink *log,
                               const descent_optimizer_type *type,
                               const descent_options *options, settings *s)
{
    descent_status status;

    *s = (settings){.memory = m, .type = type};
    status = fill(s, log, options);
    if (status != DESCENT_OK)
        settings_free(s);
    return status;
}

void settings_free(settings *s)
{
    const size_t n = s->table.count;

    if (s->schedule != NULL)
        for (size_t row = 0; row < n; row++)
            descent_schedule_release(s->schedule[row]);
    memory_release_text(s->memory, s->name);
    if (s->selects != NULL)
        memory_release(s->memory, s->selects, n - OPTION_COMMON + 1,
                       sizeof *s->selects);
    memory_release(s->memory, s->now, n + 1, sizeof *s->now);
    memory_release(s->memory, s->schedule, n, sizeof(*s->schedule));
    memory_release(s->memory, s->number, n + 1, sizeof *s->number);
    option_table_free(s->memory, &s->table);
    *s = (settings){.memory = s->memory, .type = s->type};
}

/* The step that schedules are asked for. */
static uint64_t schedule_step(const settings *s, uint64_t iterations,
                              uint64_t updates)
{
    const uint64_t n =
        s->number[OPTION_SCHEDULE_COUNTER] == SCHEDULE_COUNTER_UPDATES
            ? updates
            : iterations;

    return n + settings_count(s, OPTION_STEP_OFFSET) +
           settings_count(s, OPTION_BEGIN_NUM_UPDATE);
}

/* The legacy decay of the rate. */
static double decayed(const settings *s, size_t row, uint64_t iterations,
                      double value)
{
    const double decay = s->number[OPTION_DECAY];

    if (row != OPTION_LEARNING_RATE || isnan(decay) ||
        s->number[OPTION_FLAVOUR] != FLAVOUR_KERAS2)
        return value;
    return value * (1 / (1 + decay * (double)iterations));
}

descent_status settings_value(const settings *s, size_t row,
                              uint64_t iterations, uint64_t updates,
                              double *value)
{
    const uint64_t n = schedule_step(s, iterations, updates);
    const char *name = s->table.rows[row]->name;
    const descent_schedule_context context = {sizeof context, 0, iterations,
                                              updates, name};
    double at = 0;

    if (s->schedule[row] == NULL) {
        *value = decayed(s, row, iterations, s->number[row]);
        return DESCENT_OK;
    }
    descent_status status = schedule_value(s->schedule[row], n, &context, &at);
    if (status == DESCENT_OK)
        status = option_check(&s->table, row, at);
    if (status != DESCENT_OK)
        return status_prefix(status, "schedule of %s.%s at step %llu",
                             s->table.owner, name, (unsigned long long)n);
    *value = decayed(s, row, iterations, at);
    return DESCENT_OK;
}

descent_status settings_evaluate(settings *s, uint64_t iterations,
                                 uint64_t updates)
{
    for (size_t row = 0; row < s->table.count; row++)
        TRY(settings_value(s, row, iterations, updates, &s->now[row]));
    return DESCENT_OK;
}

/* Options that decide about the state may not change it later. */
static descent_status check_change(const settings *s, size_t row, double value)
{
    const descent_param *p = s->table.rows[row];

    if ((p->flags & DESCENT_PARAM_STRUCTURAL) != 0)
        return status_fail(DESCENT_ERR_STATE,
                           "%s.%s is fixed when the optimizer is created",
                           s->table.owner, p->name);
    if ((p->flags & DESCENT_PARAM_SELECTS) != 0 && value != 0 &&
        s->selects[row - OPTION_COMMON] == 0)
        return status_fail(DESCENT_ERR_STATE,
                           "%s.%s was 0 when the optimizer was created, so it "
                           "has no state for it: create it with the value, or "
                           "with a schedule",
                           s->table.owner, p->name);
    return DESCENT_OK;
}

/* Would the change leave two options set that exclude each other? */
static descent_status try_conflicts(settings *s, size_t row, double value,
                                    descent_schedule *schedule)
{
    const double number = s->number[row];
    descent_schedule *before = s->schedule[row];
    descent_status status;

    s->number[row] = value;
    s->schedule[row] = schedule;
    status = check_conflicts(s);
    if (status != DESCENT_OK) {
        s->number[row] = number;
        s->schedule[row] = before;
        return status;
    }
    descent_schedule_release(before);
    return DESCENT_OK;
}

descent_status settings_set(settings *s, size_t row, double value)
{
    const char *name = s->table.rows[row]->name;

    if (s->schedule[row] != NULL)
        return status_fail(DESCENT_ERR_STATE,
                           "%s.%s follows a schedule: expected a schedule "
                           "(a number can be wrapped in one of kind \"hold\")",
                           s->table.owner, name);
    TRY(check_change(s, row, value));
    TRY(option_check(&s->table, row, value));
    return try_conflicts(s, row, value, NULL);
}

descent_status settings_set_schedule(settings *s, size_t row,
                                     descent_schedule *schedule)
{
    if (schedule == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s.%s: expected a schedule, got NULL",
                           s->table.owner, s->table.rows[row]->name);
    TRY(check_change(s, row, 1));
    descent_schedule_retain(schedule);
    descent_status status = try_conflicts(s, row, s->number[row], schedule);
    if (status != DESCENT_OK)
        descent_schedule_release(schedule);
    return status;
}
