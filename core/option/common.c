/* SPDX-License-Identifier: MIT */
/* The options that every optimizer has, declared as a plugin declares its own:
 * an initial value of NaN is none. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "option/table.h"

#define ROW(name, aliases, choices, type, flags, initial, min, max, help)      \
    {                                                                          \
        sizeof(descent_param), DESCENT_PARAM_##type, flags, name, help,        \
            initial, min, max, choices, aliases                                \
    }

enum {
    ABOVE_MINIMUM = DESCENT_PARAM_MIN_OPEN,
    STRUCTURAL = DESCENT_PARAM_STRUCTURAL,
    INFINITE = DESCENT_PARAM_INFINITE
};

static const char *const rate_names[] = {"lr", NULL};
static const char *const decay_names[] = {"wd", NULL};
static const char *const clip_names[] = {"clip_gradient", NULL};
static const char *const decay_modes[] = {"decoupled", "l2", NULL};
static const char *const flavours[] = {"keras3", "keras2", "mxnet", "torch",
                                       NULL};
static const char *const scopes[] = {"tensor", "global", NULL};
static const char *const counters[] = {"global", "per_tensor", NULL};
static const char *const clocks[] = {"iterations", "updates", NULL};
static const char *const precisions[] = {"compute", "f32", NULL};
static const char *const ema_moments[] = {"update", "iteration", NULL};

static const char *const masters[] = {"none", "f32", "kahan", "stochastic",
                                      NULL};
static const char *const slot_dtypes[] = {"f32", "same", NULL};
static const char *const nonfinite[] = {"propagate", "skip_step", "error",
                                        NULL};
/* As PyTorch's scaler calls them. */
static const char *const initial_scale_names[] = {"loss_scale.init_scale",
                                                  NULL};
static const char *const growth_steps_names[] = {"loss_scale.growth_interval",
                                                 NULL};
static const char *const sparse_modes[] = {"dense", "lazy", NULL};

static const descent_param rows[OPTION_COMMON] = {
    [OPTION_FLAVOUR] =
        ROW("flavour", NULL, flavours, CHOICE, STRUCTURAL, FLAVOUR_KERAS3, 0, 3,
            "Whose defaults and choices of formula to take."),
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
    [OPTION_CLIP_EPSILON] =
        ROW("clip_epsilon", NULL, NULL, REAL, 0, 0, 0, HUGE_VAL,
            "Added to a norm before it is held against its limit."),
    [OPTION_REPORT_NORM] =
        ROW("report_norm", NULL, NULL, BOOL, STRUCTURAL, 0, 0, 1,
            "Report the norm of all gradients also when nothing needs it."),
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
    [OPTION_LOSS_SCALE] =
        ROW("loss_scale", NULL, NULL, BOOL, STRUCTURAL, 0, 0, 1,
            "Scale the loss by as much as the gradients bear: steps whose "
            "gradients are not finite are skipped and lower the scale."),
    [OPTION_LOSS_SCALE_INITIAL] =
        ROW("loss_scale.initial_scale", initial_scale_names, NULL, REAL,
            ABOVE_MINIMUM | STRUCTURAL, 0x1p15, 0, HUGE_VAL,
            "The scale of the first step."),
    [OPTION_LOSS_SCALE_GROWTH_STEPS] =
        ROW("loss_scale.dynamic_growth_steps", growth_steps_names, NULL, INT,
            STRUCTURAL, 2000, 1, HUGE_VAL,
            "The scale grows after so many finite steps in a row."),
    [OPTION_LOSS_SCALE_GROWTH] =
        ROW("loss_scale.growth_factor", NULL, NULL, REAL, STRUCTURAL, 2, 1,
            HUGE_VAL, "By how much it grows, a power of two."),
    [OPTION_LOSS_SCALE_BACKOFF] =
        ROW("loss_scale.backoff_factor", NULL, NULL, REAL,
            ABOVE_MINIMUM | STRUCTURAL, 0.5, 0, 1,
            "What a skipped step multiplies it by, a power of two."),
    [OPTION_LOSS_SCALE_MIN] =
        ROW("loss_scale.min", NULL, NULL, REAL, ABOVE_MINIMUM | STRUCTURAL,
            0x1p-24, 0, HUGE_VAL, "It falls no lower."),
    [OPTION_LOSS_SCALE_MAX] =
        ROW("loss_scale.max", NULL, NULL, REAL, ABOVE_MINIMUM | STRUCTURAL,
            0x1p24, 0, HUGE_VAL, "It grows no higher."),
    [OPTION_ON_NONFINITE] =
        ROW("on_nonfinite", NULL, nonfinite, CHOICE, STRUCTURAL,
            NONFINITE_PROPAGATE, 0, 2,
            "What to do with a NaN or an infinity in a gradient: let it pass "
            "into the weights, leave the whole step out, or fail."),
    [OPTION_SKIP_COUNTS] =
        ROW("skip_counts", NULL, NULL, BOOL, STRUCTURAL, 0, 0, 1,
            "A step that is left out counts among the calls of step."),
    [OPTION_GRADIENT_ACCUMULATION_STEPS] =
        ROW("gradient_accumulation_steps", NULL, NULL, INT, STRUCTURAL, NAN, 1,
            HUGE_VAL, "Update once in so many steps, with the mean gradient."),
    [OPTION_MAXIMIZE] = ROW("maximize", NULL, NULL, BOOL, STRUCTURAL, 0, 0, 1,
                            "Step along the gradient instead of against it."),
    [OPTION_RESCALE_GRAD] =
        ROW("rescale_grad", NULL, NULL, REAL, 0, 1, -HUGE_VAL, HUGE_VAL,
            "Multiplies every gradient, before clipping."),
    [OPTION_CLIP_SCOPE] = ROW(
        "clip_scope", NULL, scopes, CHOICE, STRUCTURAL, CLIP_SCOPE_TENSOR, 0, 1,
        "Whether clipnorm is about each tensor, or about all together."),
    [OPTION_DECAY] =
        ROW("decay", NULL, NULL, REAL, STRUCTURAL, NAN, 0, HUGE_VAL,
            "Divide the rate by 1 + decay * n at step n, as Keras "
            "2.3 does; ignored in other flavours."),
    [OPTION_COUNTER] =
        ROW("counter", NULL, counters, CHOICE, STRUCTURAL, COUNTER_GLOBAL, 0, 1,
            "What bias correction counts: the optimizer's updates, or each "
            "tensor's own."),
    [OPTION_SCHEDULE_COUNTER] =
        ROW("schedule_counter", NULL, clocks, CHOICE, STRUCTURAL,
            SCHEDULE_COUNTER_ITERATIONS, 0, 1,
            "What schedules count: calls of step, or updates."),
    [OPTION_STEP_OFFSET] =
        ROW("step_offset", NULL, NULL, INT, STRUCTURAL, 0, 0, HUGE_VAL,
            "Added to the step that schedules are asked for; MXNet's count "
            "from 1."),
    [OPTION_BEGIN_NUM_UPDATE] =
        ROW("begin_num_update", NULL, NULL, INT, STRUCTURAL, 0, 0, HUGE_VAL,
            "Updates that counters and schedules start from."),
    [OPTION_SCALARS] = ROW(
        "scalars", NULL, precisions, CHOICE, STRUCTURAL, SCALARS_COMPUTE, 0, 1,
        "Round the scalars of an update to f32 for f64 tensors too, as "
        "MXNet's kernels do."),
    [OPTION_LEARNING_RATE_F32] =
        ROW("learning_rate_f32", NULL, NULL, BOOL, STRUCTURAL, 0, 0, 1,
            "Round the rate to f32, as Keras keeps it."),
    [OPTION_USE_FUSED_STEP] =
        ROW("use_fused_step", NULL, NULL, BOOL, STRUCTURAL, 1, 0, 1,
            "Let the plugin do a step's options in its own sweep; changes no "
            "bit."),
    [OPTION_FLUSH_DENORMALS] =
        ROW("flush_denormals", NULL, NULL, BOOL, STRUCTURAL, 0, 0, 1,
            "Take the numbers next to zero for zero while weights are "
            "updated, which is quicker on some processors."),
    [OPTION_AGGREGATE_NUM] =
        ROW("aggregate_num", NULL, NULL, INT, STRUCTURAL | INFINITE, NAN, 1,
            HUGE_VAL,
            "Most tensors that the plugin gets in one call; changes no bit."),
    [OPTION_MASTER] =
        ROW("master", NULL, masters, CHOICE, STRUCTURAL, MASTER_NONE, 0, 3,
            "Beside 16-bit weights keep a copy in f32, or what rounding took "
            "away, or nothing but round by chance."),
    [OPTION_MULTI_PRECISION] = ROW("multi_precision", NULL, NULL, BOOL,
                                   STRUCTURAL, 0, 0, 1, "master = \"f32\"."),
    [OPTION_SLOT_DTYPE] =
        ROW("slot_dtype", NULL, slot_dtypes, CHOICE, STRUCTURAL, SLOTS_F32, 0,
            1, "Store the state of 16-bit weights in f32, or as the weights."),
    [OPTION_SPARSE] = ROW(
        "sparse", NULL, sparse_modes, CHOICE, STRUCTURAL, SPARSE_DENSE, 0, 1,
        "Take a row-sparse gradient for one with zeros elsewhere, or "
        "update only the rows that it lists."),
    [OPTION_LAZY_UPDATE] = ROW("lazy_update", NULL, NULL, BOOL, STRUCTURAL, 0,
                               0, 1, "sparse = \"lazy\"."),
    [OPTION_SEED] = ROW("seed", NULL, NULL, INT, STRUCTURAL, 0, 0, 0x1p53 - 1,
                        "Random numbers follow from it, whatever the threads."),
    [OPTION_LR_MULT] = ROW("lr_mult", NULL, NULL, REAL, 0, 1, 0, HUGE_VAL,
                           "Multiplies the rate; meant for groups."),
    [OPTION_WD_MULT] = ROW("wd_mult", NULL, NULL, REAL, 0, 1, 0, HUGE_VAL,
                           "Multiplies the weight decay; meant for groups."),
    [OPTION_FREEZE] = ROW("freeze", NULL, NULL, BOOL, 0, 0, 0, 1,
                          "Leave the weights as they are; meant for groups."),
    [OPTION_NAME] = ROW("name", NULL, NULL, TEXT, STRUCTURAL, NAN, 0, 0,
                        "A name for messages."),
};

#define PRESET(flavour, param, value)                                          \
    {                                                                          \
        sizeof(descent_preset), 0, flavour, param, value                       \
    }

static const descent_preset presets[] = {
    PRESET("keras2", "clip_scope", CLIP_SCOPE_GLOBAL),
    PRESET("mxnet", "weight_decay_mode", DECAY_L2),
    PRESET("mxnet", "counter", COUNTER_PER_TENSOR),
    PRESET("mxnet", "step_offset", 1),
    PRESET("mxnet", "scalars", SCALARS_F32),
    PRESET("torch", "weight_decay_mode", DECAY_L2),
    PRESET("torch", "counter", COUNTER_PER_TENSOR),
    PRESET("torch", "clip_epsilon", 1e-6),
};

const descent_preset *descent_common_preset(size_t i)
{
    return i < sizeof presets / sizeof *presets ? &presets[i] : NULL;
}

const descent_param *descent_common_option(size_t i)
{
    return i < OPTION_COMMON ? &rows[i] : NULL;
}

int descent_option_has_parts(const char *name)
{
    const size_t length = strlen(name);

    for (size_t i = 0; i < OPTION_COMMON; i++)
        if (strncmp(rows[i].name, name, length) == 0 &&
            rows[i].name[length] == '.')
            return 1;
    return 0;
}
