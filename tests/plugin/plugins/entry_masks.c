/* SPDX-License-Identifier: MIT */
/* Lets divisions by zero trap. */
#include <fenv.h>
#define ID "entry_masks"
#define IN_ENTRY(host) ((void)(host), feenableexcept(FE_DIVBYZERO))
#include "plugin.inc.h"
