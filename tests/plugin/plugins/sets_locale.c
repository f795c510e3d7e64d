/* SPDX-License-Identifier: MIT */
/* Changes the locale when it is loaded. */
#define ID "sets_locale"
#include "plugin.inc.h"
#include <locale.h>

__attribute__((constructor)) static void prepare(void)
{
    setlocale(LC_ALL, "C.UTF-8");
}
