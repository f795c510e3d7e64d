/* SPDX-License-Identifier: MIT */
/* The plugins of the seven: as each compiler built them, always optimized, and
 * as this build has them; and what calling their loops without a core takes. */
#ifndef DESCENT_TESTS_KERNELS_H
#define DESCENT_TESTS_KERNELS_H

#include "support/levels.h"
#include "support/variants.h"

enum { KERNELS = 7, COMPILERS = 2, OWN = COMPILERS, BUILDS };
extern const char *const kernels_optimizers[KERNELS];
extern const char *const kernels_builds[BUILDS]; /* "gcc", "clang", "own" */

/* A host that can say no more than why something fails. */
extern const descent_host kernels_host;

/* The type of an optimizer in a build; NULL when its compiler is not installed.
 * The first compiler's and this build's own are always there. */
const descent_optimizer_type *kernels_load(size_t build, const char *name);

/* The folder of a build's plugins, or NULL likewise. */
const char *kernels_folder(size_t build);

/* Say which levels and compilers are missing here. */
void kernels_say_missing(void);

/* The coefficients of update t, in both precisions; `scalar` is in and out. */
void kernels_prepare(const descent_optimizer_type *type,
                     const variant_values *values, uint64_t t, double *scalar,
                     double coef[DESCENT_MAX_COEFS],
                     float coef_f32[DESCENT_MAX_COEFS]);

#endif
