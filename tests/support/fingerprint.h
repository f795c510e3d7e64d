/* SPDX-License-Identifier: MIT */
/* One number for all that an optimizer is: equal before and after what must
 * change nothing. */
#ifndef DESCENT_TESTS_FINGERPRINT_H
#define DESCENT_TESTS_FINGERPRINT_H

#include <descent/descent.h>

/* A hash of the bytes of every weight and state array, of the counters, and of
 * the value of every option, in every group, of an optimizer whose state is
 * built. */
uint64_t fingerprint(descent_optimizer *o);

/* Mix every state array into a hash, as bits_hash does. */
uint64_t fingerprint_slots(const descent_optimizer *o, uint64_t hash);

#endif
