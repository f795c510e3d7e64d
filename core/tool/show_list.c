/* SPDX-License-Identifier: MIT */
/* The table of plugins: see show.h. */
#include "tool/show.h"

#include <string.h>

#include "tool/json.h"
#include "tool/table.h"
#include "tool/words.h"

enum { CELLS = 5, RANGE = 48 };

/* Bytes a parameter in f32: one number, or the least and the most of the
 * variants. */
static const char *bytes_text(const json_t *plugin, char text[RANGE])
{
    const json_t *variants = json_object_get(plugin, "variants");
    json_int_t least = 0, most = 0;

    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_int_t bytes = json_integer_value(json_object_get(
            json_object_get(json_array_get(variants, i), "bytes_per_parameter"),
            "f32"));

        least = i == 0 || bytes < least ? bytes : least;
        most = bytes > most ? bytes : most;
    }
    if (least == most)
        snprintf(text, RANGE, "%lld", (long long)most);
    else
        snprintf(text, RANGE, "%lld-%lld", (long long)least, (long long)most);
    return text;
}

static void fill_cells(const json_t *plugin, const char *cells[CELLS],
                       char bytes[RANGE])
{
    cells[0] = json_text(plugin, "name");
    cells[1] = json_text(plugin, "version");
    cells[2] = json_text(plugin, "title");
    cells[3] = bytes_text(plugin, bytes);
    cells[4] = json_text(plugin, "path");
}

static void show_found(FILE *out, const json_t *plugins)
{
    static const char *const header[CELLS] = {"NAME", "VERSION", "TITLE",
                                              "BYTES", "PATH"};
    const size_t count = json_array_size(plugins);
    table t = {.align = "lllrl"};
    const char *cells[CELLS];
    char bytes[RANGE];

    table_measure(&t, header);
    for (size_t i = 0; i < count; i++) {
        fill_cells(json_array_get(plugins, i), cells, bytes);
        table_measure(&t, cells);
    }
    table_row(out, &t, header);
    for (size_t i = 0; i < count; i++) {
        fill_cells(json_array_get(plugins, i), cells, bytes);
        table_row(out, &t, cells);
    }
    fputs("\nBYTES of state for each f32 parameter; "
          "'descent plugins NAME' tells all about one.\n",
          out);
}

/* The reason without the path that it begins with. */
static const char *reason_of(const json_t *file)
{
    const char *path = json_text(file, "path");
    const char *error = json_text(file, "error");
    const size_t length = strlen(path);

    if (strncmp(error, path, length) == 0 &&
        strncmp(error + length, ": ", 2) == 0)
        return error + length + 2;
    return error;
}

static void show_refused(FILE *out, const json_t *refused, size_t width)
{
    fputs("\nRefused:\n", out);
    for (size_t i = 0; i < json_array_size(refused); i++) {
        const json_t *file = json_array_get(refused, i);

        fputs("  ", out);
        words_write(out, json_text(file, "path"), false);
        putc('\n', out);
        words_wrap(out, reason_of(file), 6, width);
    }
}

void show_list(FILE *out, const json_t *plugins, const json_t *refused,
               size_t width)
{
    if (json_array_size(plugins) > 0)
        show_found(out, plugins);
    else
        fputs("No plugins found.  DESCENT_PLUGIN_PATH may name further "
              "directories.\n",
              out);
    if (json_array_size(refused) > 0)
        show_refused(out, refused, width);
}
