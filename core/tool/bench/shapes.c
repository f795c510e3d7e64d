/* SPDX-License-Identifier: MIT */
/* Lists of tensors: see shapes.h. */
#include "tool/bench/shapes.h"

#include <stdlib.h>

size_t shape_elements(const shape *s)
{
    size_t n = 1;

    for (uint32_t i = 0; i < s->ndim; i++)
        n *= (size_t)s->dims[i];
    return n;
}

void shapes_free(shapes *list)
{
    free(list->at);
    *list = (shapes){0};
}

static int append(shapes *list, shape one)
{
    if (list->count == list->room) {
        const size_t room = list->room > 0 ? 2 * list->room : 64;
        shape *const grown = realloc(list->at, room * sizeof *grown);

        if (grown == NULL)
            return -1;
        list->at = grown;
        list->room = room;
    }
    list->at[list->count++] = one;
    return 0;
}

static int vector(shapes *list, int64_t n)
{
    return append(list, (shape){1, {n}});
}

static int matrix(shapes *list, int64_t rows, int64_t columns)
{
    return append(list, (shape){2, {rows, columns}});
}

/* A matrix and its bias, of so many elements. */
static int linear(shapes *list, int64_t rows, int64_t columns, int64_t bias)
{
    return matrix(list, rows, columns) | vector(list, bias);
}

/* Scale and shift of a normalization. */
static int norm(shapes *list, int64_t n)
{
    return vector(list, n) | vector(list, n);
}

static int convolution(shapes *list, int64_t out, int64_t in, int64_t side)
{
    return append(list, (shape){4, {out, in, side, side}});
}

static int normed_convolution(shapes *list, int64_t out, int64_t in,
                              int64_t side)
{
    return convolution(list, out, in, side) | norm(list, out);
}

static int biased_convolution(shapes *list, int64_t out, int64_t in)
{
    return convolution(list, out, in, 1) | vector(list, out);
}

enum { VOCABULARY = 50257, CONTEXT = 1024, WIDTH = 768, LAYERS = 12 };

int shapes_embedding(shapes *list)
{
    return matrix(list, VOCABULARY, WIDTH);
}

int shapes_gpt2(shapes *list)
{
    int failed = shapes_embedding(list) | matrix(list, CONTEXT, WIDTH);

    for (int layer = 0; layer < LAYERS; layer++)
        failed |= norm(list, WIDTH) |
                  linear(list, WIDTH, 3 * WIDTH, 3 * WIDTH) |
                  linear(list, WIDTH, WIDTH, WIDTH) | norm(list, WIDTH) |
                  linear(list, WIDTH, 4 * WIDTH, 4 * WIDTH) |
                  linear(list, 4 * WIDTH, WIDTH, WIDTH);
    return failed | norm(list, WIDTH);
}

enum { CLASSES = 1000 };

int shapes_resnet50(shapes *list)
{
    static const int blocks[] = {3, 4, 6, 3};
    int failed = normed_convolution(list, 64, 3, 7);
    int64_t in = 64, width = 64;

    for (size_t stage = 0; stage < sizeof blocks / sizeof *blocks; stage++) {
        for (int block = 0; block < blocks[stage]; block++) {
            failed |= normed_convolution(list, width, in, 1) |
                      normed_convolution(list, width, width, 3) |
                      normed_convolution(list, 4 * width, width, 1);
            if (block == 0)
                failed |= normed_convolution(list, 4 * width, in, 1);
            in = 4 * width;
        }
        width *= 2;
    }
    return failed | linear(list, CLASSES, in, CLASSES);
}

/* One inverted bottleneck: wider, each channel alone, weighed, narrower. */
static int bottleneck(shapes *list, int64_t in, int64_t out, int64_t wide,
                      int64_t side)
{
    int failed = wide != in ? normed_convolution(list, wide, in, 1) : 0;

    return failed | normed_convolution(list, wide, 1, side) |
           biased_convolution(list, in / 4, wide) |
           biased_convolution(list, wide, in / 4) |
           normed_convolution(list, out, wide, 1);
}

int shapes_efficientnet_b0(shapes *list)
{
    static const struct {
        int widen, side, out, layers;
    } stages[] = {{1, 3, 16, 1},  {6, 3, 24, 2},  {6, 5, 40, 2}, {6, 3, 80, 3},
                  {6, 5, 112, 3}, {6, 5, 192, 4}, {6, 3, 320, 1}};
    enum { FIRST = 32, LAST = 1280 };
    int failed = normed_convolution(list, FIRST, 3, 3);
    int64_t in = FIRST;

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        for (int layer = 0; layer < stages[i].layers; layer++) {
            failed |= bottleneck(list, in, stages[i].out, stages[i].widen * in,
                                 stages[i].side);
            in = stages[i].out;
        }
    return failed | normed_convolution(list, LAST, in, 1) |
           linear(list, CLASSES, LAST, CLASSES);
}

int shapes_ten_thousand(shapes *list)
{
    int failed = 0;

    for (int i = 0; i < 10000; i++)
        failed |= vector(list, 100);
    return failed;
}

int shapes_1e6(shapes *list)
{
    return vector(list, 1000000);
}

int shapes_1e5(shapes *list)
{
    return vector(list, 100000);
}

int shapes_1e3(shapes *list)
{
    return vector(list, 1000);
}

int shapes_1(shapes *list)
{
    return vector(list, 1);
}
