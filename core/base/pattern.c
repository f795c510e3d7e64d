/* SPDX-License-Identifier: MIT */
#include "base/pattern.h"

#include <string.h>

enum { LONGEST_MATCH = 1023 };

descent_status pattern_compile(const char *owner, const char *match,
                               regex_t *out)
{
    char reason[256];
    int code;

    if (match[0] == '\0' || strnlen(match, LONGEST_MATCH + 1) > LONGEST_MATCH)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: match: expected a regular expression of 1 to "
                           "%d bytes",
                           owner, LONGEST_MATCH);
    code = regcomp(out, match, REG_EXTENDED | REG_NOSUB);
    if (code == 0)
        return DESCENT_OK;
    regerror(code, out, reason, sizeof reason);
    return status_fail(code == REG_ESPACE ? DESCENT_ERR_MEMORY
                                          : DESCENT_ERR_ARGUMENT,
                       "%s: match = '%.64s': %s; expected a POSIX extended "
                       "regular expression",
                       owner, match, reason);
}

bool pattern_finds(const regex_t *pattern, const char *name)
{
    return regexec(pattern, name, 0, NULL, 0) == 0;
}
