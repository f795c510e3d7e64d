/* SPDX-License-Identifier: MIT */
/* What `descent bench` was asked for. */
#ifndef DESCENT_TOOL_BENCH_REQUEST_H
#define DESCENT_TOOL_BENCH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool/bench/cases.h"
#include "tool/tool.h"

enum { REQUEST_MOST = 32 };

typedef struct request {
    const bench_case *cases[REQUEST_MOST];
    size_t case_count;
    char optimizers[REQUEST_MOST][64];
    size_t optimizer_count; /* 0: the usual ones of each case */
    uint32_t threads[REQUEST_MOST];
    size_t thread_count;
    double seconds;
    bool json, shapes, help;
} request;

/* Read the command's arguments, filling in what is usual; TOOL_OK, or
 * TOOL_USAGE after a message. */
int request_read(request *r, int argc, char **argv);

#endif
