/* SPDX-License-Identifier: MIT */
/* Tables of something else. */
#define ID "wrong_magic"
#define MAGIC 0x31534e44u
#include "plugin.inc.h"
