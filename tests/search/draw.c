/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "search/search.h"
#include "support/bits.h"
#include "support/kernels.h"

/* ---- Random numbers ---- */

static uint64_t state;

static uint64_t below(uint64_t n)
{
    state += 0x9e3779b97f4a7c15u;
    return bits_mix(state) % n;
}

static int one_in(uint64_t n)
{
    return below(n) == 0;
}

/* As often of each length in binary digits. */
static int64_t about(int64_t most)
{
    int64_t range = most;

    while (range > 1 && !one_in(4))
        range /= 2;
    return (int64_t)below((uint64_t)range + 1);
}

/* ---- Options ---- */

/* Values of an option, one of which is drawn in one of `in` trials.  Of those
 * with a number, only one is drawn: they do not go together. */
typedef struct choice {
    const char *name;
    unsigned in;
    const char *values[6];
} choice;

static const choice common[] = {
    {"learning_rate", 1, {"0.1", "0.001", "1", "0"}},
    {"flavour", 3, {"\"keras2\"", "\"mxnet\"", "\"torch\""}},
    {"weight_decay", 2, {"0.01", "0", "0.5"}},
    {"weight_decay_mode", 3, {"\"l2\"", "\"decoupled\""}},
    {"clipvalue", 4, {"0.5", "1e-30", "1e30"}},
    {"report_norm", 8, {"true"}},
    {"use_ema", 2, {"true"}},
    {"loss_scale_factor", 5, {"3", "1024"}},
    {"on_nonfinite", 4, {"\"skip_step\"", "\"error\""}},
    {"skip_counts", 6, {"true"}},
    {"gradient_accumulation_steps", 3, {"2", "3"}},
    {"maximize", 6, {"true"}},
    {"rescale_grad", 5, {"0.37", "-1", "0"}},
    {"counter", 4, {"\"per_tensor\"", "\"global\""}},
    {"begin_num_update", 8, {"3"}},
    {"scalars", 5, {"\"f32\""}},
    {"learning_rate_f32", 6, {"true"}},
    {"flush_denormals", 4, {"true"}},
    {"master", 2, {"\"f32\"", "\"kahan\"", "\"stochastic\""}},
    {"slot_dtype", 3, {"\"same\""}},
    {"sparse", 3, {"\"lazy\""}},
};
/* With those before them. */
static const choice norms[] = {
    {"clipnorm", 1, {"1", "30", "1e-20"}},
    {"global_clipnorm", 1, {"3", "100"}},
};
static const choice averages[] = {
    {"ema_momentum", 2, {"0.5", "0", "1"}},
    {"ema_overwrite_frequency", 2, {"1", "2"}},
    {"ema_on", 2, {"\"iteration\""}},
};
static const choice scales[] = {
    {"loss_scale", 1, {"true"}},
    {"loss_scale.initial_scale", 1, {"8", "32768"}},
    {"loss_scale.dynamic_growth_steps", 1, {"1", "2"}},
};

static void draw_choices(trial *t, const choice *choices, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t values = 0;
        while (values < 6 && choices[i].values[values] != NULL)
            values++;
        if (one_in(choices[i].in))
            trial_add(t, "\"%s\": %s", choices[i].name,
                      choices[i].values[below(values)]);
    }
}
#define DRAW(t, choices)                                                       \
    draw_choices(t, choices, sizeof choices / sizeof *choices)

static int has(const trial *t, const char *name)
{
    for (size_t i = 0; i < t->options; i++)
        if (strncmp(t->option[i] + 1, name, strlen(name)) == 0)
            return 1;
    return 0;
}

static void draw_options(trial *t)
{
    const descent_optimizer_type *type =
        kernels_load(OWN, kernels_optimizers[below(KERNELS)]);
    variant_values values[VARIANTS_MOST];
    const descent_param *row;
    const uint32_t v = (uint32_t)below(variants_of(type, values));

    for (size_t i = 0; (row = variants_param(type, i)) != NULL; i++)
        if (row->type == DESCENT_PARAM_CHOICE && one_in(3))
            values[v].value[i] = (double)below((uint64_t)row->maximum + 1);
    trial_variant(t, type, &values[v]);
    DRAW(t, common);
    if (one_in(3))
        draw_choices(t, &norms[below(2)], 1);
    if (has(t, "use_ema"))
        DRAW(t, averages);
    if (one_in(4) && !has(t, "loss_scale_factor"))
        DRAW(t, scales);
}

/* ---- Tensors ---- */

/* Small steps run on one thread. */
enum { MANY = 1 << 17 };

static void draw_tensor(trial_tensor *x)
{
    static const descent_dtype dtypes[] = {DESCENT_DTYPE_F32, DESCENT_DTYPE_F32,
                                           DESCENT_DTYPE_F64, DESCENT_DTYPE_F16,
                                           DESCENT_DTYPE_BF16};

    x->dtype = dtypes[below(5)];
    x->columns = one_in(3) ? 1 : 1 + about(70);
    x->rows = about(20000 / x->columns);
}

void draw_trial(trial *t, uint64_t seed)
{
    memset(t, 0, sizeof *t);
    state = bits_mix(seed);
    t->data = below(1000);
    t->steps = 1 + (unsigned)below(6);
    t->special = one_in(3) ? 0 : (unsigned)about(1000) + 3;
    t->sparse = one_in(3) ? (unsigned)below(9) : 0;
    t->missing = one_in(3) ? (unsigned)below(5) : 0;
    t->tensors = 1 + (size_t)about(TRIAL_TENSORS - 1);
    for (size_t i = 0; i < t->tensors; i++)
        draw_tensor(&t->tensor[i]);
    if (one_in(3)) {
        trial_tensor *x = &t->tensor[below(t->tensors)];
        x->rows = (MANY + (int64_t)below(99999)) / x->columns + 1;
    }
    draw_options(t);
}

trial_way draw_way(const trial *t, uint64_t seed, const char *beside)
{
    static const uint32_t threads[] = {1, 2, 3, 5, 8};
    trial_way way = trial_reference;
    size_t level, build;

    state = bits_mix(seed);
    do
        level = below(LEVELS);
    while (!levels_has(levels[level]));
    do
        build = below(BUILDS);
    while (!trial_may_use(build));
    way.threads = threads[below(5)];
    way.isa = cpu_isa_name(levels[level]);
    way.plugins = beside != NULL && one_in(2) ? beside : kernels_builds[build];
    way.fused = (int)below(2);
    way.aggregate = (unsigned)below(6);
    way.cut = trial_may_be_cut(t) ? (unsigned)below(20) : 0;
    return way;
}
