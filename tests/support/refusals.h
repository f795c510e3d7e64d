/* SPDX-License-Identifier: MIT */
/* What the tables of bad values share: the options of every optimizer in every
 * flavour, from the declarations, and what a refusal must say. */
#ifndef DESCENT_TESTS_REFUSALS_H
#define DESCENT_TESTS_REFUSALS_H

#include "support/check.h"

enum { KINDS = 7, FLAVOURS = 4 };

typedef enum value_kind {
    NUMBER,
    BOOLEAN,
    TEXT,
    NOTHING,
    LIST,
    SCHEDULE,
    SCHEDULES,
    VALUE_KINDS
} value_kind;

typedef struct value {
    value_kind kind;
    double number;
    const char *text;
} value;

/* An option of an optimizer in a flavour. */
typedef struct place {
    const char *kind, *flavour;
    const descent_param *row;
    int advisory; /* its maximum is advice in this flavour */
} place;

/* Setup and teardown of a group: a runtime that counts the bytes it holds, and a
 * schedule of kind "hold". */
extern descent_runtime *refusals_runtime;
extern descent_schedule *refusals_half;
extern size_t refusals_bytes;
int refusals_setup(void **state);
int refusals_teardown(void **state);

value refusal_number(double x);
void refusal_put(descent_options *options, const char *name, const value *v);

/* How a message shows a value. */
void refusal_show(const value *v, char text[96]);

/* The number next to `bound` that the option's type can have. */
double refusal_beside(const descent_param *row, double bound, double direction);

/* Is the range of the option in the last message? */
int refusal_says_range(const place *p);

/* What is wrong with the last message as a refusal of `v`, or NULL. */
const char *refusal_complaint(descent_status status, const place *p,
                              const value *v);

/* Visit the options of every optimizer in every flavour; returns how many.  They
 * are as many as refusals_rows_declared, which counts them apart. */
size_t refusals_each_option(void (*visit)(const place *));
size_t refusals_rows_declared(void);

#endif
