/* SPDX-License-Identifier: MIT */
/* What a header may cost: a parser builds values, of some hundred bytes each,
 * before anybody can judge them, so a look at the text comes first. */
#include "checkpoint/safetensors.h"

enum {
    DEEPEST = 3,           /* the header, a tensor, its shape             */
    MEMBERS_MOST = 1 << 21 /* "key": value, in all: 300,000 tensors       */
};

typedef struct scan {
    size_t depth, members, commas;
} scan;

/* Bytes of a string after its first quote, with its last; the rest of the text
 * when it does not end. */
static size_t string_length(const char *json, size_t length)
{
    size_t i = 0;

    while (i < length && json[i] != '"')
        i += json[i] == '\\' ? 2 : 1;
    return i < length ? i + 1 : length;
}

static descent_status look_at(scan *s, char c)
{
    switch (c) {
    case '{':
    case '[':
        s->commas = 0;
        if (++s->depth > DEEPEST)
            return status_fail(DESCENT_ERR_IO,
                               "the header is nested deeper than %d", DEEPEST);
        break;
    case '}':
    case ']':
        s->depth -= s->depth > 0;
        break;
    case ':':
        if (++s->members > MEMBERS_MOST)
            return status_fail(DESCENT_ERR_IO,
                               "the header has more than %d entries",
                               MEMBERS_MOST);
        break;
    case ',':
        /* At this depth there are only lists. */
        if (s->depth == DEEPEST && ++s->commas >= DESCENT_MAX_DIMS)
            return status_fail(DESCENT_ERR_IO,
                               "the header has a list of more than %d numbers: "
                               "expected tensors of at most as many dimensions",
                               DESCENT_MAX_DIMS);
        break;
    default:
        break;
    }
    return DESCENT_OK;
}

descent_status safetensors_scan(const char *json, size_t length)
{
    scan s = {0};

    if (length == 0 || json[0] != '{')
        return status_fail(DESCENT_ERR_IO,
                           "the header does not begin with '{'");
    for (size_t i = 0; i < length; i++) {
        if (json[i] == '"')
            i += string_length(json + i + 1, length - i - 1);
        else
            TRY(look_at(&s, json[i]));
    }
    return DESCENT_OK;
}
