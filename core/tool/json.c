/* SPDX-License-Identifier: MIT */
/* JSON with jansson: see json.h. */
#include "tool/json.h"

#include <stdlib.h>

#include "tool/words.h"

json_t *json_clean(const char *text)
{
    char *clean = NULL;
    size_t size;
    FILE *out = open_memstream(&clean, &size);
    json_t *string = NULL;

    if (out != NULL) {
        words_write(out, text, true);
        if (fclose(out) == 0)
            string = json_string(clean);
    }
    free(clean);
    return string;
}

const char *json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static void write_value(FILE *out, json_t *value, int depth);

static void new_line(FILE *out, int depth)
{
    fprintf(out, "\n%*s", 2 * depth, "");
}

static void write_object(FILE *out, json_t *object, int depth)
{
    void *at = json_object_iter(object);

    putc('{', out);
    for (; at != NULL; at = json_object_iter_next(object, at)) {
        new_line(out, depth + 1);
        /* Keys are ours: plain ASCII. */
        fprintf(out, "\"%s\": ", json_object_iter_key(at));
        write_value(out, json_object_iter_value(at), depth + 1);
        if (json_object_iter_next(object, at) != NULL)
            putc(',', out);
    }
    if (json_object_size(object) > 0)
        new_line(out, depth);
    putc('}', out);
}

/* Lists of objects have a line for each, others stand in one line. */
static void write_array(FILE *out, const json_t *array, int depth)
{
    const int tall = json_is_object(json_array_get(array, 0));

    putc('[', out);
    for (size_t i = 0; i < json_array_size(array); i++) {
        fputs(i == 0 ? "" : tall ? "," : ", ", out);
        if (tall)
            new_line(out, depth + 1);
        write_value(out, json_array_get(array, i), depth + 1);
    }
    if (tall)
        new_line(out, depth);
    putc(']', out);
}

static void write_value(FILE *out, json_t *value, int depth)
{
    char number[WORDS_NUMBER];

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(out, value, depth);
        break;
    case JSON_ARRAY:
        write_array(out, value, depth);
        break;
    case JSON_REAL:
        fputs(words_number(json_real_value(value), number), out);
        break;
    default:
        json_dumpf(value, out, JSON_ENCODE_ANY);
        break;
    }
}

void json_write(FILE *out, json_t *value)
{
    write_value(out, value, 0);
    putc('\n', out);
}
