/* SPDX-License-Identifier: MIT */
/* The kinds of schedules that come with the library: formulas over declared
 * options.  Adding a kind is adding a row here and nothing elsewhere. */
#ifndef DESCENT_SCHEDULE_KINDS_H
#define DESCENT_SCHEDULE_KINDS_H

#include "base/memory.h"

enum { SCHEDULE_OPTIONS = 5 }; /* most options of a kind */

/* In the place of descent_param.type: a list of finite numbers. */
enum { SCHEDULE_LIST = 100 };

/* The value of one option. */
typedef struct schedule_argument {
    double number; /* NaN: none */
    double *list;
    size_t count;
} schedule_argument;

typedef struct schedule_kind {
    const char *name; /* snake_case; Keras' class name in CamelCase */
    const descent_param *options;
    size_t option_count;
    size_t required; /* the first of them have no default */
    double (*value)(const schedule_argument *a, uint64_t n);
    descent_status (*check)(const schedule_argument *a); /* or NULL */
} schedule_kind;

/* Kind i, or NULL past the end. */
const schedule_kind *schedule_kind_at(size_t i);

/* The kind called `name`, in either spelling; an error offers the nearest. */
descent_status schedule_kind_find(const char *name, const schedule_kind **out);

/* Read the options of `kind`, checked; lists are allocated, also on failure
 * for schedule_arguments_free to release. */
descent_status schedule_arguments_read(memory *m, const schedule_kind *kind,
                                       const descent_options *options,
                                       schedule_argument *arguments);
void schedule_arguments_free(memory *m, schedule_argument *arguments);

#endif
