/* SPDX-License-Identifier: MIT */
/* The public functions that make schedules of schedules: options for a kind of
 * the algebra, nothing more. */
#include "option/bag.h"
#include "schedule/schedule.h"

/* An option of the kind: a schedule, or a number where that is NULL. */
typedef struct given {
    const char *name;
    descent_schedule *part;
    double number;
} given;

enum { MOST_GIVEN = 3 };

static descent_status set(descent_options *options, const given *row)
{
    return row->part != NULL
               ? descent_options_set_schedule(options, row->name, row->part)
               : descent_options_set_number(options, row->name, row->number);
}

/* The first option is a schedule; options without a name end the list. */
static descent_status compose(const char *kind, const given rows[MOST_GIVEN],
                              descent_schedule **out)
{
    descent_options *options = NULL;
    descent_status status;

    if (rows[0].part == NULL || out == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_schedule_%s: expected schedules and a "
                           "place for the result, got NULL",
                           kind);
    status = bag_create(schedule_memory_of(rows[0].part), &options);
    for (int i = 0; status == DESCENT_OK && i < MOST_GIVEN; i++)
        if (rows[i].name != NULL)
            status = set(options, &rows[i]);
    if (status == DESCENT_OK)
        status = schedule_create(schedule_memory_of(rows[0].part), kind,
                                 options, out);
    descent_options_free(options);
    return status;
}

static descent_status pair(const char *kind, descent_schedule *first,
                           descent_schedule *second, descent_schedule **out)
{
    const given rows[MOST_GIVEN] = {{"first", second == NULL ? NULL : first, 0},
                                    {"second", second, 0}};

    return compose(kind, rows, out);
}

static descent_status change(const char *kind, descent_schedule *schedule,
                             const char *name, double number,
                             descent_schedule **out)
{
    const given rows[MOST_GIVEN] = {{"schedule", schedule, 0},
                                    {name, NULL, number}};

    return compose(kind, rows, out);
}

descent_status descent_schedule_then(descent_schedule *first,
                                     descent_schedule *second,
                                     descent_schedule **out)
{
    return pair("then", first, second, out);
}

descent_status descent_schedule_multiply(descent_schedule *first,
                                         descent_schedule *second,
                                         descent_schedule **out)
{
    return pair("multiply", first, second, out);
}

descent_status descent_schedule_add(descent_schedule *first,
                                    descent_schedule *second,
                                    descent_schedule **out)
{
    return pair("add", first, second, out);
}

descent_status descent_schedule_max(descent_schedule *first,
                                    descent_schedule *second,
                                    descent_schedule **out)
{
    return pair("max", first, second, out);
}

descent_status descent_schedule_min(descent_schedule *first,
                                    descent_schedule *second,
                                    descent_schedule **out)
{
    return pair("min", first, second, out);
}

descent_status descent_schedule_clamp(descent_schedule *schedule, double low,
                                      double high, descent_schedule **out)
{
    const given rows[MOST_GIVEN] = {
        {"schedule", schedule, 0}, {"low", NULL, low}, {"high", NULL, high}};

    return compose("clamp", rows, out);
}

descent_status descent_schedule_last(descent_schedule *schedule, uint64_t steps,
                                     descent_schedule **out)
{
    return change("last", schedule, "steps", (double)steps, out);
}

descent_status descent_schedule_delay(descent_schedule *schedule,
                                      uint64_t steps, descent_schedule **out)
{
    return change("delay", schedule, "steps", (double)steps, out);
}

descent_status descent_schedule_stretch(descent_schedule *schedule, double by,
                                        descent_schedule **out)
{
    return change("stretch", schedule, "by", by, out);
}

descent_status descent_schedule_cycle(descent_schedule *schedule,
                                      descent_schedule **out)
{
    return change("cycle", schedule, NULL, 0, out);
}

descent_status descent_schedule_repeat(descent_schedule *schedule,
                                       uint64_t times, descent_schedule **out)
{
    return change("repeat", schedule, "times", (double)times, out);
}
