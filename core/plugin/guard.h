/* SPDX-License-Identifier: MIT */
/* What code that runs while a plugin is loaded must leave as it was: the
 * floating-point control, the locale and the handlers of signals. */
#ifndef DESCENT_PLUGIN_GUARD_H
#define DESCENT_PLUGIN_GUARD_H

#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

enum { GUARD_LOCALE = 4096, GUARD_SIGNALS = 64 };

typedef struct guard {
    fenv_t floating;
    locale_t thread_locale;
    char locale[GUARD_LOCALE];
    struct sigaction handlers[GUARD_SIGNALS];
    bool readable[GUARD_SIGNALS];
} guard;

void guard_take(guard *g);

/* Put back what has changed since, and name it in changed[size]: "" when
 * nothing has. */
void guard_restore(const guard *g, char *changed, size_t size);

#endif
