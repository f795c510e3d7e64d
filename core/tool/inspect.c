/* SPDX-License-Identifier: MIT */
/* `descent inspect`: what is in a file of tensors, and whether it is whole. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <descent/descent.h>
#include <jansson.h>

#include "tool/inspect_state.h"
#include "tool/json.h"
#include "tool/options.h"
#include "tool/streams.h"
#include "tool/table.h"
#include "tool/tool.h"
#include "tool/words.h"

static const char help[] =
    "Usage: descent inspect FILE [--json]\n"
    "Show the tensors and the metadata of a safetensors file, such as a\n"
    "checkpoint, and check the digests of its tensors.\n\n"
    "Options:\n"
    "      --json  print an object\n"
    "  -h, --help  show this help\n\n"
    "Exit status: 0 the file is whole, 1 it is damaged or cannot be read; 2\n"
    "wrong usage.\n";

enum { CELLS = 5, NUMBER = 24, SHAPE = 192 };

/* What a DESCENT_DIGEST_* means, as shown. */
static const char *const verdicts[] = {"none", "ok", "BAD"};

typedef struct report {
    json_t *tensors, *metadata, *optimizer;
    json_int_t bytes;
    bool bad;
} report;

/* ---- Looking ------------------------------------------------------------- */

static const char *dtype_name(descent_dtype dtype)
{
    static const struct {
        descent_dtype dtype;
        const char *name;
    } names[] = {{DESCENT_DTYPE_F64, "f64"}, {DESCENT_DTYPE_F32, "f32"},
                 {DESCENT_DTYPE_F16, "f16"}, {DESCENT_DTYPE_BF16, "bf16"},
                 {DESCENT_DTYPE_U8, "u8"},   {DESCENT_DTYPE_I64, "i64"},
                 {DESCENT_DTYPE_U64, "u64"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].dtype == dtype)
            return names[i].name;
    return "?";
}

static descent_status no_memory(void)
{
    return descent_error_set(DESCENT_ERR_MEMORY, "out of memory");
}

static descent_status add_tensor(report *r, const descent_checkpoint_item *item)
{
    const descent_tensor *t = item->tensor;
    json_t *shape = json_array(), *tensor;

    for (uint32_t i = 0; i < t->ndim; i++)
        if (json_array_append_new(shape, json_integer(t->shape[i])) != 0) {
            json_decref(shape);
            return no_memory();
        }
    tensor =
        json_pack("{s:o, s:s, s:o, s:I, s:s}", "name", json_clean(t->name),
                  "dtype", dtype_name(t->dtype), "shape", shape, "bytes",
                  (json_int_t)item->bytes, "digest", verdicts[item->digest]);
    if (json_array_append_new(r->tensors, tensor) != 0)
        return no_memory();
    r->bytes += (json_int_t)item->bytes;
    r->bad = r->bad || item->digest == DESCENT_DIGEST_BAD;
    return DESCENT_OK;
}

static descent_status visit(void *user, const descent_checkpoint_item *item)
{
    report *const r = user;

    if (item->tensor != NULL)
        return add_tensor(r, item);
    if (json_array_append_new(
            r->metadata, json_pack("{s:o, s:o}", "key", json_clean(item->key),
                                   "text", json_clean(item->text))) != 0)
        return no_memory();
    return DESCENT_OK;
}

/* ---- Showing ------------------------------------------------------------- */

static const char *shape_text(const json_t *shape, char text[SHAPE])
{
    size_t used = 1;

    strcpy(text, "[");
    for (size_t i = 0; i < json_array_size(shape); i++)
        used += (size_t)snprintf(
            text + used, SHAPE - used, i > 0 ? ", %lld" : "%lld",
            (long long)json_integer_value(json_array_get(shape, i)));
    strcpy(text + used, "]");
    return text;
}

static void fill_cells(const json_t *tensor, const char *cells[CELLS],
                       char shape[SHAPE], char bytes[NUMBER])
{
    snprintf(bytes, NUMBER, "%lld",
             (long long)json_integer_value(json_object_get(tensor, "bytes")));
    cells[0] = json_text(tensor, "name");
    cells[1] = json_text(tensor, "dtype");
    cells[2] = shape_text(json_object_get(tensor, "shape"), shape);
    cells[3] = bytes;
    cells[4] = json_text(tensor, "digest");
}

static void show_tensors(FILE *out, const json_t *tensors)
{
    static const char *const header[CELLS] = {"NAME", "DTYPE", "SHAPE", "BYTES",
                                              "DIGEST"};
    table t = {.align = "lllrl"};
    char shape[SHAPE], bytes[NUMBER];
    const char *cells[CELLS];

    table_measure(&t, header);
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        fill_cells(json_array_get(tensors, i), cells, shape, bytes);
        table_measure(&t, cells);
    }
    table_row(out, &t, header);
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        fill_cells(json_array_get(tensors, i), cells, shape, bytes);
        table_row(out, &t, cells);
    }
}

/* What the description of the optimizer tells is not repeated. */
static void show_metadata(FILE *out, const report *r)
{
    bool is_first = true;

    for (size_t i = 0; i < json_array_size(r->metadata); i++) {
        const json_t *entry = json_array_get(r->metadata, i);
        const char *key = json_text(entry, "key");

        if (json_is_object(r->optimizer) && inspect_state_has(key))
            continue;
        fputs(is_first ? "\nMetadata:\n  " : "  ", out);
        is_first = false;
        words_write(out, key, false);
        fputs(" = ", out);
        words_write(out, json_text(entry, "text"), false);
        putc('\n', out);
    }
}

static void show(FILE *out, const report *r)
{
    const size_t count = json_array_size(r->tensors);

    if (count > 0)
        show_tensors(out, r->tensors);
    fprintf(out, "%s%zu tensor%s, %lld bytes\n", count > 0 ? "\n" : "", count,
            count == 1 ? "" : "s", (long long)r->bytes);
    inspect_state_show(out, r->optimizer);
    show_metadata(out, r);
}

static int print(const report *r, const char *path, bool as_json)
{
    json_t *all = NULL;

    if (as_json) {
        all = json_pack("{s:o, s:b, s:I, s:O, s:O, s:O}", "path",
                        json_clean(path), "whole", !r->bad, "bytes", r->bytes,
                        "optimizer", r->optimizer, "tensors", r->tensors,
                        "metadata", r->metadata);
        if (all == NULL) {
            streams_error("out of memory");
            return TOOL_FAILED;
        }
        json_write(stdout, all);
        json_decref(all);
    } else {
        show(stdout, r);
    }
    return r->bad ? TOOL_FAILED : TOOL_OK;
}

/* ---- Running ------------------------------------------------------------- */

static int inspect(const char *path, bool as_json)
{
    descent_runtime *runtime = NULL;
    report r = {json_array(), json_array(), NULL, 0, false};
    int status = TOOL_FAILED;

    if (r.tensors == NULL || r.metadata == NULL) {
        streams_error("out of memory");
    } else if (descent_runtime_create(NULL, &runtime) != DESCENT_OK ||
               descent_checkpoint_inspect(runtime, path, visit, &r) !=
                   DESCENT_OK) {
        streams_failure();
    } else if ((r.optimizer = inspect_state(runtime, path, r.metadata)) ==
               NULL) {
        streams_failure();
    } else {
        status = print(&r, path, as_json);
        /* In words what the table shows, with the former file's health. */
        if (r.bad && descent_checkpoint_verify(runtime, path) != DESCENT_OK)
            streams_failure();
    }
    json_decref(r.tensors);
    json_decref(r.metadata);
    json_decref(r.optimizer);
    descent_runtime_free(runtime);
    return status;
}

static int run(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool as_json = false;
    int option;

    while ((option = options_next(argc, argv, "h", options, "inspect")) !=
           OPTIONS_END) {
        if (option == OPTIONS_WRONG)
            return TOOL_USAGE;
        if (option == 'h') {
            fputs(help, stdout);
            return TOOL_OK;
        }
        as_json = true;
    }
    if (optind >= argc)
        return options_misuse("inspect", "no file given");
    if (optind + 1 < argc)
        return options_misuse("inspect", "'%.64s': one file at a time",
                              argv[optind + 1]);
    return inspect(argv[optind], as_json);
}

const command command_inspect = {
    "inspect", "show what is in a checkpoint, and check it", help, run};
