/* SPDX-License-Identifier: MIT */
/* Changes the locale of the process in its entry. */
#include <locale.h>
#define ID "entry_locale"
#define IN_ENTRY(host) ((void)(host), setlocale(LC_ALL, "C.UTF-8"))
#include "plugin.inc.h"
