/* SPDX-License-Identifier: MIT */
/* The schedules of MXNet, PyTorch and common warmups: values at, before and
 * after every boundary, far out, and what is refused. */
#include <math.h>
#include <stdio.h>

#include "support/schedules.h"

#define EXPECT SCHEDULE_EXPECT
#define FAR SCHEDULE_FAR

/* ---- MXNet ---- */

/* The drop for update `step` shows at step + 1. */
static void s12_10_mxnet_factor_drops_after_its_step(void **state)
{
    (void)state;
    EXPECT(schedule_made("factor", "{\"step\": 10, \"factor\": 0.5, "
                                   "\"base_lr\": 1, \"stop_factor_lr\": 0.1}"),
           {0, 1}, {9, 1}, {10, 1}, {11, 0.5}, {20, 0.5}, {21, 0.25},
           {31, 0.125}, {41, 0.1}, {100, 0.1}, {FAR, 0.1});
    EXPECT(schedule_made("factor", "{\"step\": 10, \"factor\": 0.5, "
                                   "\"base_lr\": 1, \"step_offset\": 1}"),
           {9, 1}, {10, 0.5}, {FAR, 1e-8});
    /* The bound acts only when a drop happens. */
    EXPECT(schedule_made("factor", "{\"step\": 2, \"base_lr\": 1e-9}"),
           {2, 1e-9}, {3, 1e-8});
}

static void mxnet_multi_factor_drops_after_its_steps(void **state)
{
    (void)state;
    EXPECT(schedule_made("multi_factor", "{\"step\": [3, 8], \"factor\": 0.5, "
                                         "\"base_lr\": 1}"),
           {0, 1}, {2, 1}, {3, 1}, {4, 0.5}, {8, 0.5}, {9, 0.25}, {80, 0.25},
           {FAR, 0.25});
}

static void mxnet_poly_and_cosine_end_at_the_final_rate(void **state)
{
    static const char options[] = "{\"max_update\": 12, \"base_lr\": 1, "
                                  "\"final_lr\": 0.25, \"warmup_steps\": 2, "
                                  "\"warmup_begin_lr\": 0.5}";

    (void)state;
    EXPECT(schedule_made("poly", options), {0, 0.5}, {1, 0.75}, {2, 1},
           {7, 0.4375}, {11, 0.2575}, {12, 0.25}, {13, 0.25}, {120, 0.25},
           {FAR, 0.25});
    EXPECT(schedule_made("cosine_mx", options), {0, 0.5}, {1, 0.75}, {2, 1},
           {7, 0.625}, {12, 0.25}, {13, 0.25}, {120, 0.25}, {FAR, 0.25});
    EXPECT(schedule_made("cosine", "{\"max_update\": 2, \"warmup_steps\": 1, "
                                   "\"warmup_mode\": \"constant\", "
                                   "\"warmup_begin_lr\": 0.001}"),
           {0, 0.001}, {1, 0.01}, {2, 0});
}

static void mxnet_faults_are_named(void **state)
{
    (void)state;
    schedule_refused("factor", "{}",
                     "factor.step is missing: expected a finite number");
    schedule_refused("factor", "{\"step\": 0}",
                     "factor.step = 0: expected an integer, 1 <= step <= "
                     "9007199254740992");
    schedule_refused("factor", "{\"step\": 1, \"factor\": 1.5}",
                     "factor.factor = 1.5: expected a finite number <= 1");
    schedule_refused("factor",
                     "{\"step\": 1, \"base_lr\": 1, \"warmup_begin_lr\": 2}",
                     "factor.warmup_begin_lr = 2: expected at most base_lr = "
                     "1");
    schedule_refused("factor", "{\"step\": 1, \"warmup_mode\": \"cosine\"}",
                     "factor.warmup_mode = \"cosine\": expected \"linear\" or "
                     "\"constant\"");
    schedule_refused("multi_factor", "{\"step\": [2, 2]}",
                     "multi_factor.step: 2 follows 2: expected strictly "
                     "increasing numbers");
    schedule_refused("multi_factor", "{\"step\": [0]}",
                     "multi_factor.step[0] = 0: expected an integer >= 1");
    schedule_refused("poly", "{\"max_update\": 5, \"warmup_steps\": 5}",
                     "poly.max_update = 5: expected more than warmup_steps = "
                     "5");
}

/* ---- PyTorch ---- */

static void s12_10_torch_drops_at_its_milestones(void **state)
{
    (void)state;
    EXPECT(schedule_made("step", "{\"step_size\": 4, \"gamma\": 0.5}"), {0, 1},
           {3, 1}, {4, 0.5}, {5, 0.5}, {8, 0.25}, {FAR, 0});
    EXPECT(schedule_made("multi_step", "{\"milestones\": [3, 3, 10], "
                                       "\"gamma\": 0.5, \"lr\": 2}"),
           {0, 2}, {2, 2}, {3, 0.5}, {4, 0.5}, {9, 0.5}, {10, 0.25}, {11, 0.25},
           {FAR, 0.25});
    EXPECT(schedule_made("exponential", "{\"gamma\": 0.5}"), {0, 1}, {3, 0.125},
           {FAR, 0});
}

static void torch_factors_end(void **state)
{
    (void)state;
    EXPECT(schedule_made("constant", "{}"), {0, 1.0 / 3}, {4, 1.0 / 3}, {5, 1},
           {6, 1}, {FAR, 1});
    EXPECT(schedule_made("linear", "{\"start_factor\": 0.25, "
                                   "\"total_iters\": 6}"),
           {0, 0.25}, {5, 0.875}, {6, 1}, {7, 1}, {FAR, 1});
    EXPECT(schedule_made("polynomial", "{\"total_iters\": 4, \"power\": 2}"),
           {0, 1}, {3, 0.0625}, {4, 0}, {5, 0}, {FAR, 0});
}

/* Beyond T_max the cosine rises again, with the period 2 T_max. */
static void torch_cosine_annealing_is_not_clamped(void **state)
{
    (void)state;
    EXPECT(
        schedule_made("cosine_annealing", "{\"T_max\": 8, \"eta_min\": 0.5}"),
        {0, 1}, {4, 0.75}, {8, 0.5}, {12, 0.75}, {16, 1}, {20, 0.75}, {FAR, 1},
        {FAR + 4, 0.75}, {FAR + 8, 0.5});
}

static void torch_restarts_begin_anew(void **state)
{
    (void)state;
    EXPECT(schedule_made("cosine_annealing_warm_restarts", "{\"T_0\": 4}"),
           {0, 1}, {2, 0.5}, {3, 0.146446609406726238}, {4, 1}, {6, 0.5},
           {FAR, 1}, {FAR + 2, 0.5});
    EXPECT(schedule_made("cosine_annealing_warm_restarts",
                         "{\"T_0\": 2, \"T_mult\": 2}"),
           {0, 1}, {1, 0.5}, {2, 1}, {4, 0.5}, {6, 1}, {10, 0.5}, {14, 1},
           {FAR - 2, 1}, {FAR - 2 + FAR / 2, 0.5}, {UINT64_MAX, 1});
}

static void torch_cyclic_rises_and_falls(void **state)
{
    (void)state;
    EXPECT(schedule_made("cyclic", "{\"base_lr\": 0, \"max_lr\": 1, "
                                   "\"step_size_up\": 2, \"step_size_down\": "
                                   "6, \"mode\": \"triangular2\"}"),
           {0, 0}, {1, 0.5}, {2, 1}, {5, 0.5}, {8, 0}, {10, 0.5}, {18, 0.25},
           {FAR, 0}, {FAR + 2, 0});
    EXPECT(schedule_made("cyclic_momentum", "{\"base_lr\": 0, \"max_lr\": 1, "
                                            "\"step_size_up\": 2}"),
           {0, 0.9}, {1, 0.85}, {2, 0.8}, {4, 0.9}, {FAR + 2, 0.8});
    /* A function of the cycle, counted from 1. */
    EXPECT(schedule_made("cyclic",
                         "{\"base_lr\": 0, \"max_lr\": 1, \"step_size_up\": 2, "
                         "\"scale_fn\": {\"class_name\": \"ramp\", \"config\": "
                         "{\"from\": 0, \"to\": 4, \"steps\": 4}}}"),
           {2, 1}, {6, 2}, {10, 3});
}

/* The last step is T - 1; from T on the last rate stays. */
static void s12_10_torch_one_cycle_stays_at_its_end(void **state)
{
    static const char options[] = "{\"max_lr\": 1, \"total_steps\": 10, "
                                  "\"anneal_strategy\": \"linear\", "
                                  "\"pct_start\": 0.4, \"div_factor\": 4, "
                                  "\"final_div_factor\": 2}";

    (void)state;
    EXPECT(schedule_made("one_cycle", options), {0, 0.25}, {1, 0.5}, {3, 1},
           {6, 0.5625}, {9, 0.125}, {10, 0.125}, {11, 0.125}, {100, 0.125},
           {FAR, 0.125});
    EXPECT(schedule_made("one_cycle_momentum", options), {0, 0.95}, {3, 0.85},
           {6, 0.9}, {9, 0.95}, {10, 0.95}, {FAR, 0.95});
    EXPECT(schedule_made("one_cycle", "{\"max_lr\": 1, \"epochs\": 2, "
                                      "\"steps_per_epoch\": 5}"),
           {0, 0.04}, {9, 4e-6}, {10, 4e-6});
    /* Without a rise it begins one step after the top. */
    EXPECT(schedule_made("one_cycle",
                         "{\"max_lr\": 1, \"total_steps\": 5, \"pct_start\": "
                         "0, \"anneal\": \"linear\", \"div_factor\": 1, "
                         "\"final_div_factor\": 2}"),
           {0, 0.9}, {4, 0.5}, {5, 0.5});
}

static void torch_sequences_restart_their_parts(void **state)
{
    (void)state;
    EXPECT(schedule_made(
               "sequential",
               "{\"milestones\": [2, 5], \"schedulers\": ["
               "{\"class_name\": \"hold\", \"config\": {\"value\": 7}}, "
               "{\"class_name\": \"ExponentialLR\", \"config\": {\"gamma\": "
               "0.5}}, "
               "{\"class_name\": \"LinearLR\", \"config\": {\"start_factor\": "
               "0.5, \"total_iters\": 2}}]}"),
           {0, 7}, {1, 7}, {2, 1}, {3, 0.5}, {4, 0.25}, {5, 0.5}, {6, 0.75},
           {7, 1}, {FAR, 1});
    EXPECT(schedule_made(
               "chained",
               "{\"base_lr\": 2, \"schedules\": ["
               "{\"class_name\": \"ConstantLR\", \"config\": {\"base_lr\": 2, "
               "\"factor\": 0.5, \"total_iters\": 3}}, "
               "{\"class_name\": \"ExponentialLR\", \"config\": {\"base_lr\": "
               "2, \"gamma\": 0.5}}]}"),
           {0, 1}, {2, 0.25}, {3, 0.25}, {4, 0.125}, {FAR, 0});
}

/* At the boundary Optax is in the next piece, Keras still in the last one. */
static void s12_10_optax_and_keras_disagree_at_a_boundary(void **state)
{
    (void)state;
    EXPECT(schedule_made("join",
                         "{\"boundaries\": [4], \"schedules\": ["
                         "{\"class_name\": \"hold\", \"config\": {\"value\": "
                         "1}}, {\"class_name\": \"hold\", \"config\": "
                         "{\"value\": 0.5}}]}"),
           {3, 1}, {4, 0.5}, {5, 0.5});
    EXPECT(schedule_made("piecewise_constant_decay",
                         "{\"boundaries\": [4], \"values\": [1, 0.5]}"),
           {3, 1}, {4, 1}, {5, 0.5});
}

static void torch_faults_are_named(void **state)
{
    (void)state;
    schedule_refused("step", "{\"step_size\": -1}",
                     "step.step_size = -1: expected an integer, 1 <= step_size "
                     "<= 9007199254740992");
    schedule_refused("step", "{\"step_size\": 1, \"lr\": 1, \"base_lr\": 1}",
                     "step: 'lr' and 'base_lr' are the same option: expected "
                     "one of them");
    schedule_refused("constant", "{\"factor\": 1.5}",
                     "constant.factor = 1.5: expected 0 <= factor <= 1");
    schedule_refused("linear", "{\"start_factor\": 0}",
                     "linear.start_factor = 0: expected 0 < start_factor <= "
                     "1");
    schedule_refused("one_cycle", "{\"max_lr\": 1}",
                     "one_cycle: expected either total_steps, or epochs and "
                     "steps_per_epoch");
    schedule_refused("one_cycle",
                     "{\"max_lr\": 1, \"total_steps\": 5, \"epochs\": 2}",
                     "one_cycle: expected either total_steps, or epochs and "
                     "steps_per_epoch");
    schedule_refused("one_cycle_momentum",
                     "{\"max_lr\": 1, \"total_steps\": 5, \"cycle_momentum\": "
                     "false}",
                     "one_cycle_momentum.cycle_momentum = false: expected "
                     "true");
    schedule_refused("lambda", "{\"f\": 2}",
                     "lambda.f = 2: expected a schedule");
    schedule_refused("sequential", "{\"schedules\": [], \"milestones\": []}",
                     "sequential.schedules is a list: expected a list of "
                     "schedules");
    schedule_refused("chained",
                     "{\"schedules\": [{\"class_name\": \"hold\", \"config\": "
                     "{\"value\": 1}}], \"base_lr\": 0}",
                     "chained.base_lr = 0: expected a finite number but 0");
    schedule_refused("join",
                     "{\"schedules\": [{\"class_name\": \"hold\", \"config\": "
                     "{\"value\": 1}}], \"boundaries\": [3]}",
                     "join.boundaries has 1 numbers: expected 0, one less than "
                     "schedules");
    schedule_refused("reduce_on_plateau", "{\"factor\": 1}",
                     "reduce_on_plateau.factor = 1: expected 0 <= factor < 1");
}

/* ---- Warmups ---- */

static void warmups_end_at_their_peak(void **state)
{
    (void)state;
    EXPECT(schedule_made("constant_with_warmup",
                         "{\"peak_lr\": 2, \"num_warmup_steps\": 4}"),
           {0, 0}, {3, 1.5}, {4, 2}, {5, 2}, {FAR, 2});
    EXPECT(schedule_made("linear_with_warmup",
                         "{\"peak_lr\": 2, \"warmup_steps\": 4, "
                         "\"num_training_steps\": 8}"),
           {0, 0}, {3, 1.5}, {4, 2}, {5, 1.5}, {7, 0.5}, {8, 0}, {9, 0},
           {FAR, 0});
    EXPECT(schedule_made("cosine_with_warmup",
                         "{\"peak_lr\": 2, \"warmup_steps\": 4, "
                         "\"total_steps\": 8, \"min_ratio\": 0.5}"),
           {0, 0}, {3, 1.5}, {4, 2}, {6, 1.5}, {8, 1}, {9, 1}, {80, 1},
           {FAR, 1});
    EXPECT(schedule_made("cosine_hard_restarts_with_warmup",
                         "{\"peak_lr\": 2, \"warmup_steps\": 4, "
                         "\"total_steps\": 12, \"num_cycles\": 2}"),
           {3, 1.5}, {4, 2}, {6, 1}, {8, 2}, {10, 1}, {12, 0}, {13, 0},
           {FAR, 0});
    EXPECT(schedule_made("polynomial_with_warmup",
                         "{\"peak_lr\": 2, \"warmup_steps\": 4, "
                         "\"total_steps\": 8, \"power\": 2, \"lr_end\": 1}"),
           {3, 1.5}, {4, 2}, {6, 1.25}, {8, 1}, {9, 1}, {FAR, 1});
    schedule_refused("polynomial_with_warmup",
                     "{\"peak_lr\": 1, \"warmup_steps\": 4, \"total_steps\": "
                     "8, \"lr_end\": 1}",
                     "polynomial_with_warmup.peak_learning_rate = 1: expected "
                     "more than end_learning_rate = 1");
}

static void roots_fall_from_their_warmup(void **state)
{
    (void)state;
    EXPECT(
        schedule_made("inverse_sqrt", "{\"peak_lr\": 2, \"warmup_steps\": 4}"),
        {0, 0}, {3, 1.5}, {4, 2}, {16, 1}, {64, 0.5}, {FAR, 2 / sqrt(0x1p38)});
    EXPECT(
        schedule_made("inverse_sqrt", "{\"peak_lr\": 2, \"warmup_steps\": 0}"),
        {0, 2}, {30000, 1});
    EXPECT(schedule_made("noam", "{\"d_model\": 16, \"warmup_steps\": 4}"),
           {0, 0.03125}, {3, 0.125}, {15, 0.0625}, {FAR - 1, 0.25 * 0x1p-20});
}

static void wsd_rises_stays_and_falls(void **state)
{
    (void)state;
    EXPECT(schedule_made("wsd", "{\"peak_lr\": 2, \"warmup_steps\": 4, "
                                "\"stable_steps\": 2, \"decay_steps\": 4}"),
           {0, 0}, {3, 1.5}, {4, 2}, {5, 2}, {6, 2}, {7, 1.5}, {9, 0.5},
           {10, 0}, {11, 0}, {FAR, 0});
    EXPECT(schedule_made("wsd",
                         "{\"peak_lr\": 2, \"warmup_steps\": 4, "
                         "\"stable_steps\": 2, \"decay_steps\": 4, "
                         "\"min_ratio\": 0.5, \"warmup_type\": \"sqrt1\", "
                         "\"decay_type\": \"cosine\"}"),
           {0, 1}, {3, 1.5}, {4, 2}, {6, 2}, {8, 1.5}, {10, 1}, {FAR, 1});
}

static void decay_steps_include_the_warmup(void **state)
{
    (void)state;
    EXPECT(schedule_made("warmup_cosine_decay",
                         "{\"init_value\": 0.5, \"peak_value\": 2, "
                         "\"warmup_steps\": 3, \"decay_steps\": 7, "
                         "\"end_value\": 1}"),
           {0, 0.5}, {2, 1.5}, {3, 2}, {5, 1.5}, {7, 1}, {8, 1}, {FAR, 1});
    EXPECT(schedule_made("warmup_exponential_decay",
                         "{\"peak_value\": 2, \"warmup_steps\": 2, "
                         "\"transition_steps\": 2, \"decay_rate\": 0.5, "
                         "\"transition_begin\": 1, \"end_value\": 0.4, "
                         "\"staircase\": true}"),
           {0, 0}, {1, 1}, {2, 2}, {3, 2}, {4, 2}, {5, 1}, {7, 0.5}, {9, 0.4},
           {FAR, 0.4});
}

static void a_warmup_goes_before_any_schedule(void **state)
{
    (void)state;
    EXPECT(schedule_made("warmup",
                         "{\"schedule\": {\"class_name\": \"LinearLR\", "
                         "\"config\": {\"start_factor\": 0.5, "
                         "\"total_iters\": 4}}, \"warmup_steps\": 2}"),
           {0, 0}, {1, 0.375}, {2, 0.75}, {3, 0.875}, {4, 1}, {FAR, 1});
    EXPECT(schedule_made("warmup",
                         "{\"schedule\": {\"class_name\": \"LinearLR\", "
                         "\"config\": {\"start_factor\": 0.5, "
                         "\"total_iters\": 4}}, \"warmup_steps\": 2, "
                         "\"shift\": true, \"from\": 0.125, \"mode\": "
                         "\"exponential\"}"),
           {0, 0.125}, {1, 0.25}, {2, 0.5}, {4, 0.75}, {6, 1}, {FAR, 1});
}

/* ---- Blocks ---- */

static void ramps_reach_both_ends(void **state)
{
    static const struct {
        const char *shape;
        double quarter, half;
    } rows[] = {{"linear", 1.75, 2.5},
                {"cosine", 1.43933982822017871, 2.5},
                {"exponential", 1.41421356237309515, 2},
                {"sqrt1", 2.5, 3.12132034355964239}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char json[128];
        snprintf(json, sizeof json,
                 "{\"from\": 1, \"to\": 4, \"steps\": 8, \"shape\": \"%s\"}",
                 rows[i].shape);
        descent_schedule *s = schedule_made("ramp", json);
        assert_true(schedule_at(s, 0) == 1);
        assert_true(schedule_at(s, 7) < 4);
        assert_true(schedule_at(s, 8) == 4);
        assert_true(schedule_at(s, 9) == 4);
        EXPECT(s, {2, rows[i].quarter}, {4, rows[i].half}, {80, 4}, {FAR, 4});
    }
    EXPECT(schedule_made("ramp", "{\"from\": 1, \"to\": 4, \"steps\": 0}"),
           {0, 4});
    schedule_refused(
        "ramp",
        "{\"from\": 0, \"to\": 4, \"steps\": 8, \"shape\": "
        "\"exponential\"}",
        "ramp.shape = \"exponential\": expected from and to of one "
        "sign and not 0, got 0 and 4");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_10_mxnet_factor_drops_after_its_step),
        cmocka_unit_test(mxnet_multi_factor_drops_after_its_steps),
        cmocka_unit_test(mxnet_poly_and_cosine_end_at_the_final_rate),
        cmocka_unit_test(mxnet_faults_are_named),
        cmocka_unit_test(s12_10_torch_drops_at_its_milestones),
        cmocka_unit_test(torch_factors_end),
        cmocka_unit_test(torch_cosine_annealing_is_not_clamped),
        cmocka_unit_test(torch_restarts_begin_anew),
        cmocka_unit_test(torch_cyclic_rises_and_falls),
        cmocka_unit_test(s12_10_torch_one_cycle_stays_at_its_end),
        cmocka_unit_test(torch_sequences_restart_their_parts),
        cmocka_unit_test(s12_10_optax_and_keras_disagree_at_a_boundary),
        cmocka_unit_test(torch_faults_are_named),
        cmocka_unit_test(warmups_end_at_their_peak),
        cmocka_unit_test(roots_fall_from_their_warmup),
        cmocka_unit_test(wsd_rises_stays_and_falls),
        cmocka_unit_test(decay_steps_include_the_warmup),
        cmocka_unit_test(a_warmup_goes_before_any_schedule),
        cmocka_unit_test(ramps_reach_both_ends),
    };

    return cmocka_run_group_tests_name("schedule systems", tests,
                                       schedules_setup, schedules_teardown);
}
