/* SPDX-License-Identifier: MIT */
/* The options that every optimizer has, declared as a plugin declares its own:
 * an initial value of NaN is none. */
#include <math.h>

#include "base/text.h"
#include "option/table.h"

#define ROW(name, aliases, choices, type, flags, initial, min, max, help)      \
    {                                                                          \
        sizeof(descent_param), DESCENT_PARAM_##type, flags, name, help,        \
            initial, min, max, choices, aliases                                \
    }

enum {
    ABOVE_MINIMUM = DESCENT_PARAM_MIN_OPEN,
    STRUCTURAL = DESCENT_PARAM_STRUCTURAL
};

static const char *const rate_names[] = {"lr", NULL};
static const char *const decay_names[] = {"wd", NULL};
static const char *const clip_names[] = {"clip_gradient", NULL};
static const char *const decay_modes[] = {"decoupled", "l2", NULL};
static const char *const ema_moments[] = {"update", "iteration", NULL};

static const descent_param rows[OPTION_COMMON] = {
    [OPTION_LEARNING_RATE] = ROW("learning_rate", rate_names, NULL, REAL, 0,
                                 0.001, 0, HUGE_VAL, "Step size."),
    [OPTION_WEIGHT_DECAY] =
        ROW("weight_decay", decay_names, NULL, REAL, 0, NAN, 0, HUGE_VAL,
            "Shrink the weights by this part of the rate at every update."),
    [OPTION_WEIGHT_DECAY_MODE] =
        ROW("weight_decay_mode", NULL, decay_modes, CHOICE, STRUCTURAL,
            DECAY_DECOUPLED, 0, 1,
            "Shrink the weights themselves, or add the decay to the clipped "
            "gradient."),
    [OPTION_CLIPNORM] =
        ROW("clipnorm", NULL, NULL, REAL, ABOVE_MINIMUM, NAN, 0, HUGE_VAL,
            "Largest norm of each tensor's gradient."),
    [OPTION_CLIPVALUE] =
        ROW("clipvalue", clip_names, NULL, REAL, ABOVE_MINIMUM, NAN, 0,
            HUGE_VAL, "Largest magnitude of a gradient's element."),
    [OPTION_GLOBAL_CLIPNORM] =
        ROW("global_clipnorm", NULL, NULL, REAL, ABOVE_MINIMUM, NAN, 0,
            HUGE_VAL, "Largest norm of all gradients together."),
    [OPTION_USE_EMA] = ROW("use_ema", NULL, NULL, BOOL, STRUCTURAL, 0, 0, 1,
                           "Keep a moving average of the weights."),
    [OPTION_EMA_MOMENTUM] =
        ROW("ema_momentum", NULL, NULL, REAL, 0, 0.99, 0, 1,
            "Part of the average that is kept at each update."),
    [OPTION_EMA_OVERWRITE_FREQUENCY] =
        ROW("ema_overwrite_frequency", NULL, NULL, INT, 0, NAN, 1, HUGE_VAL,
            "Write the averages into the weights every so many updates."),
    [OPTION_EMA_ON] = ROW(
        "ema_on", NULL, ema_moments, CHOICE, STRUCTURAL, EMA_ON_UPDATE, 0, 1,
        "Average at updates, or at every call of step, as Keras 3 does "
        "under accumulation."),
    [OPTION_LOSS_SCALE_FACTOR] = ROW(
        "loss_scale_factor", NULL, NULL, REAL, ABOVE_MINIMUM | STRUCTURAL, NAN,
        0, HUGE_VAL, "Gradients arrive multiplied by this; it is removed."),
    [OPTION_GRADIENT_ACCUMULATION_STEPS] =
        ROW("gradient_accumulation_steps", NULL, NULL, INT, STRUCTURAL, NAN, 1,
            HUGE_VAL, "Update once in so many steps, with the mean gradient."),
    [OPTION_MAXIMIZE] = ROW("maximize", NULL, NULL, BOOL, STRUCTURAL, 0, 0, 1,
                            "Step along the gradient instead of against it."),
    [OPTION_USE_FUSED_STEP] =
        ROW("use_fused_step", NULL, NULL, BOOL, STRUCTURAL, 1, 0, 1,
            "Let the plugin do a step's options in its own sweep; changes no "
            "bit."),
    [OPTION_NAME] = ROW("name", NULL, NULL, TEXT, STRUCTURAL, NAN, 0, 0,
                        "A name for messages."),
};

const descent_param *descent_common_option(size_t i)
{
    return i < OPTION_COMMON ? &rows[i] : NULL;
}
