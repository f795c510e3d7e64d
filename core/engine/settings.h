/* SPDX-License-Identifier: MIT */
/* The options of one optimizer, or of a group of its tensors that differs in
 * some: a number or a schedule for every row of the table, and the values that
 * the step at hand uses.
 *
 *   settings.c            take options over     settings_value.c  read, change
 *   settings_check.c      conflicts, warnings
 *   settings_scheduler.c  lr_scheduler */
#ifndef DESCENT_ENGINE_SETTINGS_H
#define DESCENT_ENGINE_SETTINGS_H

#include "base/log.h"
#include "option/table.h"

typedef struct settings {
    memory *memory;
    const log_sink *log;
    const descent_optimizer_type *type;
    option_table table;
    double *number;              /* [table.count]; NaN: none      */
    descent_schedule **schedule; /* [table.count]; or NULL        */
    double *now;                 /* [table.count]: this step's    */
    size_t *asked;               /* [table.count]: rows that each step must
                                  * ask for, once it is settled: the others
                                  * are in `now` already     */
    size_t asked_count;
    bool settled;
    double *selects; /* [own]: as variant() sees them */
    char *name;
    uint32_t variant;

    /* A group's: rows that it has of its own; others are the base's, whose
     * table, selects, name and variant it does not use. */
    struct settings *base;    /* NULL for the optimizer's own          */
    bool *own;                /* [table.count] */
    struct settings *derived; /* of a base: the first of its groups ... */
    struct settings *next;    /* ... and the one after this             */
} settings;

/* Check `options` (NULL: none given) against the type and take them over.
 * `kind` is the name that the type was found by: presets may be for it.
 * Nothing is left behind on failure; settings_free is safe after it. */
descent_status settings_create(memory *m, const log_sink *log,
                               const descent_host *host,
                               const descent_optimizer_type *type,
                               const char *kind, const descent_options *options,
                               settings *s);
void settings_free(settings *s);

/* The options of a group: those of `base` but for `options`.  While `fixed` is
 * false no tensor has state yet, so that an option which selects a variant may
 * leave zero.  The same on failure. */
descent_status settings_derive(settings *base, const descent_options *options,
                               bool fixed, settings *s);

/* A number or schedule was put into a row: let the next step look at them all,
 * here and in the groups. */
void settings_unsettle(settings *s);

/* What a row has by default in a flavour, NaN for none. */
double settings_default(const settings *s, size_t row, const char *flavour);

/* Take "lr_scheduler", after the other options. */
descent_status settings_take_scheduler(settings *s,
                                       const descent_options *options);

/* Fill `now`: ask each schedule once and check what it says; a base before its
 * groups, of which `group` is the number.  Rows that cannot differ from what
 * they were are not touched. */
descent_status settings_evaluate(settings *s, uint32_t group,
                                 uint64_t iterations, uint64_t updates);

/* The value of one row, its schedule being asked. */
descent_status settings_value(const settings *s, size_t row, uint32_t group,
                              uint64_t iterations, uint64_t updates,
                              double *value);

/* Change one row from outside. */
descent_status settings_set(settings *s, size_t row, double value);
descent_status settings_set_schedule(settings *s, size_t row,
                                     descent_schedule *schedule);

/* Refuse options that exclude each other, here and in the groups. */
descent_status settings_check(const settings *s);

/* The variant that `selects` picks. */
uint32_t settings_variant(const settings *s);

/* Log what is allowed but rarely meant; the other form, when one number becomes
 * so after `before`. */
void settings_warn(settings *s);
void settings_warn_of_rare(const settings *s, size_t row, double before);

/* Whose the row is: a group's own, or its base's. */
static inline const settings *settings_holder(const settings *s, size_t row)
{
    return s->base != NULL && !s->own[row] ? s->base : s;
}

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
