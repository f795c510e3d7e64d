/* SPDX-License-Identifier: MIT */
/* Configurations: JSON text that says all of an optimizer but its tensors and
 * its state.
 *
 *   config_read.c   from text          config_write.c   Descent's own
 *   config_text.c   what both write    config_keras.c   for Keras 3
 *   config_groups.c groups, in and out config_kind.c   names of kinds
 *   config_wrapper.c Keras' LossScaleOptimizer */
#ifndef DESCENT_ENGINE_CONFIG_H
#define DESCENT_ENGINE_CONFIG_H

#include "engine/json.h"
#include "engine/optimizer.h"

/* The class in which Keras wraps an optimizer to scale its loss. */
#define CONFIG_WRAPPER "LossScaleOptimizer"

enum { CONFIG_KIND = 64 };

/* The kind that `name` means: as it is, or as Keras derives names. */
descent_status config_find_kind(descent_runtime *runtime, const char *name,
                                char kind[CONFIG_KIND]);

/* Fail on a key of `object`, called `what`, that is not among `known`. */
descent_status config_refuse_keys(const char *what, const json_t *object,
                                  const char *const *known);

/* Check a wrapper's configuration, which then has an inner one; add its options
 * to those of the inner optimizer, by the names that the core has for them. */
descent_status config_check_wrapper(const json_t *wrapper);
descent_status config_add_scaling(const json_t *wrapper, json_t *object);

/* Text that grows, NUL-ended. */
typedef struct config_text {
    memory *memory;
    char *at;
    size_t size, capacity;
    const char *between; /* what the next member needs before it */
} config_text;

/* Append text as it is, and as a JSON string. */
descent_status config_put(config_text *t, const char *text);
descent_status config_put_string(config_text *t, const char *text);

/* Open and close an object or list, and begin a member of an object. */
descent_status config_open(config_text *t, const char *bracket);
descent_status config_close(config_text *t, const char *bracket);
descent_status config_key(config_text *t, const char *key);

/* A value of a declared option: null for none, words for choices. */
descent_status config_put_value(config_text *t, const descent_param *row,
                                double value);

/* A schedule as {"class_name": ..., "config": {...}}, by the names of Keras'
 * classes or of our kinds. */
descent_status config_put_schedule(config_text *t, const descent_schedule *s,
                                   bool keras);

/* A row of the optimizer's options: its value or schedule. */
descent_status config_put_row(config_text *t, const settings *s, size_t row);

/* Groups: those of a list, NULL for none, to an optimizer without groups; and
 * the member "groups" of an optimizer that has some. */
descent_status config_read_groups(descent_optimizer *o, const json_t *list);
descent_status config_put_groups(config_text *t, const descent_optimizer *o);

/* The whole text for Keras 3. */
descent_status config_write_keras(const descent_optimizer *o, config_text *t);

#endif
