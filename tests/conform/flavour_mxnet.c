/* SPDX-License-Identifier: MIT */
/* MXNet 1.9 and 2.0, which differ in what decays by default. */
#include "run.h"
#include "schedule.h"

#include <stdio.h>
#include <string.h>

static const translation optimizers[] = {
    {"SGD", "sgd"},
    {NULL, NULL},
};

static const translation words[] = {
    {"learning_rate", "learning_rate"},
    {"lr_scheduler", "lr_scheduler"},
    {"momentum", "momentum"},
    {"wd", "wd"},
    {"clip_gradient", "clip_gradient"},
    {"rescale_grad", "rescale_grad"},
    {"begin_num_update", "begin_num_update"},
    {"multi_precision", "multi_precision"},
    {"lazy_update", "lazy_update"},
    {"aggregate_num", "aggregate_num"},
    {NULL, NULL},
};

/* The momentum is what is added to the weight, as here. */
static const translation slots[] = {
    {"momentum", "momentum"},
    {"weight32", "master"},
    {NULL, NULL},
};

static const translation settings[] = {
    {"flavour", "mxnet"},
    {NULL, NULL},
};

/* ---- Before the configuration is read ---- */

/* The names were given to the peer beside the variables, in their order. */
static bool check_names(trial *t, const run *r)
{
    json_t *names = take(t, t->json, "param_idx2name", JSON_OBJECT);

    for (size_t i = 0; names != NULL && i < r->model.count; i++) {
        char index[24];
        const char *name;
        snprintf(index, sizeof index, "%zu", i);
        name = take_text(t, names, index);
        if (name == NULL || strcmp(name, r->model.tensors[i].name) != 0)
            return trial_fault(t, "param_idx2name: %zu is not \"%s\"", i,
                               r->model.tensors[i].name);
    }
    return names != NULL && expect_empty(t, names, "param_idx2name");
}

/* How the peer kept a sparse case's weight: the numbers are the same. */
static bool check_storage(trial *t)
{
    const json_t *storage = take_optional(t, t->json, "weight_storage");
    const char *text = json_string_value(storage);

    return storage == NULL ||
           (text != NULL && (strcmp(text, "default") == 0 ||
                             strcmp(text, "row_sparse") == 0)) ||
           trial_fault(t, "weight_storage is not understood");
}

static bool put(trial *t, json_t *config, const char *name, double value)
{
    return json_object_set_new(config, name, json_real(value)) == 0 ||
           trial_fault(t, "out of memory");
}

/* A bound of 0 does nothing in the peer's fused step, and takes the gradient
 * away in the other. */
static bool adapt_clip(trial *t, json_t *config, bool fused)
{
    const json_t *clip = json_object_get(config, "clip_gradient");
    const double bound = json_number_value(clip);

    if (!json_is_number(clip))
        return true;
    if (bound == 0)
        json_object_del(config, "clip_gradient");
    if (fused)
        return true;
    /* The unfused step holds its bound in float32, and nothing else. */
    return bound == 0 ? put(t, config, "rescale_grad", 0)
                      : put(t, config, "clip_gradient", (double)(float)bound);
}

/* The schedule of a scheduler whose base was replaced by a rate beside it: its
 * warmup still goes to its own. */
static bool replace_base(trial *t, json_t *scheduler, double rate,
                         descent_schedule **out)
{
    const char *kind = take_text(t, scheduler, "class_name");
    json_t *own = take(t, scheduler, "config", JSON_OBJECT);
    json_t *other = json_deep_copy(own);
    const json_t *warmup = json_object_get(own, "warmup_steps");
    const json_int_t steps = json_integer_value(warmup);
    descent_schedule *begin = NULL, *first = NULL, *rest = NULL;
    bool right = expect_empty(t, scheduler, "lr_scheduler") &&
                 json_object_del(other, "warmup_steps") == 0 &&
                 put(t, other, "base_lr", rate) &&
                 put(t, other, "step_offset", (double)steps) &&
                 plan_create(t, kind, own, NULL, &begin) &&
                 plan_create(t, kind, other, NULL, &rest);

    if (right &&
        (descent_schedule_last(begin, (uint64_t)steps, &first) != DESCENT_OK ||
         descent_schedule_then(first, rest, out) != DESCENT_OK))
        right = trial_descent_fault(t, kind);
    descent_schedule_release(begin);
    descent_schedule_release(first);
    descent_schedule_release(rest);
    json_decref(other);
    return right;
}

/* A rate beside a scheduler becomes its base; but the peer's poly and cosine
 * schedulers, and all warmups, have kept a copy of their own. */
static bool adapt_scheduler(trial *t, json_t *config, descent_options *options)
{
    json_t *scheduler = json_object_get(config, "lr_scheduler");
    const json_t *own = json_object_get(scheduler, "config");
    const json_t *warmup = json_object_get(own, "warmup_steps");
    const char *kind =
        json_string_value(json_object_get(scheduler, "class_name"));
    const json_t *rate = json_object_get(config, "learning_rate");
    descent_schedule *schedule = NULL;
    bool right;

    if (kind == NULL || !json_is_number(rate))
        return true;
    if (strcmp(kind, "PolyScheduler") == 0 ||
        strcmp(kind, "CosineScheduler") == 0)
        return json_object_del(config, "learning_rate") == 0;
    if (json_integer_value(warmup) <= 0)
        return true;
    right = replace_base(t, take_optional(t, config, "lr_scheduler"),
                         json_number_value(rate), &schedule) &&
            json_object_del(config, "learning_rate") == 0 &&
            (descent_options_set_schedule(options, "learning_rate", schedule) ==
                 DESCENT_OK ||
             trial_descent_fault(t, "lr_scheduler"));
    descent_schedule_release(schedule);
    return right;
}

static bool set(trial *t, descent_options *options, const char *name,
                const char *text)
{
    return descent_options_set_text(options, name, text) == DESCENT_OK ||
           trial_descent_fault(t, name);
}

/* What a case says of its fused step is about the arithmetic; which entry runs
 * here is the program's to say. */
static bool adapt(trial *t, run *r, json_t *config, descent_options *options)
{
    const json_t *fuses = take_optional(t, config, "use_fused_step");
    const bool fused = !json_is_false(fuses);

    if (fuses != NULL && !json_is_boolean(fuses))
        return trial_fault(t, "use_fused_step: expected a boolean");
    r->lr_mult = take_optional(t, config, "lr_mult");
    r->wd_mult = take_optional(t, config, "wd_mult");
    return check_names(t, r) && check_storage(t) &&
           adapt_clip(t, config, fused) &&
           adapt_scheduler(t, config, options) &&
           (fused || set(t, options, "scalars", "compute")) &&
           /* Without a master the peer's state is of the weight's type. */
           (json_is_true(json_object_get(config, "multi_precision")) ||
            set(t, options, "slot_dtype", "same"));
}

/* ---- Once the tensors are bound ---- */

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

typedef descent_status set_multiplier(descent_optimizer *o, size_t index,
                                      double multiplier);

/* Multipliers by name, of tensors that there are. */
static bool bind_given(trial *t, run *r, json_t *given, set_multiplier *set_one)
{
    const char *name;
    json_t *value;

    if (given != NULL && !json_is_object(given))
        return trial_fault(t, "multipliers: expected an object");
    json_object_foreach(given, name, value)
    {
        size_t i;
        if (!json_is_number(value))
            return trial_fault(t, "multiplier of %s: expected a number", name);
        if (descent_optimizer_index(r->optimizer, name, &i) != DESCENT_OK ||
            set_one(r->optimizer, i, json_number_value(value)) != DESCENT_OK)
            return trial_descent_fault(t, "multiplier");
    }
    return true;
}

static bool bind(trial *t, run *r)
{
    return bind_given(t, r, r->lr_mult, descent_optimizer_set_lr_mult) &&
           bind_given(t, r, r->wd_mult, descent_optimizer_set_wd_mult);
}

/* In 1.9 only weights and gammas decay where no multiplier is given. */
static bool bind_1(trial *t, run *r)
{
    for (size_t i = 0; i < r->model.count; i++) {
        const char *name = r->model.tensors[i].name;
        if (!ends_with(name, "_weight") && !ends_with(name, "_gamma") &&
            descent_optimizer_set_wd_mult(r->optimizer, i, 0) != DESCENT_OK)
            return trial_descent_fault(t, name);
    }
    return bind(t, r);
}

/* SGD had no rate of its own before 2.0. */
static bool adapt_1(trial *t, run *r, json_t *config, descent_options *options)
{
    return (json_object_get(config, "learning_rate") != NULL ||
            json_object_get(config, "lr_scheduler") != NULL ||
            put(t, config, "learning_rate", 0.01)) &&
           adapt(t, r, config, options);
}

const flavour flavour_mxnet1 = {
    .source = "mxnet 1.",
    .optimizers = optimizers,
    .options = words,
    .slots = slots,
    .settings = settings,
    .adapt = adapt_1,
    .bind = bind_1,
};

const flavour flavour_mxnet2 = {
    .source = "mxnet 2.",
    .optimizers = optimizers,
    .options = words,
    .slots = slots,
    .settings = settings,
    .adapt = adapt,
    .bind = bind,
};
