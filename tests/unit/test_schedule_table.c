/* SPDX-License-Identifier: MIT */
/* Every kind of schedule at 0, one before, at and one after each boundary, at
 * ten times its horizon and at 2^40; again after its state was saved and loaded;
 * and monotonic where that is promised.  The values follow from the formulas, in
 * arithmetic of 50 digits. */
#include <math.h>
#include <string.h>

#include "support/schedules.h"

enum { BOUNDARIES = 3, POINTS = 3 * BOUNDARIES + 3 };

/* The course up to ten times the horizon: PEAKS rises to the first boundary and
 * then falls. */
typedef enum promise { NEITHER, FALLS, RISES, PEAKS } promise;

typedef struct row {
    const char *kind, *json;
    promise promise;
    uint64_t horizon, boundary[BOUNDARIES];
    double value[POINTS];
} row;

/* Too many steps from the state: an error. */
#define REFUSED ((double)NAN)

static const row rows[] = {
    {"exponential_decay",
     "{\"initial_learning_rate\": 0.5, \"decay_steps\": 10, \"decay_rate\": "
     "0.25, \"staircase\": true}",
     FALLS,
     20,
     {10, 20},
     {0.5, 0.5, 0.125, 0.125, 0.125, 0.03125, 0.03125, 4.547473508864641e-13,
      0}},
    {"exponential_decay",
     "{\"initial_learning_rate\": 0.5, \"decay_steps\": 10, \"decay_rate\": "
     "0.25}",
     FALLS,
     10,
     {10},
     {0.5, 0.1435872943746294, 0.125, 0.10881882041201552, 4.76837158203125e-07,
      0}},
    {"inverse_time_decay",
     "{\"initial_learning_rate\": 0.5, \"decay_steps\": 8, \"decay_rate\": 2, "
     "\"staircase\": true}",
     FALLS,
     16,
     {8, 16},
     {0.5, 0.5, 0.16666666666666666, 0.16666666666666666, 0.16666666666666666,
      0.1, 0.1, 0.012195121951219513, 1.818989403539239e-12}},
    {"polynomial_decay",
     "{\"initial_learning_rate\": 0.5, \"decay_steps\": 8, "
     "\"end_learning_rate\": 0.125, \"power\": 2}",
     FALLS,
     8,
     {8},
     {0.5, 0.130859375, 0.125, 0.125, 0.125, 0.125}},
    {"polynomial_decay",
     "{\"initial_learning_rate\": 1, \"decay_steps\": 8, "
     "\"end_learning_rate\": 0.125, \"cycle\": true}",
     NEITHER,
     16,
     {8, 16},
     {1, 0.234375, 0.125, 0.5078125, 0.1796875, 0.125, 0.3802083333333333,
      0.125, 0.125}},
    {"piecewise_constant_decay",
     "{\"boundaries\": [4, 9], \"values\": [1, 0.5, 0.125]}",
     FALLS,
     9,
     {4, 9},
     {1, 1, 1, 0.5, 0.5, 0.5, 0.125, 0.125, 0.125}},
    {"cosine_decay",
     "{\"initial_learning_rate\": 0.5, \"decay_steps\": 6, \"alpha\": 0.25}",
     FALLS,
     6,
     {6},
     {0.5, 0.15012023679041775, 0.125, 0.125, 0.125, 0.125}},
    {"cosine_decay",
     "{\"initial_learning_rate\": 0.125, \"decay_steps\": 6, \"alpha\": 0.25, "
     "\"warmup_target\": 1, \"warmup_steps\": 4}",
     PEAKS,
     10,
     {4, 10},
     {0.125, 0.78125, 1, 0.9497595264191645, 0.3002404735808355, 0.25, 0.25,
      0.25, 0.25}},
    {"cosine_decay_restarts",
     "{\"initial_learning_rate\": 1, \"first_decay_steps\": 4, \"t_mul\": 2, "
     "\"m_mul\": 0.5, \"alpha\": 0.25}",
     NEITHER,
     12,
     {4, 12},
     {1, 0.3598349570550447, 0.625, 0.6107274123458662, 0.26427258765413375,
      0.4375, 0.43569862003780285, 0.2504503449905493, 0.2500000000027285}},
    {"factor",
     "{\"step\": 4, \"factor\": 0.5, \"base_lr\": 1, \"stop_factor_lr\": "
     "0.0625}",
     FALLS,
     17,
     {4, 5, 8},
     {1, 1, 1, 0.5, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.0625, 0.0625}},
    {"multi_factor",
     "{\"step\": [3, 7], \"factor\": 0.5, \"base_lr\": 1}",
     FALLS,
     8,
     {3, 4, 7},
     {1, 1, 1, 0.5, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25}},
    {"poly",
     "{\"max_update\": 12, \"base_lr\": 1, \"pwr\": 2, \"final_lr\": 0.25, "
     "\"warmup_steps\": 4, \"warmup_begin_lr\": 0.5}",
     PEAKS,
     12,
     {4, 12},
     {0.5, 0.875, 1, 0.82421875, 0.26171875, 0.25, 0.25, 0.25, 0.25}},
    {"cosine",
     "{\"max_update\": 8, \"base_lr\": 1, \"final_lr\": 0.25, "
     "\"warmup_steps\": 2, \"warmup_begin_lr\": 0.5, \"warmup_mode\": "
     "\"constant\"}",
     PEAKS,
     8,
     {2, 8},
     {0.5, 0.5, 1, 0.9497595264191645, 0.3002404735808355, 0.25, 0.25, 0.25,
      0.25}},
    {"cosine_mx",
     "{\"max_update\": 8, \"base_lr\": 1, \"final_lr\": 0.25}",
     FALLS,
     8,
     {8},
     {1, 0.27854517530826745, 0.25, 0.25, 0.25, 0.25}},
    {"lambda",
     "{\"lr_lambda\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0.5, \"steps\": 4}}, \"base_lr\": 2}",
     FALLS,
     4,
     {4},
     {2, 1.25, 1, 1, 1, 1}},
    {"multiplicative",
     "{\"lr_lambda\": {\"class_name\": \"ramp\", \"config\": {\"from\": 0.5, "
     "\"to\": 1, \"steps\": 4}}, \"base_lr\": 2}",
     FALLS,
     4,
     {4},
     {2, 0.8203125, 0.8203125, 0.8203125, 0.8203125, REFUSED}},
    {"step",
     "{\"step_size\": 4, \"gamma\": 0.5}",
     FALLS,
     8,
     {4, 8},
     {1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 9.5367431640625e-07, 0}},
    {"multi_step",
     "{\"milestones\": [3, 3, 7], \"gamma\": 0.5}",
     FALLS,
     7,
     {3, 7},
     {1, 1, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125}},
    {"constant",
     "{\"factor\": 0.25, \"total_iters\": 4, \"base_lr\": 2}",
     RISES,
     4,
     {4},
     {0.5, 0.5, 2, 2, 2, 2}},
    {"linear",
     "{\"start_factor\": 0.25, \"end_factor\": 0.75, \"total_iters\": 4}",
     RISES,
     4,
     {4},
     {0.25, 0.625, 0.75, 0.75, 0.75, 0.75}},
    {"exponential",
     "{\"gamma\": 0.5}",
     FALLS,
     1,
     {1},
     {1, 1, 0.5, 0.25, 0.0009765625, 0}},
    {"polynomial",
     "{\"total_iters\": 4, \"power\": 2}",
     FALLS,
     4,
     {4},
     {1, 0.0625, 0, 0, 0, 0}},
    {"cosine_annealing",
     "{\"T_max\": 6, \"eta_min\": 0.25}",
     NEITHER,
     6,
     {6, 12},
     {1, 0.3002404735808355, 0.25, 0.3002404735808355, 0.9497595264191645, 1,
      0.9497595264191645, 1, 0.4375}},
    {"cosine_annealing_warm_restarts",
     "{\"T_0\": 3, \"T_mult\": 2, \"eta_min\": 0.25}",
     NEITHER,
     9,
     {3, 9},
     {1, 0.4375, 1, 0.9497595264191645, 0.3002404735808355, 1,
      0.9872221848584006, 0.2572055198487886, 0.8124999999962883}},
    {"cyclic",
     "{\"base_lr\": 0.25, \"max_lr\": 1, \"step_size_up\": 2, "
     "\"step_size_down\": 4, \"mode\": \"triangular2\"}",
     NEITHER,
     12,
     {2, 6, 8},
     {0.25, 0.625, 1, 0.8125, 0.4375, 0.25, 0.4375, 0.4375, 0.625, 0.53125,
      0.25, 0.25}},
    {"cyclic_momentum",
     "{\"base_lr\": 0.25, \"max_lr\": 1, \"step_size_up\": 2, "
     "\"step_size_down\": 4, \"base_momentum\": 0.5, \"max_momentum\": 0.75}",
     NEITHER,
     6,
     {2, 6},
     {0.75, 0.625, 0.5, 0.5625, 0.6875, 0.75, 0.625, 0.75, 0.625}},
    {"one_cycle",
     "{\"max_lr\": 1, \"total_steps\": 10, \"pct_start\": 0.4, \"div_factor\": "
     "4, \"final_div_factor\": 2}",
     PEAKS,
     10,
     {3, 9, 10},
     {0.25, 0.8125, 1, 0.941386114155692, 0.1836138858443081, 0.125, 0.125,
      0.125, 0.125, 0.125, 0.125, 0.125}},
    {"one_cycle_momentum",
     "{\"max_lr\": 1, \"total_steps\": 10, \"pct_start\": 0.4, "
     "\"base_momentum\": 0.5, \"max_momentum\": 0.75}",
     NEITHER,
     10,
     {3, 9, 10},
     {0.75, 0.5625, 0.5, 0.5167468245269452, 0.7332531754730548, 0.75, 0.75,
      0.75, 0.75, 0.75, 0.75, 0.75}},
    {"sequential",
     "{\"schedules\": [{\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0.5, \"steps\": 4}}, {\"class_name\": \"ramp\", \"config\": "
     "{\"from\": 2, \"to\": 1, \"steps\": 2}}], \"milestones\": [3]}",
     NEITHER,
     5,
     {3, 5},
     {1, 0.75, 2, 1.5, 1.5, 1, 1, 1, 1}},
    {"chained",
     "{\"base_lr\": 2, \"schedules\": [{\"class_name\": \"ramp\", \"config\": "
     "{\"from\": 1, \"to\": 2, \"steps\": 4}}, {\"class_name\": \"ramp\", "
     "\"config\": {\"from\": 2, \"to\": 1, \"steps\": 2}}]}",
     NEITHER,
     4,
     {2, 4},
     {1, 0.9375, 0.75, 0.875, 0.875, 1, 1, 1, 1}},
    {"constant_with_warmup",
     "{\"peak_lr\": 2, \"warmup_steps\": 4}",
     RISES,
     4,
     {4},
     {0, 1.5, 2, 2, 2, 2}},
    {"linear_with_warmup",
     "{\"peak_lr\": 2, \"warmup_steps\": 4, \"total_steps\": 8}",
     PEAKS,
     8,
     {4, 8},
     {0, 1.5, 2, 1.5, 0.5, 0, 0, 0, 0}},
    {"cosine_with_warmup",
     "{\"peak_lr\": 2, \"warmup_steps\": 4, \"total_steps\": 8, \"min_ratio\": "
     "0.5}",
     PEAKS,
     8,
     {4, 8},
     {0, 1.5, 2, 1.8535533905932737, 1.1464466094067263, 1, 1, 1, 1}},
    {"cosine_hard_restarts_with_warmup",
     "{\"peak_lr\": 2, \"warmup_steps\": 4, \"total_steps\": 12, "
     "\"num_cycles\": 2}",
     NEITHER,
     12,
     {4, 8, 12},
     {0, 1.5, 2, 1.7071067811865475, 0.2928932188134525, 2, 1.7071067811865475,
      0.2928932188134525, 0, 0, 0, 0}},
    {"polynomial_with_warmup",
     "{\"peak_lr\": 2, \"warmup_steps\": 4, \"total_steps\": 8, \"power\": 2, "
     "\"lr_end\": 1}",
     PEAKS,
     8,
     {4, 8},
     {0, 1.5, 2, 1.5625, 1.0625, 1, 1, 1, 1}},
    {"inverse_sqrt",
     "{\"peak_lr\": 2, \"warmup_steps\": 4}",
     PEAKS,
     16,
     {4, 16},
     {0, 1.5, 2, 1.7888543819998317, 1.0327955589886446, 1, 0.9701425001453319,
      0.31622776601683794, 3.814697265625e-06}},
    {"noam",
     "{\"d_model\": 16, \"warmup_steps\": 4}",
     PEAKS,
     15,
     {3, 15},
     {0.03125, 0.09375, 0.125, 0.11180339887498948, 0.06454972243679029, 0.0625,
      0.06063390625908324, 0.020344711469278985, 2.3841857910145408e-07}},
    {"wsd",
     "{\"peak_lr\": 2, \"warmup_steps\": 4, \"stable_steps\": 2, "
     "\"decay_steps\": 4, \"min_ratio\": 0.5}",
     PEAKS,
     10,
     {4, 6, 10},
     {1, 1.75, 2, 2, 2, 2, 1.75, 1.25, 1, 1, 1, 1}},
    {"warmup_cosine_decay",
     "{\"init_value\": 0.5, \"peak_value\": 2, \"warmup_steps\": 3, "
     "\"decay_steps\": 7, \"end_value\": 1}",
     PEAKS,
     7,
     {3, 7},
     {0.5, 1.5, 2, 1.8535533905932737, 1.1464466094067263, 1, 1, 1, 1}},
    {"warmup_exponential_decay",
     "{\"peak_value\": 2, \"warmup_steps\": 2, \"transition_steps\": 2, "
     "\"decay_rate\": 0.5, \"transition_begin\": 1, \"end_value\": 0.25, "
     "\"staircase\": true}",
     PEAKS,
     9,
     {2, 3, 5},
     {0, 1, 2, 2, 2, 2, 2, 2, 1, 1, 0.25, 0.25}},
    {"join",
     "{\"schedules\": [{\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0.5, \"steps\": 4}}, {\"class_name\": \"ramp\", \"config\": "
     "{\"from\": 2, \"to\": 1, \"steps\": 2}}], \"boundaries\": [3]}",
     NEITHER,
     5,
     {3, 5},
     {1, 0.75, 2, 1.5, 1.5, 1, 1, 1, 1}},
    {"warmup",
     "{\"schedule\": {\"class_name\": \"ramp\", \"config\": {\"from\": 2, "
     "\"to\": 1, \"steps\": 8}}, \"warmup_steps\": 4, \"from\": 0.5}",
     PEAKS,
     8,
     {4, 8},
     {0.5, 1.25, 1.5, 1.375, 1.125, 1, 1, 1, 1}},
    {"hold",
     "{\"value\": 0.5, \"steps\": 3}",
     FALLS,
     3,
     {3},
     {0.5, 0.5, 0.5, 0.5, 0.5, 0.5}},
    {"ramp",
     "{\"from\": 1, \"to\": 4, \"steps\": 4, \"shape\": \"exponential\"}",
     RISES,
     4,
     {4},
     {1, 2.8284271247461903, 4, 4, 4, 4}},
    {"then",
     "{\"first\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, \"to\": "
     "0.5, \"steps\": 4}}, \"second\": {\"class_name\": \"ramp\", \"config\": "
     "{\"from\": 0.5, \"to\": 0.25, \"steps\": 2}}}",
     FALLS,
     6,
     {4, 6},
     {1, 0.625, 0.5, 0.375, 0.375, 0.25, 0.25, 0.25, 0.25}},
    {"multiply",
     "{\"first\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, \"to\": "
     "0.5, \"steps\": 4}}, \"second\": {\"class_name\": \"ramp\", \"config\": "
     "{\"from\": 0.25, \"to\": 1, \"steps\": 6}}}",
     NEITHER,
     6,
     {4, 6},
     {0.25, 0.390625, 0.375, 0.4375, 0.4375, 0.5, 0.5, 0.5, 0.5}},
    {"add",
     "{\"first\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, \"to\": "
     "0.5, \"steps\": 4}}, \"second\": {\"class_name\": \"ramp\", \"config\": "
     "{\"from\": 0.25, \"to\": 1, \"steps\": 6}}}",
     NEITHER,
     6,
     {4, 6},
     {1.25, 1.25, 1.25, 1.375, 1.375, 1.5, 1.5, 1.5, 1.5}},
    {"max",
     "{\"first\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, \"to\": "
     "0.5, \"steps\": 4}}, \"second\": {\"class_name\": \"ramp\", \"config\": "
     "{\"from\": 0.25, \"to\": 1, \"steps\": 6}}}",
     NEITHER,
     6,
     {4, 6},
     {1, 0.625, 0.75, 0.875, 0.875, 1, 1, 1, 1}},
    {"min",
     "{\"first\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, \"to\": "
     "0.5, \"steps\": 4}}, \"second\": {\"class_name\": \"ramp\", \"config\": "
     "{\"from\": 0.25, \"to\": 1, \"steps\": 6}}}",
     NEITHER,
     6,
     {4, 6},
     {0.25, 0.625, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}},
    {"clamp",
     "{\"schedule\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0, \"steps\": 8}}, \"low\": 0.25, \"high\": 0.75}",
     FALLS,
     8,
     {2, 6, 8},
     {0.75, 0.75, 0.75, 0.625, 0.375, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25,
      0.25}},
    {"last",
     "{\"schedule\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0, \"steps\": 8}}, \"steps\": 4}",
     FALLS,
     8,
     {4, 8},
     {1, 0.625, 0.5, 0.375, 0.125, 0, 0, 0, 0}},
    {"delay",
     "{\"schedule\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0, \"steps\": 4}}, \"steps\": 3}",
     FALLS,
     7,
     {3, 7},
     {1, 1, 1, 0.75, 0.25, 0, 0, 0, 0}},
    {"stretch",
     "{\"schedule\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0, \"steps\": 4}}, \"by\": 2.5}",
     FALLS,
     10,
     {3, 5, 10},
     {1, 1, 0.75, 0.75, 0.75, 0.5, 0.5, 0.25, 0, 0, 0, 0}},
    {"cycle",
     "{\"schedule\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0, \"steps\": 4}}}",
     NEITHER,
     8,
     {4, 8},
     {1, 0.25, 1, 0.75, 0.25, 1, 0.75, 1, 1}},
    {"repeat",
     "{\"schedule\": {\"class_name\": \"ramp\", \"config\": {\"from\": 1, "
     "\"to\": 0, \"steps\": 4}}, \"times\": 2}",
     NEITHER,
     8,
     {4, 8},
     {1, 0.25, 1, 0.75, 0.25, 0, 0, 0, 0}},
    {"reduce_on_plateau",
     "{\"patience\": 1, \"factor\": 0.5, \"base_lr\": 2}",
     FALLS,
     1,
     {1},
     {2, 2, 2, 2, 2, 2}},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* The steps that a row has values for; returns how many. */
static size_t points(const row *r, uint64_t at[POINTS])
{
    size_t n = 0;

    at[n++] = 0;
    for (int i = 0; i < BOUNDARIES && r->boundary[i] > 0; i++)
        for (int k = 0; k < 3; k++)
            at[n++] = r->boundary[i] - 1 + (uint64_t)k;
    at[n++] = 10 * r->horizon;
    at[n++] = SCHEDULE_FAR;
    return n;
}

static void check_point(const descent_schedule *s, const row *r, uint64_t n,
                        double right)
{
    double got = 0;

    if (isnan(right)) {
        assert_true(descent_schedule_at(s, n, &got) != DESCENT_OK);
        return;
    }
    got = schedule_at(s, n);
    if (!(fabs(got - right) <= 4e-16 * fmax(1, fabs(right))))
        fail_msg("%s %s at %llu: got %.17g, expected %.17g", r->kind, r->json,
                 (unsigned long long)n, got, right);
}

static void s12_09_every_kind_has_its_values_at_its_boundaries(void **state)
{
    uint64_t at[POINTS];

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        descent_schedule *s = schedule_made(rows[i].kind, rows[i].json);
        const size_t n = points(&rows[i], at);
        for (size_t k = 0; k < n; k++)
            check_point(s, &rows[i], at[k], rows[i].value[k]);
        /* The other way round, too: what was asked does not matter. */
        for (size_t k = n; k-- > 0;)
            check_point(s, &rows[i], at[k], rows[i].value[k]);
        descent_schedule_release(s);
    }
}

static void s12_09_no_kind_is_left_out(void **state)
{
    const char *kind;

    (void)state;
    for (size_t i = 0; (kind = descent_schedule_kind(i)) != NULL; i++) {
        size_t found = 0;
        for (size_t k = 0; k < ROWS; k++)
            found += strcmp(rows[k].kind, kind) == 0;
        if (found == 0)
            fail_msg("no row is about %s", kind);
    }
}

/* Saved at every point, the state goes into a schedule that was never asked. */
static void s12_09_every_kind_goes_on_after_its_state_was_loaded(void **state)
{
    uint64_t at[POINTS];
    double kept[8];

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        descent_schedule *s = schedule_made(rows[i].kind, rows[i].json);
        const size_t n = points(&rows[i], at);
        const size_t count = descent_schedule_state_count(s);
        assert_true(count <= sizeof kept / sizeof *kept);
        for (size_t k = 0; k + 2 < n; k++) {
            descent_schedule *other = schedule_made(rows[i].kind, rows[i].json);
            check_point(s, &rows[i], at[k], rows[i].value[k]);
            ok(descent_schedule_state(s, kept, count));
            ok(descent_schedule_load(other, kept, count));
            check_point(other, &rows[i], at[k], rows[i].value[k]);
            ok(descent_schedule_load(other, kept, count));
            check_point(other, &rows[i], at[k + 1], rows[i].value[k + 1]);
            descent_schedule_release(other);
        }
        descent_schedule_release(s);
    }
}

static void s12_09_courses_keep_their_promises(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const row *r = &rows[i];
        descent_schedule *s = schedule_made(r->kind, r->json);
        double last = schedule_at(s, 0);
        for (uint64_t n = 1; n <= 10 * r->horizon; n++) {
            const double now = schedule_at(s, n);
            const int rises = r->promise == RISES ||
                              (r->promise == PEAKS && n <= r->boundary[0]);
            if (r->promise != NEITHER && (rises ? now < last : now > last))
                fail_msg("%s %s: %.17g at %llu follows %.17g", r->kind, r->json,
                         now, (unsigned long long)n, last);
            last = now;
        }
        descent_schedule_release(s);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_09_every_kind_has_its_values_at_its_boundaries),
        cmocka_unit_test(s12_09_no_kind_is_left_out),
        cmocka_unit_test(s12_09_every_kind_goes_on_after_its_state_was_loaded),
        cmocka_unit_test(s12_09_courses_keep_their_promises),
    };

    return cmocka_run_group_tests_name("schedule table", tests, schedules_setup,
                                       schedules_teardown);
}
