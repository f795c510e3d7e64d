/* SPDX-License-Identifier: MIT */
/* An optimizer that is not the file's. */
#define ID "other"
#include "plugin.inc.h"
