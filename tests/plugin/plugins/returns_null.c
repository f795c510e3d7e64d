/* SPDX-License-Identifier: MIT */
/* An entry without an answer. */
#define ID "returns_null"
#define RESULT NULL
#include "plugin.inc.h"
