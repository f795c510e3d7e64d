/* SPDX-License-Identifier: MIT */
/* Keras 3 and Keras 2.3. */
#include "run.h"

#include <stdio.h>
#include <string.h>

static const translation optimizers[] = {
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

/* Keras searches the names, joined as alternatives, in each variable's name. */
static bool exclude(trial *t, run *r)
{
    json_t *lists = take_optional(t, t->json, "exclude_from_weight_decay");
    json_t *names;
    char match[512] = "";

    if (lists == NULL)
        return true;
    names = take(t, lists, "var_names", JSON_ARRAY);
    if (names == NULL || !expect_empty(t, lists, "exclude_from_weight_decay"))
        return false;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const size_t used = strlen(match);
        const char *text = json_string_value(json_array_get(names, i));
        if (text == NULL || used + strlen(text) + 2 > sizeof match)
            return trial_fault(t, "var_names[%zu]: expected a short string", i);
        snprintf(match + used, sizeof match - used, "%s%s", i == 0 ? "" : "|",
                 text);
    }
    return descent_optimizer_exclude_from_weight_decay(r->optimizer, NULL, 0,
                                                       match) == DESCENT_OK ||
           trial_descent_fault(t, "exclude_from_weight_decay");
}

const flavour flavour_keras3 = {
    .source = "keras 3.",
    .optimizers = optimizers,
    .options = keras3_options,
    .slots = keras3_slots,
    .settings = keras3_settings,
    .bind = exclude,
};

/* ---- Keras 2.3 ---- */

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

const flavour flavour_keras2 = {
    .source = "keras 2.3",
    .optimizers = optimizers,
    .options = keras2_options,
    .slots = keras2_slots,
    .settings = keras2_settings,
};
