/* SPDX-License-Identifier: MIT */
#include "plugin/guard.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* The control bits of the floating-point state, without the flags of exceptions
 * that have happened, which arithmetic may raise freely. */
typedef struct control {
    uint32_t unit, vector;
} control;

#if defined __x86_64__
static control control_of(const fenv_t *state)
{
    /* The x87 control word has only reserved bits beside these. */
    const control c = {state->__control_word & 0x1f3fu,
                       state->__mxcsr & 0xffc0u};
    return c;
}

static const struct {
    uint32_t vector;
    const char *name;
} vector_bits[] = {
    {0x8000, "flush-to-zero"},
    {0x0040, "denormals-are-zero"},
    {0x6000, "rounding"},
    {0x1f80, "exception masks"},
};
#else
static control control_of(const fenv_t *state)
{
    const control c = {0, (uint32_t)state->__fpcr};
    return c;
}

static const struct {
    uint32_t vector;
    const char *name;
} vector_bits[] = {
    {0x01000000, "flush-to-zero"},
    {0x00c00000, "rounding"},
    {0x00009f00, "exception masks"},
};
#endif

static void add(char *changed, size_t size, const char *what)
{
    text_append(changed, size, "%s%s", changed[0] == '\0' ? "" : ", ", what);
}

static void restore_floating(const guard *g, char *changed, size_t size)
{
    fenv_t now;
    control before, after;

    fegetenv(&now);
    before = control_of(&g->floating);
    after = control_of(&now);
    if (before.unit == after.unit && before.vector == after.vector)
        return;
    add(changed, size, "the floating-point state");
    for (size_t i = 0; i < sizeof vector_bits / sizeof *vector_bits; i++)
        if (((before.vector ^ after.vector) & vector_bits[i].vector) != 0)
            text_append(changed, size, " (%s)", vector_bits[i].name);
    fesetenv(&g->floating);
}

static void restore_locale(const guard *g, char *changed, size_t size)
{
    const locale_t thread_locale = uselocale((locale_t)0);
    const char *locale;

    if (thread_locale != g->thread_locale) {
        add(changed, size, "the locale of the thread");
        uselocale(g->thread_locale);
    }
    locale = setlocale(LC_ALL, NULL);
    if (locale == NULL || strcmp(locale, g->locale) == 0)
        return;
    add(changed, size, "the locale");
    setlocale(LC_ALL, g->locale);
}

/* A mask has room for more signals than the system knows: what lies beyond is
 * left as it was, so masks cannot be compared as bytes. */
static bool same_mask(const sigset_t *a, const sigset_t *b)
{
    for (int i = 1; i <= GUARD_SIGNALS; i++)
        if (sigismember(a, i) != sigismember(b, i))
            return false;
    return true;
}

static bool same_handler(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_flags == b->sa_flags && a->sa_handler == b->sa_handler &&
           same_mask(&a->sa_mask, &b->sa_mask);
}

static void restore_handlers(const guard *g, char *changed, size_t size)
{
    for (int i = 0; i < GUARD_SIGNALS; i++) {
        struct sigaction now;
        char what[48];
        const char *name = sigabbrev_np(i + 1);

        memset(&now, 0, sizeof now);
        if (!g->readable[i] || sigaction(i + 1, NULL, &now) != 0 ||
            same_handler(&now, &g->handlers[i]))
            continue;
        if (name != NULL)
            snprintf(what, sizeof what, "the handler of SIG%s", name);
        else
            snprintf(what, sizeof what, "the handler of signal %d", i + 1);
        add(changed, size, what);
        sigaction(i + 1, &g->handlers[i], NULL);
    }
}

void guard_take(guard *g)
{
    const char *locale = setlocale(LC_ALL, NULL);

    memset(g, 0, sizeof *g);
    fegetenv(&g->floating);
    g->thread_locale = uselocale((locale_t)0);
    snprintf(g->locale, sizeof g->locale, "%s", locale == NULL ? "" : locale);
    /* The C library keeps two signals for itself and does not show them. */
    for (int i = 0; i < GUARD_SIGNALS; i++)
        g->readable[i] = sigaction(i + 1, NULL, &g->handlers[i]) == 0;
}

void guard_restore(const guard *g, char *changed, size_t size)
{
    changed[0] = '\0';
    restore_floating(g, changed, size);
    restore_locale(g, changed, size);
    restore_handlers(g, changed, size);
}
