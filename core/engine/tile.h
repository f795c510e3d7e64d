/* SPDX-License-Identifier: MIT */
/* The core's share of a step, on runs of elements: the same operations in the
 * same order as a generated fused_step, so the same bits. */
#ifndef DESCENT_ENGINE_TILE_H
#define DESCENT_ENGINE_TILE_H

#include <descent/plugin.h>

/* Elements that stay in the first-level cache. */
enum { TILE = 512 };

/* SCALE, CLIP and L2 of `fuse` as far as they are in `mask`, from gradient `g`
 * (which may be `out`) and weight `w` to `out`. */
void tile_gradient(descent_dtype compute, size_t n, const descent_fuse *fuse,
                   uint32_t mask, const void *g, const void *w, void *out);

/* w <- w - decay * w */
void tile_decay(descent_dtype compute, size_t n, double decay, void *w);

/* average <- keep * average + take * w */
void tile_average(descent_dtype compute, size_t n, double keep, double take,
                  const void *w, void *average);

/* out <- base + g * factor */
void tile_add(descent_dtype compute, size_t n, const void *base, double factor,
              const void *g, void *out);

#endif
