/* SPDX-License-Identifier: MIT */
/* What a plugin does not fuse, the core does: types without fused_step, and
 * with every subset of the options in it, give the bits of the whole Adam.
 * Rules that need whole tensors get them. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "support/bits.h"
#include "support/check.h"
#include "support/fingerprint.h"
#include "support/plugin_files.h"
#include "support/rule.h"

enum { SIZE = 1500, STEPS = 4, SUBSETS = 32 };

static const descent_optimizer_type *adam;
static uint32_t seen_masks;

/* ---- Adam, fusing less ---- */

static uint32_t known_fuses(const descent_pass *pass)
{
    return pass->type->fuses;
}

static descent_status fused(void *self, const descent_pass *pass)
{
    const char *at = pass->spans;

    for (size_t i = 0; i < pass->count; i++, at += pass->span_size) {
        const uint32_t mask =
            ((const descent_span *)(const void *)at)->fuse->mask;
        assert_int_equal(mask & ~known_fuses(pass), 0);
        seen_masks |= 1u << mask;
    }
    return adam->fused_step(self, pass);
}

static descent_optimizer_type types[SUBSETS + 1];
static char ids[SUBSETS + 1][16];
static descent_plugin plugin = RULE_PLUGIN("partial", types, SUBSETS + 1);

static const descent_plugin *entry(const descent_host *host)
{
    (void)host;
    for (uint32_t i = 0; i <= SUBSETS; i++) {
        snprintf(ids[i], sizeof ids[i], "partial_%u", i);
        types[i] = *adam;
        types[i].id = ids[i];
        types[i].fuses = i;
        types[i].fused_step = fused;
    }
    types[SUBSETS].fuses = 0;
    types[SUBSETS].fused_step = NULL;
    return &plugin;
}

static float w[SIZE], g[SIZE];

static uint64_t run(descent_runtime *runtime, const char *kind,
                    const char *json)
{
    descent_optimizer *o = check_optimizer(runtime, kind, json);
    uint64_t hash;

    bits_fill(DESCENT_DTYPE_F32, w, SIZE, 1);
    check_bind(o, "a", w, g, 700);
    check_bind(o, "b", w + 700, g + 700, SIZE - 700);
    for (uint64_t t = 0; t < STEPS; t++) {
        bits_fill(DESCENT_DTYPE_F32, g, SIZE, t + 2);
        check_step(o);
    }
    hash = fingerprint_slots(o, bits_hash(1, DESCENT_DTYPE_F32, w, SIZE));
    descent_optimizer_free(o);
    return hash;
}

static void what_a_plugin_does_not_fuse_the_core_does(void **state)
{
    static const char *const options[] = {
        "{}",
        "{\"loss_scale_factor\": 3}",
        "{\"clipvalue\": 0.5, \"weight_decay\": 0.1}",
        "{\"weight_decay\": 0.1, \"weight_decay_mode\": \"l2\", "
        "\"loss_scale_factor\": 3}",
        "{\"loss_scale_factor\": 3, \"clipvalue\": 0.5, \"weight_decay\": 0.1, "
        "\"use_ema\": true}",
        "{\"global_clipnorm\": 1, \"weight_decay\": 0.1, "
        "\"weight_decay_mode\": \"l2\", \"use_ema\": true, \"amsgrad\": true}",
        "{\"gradient_accumulation_steps\": 2, \"clipnorm\": 1, "
        "\"weight_decay\": 0.1, \"use_ema\": true}",
    };
    descent_runtime *runtime = check_runtime();
    descent_plugin_info info = {.struct_size = sizeof info};

    (void)state;
    ok(descent_runtime_find(runtime, "adam", &info));
    adam = info.type;
    ok(descent_runtime_register(runtime, entry, NULL));
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        const uint64_t expected = run(runtime, "adam", options[k]);
        for (int i = 0; i <= SUBSETS; i++)
            if (run(runtime, ids[i], options[k]) != expected)
                fail_msg("%s with %s differs", ids[i], options[k]);
    }
    /* Not only the empty and the full mask were handed out. */
    assert_true(seen_masks != 0 && (seen_masks & (seen_masks - 1)) != 0);
    descent_runtime_free(runtime);
}

/* ---- A rule over whole tensors: each row's step has length lr ---- */

static int seen_rows, seen_steps;

static descent_status row_step(void *self, const descent_pass *pass)
{
    const descent_span *s = pass->spans;
    const int64_t columns = s->count / s->shape[0];
    const float rate = ((const float *)s->coef)[0];
    float *const norms = s->slot[0];
    float *const scratch = s->slot[1];

    (void)self;
    assert_int_equal(pass->count, 1);
    assert_int_equal(s->ndim, 2);
    for (int64_t row = 0; row < s->shape[0]; row++) {
        const float *in = (const float *)s->grad + row * columns;
        float *out = (float *)s->weight + row * columns;
        float sum = 0;
        for (int64_t i = 0; i < columns; i++) {
            scratch[row * columns + i] = in[i];
            sum += in[i] * in[i];
        }
        norms[row] = sqrtf(sum);
        for (int64_t i = 0; i < columns; i++)
            out[i] -= rate * scratch[row * columns + i] / norms[row];
        seen_rows++;
    }
    seen_steps++;
    return DESCENT_OK;
}

static descent_status row_prepare(void *self, const descent_moment *at,
                                  double *coef)
{
    (void)self;
    coef[0] = at->lr;
    return DESCENT_OK;
}

static const descent_slot row_slots[] = {
    {sizeof(descent_slot), DESCENT_SLOT_PER_ROW, 0, "row_norm", "Norms.",
     DESCENT_DTYPE_COMPUTE, 0, 0, NULL},
    {sizeof(descent_slot), DESCENT_SLOT_LIKE_WEIGHT, DESCENT_SLOT_SCRATCH,
     "work", "A worker's.", DESCENT_DTYPE_COMPUTE, 0, 0, NULL},
};
static const descent_optimizer_type row_type = {
    RULE("rows", DESCENT_SCOPE_TENSOR, row_step),
    .runs = DESCENT_RUNS_F32,
    .slots = row_slots,
    .slot_count = 2,
    .coef_count = 1,
    .prepare = row_prepare,
};
static const descent_plugin row_plugin = RULE_PLUGIN("rows", &row_type, 1);

static const descent_plugin *row_entry(const descent_host *host)
{
    (void)host;
    return &row_plugin;
}

static void rules_of_tensor_scope_get_whole_tensors(void **state)
{
    static const int64_t shape[] = {2, 2};
    float m[4] = {1, 1, 1, 1}, grad[4] = {3, 4, 0, 2};
    descent_runtime *runtime = check_runtime();
    descent_tensor view = {.struct_size = sizeof view},
                   t = {
                       .struct_size = sizeof t,
                       .dtype = DESCENT_DTYPE_F32,
                       .name = "m",
                       .ndim = 2,
                       .shape = shape,
                       .data = m,
                       .gradient = grad,
                   };

    (void)state;
    ok(descent_runtime_register(runtime, row_entry, NULL));
    descent_optimizer *o = check_optimizer(
        runtime, "rows",
        "{\"learning_rate\": 0.5, \"weight_decay\": 0.2, \"clipvalue\": 2}");
    ok(descent_optimizer_add(o, &t, 1));
    check_step(o);
    /* 0.9 after decay; clipped rows (2, 2) and (0, 2) have unit directions. */
    const double expected[] = {0.9 - 0.5 / sqrt(2), 0.9 - 0.5 / sqrt(2), 0.9,
                               0.4};
    for (int i = 0; i < 4; i++)
        assert_true(fabs(m[i] - expected[i]) < 1e-6);
    ok(descent_optimizer_slot(o, 0, "row_norm", &view));
    assert_int_equal(view.ndim, 1);
    assert_int_equal(view.shape[0], 2);
    assert_true(((const float *)view.data)[1] == 2);
    assert_int_equal(descent_optimizer_state_bytes(o), 8);
    assert_int_equal(seen_rows, 2);
    assert_int_equal(seen_steps, 1);
    t.dtype = DESCENT_DTYPE_F64;
    t.name = "d";
    refused(descent_optimizer_add(o, &t, 1), DESCENT_ERR_SUPPORT,
            "the rule of rows does not run in f64");
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

/* In 16 bits they get copies in f32, of the state too where it is stored so. */
static void rules_of_tensor_scope_get_16_bit_tensors_in_f32(void **state)
{
    static const char *const options[] = {
        "{\"lr\": 0.5, \"use_ema\": true}",
        "{\"lr\": 0.5, \"use_ema\": true, \"master\": \"f32\"}",
        "{\"lr\": 0.5, \"use_ema\": true, \"slot_dtype\": \"same\"}",
    };
    static const int64_t shape[] = {2, 2};
    static const uint16_t grad[] = {0x4040, 0x4080, 0, 0x4000}; /* 3 4 0 2 */
    descent_runtime *runtime = check_runtime();

    (void)state;
    ok(descent_runtime_register(runtime, row_entry, NULL));
    for (size_t k = 0; k < 3; k++) {
        uint16_t m[4] = {0x3f80, 0x3f80, 0x3f80, 0x3f80}; /* 1 */
        descent_optimizer *o = check_optimizer(runtime, "rows", options[k]);
        const char *const names[] = {"row_norm", "average"};
        double norms[4], now[4];
        descent_tensor view = {.struct_size = sizeof view};
        const descent_tensor t = {
            .struct_size = sizeof t,
            .dtype = DESCENT_DTYPE_BF16,
            .name = "m",
            .ndim = 2,
            .shape = shape,
            .data = m,
            .gradient = grad,
        };
        ok(descent_optimizer_add(o, &t, 1));
        check_step(o);
        /* 1 - 0.5 (0.6, 0.8) and 1 - 0.5 (0, 1), as bf16. */
        ok(descent_convert(DESCENT_DTYPE_F64, now, DESCENT_DTYPE_BF16, m, 4));
        assert_true(now[0] == 0.69921875 && now[1] == 0.6015625);
        assert_true(now[2] == 1 && now[3] == 0.5);
        for (size_t i = 0; i < 2; i++) {
            ok(descent_optimizer_slot(o, 0, names[i], &view));
            assert_int_equal(view.dtype,
                             k == 2 ? DESCENT_DTYPE_BF16 : DESCENT_DTYPE_F32);
            ok(descent_convert(DESCENT_DTYPE_F64, i == 0 ? norms : now,
                               view.dtype, view.data, i == 0 ? 2 : 4));
        }
        assert_true(norms[0] == 5 && norms[1] == 2);
        assert_true(now[3] == 0.5 && fabs(now[0] - 0.7) < 0.001);
        descent_optimizer_free(o);
    }
    descent_runtime_free(runtime);
}

/* ---- A rule whose state begins as the weights ---- */

static descent_status keep_weights(void *self, const double *param,
                                   const descent_tensor_info *info,
                                   const descent_pass *pass)
{
    const descent_span *s = pass->spans;

    (void)self;
    (void)param;
    assert_int_equal(info->dtype, DESCENT_DTYPE_F16);
    assert_int_equal(pass->compute, DESCENT_DTYPE_F32);
    assert_int_equal(pass->seed, 77);
    memcpy(s->slot[0], s->weight, (size_t)s->count * sizeof(float));
    return DESCENT_OK;
}

static const descent_slot start_slot = {
    sizeof start_slot,
    DESCENT_SLOT_LIKE_WEIGHT,
    0,
    "start",
    "First.",
    DESCENT_DTYPE_COMPUTE,
    0,
    0,
    NULL,
};
static descent_optimizer_type start_type;
static descent_plugin start_plugin;

static const descent_plugin *start_entry(const descent_host *host)
{
    (void)host;
    start_type = row_type;
    start_type.scope = DESCENT_SCOPE_ELEMENT;
    start_type.id = "start";
    start_type.slots = &start_slot;
    start_type.slot_count = 1;
    start_type.create_state = keep_weights;
    start_plugin = row_plugin;
    start_plugin.types = &start_type;
    return &start_plugin;
}

static void first_contents_are_written_in_the_compute_type(void **state)
{
    static const char *const options[] = {
        "{\"seed\": 77}",
        "{\"seed\": 77, \"master\": \"f32\"}",
        "{\"seed\": 77, \"slot_dtype\": \"same\"}",
    };
    static const int64_t three = 3;
    static uint16_t halves[] = {0x3c00, 0xc500, 0x0001}; /* 1 -5 2^-24 */
    descent_runtime *runtime = check_runtime();

    (void)state;
    ok(descent_runtime_register(runtime, start_entry, NULL));
    for (size_t k = 0; k < 3; k++) {
        descent_optimizer *o = check_optimizer(runtime, "start", options[k]);
        descent_tensor view = {.struct_size = sizeof view};
        double start[3];
        const descent_tensor t = {
            .struct_size = sizeof t,
            .dtype = DESCENT_DTYPE_F16,
            .name = "w",
            .ndim = 1,
            .shape = &three,
            .data = halves,
        };
        ok(descent_optimizer_add(o, &t, 1));
        ok(descent_optimizer_build(o));
        ok(descent_optimizer_slot(o, 0, "start", &view));
        ok(descent_convert(DESCENT_DTYPE_F64, start, view.dtype, view.data, 3));
        assert_true(start[0] == 1 && start[1] == -5 && start[2] == 0x1p-24);
        descent_optimizer_free(o);
    }
    descent_runtime_free(runtime);
}

/* ---- A rule that fails midway ---- */

static bool flushes_denormals(void)
{
    volatile float least = FLT_MIN;
    volatile float half = least / 2;

    return half == 0;
}

static descent_status failing_step(void *self, const descent_pass *pass)
{
    (void)self;
    assert_true(flushes_denormals());
    /* cmocka has a macro of that name. */
    return (pass->host->fail)(pass->host, DESCENT_ERR_NUMERIC, "no luck");
}

static descent_optimizer_type failing_type;
static descent_plugin failing_plugin;

static const descent_plugin *failing_entry(const descent_host *host)
{
    (void)host;
    failing_type = row_type;
    failing_type.id = "failing";
    failing_type.step = failing_step;
    failing_plugin = row_plugin;
    failing_plugin.types = &failing_type;
    return &failing_plugin;
}

/* ... and its state is saved no more, but a state that is loaded heals it. */
static void a_plugin_that_fails_midway_is_not_called_again(void **state)
{
    descent_runtime *runtime = check_runtime();
    char folder[PATH_MAX];

    (void)state;
    plugin_folder_make(folder);
    const char *path = plugin_in(folder, "state");
    ok(descent_runtime_register(runtime, failing_entry, NULL));
    descent_optimizer *o =
        check_optimizer(runtime, "failing", "{\"flush_denormals\": true}");
    check_bind(o, "w", w, g, 3);
    ok(descent_optimizer_save(o, path, NULL));
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL), DESCENT_ERR_NUMERIC,
            "update 1 failed midway: no luck");
    assert_false(flushes_denormals());
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL), DESCENT_ERR_STATE,
            "weights and state are undefined");
    assert_int_equal(descent_optimizer_iterations(o), 0);
    refused(descent_optimizer_save(o, path, NULL), DESCENT_ERR_STATE,
            "the state is undefined and is not saved");
    ok(descent_optimizer_load(o, path, NULL));
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL), DESCENT_ERR_NUMERIC,
            "update 1 failed midway: no luck");
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
    plugin_folder_remove(folder);
}

/* ---- A rule that owns weight decay, and functions that fail silently ---- */

static descent_status shrink_prepare(void *self, const descent_moment *at,
                                     double *coef)
{
    (void)self;
    coef[0] = at->lr * at->weight_decay;
    return at->update == 2 ? DESCENT_ERR_NUMERIC : DESCENT_OK;
}

static descent_status shrink(void *self, const descent_pass *pass)
{
    const char *at = pass->spans;

    (void)self;
    for (size_t i = 0; i < pass->count; i++, at += pass->span_size) {
        const descent_span *s = (const void *)at;
        ((float *)s->weight)[0] *= 1 - ((const float *)s->coef)[0];
    }
    return DESCENT_OK;
}

static descent_optimizer_type owning_type;
static descent_plugin owning_plugin;

static const descent_plugin *owning_entry(const descent_host *host)
{
    (void)host;
    owning_type = row_type;
    owning_type.id = "owning";
    owning_type.scope = DESCENT_SCOPE_ELEMENT;
    owning_type.flags = DESCENT_TYPE_OWNS_DECAY;
    owning_type.slot_count = 0;
    owning_type.prepare = shrink_prepare;
    owning_type.step = shrink;
    owning_plugin = row_plugin;
    owning_plugin.types = &owning_type;
    return &owning_plugin;
}

static void a_rule_that_owns_decay_spares_what_is_excluded(void **state)
{
    static const char *const names[] = {"bias"};
    descent_runtime *runtime = check_runtime();
    descent_optimizer *o = NULL;
    float weight = 1, bias = 1;

    (void)state;
    ok(descent_runtime_register(runtime, owning_entry, NULL));
    refused(check_optimizer_status(runtime, "owning",
                                   "{\"weight_decay_mode\": \"l2\"}", &o),
            DESCENT_ERR_ARGUMENT, "its rule owns weight decay");
    o = check_optimizer(runtime, "owning",
                        "{\"learning_rate\": 1, \"weight_decay\": 0.5}");
    check_bind(o, "weight", &weight, g, 1);
    check_bind(o, "bias", &bias, g, 1);
    ok(descent_optimizer_exclude_from_weight_decay(o, names, 1, NULL));
    check_step(o);
    assert_true(weight == 0.5f && bias == 1);
    /* The second update's prepare fails without a word. */
    descent_error_set(DESCENT_ERR_NUMERIC, "an old story");
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL), DESCENT_ERR_NUMERIC,
            "prepare of owning failed and did not say why");
    assert_true(weight == 0.5f);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_plugin_does_not_fuse_the_core_does),
        cmocka_unit_test(rules_of_tensor_scope_get_whole_tensors),
        cmocka_unit_test(rules_of_tensor_scope_get_16_bit_tensors_in_f32),
        cmocka_unit_test(first_contents_are_written_in_the_compute_type),
        cmocka_unit_test(a_plugin_that_fails_midway_is_not_called_again),
        cmocka_unit_test(a_rule_that_owns_decay_spares_what_is_excluded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
