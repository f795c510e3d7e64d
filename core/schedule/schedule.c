/* SPDX-License-Identifier: MIT */
/* The schedule object: a kind with its arguments, or the application's
 * function. */
#include "schedule/schedule.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>

#include "base/text.h"

/* How much of schedules a schedule may be made of: evaluation recurses over its
 * depth, and asks every part. */
enum { DEEPEST = 1000, MOST_PARTS = 1 << 20 };

enum { LONGEST_LABEL = 511 };

/* What changes while the schedule is used. */
typedef struct changing {
    double state[SCHEDULE_STATE];
    bool mark;
} changing;

struct descent_schedule {
    memory *memory; /* retained */
    atomic_uint references;
    const schedule_kind *kind; /* NULL for a function */
    schedule_argument arguments[SCHEDULE_OPTIONS];
    changing *changing; /* NULL without a state */
    uint64_t duration;
    size_t depth, parts; /* itself included; a part counts wherever it is */
    descent_schedule_function function;
    char *label; /* of a function, or NULL */
    void *user;
    void (*release)(void *user);
};

static descent_status create(memory *m, descent_schedule **out)
{
    TRY(memory_new(m, 1, sizeof **out, out));
    (*out)->memory = memory_retain(m);
    atomic_init(&(*out)->references, 1);
    (*out)->duration = DESCENT_ENDLESS;
    (*out)->depth = 1;
    (*out)->parts = 1;
    return DESCENT_OK;
}

static descent_status measure(descent_schedule *s)
{
    for (size_t i = 0; i < s->kind->option_count; i++) {
        const schedule_argument *a = &s->arguments[i];
        for (size_t k = 0; a->parts != NULL && k < a->count; k++) {
            const descent_schedule *part = a->parts[k];
            s->depth = part->depth < s->depth ? s->depth : part->depth + 1;
            s->parts += part->parts;
            if (s->depth > DEEPEST || s->parts > MOST_PARTS)
                return status_fail(DESCENT_ERR_ARGUMENT,
                                   "%s: expected at most %d schedules in each "
                                   "other and %d in all",
                                   s->kind->name, DEEPEST, MOST_PARTS);
        }
    }
    return DESCENT_OK;
}

static descent_status fill(descent_schedule *s, const descent_options *options)
{
    TRY(schedule_arguments_read(s->memory, s->kind, options, s->arguments));
    TRY(measure(s));
    if (s->kind->duration != NULL)
        s->duration = s->kind->duration(s->arguments);
    if (s->kind->memory == NULL)
        return DESCENT_OK;
    TRY(memory_new(s->memory, 1, sizeof *s->changing, &s->changing));
    s->kind->memory->start(s->arguments, s->changing->state);
    return DESCENT_OK;
}

descent_status schedule_create(memory *m, const char *kind,
                               const descent_options *options,
                               descent_schedule **out)
{
    descent_schedule *schedule;
    const schedule_kind *found = NULL;
    descent_status status;

    TRY(schedule_kind_find(kind, &found));
    TRY(create(m, &schedule));
    schedule->kind = found;
    status = fill(schedule, options);
    if (status == DESCENT_OK)
        *out = schedule;
    else
        descent_schedule_release(schedule);
    return status;
}

descent_status schedule_from_function(memory *m,
                                      descent_schedule_function function,
                                      void *user, void (*release)(void *user),
                                      descent_schedule **out)
{
    descent_schedule *schedule;

    if (function == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "schedule: expected a function, got NULL");
    TRY(create(m, &schedule));
    schedule->function = function;
    schedule->user = user;
    schedule->release = release;
    *out = schedule;
    return DESCENT_OK;
}

descent_status schedule_value(const descent_schedule *schedule, uint64_t n,
                              const descent_schedule_context *context,
                              double *value)
{
    const schedule_kind *kind = schedule->kind;
    const uint64_t before = status_failures();
    double result = NAN;
    char number[TEXT_NUMBER];

    if (kind == NULL)
        TRY(status_foreign(
            schedule->function(schedule->user, n, context, &result), before,
            "the function of", "a schedule"));
    else if (kind->value != NULL)
        result = kind->value(schedule->arguments, n);
    else
        TRY(kind->evaluate(
            schedule->arguments,
            &(schedule_question){n, context, schedule_state_of(schedule)},
            &result));
    if (!isfinite(result))
        return status_fail(DESCENT_ERR_NUMERIC,
                           "%s is %s at step %" PRIu64
                           ": expected a finite number",
                           kind != NULL ? kind->name : "a schedule's function",
                           text_number(result, number), n);
    *value = result;
    return DESCENT_OK;
}

uint64_t schedule_duration(const descent_schedule *schedule)
{
    return schedule->duration;
}

memory *schedule_memory_of(const descent_schedule *schedule)
{
    return schedule->memory;
}

const schedule_kind *schedule_kind_of(const descent_schedule *schedule)
{
    return schedule->kind;
}

const schedule_argument *schedule_arguments_of(const descent_schedule *schedule)
{
    return schedule->arguments;
}

double *schedule_state_of(const descent_schedule *schedule)
{
    return schedule->changing == NULL ? NULL : schedule->changing->state;
}

bool *schedule_mark_of(const descent_schedule *schedule)
{
    return &schedule->changing->mark;
}

void descent_schedule_retain(descent_schedule *schedule)
{
    if (schedule != NULL)
        atomic_fetch_add_explicit(&schedule->references, 1,
                                  memory_order_relaxed);
}

void descent_schedule_release(descent_schedule *schedule)
{
    memory *m;

    if (schedule == NULL ||
        atomic_fetch_sub_explicit(&schedule->references, 1,
                                  memory_order_acq_rel) != 1)
        return;
    if (schedule->release != NULL)
        schedule->release(schedule->user);
    m = schedule->memory;
    memory_release_text(m, schedule->label);
    schedule_arguments_free(m, schedule->arguments);
    memory_release(m, schedule->changing, 1, sizeof *schedule->changing);
    memory_release(m, schedule, 1, sizeof *schedule);
    memory_close(m);
}

descent_status descent_schedule_at(const descent_schedule *schedule, uint64_t n,
                                   double *value)
{
    if (schedule == NULL || value == NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_schedule_at: expected a schedule and a "
                           "place for the value, got NULL");
    return schedule_value(schedule, n, NULL, value);
}

descent_status descent_schedule_set_label(descent_schedule *schedule,
                                          const char *label)
{
    char *copy = NULL;

    if (schedule == NULL || schedule->kind != NULL)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_schedule_set_label: expected a function as "
                           "a schedule");
    if (label == NULL || !text_is_plain(label, LONGEST_LABEL) ||
        !text_is_utf8(label))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "descent_schedule_set_label: expected UTF-8 text of "
                           "1 to %d bytes without control bytes",
                           LONGEST_LABEL);
    TRY(memory_text(schedule->memory, label, &copy));
    memory_release_text(schedule->memory, schedule->label);
    schedule->label = copy;
    return DESCENT_OK;
}

const char *descent_schedule_label(const descent_schedule *schedule)
{
    if (schedule == NULL || schedule->kind != NULL)
        return NULL;
    return schedule->label == NULL ? "function" : schedule->label;
}
