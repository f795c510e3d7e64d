/* SPDX-License-Identifier: MIT */
/* What other systems call things.  A system is a row of tables here. */
#include "conform.h"

#include <string.h>

static const translation keras3_optimizers[] = {
    {"SGD", "sgd"},           {"Adam", "adam"},
    {"Adagrad", "adagrad"},   {"RMSprop", "rmsprop"},
    {"Adadelta", "adadelta"}, {"Adamax", "adamax"},
    {"Nadam", "nadam"},       {NULL, NULL},
};

static const translation keras3_options[] = {
    {"learning_rate", "learning_rate"},
    {"weight_decay", "weight_decay"},
    {"clipnorm", "clipnorm"},
    {"clipvalue", "clipvalue"},
    {"global_clipnorm", "global_clipnorm"},
    {"use_ema", "use_ema"},
    {"ema_momentum", "ema_momentum"},
    {"ema_overwrite_frequency", "ema_overwrite_frequency"},
    {"loss_scale_factor", "loss_scale_factor"},
    {"gradient_accumulation_steps", "gradient_accumulation_steps"},
    {"momentum", "momentum"},
    {"nesterov", "nesterov"},
    {"beta_1", "beta_1"},
    {"beta_2", "beta_2"},
    {"epsilon", "epsilon"},
    {"amsgrad", "amsgrad"},
    {"initial_accumulator_value", "initial_accumulator_value"},
    {"rho", "rho"},
    {"centered", "centered"},
    {NULL, NULL},
};

static const translation keras3_slots[] = {
    {"momentum", "momentum"},
    {"velocity", "velocity"},
    {"velocity_hat", "velocity_hat"},
    {"accumulator", "accumulator"},
    {"average_gradient", "average_gradient"},
    {"accumulated_grad", "accumulated_grad"},
    {"accumulated_delta_var", "accumulated_delta_var"},
    {"norm", "norm"},
    {"average", "average"},
    {"gradient_accumulator", "gradient_accumulator"},
    {NULL, NULL},
};

/* Keras averages at every call, also where it only accumulates. */
static const translation keras3_settings[] = {
    {"ema_on", "iteration"},
    {NULL, NULL},
};

static const translation none[] = {{NULL, NULL}};

static const translation keras2_options[] = {
    {"learning_rate", "learning_rate"},
    {"clipnorm", "clipnorm"},
    {"clipvalue", "clipvalue"},
    {"decay", "decay"},
    {"momentum", "momentum"},
    {"nesterov", "nesterov"},
    {"epsilon", "epsilon"},
    {"rho", "rho"},
    {"beta_1", "beta_1"},
    {"beta_2", "beta_2"},
    {"amsgrad", "amsgrad"},
    {"schedule_decay", "schedule_decay"},
    {NULL, NULL},
};

/* One name is several things, so some carry their class. */
static const translation keras2_slots[] = {
    {"momentum", "momentum"},
    {"RMSprop/accumulator", "velocity"},
    {"Adagrad/accumulator", "accumulator"},
    {"Adadelta/accumulator", "accumulated_grad"},
    {"delta_accumulator", "accumulated_delta_var"},
    {"m", "momentum"},
    {"v", "velocity"},
    {"vhat", "velocity_hat"},
    {"u", "norm"},
    {NULL, NULL},
};
static const translation keras2_settings[] = {
    {"flavour", "keras2"},
    {NULL, NULL},
};

static const translation torch_optimizers[] = {
    {"SGD", "sgd"},         {"Adam", "adam"},       {"AdamW", "adam"},
    {"Adagrad", "adagrad"}, {"RMSprop", "rmsprop"}, {"Adadelta", "adadelta"},
    {"Adamax", "adamax"},   {"NAdam", "nadam"},     {NULL, NULL},
};
static const translation torch_options[] = {
    {"lr", "lr"},
    {"momentum", "momentum"},
    {"nesterov", "nesterov"},
    {"dampening", "dampening"},
    {"weight_decay", "weight_decay"},
    {"maximize", "maximize"},
    {"betas", "betas"},
    {"eps", "eps"},
    {"amsgrad", "amsgrad"},
    {"lr_decay", "lr_decay"},
    {"initial_accumulator_value", "initial_accumulator_value"},
    {"alpha", "alpha"},
    {"centered", "centered"},
    {"rho", "rho"},
    {"momentum_decay", "momentum_decay"},
    {"decoupled_weight_decay", "decoupled_weight_decay"},
    {NULL, NULL},
};
static const translation torch_slots[] = {
    {"momentum_buffer", "momentum"},
    {"step", "step"},
    {"exp_avg", "momentum"},
    {"exp_avg_sq", "velocity"},
    {"max_exp_avg_sq", "velocity_hat"},
    {"sum", "accumulator"},
    {"Adadelta/square_avg", "accumulated_grad"},
    {"RMSprop/square_avg", "velocity"},
    {"grad_avg", "average_gradient"},
    {"acc_delta", "accumulated_delta_var"},
    {"exp_inf", "norm"},
    {"mu_product", "u_product"},
    {NULL, NULL},
};
static const translation torch_settings[] = {
    {"flavour", "torch"},
    {NULL, NULL},
};
static const translation torch_extra[] = {
    {"AdamW/weight_decay", "0.01"},
    {"AdamW/weight_decay_mode", "decoupled"},
    {NULL, NULL},
};

static const flavour flavours[] = {
    {"keras 3.", keras3_optimizers, keras3_options, keras3_slots,
     keras3_settings, none, false},
    {"keras 2.3", keras3_optimizers, keras2_options, keras2_slots,
     keras2_settings, none, false},
    {"torch", torch_optimizers, torch_options, torch_slots, torch_settings,
     torch_extra, true},
};

const flavour *flavour_of(trial *t)
{
    const char *source = take_text(t, t->json, "source");

    if (source == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof flavours / sizeof *flavours; i++)
        if (strncmp(source, flavours[i].source, strlen(flavours[i].source)) ==
            0)
            return &flavours[i];
    trial_fault(t, "source \"%s\": flavour not translated", source);
    return NULL;
}

const char *translate(trial *t, const translation *table, const char *what,
                      const char *theirs)
{
    for (; table->theirs != NULL; table++)
        if (strcmp(table->theirs, theirs) == 0)
            return table->ours;
    trial_fault(t, "%s \"%s\" is not translated", what, theirs);
    return NULL;
}

static bool set_list(trial *t, descent_options *options, const char *name,
                     const json_t *list)
{
    double numbers[64];
    const size_t n = json_array_size(list);

    if (n > sizeof numbers / sizeof *numbers)
        return trial_fault(t, "%s: more than 64 numbers", name);
    return read_numbers(t, list, name, n, numbers) &&
           (descent_options_set_numbers(options, name, numbers, n) ==
                DESCENT_OK ||
            trial_descent_fault(t, name));
}

/* {"class_name": ..., "config": {...}}: the schedule's options keep their
 * names, since the schedule itself refuses those that it does not know. */
static bool set_schedule(trial *t, descent_options *options, const char *name,
                         json_t *json)
{
    const char *kind = take_text(t, json, "class_name");
    json_t *config = take(t, json, "config", JSON_OBJECT);
    descent_options *inner = NULL;
    descent_schedule *schedule = NULL;
    bool right = kind != NULL && config != NULL &&
                 expect_empty(t, json, name) &&
                 options_from(t, config, NULL, &inner);

    if (right &&
        (descent_schedule_create(t->runtime, kind, inner, &schedule) !=
             DESCENT_OK ||
         descent_options_set_schedule(options, name, schedule) != DESCENT_OK))
        right = trial_descent_fault(t, name);
    descent_schedule_release(schedule);
    descent_options_free(inner);
    return right;
}

/* Options that have no single counterpart. */
static bool set_special(trial *t, descent_options *options, const char *name,
                        const json_t *value, bool *done)
{
    double betas[2];

    *done = true;
    if (strcmp(name, "betas") == 0)
        return read_numbers(t, value, name, 2, betas) &&
               ((descent_options_set_number(options, "beta_1", betas[0]) ==
                     DESCENT_OK &&
                 descent_options_set_number(options, "beta_2", betas[1]) ==
                     DESCENT_OK) ||
                trial_descent_fault(t, name));
    if (strcmp(name, "decoupled_weight_decay") == 0)
        return descent_options_set_text(
                   options, "weight_decay_mode",
                   json_is_true(value) ? "decoupled" : "l2") == DESCENT_OK ||
               trial_descent_fault(t, name);
    *done = false;
    return true;
}

static bool set_option(trial *t, descent_options *options, const char *name,
                       json_t *value)
{
    descent_status status;
    bool done;

    if (!set_special(t, options, name, value, &done) || done)
        return done && t->fault[0] == '\0';

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return set_schedule(t, options, name, value);
    case JSON_ARRAY:
        return set_list(t, options, name, value);
    case JSON_NULL:
        status = descent_options_set_none(options, name);
        break;
    case JSON_STRING:
        status =
            descent_options_set_text(options, name, json_string_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        status =
            descent_options_set_boolean(options, name, json_is_true(value));
        break;
    default:
        status =
            descent_options_set_number(options, name, json_number_value(value));
    }
    return status == DESCENT_OK || trial_descent_fault(t, name);
}

bool options_from(trial *t, json_t *config, const translation *rows,
                  descent_options **out)
{
    descent_options *options;
    const char *key;
    json_t *value;

    if (descent_options_create(t->runtime, &options) != DESCENT_OK)
        return trial_descent_fault(t, "options");
    json_object_foreach(config, key, value)
    {
        const char *name =
            rows == NULL ? key : translate(t, rows, "option", key);
        if (name == NULL || !set_option(t, options, name, value)) {
            descent_options_free(options);
            return false;
        }
    }
    *out = options;
    return true;
}
