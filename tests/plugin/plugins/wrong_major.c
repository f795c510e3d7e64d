/* SPDX-License-Identifier: MIT */
/* The name of this major version, the tables of another. */
#define ID "wrong_major"
#define MAJOR 2
#include "plugin.inc.h"
