/* SPDX-License-Identifier: MIT */
/* The configuration of an optimizer as Keras 3 writes and reads it: the options
 * that its classes have, in its order, provided that all others are as there. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/config.h"
#include "schedule/schedule.h"

static const char keras[] = "keras3";

/* Options of every class of Keras 3, in the order of its get_config. */
static const size_t base[] = {
    OPTION_NAME,
    OPTION_LEARNING_RATE,
    OPTION_WEIGHT_DECAY,
    OPTION_CLIPNORM,
    OPTION_GLOBAL_CLIPNORM,
    OPTION_CLIPVALUE,
    OPTION_USE_EMA,
    OPTION_EMA_MOMENTUM,
    OPTION_EMA_OVERWRITE_FREQUENCY,
    OPTION_LOSS_SCALE_FACTOR,
    OPTION_GRADIENT_ACCUMULATION_STEPS,
};

/* Options that Keras 3 has not got and that need not be told: they change no
 * result, or only how far it agrees with Keras; the scope of a clipped norm is
 * told by the name. */
static const size_t silent[] = {
    OPTION_FLAVOUR,
    OPTION_EMA_ON,
    OPTION_CLIP_SCOPE,
    OPTION_USE_FUSED_STEP,
    OPTION_AGGREGATE_NUM,
    OPTION_SEED,
    OPTION_LEARNING_RATE_F32,
    OPTION_REPORT_NORM,
    OPTION_FLUSH_DENORMALS,
    /* The wrapper tells these. */
    OPTION_LOSS_SCALE,
    OPTION_LOSS_SCALE_INITIAL,
    OPTION_LOSS_SCALE_GROWTH_STEPS,
};

static bool is_among(const size_t *rows, size_t n, size_t row)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i] == row)
            return true;
    return false;
}

static bool is_given(const settings *s, size_t row)
{
    return s->schedule[row] != NULL || !isnan(s->number[row]);
}

static bool is_kept(const settings *s, size_t row)
{
    return row < OPTION_COMMON
               ? is_among(base, sizeof base / sizeof *base, row)
               : (s->table.rows[row]->flags & DESCENT_PARAM_KERAS3) != 0;
}

/* Does the row say nothing that Keras 3 would have to know? */
static bool is_silent(const settings *s, size_t row)
{
    const double usual = settings_default(s, row, keras);
    const double value = s->number[row];

    if (is_among(silent, sizeof silent / sizeof *silent, row) ||
        option_meant(row) != row)
        return true;
    if (row == OPTION_WEIGHT_DECAY_MODE && !is_given(s, OPTION_WEIGHT_DECAY))
        return true;
    if (row == OPTION_CLIP_EPSILON && !is_given(s, OPTION_CLIPNORM) &&
        !is_given(s, OPTION_GLOBAL_CLIPNORM))
        return true;
    /* Only Keras 2.3 applies it, and 0 does nothing. */
    if (row == OPTION_DECAY &&
        (value == 0 || s->number[OPTION_FLAVOUR] != FLAVOUR_KERAS2))
        return true;
    return s->schedule[row] == NULL &&
           (isnan(usual) ? isnan(value) : value == usual);
}

/* A value of a row for a message. */
static const char *show(const settings *s, size_t row, double value,
                        char number[TEXT_NUMBER])
{
    const descent_param *p = s->table.rows[row];

    if (isnan(value))
        return "none";
    if (p->type == DESCENT_PARAM_CHOICE)
        return p->choices[(size_t)value];
    if (p->type == DESCENT_PARAM_BOOL)
        return value != 0 ? "true" : "false";
    return text_number(value, number);
}

static descent_status refuse(const settings *s, size_t row)
{
    const double usual = settings_default(s, row, keras);
    char given[TEXT_NUMBER], instead[TEXT_NUMBER];

    return status_fail(DESCENT_ERR_SUPPORT,
                       "%s.%s = %s: Keras 3 has no such option, and does as "
                       "with %s",
                       s->table.owner, s->table.rows[row]->name,
                       s->schedule[row] != NULL
                           ? "a schedule"
                           : show(s, row, s->number[row], given),
                       show(s, row, usual, instead));
}

static bool is_of_keras(const descent_schedule *s)
{
    for (const schedule_kind *k = schedule_keras; k->name != NULL; k++)
        if (k == schedule_kind_of(s))
            return true;
    return false;
}

static descent_status check_schedule(const settings *s, size_t row)
{
    const char *name = s->table.rows[row]->name;
    const descent_schedule *given = s->schedule[row];
    const char *kind;

    if (given == NULL)
        return DESCENT_OK;
    if (row != OPTION_LEARNING_RATE)
        return status_fail(
            DESCENT_ERR_SUPPORT,
            "%s.%s follows a schedule: Keras 3 has schedules for "
            "the learning rate alone",
            s->table.owner, name);
    if (is_of_keras(given))
        return DESCENT_OK;
    kind = descent_schedule_name(given);
    return status_fail(DESCENT_ERR_SUPPORT,
                       "%s.%s follows a %s%s: Keras 3 has no such schedule",
                       s->table.owner, name,
                       kind == NULL ? "" : "schedule of kind ",
                       kind == NULL ? "function" : kind);
}

static descent_status check(const settings *s)
{
    bool any = false;

    for (size_t row = 0; row < s->table.count; row++) {
        if (is_kept(s, row)) {
            TRY(check_schedule(s, row));
            any = any || row >= OPTION_COMMON;
        } else if (!is_silent(s, row)) {
            return refuse(s, row);
        }
    }
    if (is_given(s, OPTION_CLIPNORM) && is_given(s, OPTION_CLIPVALUE))
        return status_fail(DESCENT_ERR_SUPPORT,
                           "%s: clipnorm and clipvalue are both set: Keras 3 "
                           "takes one of them",
                           s->table.owner);
    return any ? DESCENT_OK
               : status_fail(DESCENT_ERR_SUPPORT,
                             "%s: its plugin names no option of Keras 3: "
                             "there is no class for it",
                             s->table.owner);
}

/* The row whose value Keras 3 has under the name of `row`: the norm of Keras
 * 2.3's clipnorm is over all tensors. */
static size_t holder(const settings *s, size_t row)
{
    const bool global = s->number[OPTION_CLIP_SCOPE] == CLIP_SCOPE_GLOBAL &&
                        is_given(s, OPTION_CLIPNORM);

    if (global && row == OPTION_CLIPNORM)
        return OPTION_GLOBAL_CLIPNORM;
    if (global && row == OPTION_GLOBAL_CLIPNORM)
        return OPTION_CLIPNORM;
    return row;
}

static descent_status put_option(config_text *t, const settings *s, size_t row)
{
    const size_t from = holder(s, row);

    TRY(config_key(t, s->table.rows[row]->name));
    if (s->schedule[from] != NULL)
        return config_put_schedule(t, s->schedule[from], true);
    /* There is no accumulation over one step in Keras. */
    if (row == OPTION_GRADIENT_ACCUMULATION_STEPS && s->number[row] == 1)
        return config_put(t, "null");
    return config_put_row(t, s, from);
}

/* {"module": ..., "class_name": `name`, "config": {, which put_end ends. */
static descent_status put_begin(config_text *t, const char *name)
{
    TRY(config_open(t, "{"));
    TRY(config_key(t, "module"));
    TRY(config_put_string(t, "keras.optimizers"));
    TRY(config_key(t, "class_name"));
    TRY(config_put_string(t, name));
    TRY(config_key(t, "config"));
    return config_open(t, "{");
}

static descent_status put_end(config_text *t)
{
    TRY(config_close(t, "}"));
    TRY(config_key(t, "registered_name"));
    TRY(config_put(t, "null"));
    return config_close(t, "}");
}

static descent_status put_optimizer(config_text *t, const descent_optimizer *o)
{
    const settings *s = &o->settings;

    TRY(put_begin(t, o->type->title));
    for (size_t i = 0; i < sizeof base / sizeof *base; i++)
        TRY(put_option(t, s, base[i]));
    for (size_t row = OPTION_COMMON; row < s->table.count; row++)
        if (is_kept(s, row))
            TRY(put_option(t, s, row));
    return put_end(t);
}

/* Keras scales the loss dynamically in an optimizer around the optimizer. */
static descent_status put_wrapper(config_text *t, const descent_optimizer *o)
{
    static const struct {
        const char *name;
        size_t row;
    } keys[] = {
        {"initial_scale", OPTION_LOSS_SCALE_INITIAL},
        {"dynamic_growth_steps", OPTION_LOSS_SCALE_GROWTH_STEPS},
    };

    TRY(put_begin(t, CONFIG_WRAPPER));
    TRY(config_key(t, "name"));
    TRY(config_put_string(t, "loss_scale_optimizer"));
    TRY(config_key(t, "inner_optimizer"));
    TRY(put_optimizer(t, o));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        TRY(config_key(t, keys[i].name));
        TRY(config_put_row(t, &o->settings, keys[i].row));
    }
    return put_end(t);
}

descent_status config_write_keras(const descent_optimizer *o, config_text *t)
{
    const settings *s = &o->settings;

    TRY(check(s));
    if (o->group_count > 1)
        return status_fail(DESCENT_ERR_SUPPORT,
                           "%s.groups: Keras 3 has no groups of tensors",
                           s->table.owner);
    return s->number[OPTION_LOSS_SCALE] != 0 ? put_wrapper(t, o)
                                             : put_optimizer(t, o);
}
