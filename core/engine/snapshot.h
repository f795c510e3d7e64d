/* SPDX-License-Identifier: MIT */
/* What the state of an optimizer consists of: one description, from which
 * files, states in memory and flat lists are made, and into which they are
 * loaded.
 *
 *
 *   snapshot.c        what there is         snapshot_lists.c  of no tensor
 *   snapshot_texts.c  whose it is           snapshot_store.c  putting it back
 *   restore.c         judging another       state_list.c      in memory
 *   flat.c            Keras' lists
 *
 * Adding to the state is adding a call of snapshot_add. */
#ifndef DESCENT_ENGINE_SNAPSHOT_H
#define DESCENT_ENGINE_SNAPSHOT_H

#include "engine/optimizer.h"

/* All keys but the weights' own names begin so:
 *     descent.SECTION/PART          of the whole optimizer
 *     descent.SECTION/PART/TENSOR   of a tensor
 *     descent.PART                  a text */
#define SNAPSHOT_PREFIX "descent."

/* Raised when a state of an earlier version cannot be read as before. */
#define SNAPSHOT_VERSION "1"

/* The texts that say whose state it is. */
#define SNAPSHOT_KEY_VERSION SNAPSHOT_PREFIX "version"
#define SNAPSHOT_KEY_KIND SNAPSHOT_PREFIX "optimizer"
#define SNAPSHOT_KEY_STATE_VERSION SNAPSHOT_PREFIX "state_version"
#define SNAPSHOT_KEY_HOLDS SNAPSHOT_PREFIX "holds"
#define SNAPSHOT_HOLDS_ALL "weights and state"
#define SNAPSHOT_HOLDS_STATE "state"

/* The sections. */
#define SNAPSHOT_WEIGHTS "weights"   /* of a tensor: key is its name       */
#define SNAPSHOT_SLOTS "slots"       /* state arrays and scalars           */
#define SNAPSHOT_COUNTERS "counters" /* i64                                */
#define SNAPSHOT_SCHEDULES                                                     \
    "schedules"                          /* by option, those of group 2 by
                                          "2.OPTION": numbers of its state   */
#define SNAPSHOT_LOSS_SCALE "loss_scale" /* where it is dynamic              */
#define SNAPSHOT_OPTIONS "options" /* texts: values, likewise            */

enum { SNAPSHOT_WHOLE = -1 };

/* Counters of the whole optimizer that it holds as something else. */
enum { SNAPSHOT_SEED, SNAPSHOT_INTEGERS };

typedef struct snapshot_item {
    const char *key, *section, *part;
    int64_t tensor;             /* index, or SNAPSHOT_WHOLE       */
    descent_schedule *schedule; /* whose state it is, or NULL     */
    const descent_slot *scalar; /* that it is of all groups, or NULL */
    size_t scalar_index;        /* of that among the scalars      */
    descent_dtype dtype;
    uint32_t ndim;
    const int64_t *shape;
    int64_t length; /* what `shape` points at for a list */
    uint64_t bytes;
    void *data;    /* NULL before the state is built, and without elements */
    void *staged;  /* what commit will store, or NULL */
    bool fresh;    /* of a tensor whose state was not built yet */
    bool optional; /* ... and may be frozen: all of its slots may be missing */
    bool listed;   /* it has a place in a flat list */
    bool differs;  /* found, but of another shape or type */
    size_t source; /* 1 + where it is in what is being loaded; 0: nowhere */
} snapshot_item;

typedef struct snapshot_text {
    const char *key, *text;
    const char *option; /* whose values must agree, or NULL */
} snapshot_text;

typedef struct snapshot {
    descent_optimizer *o;
    memory *memory;
    bool taken; /* to be kept: what is not there does not count */
    snapshot_item *items;
    size_t count, capacity;
    snapshot_item **sorted; /* by key */
    snapshot_text *texts;
    size_t text_count, text_capacity;
    char *strings;
    size_t used, room;
    int64_t *integers; /* [SNAPSHOT_INTEGERS] */
    double *numbers;   /* scalars by group, states of schedules */
    size_t number_count, number_room;
    char *staged;
    size_t staged_bytes;
} snapshot;

/* Describe the state that a loaded one must fit, with the weights or without;
 * close it in any case. */
descent_status snapshot_open(descent_optimizer *o, bool weights, snapshot *out);
void snapshot_close(snapshot *s);

/* The same of a state that is to be kept: built now, and refused where it would
 * not be that of the run. */
descent_status snapshot_take(descent_optimizer *o, bool weights, snapshot *out);

/* Bytes of an element: of a floating type, i64 or u8; 0 for others. */
size_t snapshot_dtype_size(descent_dtype dtype);

/* The item of that key, or NULL. */
snapshot_item *snapshot_find(const snapshot *s, const char *key);

/* Describe an item as a tensor. */
descent_tensor snapshot_view(const snapshot_item *item);

/* The name of its tensor, or NULL. */
const char *snapshot_tensor(const snapshot *s, const snapshot_item *item);

/* Make room for what is to be stored in the items that have a source. */
descent_status snapshot_stage(snapshot *s);

/* Refuse staged values that are none. */
descent_status snapshot_judge(const snapshot *s);

/* Build the state, and put what is staged in its place: only building can fail,
 * and comes first. */
descent_status snapshot_commit(snapshot *s);

/* The name of an option in a group: "learning_rate", "2.learning_rate". */
enum { SNAPSHOT_PART = 96 };
const char *snapshot_option(const option_table *table, size_t row, size_t group,
                            char text[SNAPSHOT_PART]);

/* snapshot.c: append to the string at hand; what begins it stands for it until
 * all are there. */
descent_status snapshot_put(snapshot *s, const char *text);
const char *snapshot_begin(const snapshot *s);
void snapshot_end(snapshot *s);

/* Add an item; its key is made here. */
descent_status snapshot_add(snapshot *s, snapshot_item item);

/* snapshot_lists.c, snapshot_texts.c */
descent_status snapshot_add_lists(snapshot *s);
descent_status snapshot_add_texts(snapshot *s, bool weights);

/* restore.c: what a state is loaded from. */
typedef struct state_source {
    void *user;
    size_t count;
    /* The text of a key, or NULL. */
    const char *(*text)(void *user, const char *key);
    /* Describe array i: its key, type and shape. */
    descent_status (*tensor)(void *user, size_t i, descent_tensor *out);
    /* Its elements. */
    descent_status (*read)(void *user, size_t i, void *to, size_t bytes);
} state_source;

/* As descent_optimizer_load. */
descent_status state_restore(descent_optimizer *o, const state_source *source,
                             const descent_load_options *options);

#endif
