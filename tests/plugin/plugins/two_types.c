/* SPDX-License-Identifier: MIT */
/* Two optimizers, of which the second has the file's name. */
#define ID "two_types"
#define FIRST_ID "first_of_two"
#include "plugin.inc.h"
