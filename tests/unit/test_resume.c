/* SPDX-License-Identifier: MIT */
/* A run of 40 steps equals, byte for byte, every split of it into a save, a load
 * in a new process, and the rest: the final checkpoints are the same file.
 *
 * The program runs itself: test_resume KIND CASE FROM FOLDER goes on with a run
 * from what FOLDER has of step FROM. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkpoint/optimizer.h"
#include "support/check.h"
#include "support/plugin_files.h"

enum { STEPS = 40, TENSORS = 3, MOST = 12 };
#ifdef DESCENT_SANITIZED /* processes start slowly there */
enum { STRIDE = 13 };
#else
enum { STRIDE = 1 };
#endif

static const char *const kinds[] = {"sgd",      "adam",   "adagrad", "rmsprop",
                                    "adadelta", "adamax", "nadam"};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Options of a rule's own that give it all its state. */
static const char *const rich[KINDS] = {
    ", \"momentum\": 0.9, \"nesterov\": true",
    ", \"amsgrad\": true",
    "",
    ", \"momentum\": 0.5, \"centered\": true",
    "",
    "",
    "",
};

#define EVERYTHING                                                             \
    "\"weight_decay\": 0.01, \"global_clipnorm\": 2, \"use_ema\": true, "      \
    "\"ema_momentum\": 0.8, \"ema_overwrite_frequency\": 4, "                  \
    "\"gradient_accumulation_steps\": 3, \"seed\": 7, \"skip_counts\": true, " \
    "\"loss_scale\": {\"initial_scale\": 4, \"dynamic_growth_steps\": 3}"

static const struct {
    const char *name;
    descent_dtype dtype;
    bool everything;
    const char *options;
} cases[] = {
    {"f32", DESCENT_DTYPE_F32, false, "\"seed\": 1"},
    {"f64", DESCENT_DTYPE_F64, false, "\"seed\": 1"},
    {"bf16", DESCENT_DTYPE_BF16, false, "\"master\": \"f32\""},
    {"f32, all", DESCENT_DTYPE_F32, true, EVERYTHING ", \"sparse\": \"lazy\""},
    {"f64, all", DESCENT_DTYPE_F64, true,
     EVERYTHING ", \"counter\": \"per_tensor\""},
    {"bf16, all", DESCENT_DTYPE_BF16, true, EVERYTHING ", \"master\": \"f32\""},
    {"bf16 by chance, all", DESCENT_DTYPE_BF16, true,
     EVERYTHING ", \"master\": \"stochastic\""},
    {"f16 compensated, all", DESCENT_DTYPE_F16, true,
     EVERYTHING ", \"master\": \"kahan\", \"slot_dtype\": \"same\""},
};
enum { CASES = sizeof cases / sizeof *cases };

/* ---- One run ---- */

typedef struct running {
    descent_runtime *runtime;
    descent_optimizer *o;
    descent_schedule *rate, *group_rate; /* or NULL */
    double weight[TENSORS][MOST], gradient[TENSORS][MOST];
} running;

/* Of each tensor; the last has no dimensions. */
static const int64_t shapes[TENSORS][2] = {{3, 4}, {5, 1}, {0, 0}};
static const uint32_t ndims[TENSORS] = {2, 1, 0};
static const size_t counts[TENSORS] = {12, 5, 1};

static descent_schedule *made(descent_runtime *runtime, const char *kind,
                              const char *json)
{
    descent_options *options = NULL;
    descent_schedule *s = NULL;

    ok(descent_options_from_json(runtime, json, strlen(json), &options));
    ok(descent_schedule_create(runtime, kind, options, &s));
    descent_options_free(options);
    return s;
}

/* A plateau times a product, the schedules with a state. */
static descent_schedule *make_rate(descent_runtime *runtime)
{
    descent_schedule *plateau =
        made(runtime, "reduce_on_plateau",
             "{\"base_lr\": 0.1, \"factor\": 0.7, \"patience\": 1}");
    descent_schedule *product = made(
        runtime, "multiplicative",
        "{\"base_lr\": 1, \"f\": {\"class_name\": \"CosineDecay\", \"config\": "
        "{\"initial_learning_rate\": 0.99, \"decay_steps\": 400}}}");
    descent_schedule *both = NULL;

    ok(descent_schedule_multiply(plateau, product, &both));
    descent_schedule_release(plateau);
    descent_schedule_release(product);
    return both;
}

/* The bias has a rate of its own, which has a state too. */
static void add_group(running *r)
{
    static const char json[] = "{\"weight_decay\": 0, \"lr_mult\": 0.5}";
    descent_group group = {.struct_size = sizeof group, .match = "^bias$"};
    descent_options *options = NULL;

    r->group_rate = make_rate(r->runtime);
    ok(descent_options_from_json(r->runtime, json, strlen(json), &options));
    ok(descent_options_set_schedule(options, "learning_rate", r->group_rate));
    group.options = options;
    ok(descent_optimizer_add_group(r->o, &group, NULL));
    descent_options_free(options);
}

static void start(running *r, size_t kind, size_t c)
{
    static const char *const names[TENSORS] = {"layer/kernel", "bias", "scale"};
    descent_options *options = NULL;
    char json[1024];

    *r = (running){.runtime = check_runtime()};
    snprintf(json, sizeof json, "{%s%s}", cases[c].options,
             cases[c].everything ? rich[kind] : "");
    ok(descent_options_from_json(r->runtime, json, strlen(json), &options));
    if (cases[c].everything) {
        r->rate = make_rate(r->runtime);
        ok(descent_options_set_schedule(options, "learning_rate", r->rate));
    }
    ok(descent_optimizer_create(r->runtime, kinds[kind], options, &r->o));
    descent_options_free(options);
    if (cases[c].everything)
        add_group(r);
    for (size_t i = 0; i < TENSORS; i++) {
        const descent_tensor t = {.struct_size = sizeof t,
                                  .dtype = cases[c].dtype,
                                  .name = names[i],
                                  .ndim = ndims[i],
                                  .shape = shapes[i],
                                  .data = r->weight[i]};
        double w[MOST];
        for (size_t k = 0; k < MOST; k++)
            w[k] = 1 + 0.1 * (double)(k + i);
        ok(descent_convert(cases[c].dtype, r->weight[i], DESCENT_DTYPE_F64, w,
                           counts[i]));
        ok(descent_optimizer_add(r->o, &t, 1));
    }
}

static void stop(running *r)
{
    descent_optimizer_free(r->o);
    descent_schedule_release(r->rate);
    descent_schedule_release(r->group_rate);
    descent_runtime_free(r->runtime);
}

/* Step n, counted from 0: every tensor gets its gradients now and then. */
static void step(running *r, int n)
{
    static const int64_t rows[] = {2, 0};
    descent_gradient g[TENSORS];

    for (int i = 0; i < TENSORS; i++) {
        g[i] = (descent_gradient){.struct_size = sizeof *g,
                                  .dtype = DESCENT_DTYPE_F64,
                                  .data = r->gradient[i]};
        for (int k = 0; k < MOST; k++)
            r->gradient[i][k] = 0.5 * (n * 7 % 11 - 4) + 0.25 * (k % 5 - i);
        if (r->rate != NULL && i == 1 && n % 10 == 6)
            r->gradient[i][2] = HUGE_VAL; /* the step is skipped */
        if (r->rate != NULL && i == 0 && n % 4 != 0) {
            g[i].indices = rows;
            g[i].rows = 1 + n % 2;
        }
        if (i > 0 && (n + i) % 3 == 0)
            g[i].data = NULL;
    }
    ok(descent_optimizer_step(r->o, g, TENSORS, NULL, NULL));
    if (r->rate != NULL && n % 3 == 0)
        ok(descent_schedule_observe(r->rate, n % 9));
    if (r->group_rate != NULL && n % 2 == 0)
        ok(descent_schedule_observe(r->group_rate, n % 5));
}

/* ---- Files, unsynced: what is lost with the power is tested elsewhere ---- */

static int no_sync(int descriptor)
{
    (void)descriptor;
    return 0;
}

static int no_directory_sync(const char *directory)
{
    (void)directory;
    return 0;
}

static files quick;

static const char *at_step(const char *folder, int n)
{
    char name[32];

    snprintf(name, sizeof name, "%d.safetensors", n);
    return plugin_in(folder, name);
}

static void save(running *r, const char *path)
{
    ok(optimizer_save(r->o, &quick, path, NULL));
}

static bool same_files(const char *a, const char *b)
{
    plugin_bytes x = plugin_read(a), y = plugin_read(b);
    const bool same =
        x.size == y.size && memcmp(x.at, y.at, x.size) == 0 && x.size > 500;

    plugin_free(&x);
    plugin_free(&y);
    return same;
}

/* ---- Splits ---- */

/* The second process. */
static int go_on(size_t kind, size_t c, int from, const char *folder)
{
    running r;

    start(&r, kind, c);
    ok(optimizer_load(r.o, &quick, at_step(folder, from), NULL));
    if (descent_optimizer_iterations(r.o) != (uint64_t)from)
        return 2;
    save(&r, plugin_in(folder, "again"));
    if (!same_files(plugin_in(folder, "again"), at_step(folder, from)))
        return 3; /* save after load gives the same bytes */
    for (int n = from; n < STEPS; n++)
        step(&r, n);
    save(&r, plugin_in(folder, "end"));
    stop(&r);
    return same_files(plugin_in(folder, "end"), at_step(folder, STEPS)) ? 0 : 4;
}

static int in_new_process(size_t kind, size_t c, int from, const char *folder)
{
    char a[16], b[16], n[16];
    int status;
    pid_t child;

    snprintf(a, sizeof a, "%zu", kind);
    snprintf(b, sizeof b, "%zu", c);
    snprintf(n, sizeof n, "%d", from);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "test_resume", a, b, n, folder, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_case(size_t kind, size_t c)
{
    char folder[PATH_MAX];
    running r;

    plugin_folder_make(folder);
    start(&r, kind, c);
    for (int n = 0; n < STEPS; n++) {
        step(&r, n);
        save(&r, at_step(folder, n + 1));
    }
    stop(&r);
    for (int from = 1; from < STEPS; from += STRIDE) {
        const int result = in_new_process(kind, c, from, folder);
        if (result != 0)
            fail_msg("%s, %s, split at %d: %d", kinds[kind], cases[c].name,
                     from, result);
    }
    plugin_folder_remove(folder);
}

static void check_all(bool everything)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t c = 0; c < CASES; c++)
            if (cases[c].everything == everything)
                check_case(kind, c);
}

static void s12_12_every_split_of_a_plain_run_equals_the_run(void **state)
{
    (void)state;
    check_all(false);
}

static void s12_12_every_split_with_everything_on_equals_the_run(void **state)
{
    (void)state;
    check_all(true);
}

/* Saving looks at a run and changes nothing of it. */
static void saving_changes_nothing(void **state)
{
    char folder[PATH_MAX];
    running a, b;

    (void)state;
    plugin_folder_make(folder);
    start(&a, 1, 5);
    start(&b, 1, 5);
    for (int n = 0; n < STEPS; n++) {
        step(&a, n);
        step(&b, n);
        save(&a, at_step(folder, 0));
    }
    save(&b, at_step(folder, 1));
    assert_true(same_files(at_step(folder, 0), at_step(folder, 1)));
    assert_memory_equal(a.weight, b.weight, sizeof a.weight);
    stop(&a);
    stop(&b);
    plugin_folder_remove(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_12_every_split_of_a_plain_run_equals_the_run),
        cmocka_unit_test(s12_12_every_split_with_everything_on_equals_the_run),
        cmocka_unit_test(saving_changes_nothing),
    };

    quick = files_system;
    quick.sync = no_sync;
    quick.sync_directory = no_directory_sync;
    if (argc == 5)
        return go_on((size_t)atoi(argv[1]), (size_t)atoi(argv[2]),
                     atoi(argv[3]), argv[4]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
