/* SPDX-License-Identifier: MIT */
/* Changes the locale of the thread in its entry. */
#include <locale.h>
#define ID "thread_locale"
#define IN_ENTRY(host) ((void)(host), change_locale())

__attribute__((used)) static locale_t other;

static void change_locale(void)
{
    other = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    uselocale(other);
}

#include "plugin.inc.h"
