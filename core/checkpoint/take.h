/* SPDX-License-Identifier: MIT */
/* Tensors and texts of an application's as content of a file. */
#ifndef DESCENT_CHECKPOINT_TAKE_H
#define DESCENT_CHECKPOINT_TAKE_H

#include "checkpoint/safetensors.h"

/* Take over n descriptions; names and shapes are judged later. */
descent_status take_tensors(const descent_tensor *tensors, size_t n,
                            checkpoint_tensor *out);

/* Strides can be judged when names and shapes are known to be good. */
descent_status take_check_strides(const descent_tensor *tensors, size_t n);

/* How many texts there are in key, text, ..., NULL (or NULL); and those. */
size_t take_count(const char *const *metadata);
descent_status take_texts(const char *const *metadata, size_t n,
                          checkpoint_text *out);

#endif
