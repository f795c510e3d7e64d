/* SPDX-License-Identifier: MIT */
/* The tensors of an optimizer case, and their gradients call by call. */
#ifndef CONFORM_MODEL_H
#define CONFORM_MODEL_H

#include "conform.h"

typedef struct model {
    descent_dtype dtype;
    size_t count;
    descent_tensor *tensors;
    descent_gradient *gradients; /* of the next call */
    int64_t **indices;           /* of row-sparse ones: room for all rows */
    size_t *sizes;               /* elements of each tensor */
    size_t largest;
    double *numbers; /* room for the elements of the largest */
} model;

/* Build the tensors from the case's "dtype" and "variables".  A model that is
 * zero, or only partly built, may be freed. */
bool model_read(trial *t, model *m);
void model_free(model *m);

/* Put the gradients of one call in place. */
bool model_gradients(trial *t, model *m, const json_t *gradients);

/* Compare tensors with one recorded flat list each; `view` finds what to
 * compare with tensor i.  `what` is put before the tensor's name. */
bool model_compare(trial *t, model *m, long step, const char *what,
                   const json_t *lists,
                   bool (*view)(trial *t, void *user, size_t i,
                                descent_tensor *out),
                   void *user, tolerance allowed);

#endif
