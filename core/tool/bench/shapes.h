/* SPDX-License-Identifier: MIT */
/* Lists of tensors: those of well-known networks, and plain ones. */
#ifndef DESCENT_TOOL_BENCH_SHAPES_H
#define DESCENT_TOOL_BENCH_SHAPES_H

#include <stddef.h>
#include <stdint.h>

enum { SHAPES_DIMS = 4 };

typedef struct shape {
    uint32_t ndim;
    int64_t dims[SHAPES_DIMS];
} shape;

/* begins as zeros; shapes_free in any case. */
typedef struct shapes {
    shape *at;
    size_t count, room;
} shapes;

/* The lists.  They return 0, or -1 when there is no memory. */
typedef int shapes_list(shapes *list);
shapes_list shapes_gpt2, shapes_resnet50, shapes_efficientnet_b0;
shapes_list shapes_embedding;    /* of GPT-2 */
shapes_list shapes_ten_thousand; /* of 100 */
shapes_list shapes_1e6, shapes_1e5, shapes_1e3, shapes_1;

void shapes_free(shapes *list);
size_t shape_elements(const shape *s);

#endif
