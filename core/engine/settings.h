/* SPDX-License-Identifier: MIT */
/* The options of one optimizer: a number or a schedule for every row of its
 * table, and the values that the step at hand uses. */
#ifndef DESCENT_ENGINE_SETTINGS_H
#define DESCENT_ENGINE_SETTINGS_H

#include "base/log.h"
#include "option/table.h"

typedef struct settings {
    memory *memory;
    const descent_optimizer_type *type;
    option_table table;
    double *number;              /* [table.count]; NaN: none      */
    descent_schedule **schedule; /* [table.count]; or NULL        */
    double *now;                 /* [table.count]: this step's    */
    double *selects;             /* [own]: as variant() sees them */
    char *name;
    uint32_t variant;
} settings;

/* Check `options` (NULL: none given) against the type and take them over.
 * Nothing is left behind on failure; settings_free is safe after it. */
descent_status settings_create(memory *m, const log_sink *log,
                               const descent_optimizer_type *type,
                               const descent_options *options, settings *s);
void settings_free(settings *s);

/* Fill `now`: ask each schedule once and check what it says. */
descent_status settings_evaluate(settings *s, uint64_t iterations,
                                 uint64_t updates);

/* The value of one row, its schedule being asked. */
descent_status settings_value(const settings *s, size_t row,
                              uint64_t iterations, uint64_t updates,
                              double *value);

/* Change one row from outside. */
descent_status settings_set(settings *s, size_t row, double value);
descent_status settings_set_schedule(settings *s, size_t row,
                                     descent_schedule *schedule);

/* A common option's value in this step. */
static inline double settings_now(const settings *s, size_t row)
{
    return s->now[row];
}

/* A fixed option that counts: what is beyond 2^62 is 2^62. */
static inline uint64_t settings_count(const settings *s, size_t row)
{
    return s->number[row] < 0x1p62 ? (uint64_t)s->number[row]
                                   : (uint64_t)1 << 62;
}

/* The type's own values in this step, in table order. */
static inline const double *settings_own(const settings *s)
{
    return s->now + OPTION_COMMON;
}

#endif
