/* SPDX-License-Identifier: MIT */
/* Options that reach every variant of an optimizer's rule, found from what its
 * type declares. */
#ifndef DESCENT_TESTS_VARIANTS_H
#define DESCENT_TESTS_VARIANTS_H

#include <descent/descent.h>

enum { VARIANTS_PARAMS = 32, VARIANTS_MOST = 32 };

typedef struct variant_values {
    double value[VARIANTS_PARAMS]; /* the type's own, without learning_rate */
} variant_values;

/* Fill found[variant] for every variant of the type; returns how many. */
uint32_t variants_of(const descent_optimizer_type *type,
                     variant_values found[VARIANTS_MOST]);

/* Row i of the type's own options, without learning_rate; NULL past the end. */
const descent_param *variants_param(const descent_optimizer_type *type,
                                    size_t i);

/* The options as a set for descent_optimizer_create. */
descent_options *variants_options(descent_runtime *runtime,
                                  const descent_optimizer_type *type,
                                  const variant_values *values);

#endif
