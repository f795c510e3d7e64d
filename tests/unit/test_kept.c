/* SPDX-License-Identifier: MIT */
/* What a step finds as the last one has left it, it uses again.  Two optimizers
 * go through the same random changes; one of them is also told, before every
 * step, that all may have changed, which is not so.  Their bits must agree. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "support/bits.h"
#include "support/check.h"
#include "support/fingerprint.h"
#include "support/formats.h"

enum { TENSORS = 9, MOST = 40, STEPS = 60 };
#ifdef DESCENT_SANITIZED
enum { ROUNDS = 5 };
#else
enum { ROUNDS = 25 };
#endif

static const char *const kinds[] = {
    "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax", "nadam",
};

static const char *const options[] = {
    "{\"flavour\": \"keras3\"}",
    "{\"flavour\": \"keras3\", \"weight_decay\": 0.1, \"use_ema\": true, "
    "\"ema_overwrite_frequency\": 3}",
    "{\"flavour\": \"mxnet\", \"sparse\": \"lazy\", \"use_ema\": true}",
    "{\"flavour\": \"keras3\", \"gradient_accumulation_steps\": 3, "
    "\"sparse\": \"lazy\", \"clipnorm\": 1}",
    "{\"flavour\": \"keras3\", \"loss_scale\": true, "
    "\"global_clipnorm\": 2, \"aggregate_num\": 4}",
    "{\"flavour\": \"torch\", \"master\": \"f32\", \"use_fused_step\": false}",
    "{\"flavour\": \"keras3\", \"counter\": \"per_tensor\", \"use_ema\": true, "
    "\"on_nonfinite\": \"error\"}",
};
enum { KINDS = 7, OPTIONS = sizeof options / sizeof *options };

static const descent_dtype dtypes[TENSORS] = {
    DESCENT_DTYPE_F32, DESCENT_DTYPE_F32,  DESCENT_DTYPE_F64,
    DESCENT_DTYPE_F32, DESCENT_DTYPE_BF16, DESCENT_DTYPE_F32,
    DESCENT_DTYPE_F64, DESCENT_DTYPE_F32,  DESCENT_DTYPE_F32,
};
static const int64_t shapes[TENSORS][2] = {
    {8, 5}, {1, 1}, {3, 7}, {40, 1}, {6, 3}, {0, 4}, {2, 2}, {1, 33}, {9, 2},
};

/* One of the two. */
typedef struct world {
    descent_runtime *runtime;
    descent_optimizer *o;
    double weight[2][TENSORS][MOST]; /* two places, of which one is in use */
    int place[TENSORS];
    double gradient[2][TENSORS][MOST];
    bool bound[TENSORS];
} world;

static uint64_t seed;

/* A number below n, that both draw at the same time. */
static uint64_t draw(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

static size_t elements(size_t i)
{
    return (size_t)(shapes[i][0] * shapes[i][1]);
}

static const char *name(size_t i)
{
    static const char *const names[TENSORS] = {"a", "b", "c", "d", "e",
                                               "f", "g", "h", "i"};

    return names[i];
}

static void bind(world *w, size_t i)
{
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = dtypes[i],
        .name = name(i),
        .ndim = 2,
        .shape = shapes[i],
        .data = w->weight[w->place[i]][i],
        .gradient = w->gradient[0][i],
    };

    ok(descent_optimizer_add(w->o, &t, 1));
    w->bound[i] = true;
}

/* Give the options of all groups the value that one has already. */
static void set_again(const world *w)
{
    for (size_t k = 0; k < 2; k++)
        ok(descent_optimizer_group_set(w->o, k, "wd_mult", 1));
}

static void open_world(world *w, descent_runtime *runtime, size_t kind,
                       size_t option)
{
    static const char *const few[] = {"b", "d"};
    const descent_group group = {
        .struct_size = sizeof group, .names = few, .name_count = 2};

    memset(w, 0, sizeof *w);
    w->runtime = runtime;
    w->o = check_optimizer(runtime, kinds[kind], options[option]);
    for (size_t i = 0; i < TENSORS; i++) {
        for (size_t k = 0; k < elements(i); k++)
            put(dtypes[i], w->weight[0][i], k, 0.01 * (double)(k + i));
        bind(w, i);
    }
    ok(descent_optimizer_add_group(w->o, &group, NULL));
    set_again(w); /* so that it is the group's own in both */
}

/* ---- Changes: each draws the same for both, then acts on each ---- */

typedef struct choice {
    size_t i;
    uint64_t a, b;
} choice;

static void set_number(world *w, const char *option, double value)
{
    /* Some may not be: then for both. */
    (void)descent_optimizer_set(w->o, option, value);
}

static void change_rate(world *w, choice c)
{
    set_number(w, "learning_rate", 0.001 * (double)c.a);
}

static void change_decay(world *w, choice c)
{
    set_number(w, "weight_decay", 0.01 * (double)(c.a % 3));
}

static void change_clip(world *w, choice c)
{
    static const char *const which[] = {"clipvalue", "clipnorm",
                                        "global_clipnorm"};

    set_number(w, which[c.a % 3], c.b % 3 == 0 ? NAN : 0.1 * (double)c.b);
}

static void freeze(world *w, choice c)
{
    ok(descent_optimizer_group_set(w->o, c.a % 4 == 0 ? 0 : 1, "freeze",
                                   (double)(c.b % 4 == 0)));
}

static bool find(const world *w, size_t i, size_t *index)
{
    return w->bound[i] &&
           descent_optimizer_index(w->o, name(i), index) == DESCENT_OK;
}

static void multiply(world *w, choice c)
{
    const double by = c.b % 3 == 0 ? NAN : 0.5 * (double)(c.b % 4);
    size_t index;

    if (!find(w, c.i, &index))
        return;
    ok(c.a % 2 == 0 ? descent_optimizer_set_lr_mult(w->o, index, by)
                    : descent_optimizer_set_wd_mult(w->o, index, by));
}

static void move_gradient(world *w, choice c)
{
    size_t index;

    if (find(w, c.i, &index))
        ok(descent_optimizer_set_pointer(
            w->o, index, DESCENT_POINTER_GRADIENT,
            c.a % 3 == 0 ? NULL : w->gradient[c.b % 2][c.i]));
}

static void move_weight(world *w, choice c)
{
    const int before = w->place[c.i], after = 1 - before;
    size_t index;

    if (!find(w, c.i, &index))
        return;
    memcpy(w->weight[after][c.i], w->weight[before][c.i],
           sizeof w->weight[after][c.i]);
    ok(descent_optimizer_set_pointer(w->o, index, DESCENT_POINTER_WEIGHT,
                                     w->weight[after][c.i]));
    memset(w->weight[before][c.i], 0, sizeof w->weight[before][c.i]);
    w->place[c.i] = after;
}

static void come_or_go(world *w, choice c)
{
    if (!w->bound[c.i]) {
        bind(w, c.i);
    } else if (c.i != 1 && c.i != 3) { /* the group keeps its tensors */
        ok(descent_optimizer_remove(w->o, name(c.i)));
        w->bound[c.i] = false;
    }
}

/* One group more, or one that is refused. */
static void regroup(world *w, choice c)
{
    descent_group group = {.struct_size = sizeof group, .match = name(c.i)};
    descent_options *differ = NULL;
    size_t index;

    if (!find(w, c.i, &index) ||
        descent_optimizer_tensor_group(w->o, index) != 0)
        return;
    ok(descent_options_create(w->runtime, &differ));
    ok(descent_options_set_number(differ, "lr_mult",
                                  c.a % 3 == 0 ? 0.25 * (double)c.b : -1));
    group.options = differ;
    (void)descent_optimizer_add_group(w->o, &group, NULL);
    descent_options_free(differ);
    /* Its tensor may leave from now on. */
    ok(descent_optimizer_check_groups(w->o));
}

/* A step that is refused half way: the last gradient has a row too many. */
static void refuse(world *w, choice c)
{
    static const int64_t rows[] = {0, 1000};
    descent_gradient g[TENSORS];
    const size_t n = descent_optimizer_tensor_count(w->o);

    for (size_t k = 0; k < n; k++) {
        descent_tensor t = {.struct_size = sizeof t};
        ok(descent_optimizer_tensor(w->o, k, &t));
        g[k] = (descent_gradient){
            .struct_size = sizeof g[k],
            .data = w->gradient[c.b % 2][t.name[0] - 'a'],
            .indices = k + 1 == n || (c.a + k) % 4 == 0 ? rows : NULL,
            .rows = k + 1 == n ? 2 : (c.a + k) % 4 == 0};
    }
    refused(descent_optimizer_step(w->o, g, n, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "");
}

/* Averages in the place of the weights, where there are any. */
static void swap(world *w, choice c)
{
    if (c.a % 2 == 0 && descent_optimizer_swap_average(w->o) == DESCENT_OK)
        ok(descent_optimizer_swap_average(w->o));
    else
        ok(descent_optimizer_finalize(w->o));
}

static void nothing(world *w, choice c)
{
    (void)w;
    (void)c;
}

static void (*const changes[])(world *, choice) = {
    nothing,  nothing,       nothing,     change_rate, change_decay,
    freeze,   change_clip,   change_clip, multiply,    move_gradient,
    multiply, move_gradient, move_weight, come_or_go,  regroup,
    refuse,   swap,
};
enum { CHANGES = sizeof changes / sizeof *changes };

/* ---- Steps ---- */

static void fill_gradients(world *w, uint64_t step)
{
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < TENSORS; i++)
            for (size_t k = 0; k < elements(i); k++)
                put(dtypes[i], w->gradient[p][i], k,
                    sin((double)(step * 31 + i * 7 + k + p)));
    if (step % 13 == 5)
        put(dtypes[0], w->gradient[0][0], 3, NAN);
}

/* What a step is handed: nothing, all, of some tensors only, some rows. */
static void step(world *w, choice c)
{
    static const int64_t rows[] = {1, 0, 2};
    descent_gradient g[TENSORS];
    size_t chosen[TENSORS], n = 0, count = 0;
    descent_step_options some = {.struct_size = sizeof some, .tensors = chosen};

    for (; count < descent_optimizer_tensor_count(w->o); count++) {
        descent_tensor t = {.struct_size = sizeof t};
        ok(descent_optimizer_tensor(w->o, count, &t));
        const size_t i = (size_t)(t.name[0] - 'a');
        if (c.b % 5 == 0 && i % 3 == c.i % 3)
            continue;
        g[n] = (descent_gradient){.struct_size = sizeof g[n],
                                  .data = w->gradient[c.a % 2][i]};
        if (c.a % 4 == 3 && shapes[i][0] >= 3) {
            g[n].indices = rows;
            g[n].rows = 1 + (int64_t)(c.b % 3);
        } else if (c.a % 5 == 4 && i == c.i) {
            g[n].data = NULL;
        }
        chosen[n++] = count;
    }
    some.tensor_count = n;
    /* Where nothing is left to do both refuse. */
    (void)descent_optimizer_step(w->o, c.a % 3 == 0 ? NULL : g,
                                 c.a % 3 == 0 ? 0 : n,
                                 c.b % 5 == 0 ? &some : NULL, NULL);
}

/* Say that everything moved, to where it is. */
static void forget_all(world *w)
{
    size_t index;

    set_again(w);
    for (size_t i = 0; i < TENSORS; i++) {
        if (!find(w, i, &index))
            continue;
        ok(descent_optimizer_set_pointer(w->o, index, DESCENT_POINTER_WEIGHT,
                                         w->weight[w->place[i]][i]));
        ok(descent_optimizer_set_lr_mult(
            w->o, index, descent_optimizer_lr_mult(w->o, index)));
    }
}

static void compare(const world *a, const world *b, size_t kind, size_t option,
                    uint64_t round, int at)
{
    for (size_t i = 0; i < TENSORS; i++)
        if (memcmp(a->weight[a->place[i]][i], b->weight[b->place[i]][i],
                   sizeof a->weight[0][i]) != 0)
            fail_msg("%s %s, round %d: '%s' differs after step %d", kinds[kind],
                     options[option], (int)round, name(i), at);
}

static void run(descent_runtime *runtime, size_t kind, size_t option,
                uint64_t round)
{
    static world a, b;

    seed = 1 + round * 1000003 + kind * 101 + option;
    open_world(&a, runtime, kind, option);
    open_world(&b, runtime, kind, option);
    for (int at = 1; at <= STEPS; at++) {
        const uint64_t which = draw(CHANGES);
        const choice c = {draw(TENSORS), draw(60), draw(60)};
        const choice s = {draw(TENSORS), at % 8 < 4 ? 0 : draw(60),
                          at % 8 < 4 ? 1 : draw(60)};
        changes[which](&a, c);
        changes[which](&b, c);
        fill_gradients(&a, (uint64_t)at);
        fill_gradients(&b, (uint64_t)at);
        forget_all(&b);
        step(&a, s);
        step(&b, s);
        compare(&a, &b, kind, option, round, at);
    }
    ok(descent_optimizer_build(a.o));
    ok(descent_optimizer_build(b.o));
    if (fingerprint(a.o) != fingerprint(b.o))
        fail_msg("%s %s, round %d: states differ", kinds[kind], options[option],
                 (int)round);
    descent_optimizer_free(a.o);
    descent_optimizer_free(b.o);
}

static void what_is_kept_is_what_would_be_made_anew(void **state)
{
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t option = 0; option < OPTIONS; option++)
            for (uint64_t round = 0; round < ROUNDS; round++)
                run(runtime, kind, option, round);
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_what_would_be_made_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
