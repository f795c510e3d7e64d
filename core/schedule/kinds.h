/* SPDX-License-Identifier: MIT */
/* The kinds of schedules that come with the library: formulas over declared
 * options, some over other schedules, some with a state.  Adding a kind is
 * adding a row to a family and nothing elsewhere. */
#ifndef DESCENT_SCHEDULE_KINDS_H
#define DESCENT_SCHEDULE_KINDS_H

#include <stdbool.h>

#include "base/memory.h"

enum {
    SCHEDULE_OPTIONS = 12, /* most options of a kind */
    SCHEDULE_STATE = 4     /* most numbers of state */
};

/* In the place of descent_param.type: a list of finite numbers, a schedule, a
 * list of schedules. */
enum { SCHEDULE_LIST = 100, SCHEDULE_PART, SCHEDULE_PARTS };

/* Beside the flags of descent_param: the option has no default. */
enum { SCHEDULE_NEEDED = 1 << 15 };

/* The value of one option. */
typedef struct schedule_argument {
    double number; /* NaN: none */
    double *list;
    descent_schedule **parts; /* retained */
    size_t count;             /* of list or parts */
} schedule_argument;

/* What a kind of more than a formula is asked. */
typedef struct schedule_question {
    uint64_t n;
    const descent_schedule_context *context; /* or NULL */
    double *state;
} schedule_question;

/* A state is numbers, which start as `start` leaves them. */
typedef struct schedule_memory {
    size_t count;
    void (*start)(const schedule_argument *a, double *state);
    bool (*sound)(const schedule_argument *a, const double *state);
    void (*observe)(const schedule_argument *a, double metric,
                    double *state); /* NULL: no metric matters */
} schedule_memory;

/* Either `value` or `evaluate` is there. */
typedef struct schedule_kind {
    const char *name;       /* snake_case */
    const char *class_name; /* in the system it is from, or NULL */
    const descent_param *options;
    size_t option_count;
    double (*value)(const schedule_argument *a, uint64_t n);
    descent_status (*evaluate)(const schedule_argument *a,
                               const schedule_question *q, double *value);
    descent_status (*check)(const schedule_argument *a); /* or NULL */
    uint64_t (*duration)(const schedule_argument *a);    /* NULL: endless */
    const schedule_memory *memory;                       /* or NULL */
} schedule_kind;

/* Families, each ended by a row without a name. */
extern const schedule_kind schedule_keras[], schedule_mxnet[], schedule_torch[],
    schedule_cycles[], schedule_warmups[], schedule_blocks[],
    schedule_algebra[], schedule_wrappers[], schedule_stateful[];

/* Kind i, or NULL past the end. */
const schedule_kind *schedule_kind_at(size_t i);

/* The kind called `name`: its name, that name in CamelCase, or its class name;
 * an error offers the nearest. */
descent_status schedule_kind_find(const char *name, const schedule_kind **out);

/* Read the options of `kind`, checked; lists are allocated and parts retained,
 * also on failure, for schedule_arguments_free to release. */
descent_status schedule_arguments_read(memory *m, const schedule_kind *kind,
                                       const descent_options *options,
                                       schedule_argument *arguments);
void schedule_arguments_free(memory *m, schedule_argument *arguments);

#endif
