/* SPDX-License-Identifier: MIT */
/* A tensor's arrays in the compute type: in place where they are of that type,
 * else copies, widened before the rule works on them and rounded back after. */
#ifndef DESCENT_ENGINE_STAGE_H
#define DESCENT_ENGINE_STAGE_H

#include "engine/optimizer.h"

/* Room for the copies of a run of elements. */
typedef struct stage {
    void *gradient;
    float *weight, *average;
    float *slot[DESCENT_MAX_SLOTS];
} stage;

/* Elements [first, first + n) of an array: where they are, or widened into
 * `buffer`; and back, unless they are where they were. */
void *stage_read(void *array, descent_dtype dtype, descent_dtype compute,
                 int64_t first, size_t n, void *buffer);
void stage_write(void *array, descent_dtype dtype, descent_dtype compute,
                 int64_t first, size_t n, const void *from);

/* The weights that the rule updates: the master where there is one. */
void *stage_weight(const entry *e, int64_t first, size_t n, void *buffer);

/* Round what the rule made of them to the weights as they are stored. */
void stage_store_weight(const descent_optimizer *o, entry *e, int64_t first,
                        size_t n, const void *updated);

/* Every slot of the run, as a rule wants them, and back; of the room for copies
 * `used` elements are taken. */
void stage_read_slots(const descent_optimizer *o, const entry *e, int64_t first,
                      size_t n, const stage *s, size_t used, void **slot);
void stage_write_slots(const descent_optimizer *o, const entry *e,
                       int64_t first, size_t n, void *const *slot);

/* Make the weights, and the master, of elements [first, first + n) those of an
 * array of the state's type. */
void stage_replace_weight(entry *e, void *by, int64_t first, size_t n);

#endif
