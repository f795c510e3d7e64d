/* SPDX-License-Identifier: MIT */
#include "tool/inspect_state.h"

#include <string.h>

#include "tool/json.h"
#include "tool/words.h"

static const char prefix[] = "descent.", options_prefix[] = "descent.options/";

int inspect_state_has(const char *key)
{
    return strncmp(key, prefix, strlen(prefix)) == 0;
}

/* A counter of the whole optimizer; JSON null where there is none. */
static json_t *read_counter(descent_file *file, const char *name)
{
    descent_tensor t = {.struct_size = sizeof t};
    int64_t value;
    size_t index;

    if (descent_file_index(file, name, &index) != DESCENT_OK ||
        descent_file_tensor(file, index, &t) != DESCENT_OK ||
        t.dtype != DESCENT_DTYPE_I64 || t.ndim != 0 ||
        descent_file_read(file, index, &value, sizeof value) != DESCENT_OK)
        return json_null();
    return json_integer(value);
}

static json_t *read_options(const json_t *metadata)
{
    json_t *options = json_object();

    for (size_t i = 0; i < json_array_size(metadata); i++) {
        const json_t *entry = json_array_get(metadata, i);
        const char *key = json_text(entry, "key");

        if (strncmp(key, options_prefix, strlen(options_prefix)) == 0)
            json_object_set(options, key + strlen(options_prefix),
                            json_object_get(entry, "text"));
    }
    return options;
}

static json_t *find_kind(const json_t *metadata)
{
    for (size_t i = 0; i < json_array_size(metadata); i++) {
        const json_t *entry = json_array_get(metadata, i);

        if (strcmp(json_text(entry, "key"), "descent.optimizer") == 0)
            return json_object_get(entry, "text");
    }
    return NULL;
}

json_t *inspect_state(descent_runtime *runtime, const char *path,
                      const json_t *metadata)
{
    json_t *kind = find_kind(metadata), *state;
    descent_file *file = NULL;

    if (kind == NULL)
        return json_null();
    if (descent_file_open(runtime, path, &file) != DESCENT_OK)
        return NULL;
    state = json_pack("{s:O, s:o, s:o, s:o}", "kind", kind, "iterations",
                      read_counter(file, "descent.counters/iterations"),
                      "updates", read_counter(file, "descent.counters/updates"),
                      "options", read_options(metadata));
    descent_file_close(file);
    return state;
}

static void show_counter(FILE *out, const json_t *state, const char *name)
{
    const json_t *value = json_object_get(state, name);

    if (json_is_integer(value))
        fprintf(out, ", %s %lld", name, (long long)json_integer_value(value));
}

void inspect_state_show(FILE *out, const json_t *state)
{
    json_t *options = json_object_get(state, "options"), *value;
    const char *name;

    if (!json_is_object(state))
        return;
    fputs("\nOptimizer: ", out);
    words_write(out, json_text(state, "kind"), false);
    show_counter(out, state, "iterations");
    show_counter(out, state, "updates");
    putc('\n', out);
    json_object_foreach(options, name, value)
    {
        fputs("  ", out);
        words_write(out, name, false);
        fputs(" = ", out);
        words_write(out, json_string_value(value), false);
        putc('\n', out);
    }
}
