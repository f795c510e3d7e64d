/* SPDX-License-Identifier: MIT */
/* Divides by zero: the flags of exceptions may change freely. */
#include <fenv.h>
#define ID "raises_flags"
#define IN_ENTRY(host) ((void)(host), feraiseexcept(FE_DIVBYZERO | FE_INEXACT))
#include "plugin.inc.h"
