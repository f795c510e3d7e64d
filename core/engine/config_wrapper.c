/* SPDX-License-Identifier: MIT */
/* The optimizer in which Keras 3 wraps another one to scale its loss. */
#include <math.h>

#include "engine/config.h"

/* Options that the wrapper has from its base class and that do nothing there:
 * early releases of Keras 3 wrote them, and later ones accept them, as they
 * are by default. */
static const struct {
    const char *key, *expected;
    double usual; /* NaN: null; booleans as 0 and 1 */
} idle[] = {
    {"weight_decay", "null", NAN},
    {"clipnorm", "null", NAN},
    {"global_clipnorm", "null", NAN},
    {"clipvalue", "null", NAN},
    {"use_ema", "false", 0},
    {"ema_momentum", "0.99", 0.99},
    {"ema_overwrite_frequency", "null", NAN},
    {"loss_scale_factor", "null", NAN},
    {"gradient_accumulation_steps", "null", NAN},
};

static bool is_usual(const json_t *value, double usual)
{
    if (isnan(usual))
        return json_is_null(value);
    return usual == 0 ? json_is_false(value)
                      : json_number_value(value) == usual;
}

static descent_status check_idle(const json_t *wrapper)
{
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        const json_t *value = json_object_get(wrapper, idle[i].key);
        if (value != NULL && !is_usual(value, idle[i].usual))
            return status_fail(DESCENT_ERR_ARGUMENT,
                               CONFIG_WRAPPER
                               ".%s: expected %s, because it does nothing "
                               "there: set it in inner_optimizer",
                               idle[i].key, idle[i].expected);
    }
    return DESCENT_OK;
}

descent_status config_check_wrapper(const json_t *wrapper)
{
    static const char *const own[] = {"name", "inner_optimizer",
                                      "initial_scale", "dynamic_growth_steps",
                                      "dynamic"};
    enum { OWN = sizeof own / sizeof *own, IDLE = sizeof idle / sizeof *idle };
    const char *keys[OWN + IDLE + 1] = {NULL};
    const json_t *dynamic = json_object_get(wrapper, "dynamic");

    for (size_t i = 0; i < OWN; i++)
        keys[i] = own[i];
    for (size_t i = 0; i < IDLE; i++)
        keys[OWN + i] = idle[i].key;
    TRY(config_refuse_keys(CONFIG_WRAPPER, wrapper, keys));
    TRY(check_idle(wrapper));
    if (dynamic != NULL && !json_is_true(dynamic))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           CONFIG_WRAPPER ".dynamic: expected true; a fixed "
                                          "scale is loss_scale_factor");
    if (!json_is_object(json_object_get(wrapper, "inner_optimizer")))
        return status_fail(DESCENT_ERR_ARGUMENT,
                           CONFIG_WRAPPER ".inner_optimizer: expected the "
                                          "configuration of an optimizer");
    return DESCENT_OK;
}

descent_status config_add_scaling(const json_t *scaling, json_t *object)
{
    static const char *const names[][2] = {
        {"initial_scale", "loss_scale.initial_scale"},
        {"dynamic_growth_steps", "loss_scale.dynamic_growth_steps"},
    };
    bool failed = json_object_set_new(object, "loss_scale", json_true()) != 0;

    for (size_t i = 0; i < 2; i++) {
        json_t *value = json_object_get(scaling, names[i][0]);
        if (value != NULL && !json_is_null(value))
            failed = failed || json_object_set(object, names[i][1], value) != 0;
    }
    /* As in Keras the wrapper's scale takes the place of a fixed one. */
    json_object_del(object, "loss_scale_factor");
    return failed
               ? status_fail(DESCENT_ERR_MEMORY, "configuration: out of memory")
               : DESCENT_OK;
}
