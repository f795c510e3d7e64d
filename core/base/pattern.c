/* SPDX-License-Identifier: MIT */
#include "base/pattern.h"

#include <string.h>

enum { LONGEST_MATCH = 1023, LARGEST = 100000 };

/* A group that is open: what it has come to, and the last piece of that. */
typedef struct level {
    double all, last;
} level;

static void repeat(level *at, double times)
{
    at->all += at->last * (times - 1);
    at->last *= times;
}

/* The larger number in "{m,n}", whose end *c becomes. */
static double read_bound(const char **c)
{
    double most = 1, number = 0;

    for (; (*c)[1] == ',' || ((*c)[1] >= '0' && (*c)[1] <= '9'); ++*c) {
        number = (*c)[1] == ',' ? 0 : number * 10 + ((*c)[1] - '0');
        most = number > most ? number : most;
    }
    *c += (*c)[1] == '}';
    return most;
}

/* The last byte of "[...]", in which a bracket may come first, or be part of
 * "[:...:]"; or of the text, when there is no end. */
static const char *skip_list(const char *c)
{
    c += c[1] == '^';
    c += c[1] == ']';
    while (c[1] != '\0' && *++c != ']') {
        const char end[] = {c[1], ']', '\0'};
        const char *found = NULL;
        if (*c == '[' && c[1] != '\0' && strchr(":.=", c[1]) != NULL)
            found = strstr(c + 2, end);
        c = found != NULL ? found + 1 : c;
    }
    return c;
}

/* The C library writes repetitions out, so that nested ones take any amount of
 * memory: how many characters `match` comes to, at most. */
static double size_written_out(const char *match)
{
    level levels[LONGEST_MATCH + 1] = {{0, 0}}, *at = levels;

    for (const char *c = match; *c != '\0'; c++) {
        if (*c == '(') {
            *++at = (level){0, 0};
        } else if (*c == ')' && at > levels) {
            at--;
            at->last = at[1].all;
            at->all += at->last;
        } else if (*c == '+') {
            repeat(at, 2);
        } else if (*c == '{') {
            repeat(at, read_bound(&c));
        } else if (*c != '*' && *c != '?') {
            c = *c == '[' ? skip_list(c) : c + (*c == '\\' && c[1] != '\0');
            at->last = 1;
            at->all++;
        }
    }
    while (at > levels) {
        at--;
        at->all += at[1].all;
    }
    return at->all;
}

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
    if (size_written_out(match) > LARGEST)
        return status_fail(DESCENT_ERR_ARGUMENT,
                           "%s: match = '%.64s': expected repetitions that "
                           "come to at most %d characters, written out",
                           owner, match, LARGEST);
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
