/* SPDX-License-Identifier: MIT */
/* A bag of named values as the application gave them: descent_options. */
#ifndef DESCENT_OPTION_BAG_H
#define DESCENT_OPTION_BAG_H

#include "base/memory.h"

typedef enum bag_kind {
    BAG_NONE,
    BAG_NUMBER,
    BAG_BOOLEAN,
    BAG_TEXT,
    BAG_NUMBERS,
    BAG_SCHEDULE,
    BAG_SCHEDULES
} bag_kind;

typedef struct bag_item {
    char *name;
    bag_kind kind;
    double number; /* BAG_NUMBER, BAG_BOOLEAN (0 or 1) */
    char *text;
    double *numbers;
    descent_schedule *schedule;
    descent_schedule **schedules;
    size_t count; /* of numbers or schedules */
} bag_item;

struct descent_options {
    memory *memory; /* retained */
    bag_item *items;
    size_t count, capacity;
};

descent_status bag_create(memory *m, descent_options **out);

/* The item called `name`, or NULL; `options` may be NULL. */
const bag_item *bag_find(const descent_options *options, const char *name);

/* Set a copy of the item among `options`. */
descent_status bag_copy(const bag_item *item, descent_options *options);

/* What an item is, for messages: "a number", "a string", ... */
const char *bag_kind_name(bag_kind kind);

#endif
