/* SPDX-License-Identifier: MIT */
/* DESCENT_TEST_FILTER in the environment is a pattern: a test program then runs
 * the tests with such a name alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void take_filter(void)
{
    const char *pattern = getenv("DESCENT_TEST_FILTER");

    if (pattern != NULL)
        cmocka_set_test_filter(pattern);
}
