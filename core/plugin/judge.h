/* SPDX-License-Identifier: MIT */
/* Checks the tables that a plugin's entry has returned, before anything else
 * reads them.  Messages begin with the name in the tables, not with a path. */
#ifndef DESCENT_PLUGIN_JUDGE_H
#define DESCENT_PLUGIN_JUDGE_H

#include <stdbool.h>

#include "base/status.h"

/* What the user of a plugin can do about tables that are wrong and that no newer
 * Descent would take; a message without other advice ends with it. */
#define JUDGE_TELL "; tell its author"

typedef bool judge_core_option(const char *name);

/* Check what does not depend on a type: magic, version, sizes, texts, and that
 * the ids of the types can be read. */
descent_status judge_plugin(const descent_plugin *plugin);

/* Check one type whole. */
descent_status judge_type(const descent_optimizer_type *type,
                          uint32_t type_size, judge_core_option *is_core);

/* Type i, which must exist. */
const descent_optimizer_type *judge_type_at(const descent_plugin *plugin,
                                            uint32_t i);

/* The parts of judge_type: what they work on ... */
typedef struct judged {
    const descent_optimizer_type *type;
    judge_core_option *is_core;
} judged;

/* ... and what they are. */
descent_status judge_params(const judged *j);
descent_status judge_presets(const judged *j);
descent_status judge_slots(const judged *j);

/* The row of the param `name`, or NULL. */
const descent_param *judge_find_param(const descent_optimizer_type *type,
                                      const char *name);

/* Fail unless `value` is one that the param may have; `what` describes it. */
descent_status judge_value(const judged *j, const descent_param *param,
                           const char *what, double value);

/* Fail unless the table `what` can be stepped through, each row having at least
 * `least` bytes. */
descent_status judge_table(const judged *j, const char *what, const void *rows,
                           uint32_t size, uint32_t count, size_t least,
                           uint32_t most);

/* Fail unless row i says a size between `least` and that of the table. */
descent_status judge_row(const judged *j, const char *what, uint32_t i,
                         uint32_t struct_size, size_t least,
                         uint32_t table_size);

/* True for [a-z][a-z0-9_]* of at most 63 bytes. */
bool judge_is_name(const char *text);

/* True for UTF-8 without control bytes that is not empty; NULL is not. */
bool judge_is_text(const char *text);

/* The bytes of a struct up to and with `field`: what version 1.0 had, whatever
 * has been added since. */
#define JUDGE_THROUGH(type, field)                                             \
    (offsetof(type, field) + sizeof((type *)0)->field)

#endif
