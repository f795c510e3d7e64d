/* SPDX-License-Identifier: MIT */
/* `descent bench`: steps against the limit of the machine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <descent/descent.h>
#include <jansson.h>

#include "tool/bench/features.h"
#include "tool/bench/figure.h"
#include "tool/bench/lua_step.h"
#include "tool/bench/quiet.h"
#include "tool/bench/report.h"
#include "tool/bench/request.h"
#include "tool/bench/subject.h"
#include "tool/json.h"
#include "tool/streams.h"
#include "tool/tool.h"

static const char help[] =
    "Usage: descent bench [OPTION...]\n"
    "Measure steps against the limit of this machine, in the same rounds: the\n"
    "faster of a loop that only adds, with the same arrays, and of the bare\n"
    "rule in plain C over one block, compiled for this very processor.\n\n"
    "Options:\n"
    "      --case NAMES       only these, between commas: gpt2, resnet50,\n"
    "                         efficientnet_b0 (lists of tensors), 1e6, 1e5,\n"
    "                         1e3, 10000x100, clip_decay_average,\n"
    "                         bf16_master, row_sparse, lua_step\n"
    "      --optimizer NAMES  only these, in every case; others' plugins too,\n"
    "                         and momentum, which is sgd with it\n"
    "      --threads N[,N]    on so many threads (1,2), whatever\n"
    "                         DESCENT_THREADS says\n"
    "      --seconds S        at least so long a line of the table (1)\n"
    "      --json             print a list of objects\n"
    "      --shapes           print the shapes of the cases' tensors as JSON,\n"
    "                         and measure nothing\n"
    "  -h, --help             show this help\n\n"
    "NS/PARAM   nanoseconds a parameter that a step takes, the median\n"
    "LIMIT      that the limit takes: the faster of a loop over the same\n"
    "           arrays that only adds, and of the bare rule, by medians\n"
    "RATIO      the median of the rounds' ratios to it, at least seven: not\n"
    "           the ratio of the medians\n"
    "SPREAD     between the quartiles of that ratio, or of PLAIN where the\n"
    "           goal is of PLAIN\n"
    "PLAIN      the ratio to the bare rule alone\n"
    "GB/S       bytes that the step reads and writes\n"
    "TRIAD      bytes a second of the limit by those of a = b + 3 c\n"
    "OTHERS     processors that other processes kept busy: near 0, or the\n"
    "           figures are worth little\n"
    "GOAL       of RATIO, of PLAIN, in microseconds a tensor, or, for a step\n"
    "           from Lua, above one from C; held, missed, or unclear: missed\n"
    "           by less than its spread\n\n"
    "The largest cases take 6 GB of memory.\n\n"
    "Exit status: 0 success, whatever the figures; 1 it failed, or a step did\n"
    "not have the bits of the plain loop; 2 wrong usage.\n";

typedef struct session {
    const request *r;
    figure *figures;
    size_t count;
} session;

static descent_status keep(session *b, const figure *f)
{
    figure *const grown =
        realloc(b->figures, (b->count + 1) * sizeof *b->figures);

    if (grown == NULL)
        return descent_error_set(DESCENT_ERR_MEMORY, "bench: out of memory");
    b->figures = grown;
    b->figures[b->count++] = *f;
    if (!b->r->json)
        report_figure(f);
    return DESCENT_OK;
}

/* ---- One line of the table. ---- */

static figure start_figure(const subject *s, const char *name, uint32_t threads)
{
    figure f = {.what = s->what,
                .dtype = s->dtype == DESCENT_DTYPE_BF16 ? "bf16" : "f32",
                .threads = threads,
                .parameters = s->updated,
                .tensors = s->list.count,
                .bytes = s->bytes};

    snprintf(f.optimizer, sizeof f.optimizer, "%s", name);
    return f;
}

static void time_figure(figure *f, contender things[FIGURE_THINGS],
                        double seconds, size_t triad_bytes)
{
    const quiet before = quiet_now();

    f->rounds = measure(things, FIGURE_THINGS, seconds);
    f->others = quiet_others(&before);
    figure_compute(f, things, triad_bytes);
}

static descent_status measure_threads(session *b, subject *s, const char *name,
                                      uint32_t threads)
{
    static contender things[FIGURE_THINGS];
    figure f = start_figure(s, name, threads);
    descent_status status = subject_set_threads(s, threads);

    if (status != DESCENT_OK)
        return status;
    things[FIGURE_STEP] = (contender){.run = subject_step, .arg = s};
    /* Overhead for each tensor is what more than the rule costs. */
    things[FIGURE_ADD] = (contender){
        .run = s->what->about == GOAL_TENSOR && s->rule != NULL ? NULL
                                                                : subject_add,
        .ready = subject_ready,
        .arg = s};
    things[FIGURE_PLAIN] =
        (contender){.run = s->rule != NULL ? subject_bare : NULL,
                    .ready = subject_ready,
                    .arg = s};
    things[FIGURE_TRIAD] =
        (contender){.run = subject_triad, .ready = subject_ready, .arg = s};
    time_figure(&f, things, b->r->seconds, s->triad * 3 * sizeof(float));
    status = s->failed;
    if (status == DESCENT_OK && s->rule != NULL)
        status = subject_check(s);
    f.same_bits = s->rule != NULL;
    return status == DESCENT_OK ? keep(b, &f) : status;
}

/* Such small steps have one thread. */
static descent_status measure_lua(session *b, subject *s, const char *name)
{
    static contender things[FIGURE_THINGS];
    figure f = start_figure(s, name, 1);
    lua_step l = {0};
    descent_status status =
        lua_step_open(&l, s->rule != NULL ? s->rule->kind : name,
                      s->rule != NULL ? s->rule->momentum : 0);

    if (status == DESCENT_OK) {
        things[FIGURE_STEP] = (contender){.run = lua_step_run, .arg = &l};
        things[FIGURE_PLAIN] = (contender){.run = subject_step, .arg = s};
        time_figure(&f, things, b->r->seconds, 0);
        status = l.failed != DESCENT_OK ? l.failed : s->failed;
    }
    lua_step_close(&l);
    return status == DESCENT_OK ? keep(b, &f) : status;
}

static descent_status measure_optimizer(session *b, const bench_case *what,
                                        const char *name)
{
    subject s = {0};
    descent_status status = subject_open(&s, what, name);

    if (status == DESCENT_OK && what->kind == CASE_LUA)
        status = measure_lua(b, &s, name);
    else
        for (size_t i = 0; i < b->r->thread_count && status == DESCENT_OK; i++)
            status = measure_threads(b, &s, name, b->r->threads[i]);
    subject_close(&s);
    return status;
}

/* ---- All lines. ---- */

static bool is_usual(const bench_case *what, const bench_rule *rule)
{
    return what->usual != NULL ? strcmp(what->usual, rule->name) == 0
                               : rule->usual;
}

static descent_status measure_case(session *b, const bench_case *what)
{
    descent_status status = DESCENT_OK;

    for (size_t i = 0; i < b->r->optimizer_count && status == DESCENT_OK; i++)
        status = measure_optimizer(b, what, b->r->optimizers[i]);
    if (b->r->optimizer_count > 0)
        return status;
    for (size_t i = 0; rules_at(i) != NULL && status == DESCENT_OK; i++)
        if (is_usual(what, rules_at(i)))
            status = measure_optimizer(b, what, rules_at(i)->name);
    return status;
}

/* Before hours of measuring: is there such an optimizer? */
static descent_status find_optimizers(const request *r)
{
    descent_runtime *runtime = NULL;
    descent_status status = descent_runtime_create(NULL, &runtime);

    for (size_t i = 0; i < r->optimizer_count && status == DESCENT_OK; i++)
        if (rules_find(r->optimizers[i]) == NULL)
            status = descent_runtime_find(runtime, r->optimizers[i], NULL);
    descent_runtime_free(runtime);
    return status;
}

static int print_json(const session *b)
{
    json_t *const list = json_array();
    int failed = 0;

    for (size_t i = 0; i < b->count; i++)
        failed |= json_array_append_new(list, report_json(&b->figures[i]));
    if (failed)
        streams_error("out of memory");
    else
        json_write(stdout, list);
    json_decref(list);
    return failed ? TOOL_FAILED : TOOL_OK;
}

static int measure_all(const request *r)
{
    session b = {.r = r};
    descent_status status = find_optimizers(r);
    int result = TOOL_FAILED;

    if (status == DESCENT_OK && !r->json)
        report_begin();
    for (size_t i = 0; i < r->case_count && status == DESCENT_OK; i++)
        status = measure_case(&b, r->cases[i]);
    if (status != DESCENT_OK) {
        streams_failure();
    } else if (r->json) {
        result = print_json(&b);
    } else {
        report_end(b.figures, b.count);
        result = TOOL_OK;
    }
    free(b.figures);
    return result;
}

/* ---- The command. ---- */

static json_t *shapes_json(const shapes *list)
{
    json_t *const all = json_array();

    for (size_t i = 0; i < list->count; i++) {
        json_t *const one = json_array();

        for (uint32_t k = 0; k < list->at[i].ndim; k++)
            json_array_append_new(one, json_integer(list->at[i].dims[k]));
        json_array_append_new(all, one);
    }
    return all;
}

static int print_shapes(const request *r)
{
    json_t *const all = json_object();

    for (size_t i = 0; i < r->case_count; i++) {
        shapes list = {0};

        if (r->cases[i]->list(&list) == 0)
            json_object_set_new(all, r->cases[i]->name, shapes_json(&list));
        shapes_free(&list);
    }
    json_write(stdout, all);
    json_decref(all);
    return TOOL_OK;
}

static int run(int argc, char **argv)
{
    const char *const missing = features_missing(limits_features);
    request r;
    const int status = request_read(&r, argc, argv);

    if (status != TOOL_OK)
        return status;
    if (r.help) {
        fputs(help, stdout);
        return TOOL_OK;
    }
    if (r.shapes)
        return print_shapes(&r);
    if (missing == NULL)
        return measure_all(&r);
    streams_error("bench: the limits were compiled for a processor with %s, "
                  "which this one has not got; build the command here",
                  missing);
    return TOOL_FAILED;
}

const command command_bench = {
    "bench", "measure steps against the machine's limit", help, run};
