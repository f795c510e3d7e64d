/* SPDX-License-Identifier: MIT */
#include "engine/loss_scale.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* All options of the loss scale are structural. */
static double fixed(const settings *s, size_t row)
{
    return s->number[row];
}

/* The first of the options "loss_scale.NAME" that is given, or NULL. */
static const char *find_part(const descent_options *options)
{
    static const char prefix[] = "loss_scale.";

    for (size_t i = 0; options != NULL && i < options->count; i++)
        if (strncmp(options->items[i].name, prefix, sizeof prefix - 1) == 0)
            return options->items[i].name;
    return NULL;
}

static descent_status check_power_of_two(const settings *s, size_t row)
{
    const double value = fixed(s, row);
    char number[TEXT_NUMBER];
    int exponent;

    if (frexp(value, &exponent) == 0.5)
        return DESCENT_OK;
    return status_fail(DESCENT_ERR_ARGUMENT,
                       "%s.%s = %s: expected a power of two, so that nothing "
                       "is rounded",
                       s->table.owner, s->table.rows[row]->name,
                       text_number(value, number));
}

static descent_status check_bounds(const settings *s)
{
    const double first = fixed(s, OPTION_LOSS_SCALE_INITIAL);
    const double min = fixed(s, OPTION_LOSS_SCALE_MIN);
    const double max = fixed(s, OPTION_LOSS_SCALE_MAX);
    char text[3][TEXT_NUMBER];

    if (min <= first && first <= max)
        return DESCENT_OK;
    return status_fail(
        DESCENT_ERR_ARGUMENT,
        "%s.%s = %s: expected a number between %s = %s and "
        "%s = %s",
        s->table.owner, s->table.rows[OPTION_LOSS_SCALE_INITIAL]->name,
        text_number(first, text[0]), s->table.rows[OPTION_LOSS_SCALE_MIN]->name,
        text_number(min, text[1]), s->table.rows[OPTION_LOSS_SCALE_MAX]->name,
        text_number(max, text[2]));
}

static descent_status check_conflicts(const settings *s)
{
    if (!isnan(fixed(s, OPTION_LOSS_SCALE_FACTOR)))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: loss_scale and loss_scale_factor are both set: "
                           "expected at most one of them",
                           s->table.owner);
    if (fixed(s, OPTION_ON_NONFINITE) == NONFINITE_ERROR)
        return status_fail(
            DESCENT_ERR_ARGUMENT,
            "%s.on_nonfinite = \"error\": expected \"propagate\" "
            "or \"skip_step\" beside loss_scale, which lives by "
            "skipping steps",
            s->table.owner);
    return DESCENT_OK;
}

descent_status loss_scale_settle(settings *s, const descent_options *options)
{
    const char *part = find_part(options);

    if (part != NULL && fixed(s, OPTION_LOSS_SCALE) == 0) {
        if (bag_find(options, "loss_scale") != NULL)
            return status_fail(DESCENT_ERR_ARGUMENT,
                               "%s.loss_scale = false: expected true beside %s",
                               s->table.owner, part);
        s->number[OPTION_LOSS_SCALE] = 1;
    }
    if (fixed(s, OPTION_LOSS_SCALE) == 0)
        return DESCENT_OK;
    TRY(check_conflicts(s));
    TRY(check_power_of_two(s, OPTION_LOSS_SCALE_GROWTH));
    TRY(check_power_of_two(s, OPTION_LOSS_SCALE_BACKOFF));
    return check_bounds(s);
}

loss_scale loss_scale_first(const settings *s)
{
    const double factor = fixed(s, OPTION_LOSS_SCALE_FACTOR);

    if (fixed(s, OPTION_LOSS_SCALE) != 0)
        return (loss_scale){fixed(s, OPTION_LOSS_SCALE_INITIAL), 0};
    return (loss_scale){isnan(factor) ? 1 : factor, 0};
}

/* The scale times `factor`, or as far that way as the bounds let it go by
 * powers of two: its significand never changes. */
static double moved(const settings *s, double scale, double factor)
{
    const double min = fixed(s, OPTION_LOSS_SCALE_MIN);
    const double max = fixed(s, OPTION_LOSS_SCALE_MAX);

    while (factor > 1 && scale * factor > max)
        factor /= 2;
    while (factor < 1 && scale * factor < min)
        factor *= 2;
    return scale * factor;
}

void loss_scale_advance(loss_scale *l, const settings *s, bool finite)
{
    if (fixed(s, OPTION_LOSS_SCALE) == 0)
        return;
    if (finite && ++l->good < settings_count(s, OPTION_LOSS_SCALE_GROWTH_STEPS))
        return;
    l->good = 0;
    l->scale = moved(s, l->scale,
                     fixed(s, finite ? OPTION_LOSS_SCALE_GROWTH
                                     : OPTION_LOSS_SCALE_BACKOFF));
}
