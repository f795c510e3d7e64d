/* SPDX-License-Identifier: MIT */
/* PyTorch. */
#include "run.h"

#include <string.h>

static const translation optimizers[] = {
    {"SGD", "sgd"},         {"Adam", "adam"},       {"AdamW", "adam"},
    {"Adagrad", "adagrad"}, {"RMSprop", "rmsprop"}, {"Adadelta", "adadelta"},
    {"Adamax", "adamax"},   {"NAdam", "nadam"},     {NULL, NULL},
};
static const translation words[] = {
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
static const translation slots[] = {
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
static const translation settings[] = {
    {"flavour", "torch"},
    {NULL, NULL},
};

/* AdamW is no class of ours, but two defaults. */
static bool adapt(trial *t, run *r, json_t *config, descent_options *options)
{
    if (strcmp(r->class_name, "AdamW") != 0)
        return true;
    if (json_object_get(config, "weight_decay") == NULL &&
        descent_options_set_number(options, "weight_decay", 0.01) != DESCENT_OK)
        return trial_descent_fault(t, "weight_decay");
    return descent_options_set_text(options, "weight_decay_mode",
                                    "decoupled") == DESCENT_OK ||
           trial_descent_fault(t, "weight_decay_mode");
}

const flavour flavour_torch = {
    .source = "torch",
    .optimizers = optimizers,
    .options = words,
    .slots = slots,
    .settings = settings,
    .adapt = adapt,
    .one_tolerance = true,
};
