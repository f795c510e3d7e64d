/* SPDX-License-Identifier: MIT */
/* The entry's name stands for data, which must not be called. */
#include "trace.inc.h"

extern __attribute__((visibility("default"))) const int descent_plugin_v1[4];
const int descent_plugin_v1[4] = {1, 2, 3, 4};
