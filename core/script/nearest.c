/* SPDX-License-Identifier: MIT */
/* Misspelt names: which of the known ones was meant? */
#include <ctype.h>
#include <string.h>

#include "script/binding.h"

enum { LONGEST_NAME = 63 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int letter(char c)
{
    return tolower((unsigned char)c);
}

/* How many letters must be put in, left out, exchanged for others or swapped
 * with their neighbours to make b of a, capitals aside. */
static unsigned distance(const char *a, const char *b)
{
    const size_t m = strlen(a), n = strlen(b);
    unsigned rows[3][LONGEST_NAME + 1];

    if (m > LONGEST_NAME || n > LONGEST_NAME)
        return LONGEST_NAME;
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        const unsigned *before = rows[(i + 1) % 3], *above = rows[(i + 2) % 3];
        unsigned *now = rows[i % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            const unsigned change = letter(a[i - 1]) != letter(b[j - 1]);

            now[j] =
                least(least(above[j], now[j - 1]) + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
                letter(a[i - 2]) == letter(b[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

void nearest_offer(nearest *search, const char *name)
{
    const size_t length = strlen(search->wanted);
    const unsigned limit = length < 4 ? 1 : length < 8 ? 2 : 3;
    const unsigned slips = distance(search->wanted, name);

    if (slips > limit || (search->best != NULL && slips > search->distance))
        return;
    if (search->best != NULL && slips == search->distance &&
        strcmp(name, search->best) > 0)
        return;
    search->best = name;
    search->distance = slips;
}

const char *nearest_push_hint(lua_State *L, const nearest *search)
{
    if (search->best == NULL)
        return lua_pushliteral(L, "");
    return lua_pushfstring(L, "; did you mean '%s'?", search->best);
}

/* nearest(name, names) -> the one that was meant, or nil */
int core_nearest(lua_State *L)
{
    nearest search = {.wanted = argument_text(L, 1, "name")};

    if (!argument_table(L, 2, "names"))
        error_raise(L, DESCENT_ERR_ARGUMENT, "names is nil: expected a list");
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 2); i++) {
        lua_rawgeti(L, 2, i);
        nearest_offer(&search, argument_text(L, lua_gettop(L), "a name"));
        lua_pop(L, 1); /* the list still holds it */
    }
    lua_pushstring(L, search.best);
    return 1;
}
