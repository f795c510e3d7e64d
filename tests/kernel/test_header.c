/* SPDX-License-Identifier: MIT */
/* kernel.h as plugin authors meet it: its little functions, and the mistakes
 * that it refuses. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DESCENT_ENTRY_NAME walker_plugin_v1
#include <descent/kernel.h>

#include "support/check.h"

/* ---- A plugin that is linked in ---- */

enum { M };
enum { RATE, COEFS };

static const descent_param params[] = {
    DESCENT_PARAM("learning_rate", DESCENT_PARAM_REAL, 0, 0.5, 0, HUGE_VAL,
                  "Step size."),
};
static const descent_preset presets[] = {
    DESCENT_PRESET("torch", "learning_rate", 0.25),
};
static descent_slot slots[] = {
    DESCENT_SLOT("momentum", 0, 0, "The last gradient."),
};

DESCENT_RULE(walker, USES(M), {
    s[M] = g;
    w -= SIGN(g) * c[RATE];
})

static descent_status prepare(void *self, const descent_moment *at,
                              double *coef)
{
    (void)self;
    coef[RATE] = at->lr;
    return DESCENT_OK;
}

DESCENT_PLUGIN(walker, "1.0.0", "Walker", "none", "Step by the sign.", COEFS,
               prepare, NULL, NULL, &walker_rule)

static void a_plugin_may_be_linked_in(void **state)
{
    descent_runtime *runtime = check_runtime();
    descent_plugin_info info = {.struct_size = sizeof info};
    float w[3] = {1, 1, 1}, g[3] = {3, -0.1f, 0};

    (void)state;
    ok(descent_runtime_register(runtime, walker_plugin_v1, &info));
    assert_string_equal(info.path, "");
    assert_string_equal(info.type->rule(info.type, 0),
                        "{ s[M] = g; w -= SIGN(g) * c[RATE]; }");
    descent_optimizer *o = check_optimizer(runtime, "walker", NULL);
    check_bind(o, "w", w, g, 3);
    check_step(o);
    assert_true(w[0] == 0.5f && w[1] == 1.5f && w[2] == 1);
    descent_optimizer_free(o);
    descent_runtime_free(runtime);
}

static void rules_and_slots_must_fit(void **state)
{
    static const struct {
        uint32_t variants;
        uint16_t shape;
        const char *text;
    } rows[] = {
        {1u << 1, DESCENT_SLOT_LIKE_WEIGHT,
         "walker: rule 1 says USES(...) = 0x1, but the table gives its variant "
         "the slots 0x0"},
        {0, DESCENT_SLOT_SCALAR, "gives its variant the slots 0x0"},
    };
    descent_runtime *runtime = check_runtime();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const descent_slot before = slots[0];
        slots[0].variants = rows[i].variants;
        slots[0].shape = rows[i].shape;
        refused(descent_runtime_register(runtime, walker_plugin_v1, NULL),
                DESCENT_ERR_ABI, rows[i].text);
        slots[0] = before;
    }
    descent_runtime_free(runtime);
}

/* ---- Its functions ---- */

static void powers_are_exact_where_they_can_be(void **state)
{
    (void)state;
    assert_true(descent_power(2, 10) == 1024);
    assert_true(descent_power(0.5, 1074) == 0x1p-1074);
    assert_true(descent_power(0.9, 0) == 1);
    assert_true(descent_power(0.9, UINT64_MAX) == 0);
    assert_true(descent_power(0, 0) == 1);
}

static void nan_is_the_result_of_nan(void **state)
{
    typedef float real;
    const real nan = NAN;

    (void)state;
    assert_true(isnan(MAX(nan, 1.0f)) && isnan(MAX(1.0f, nan)));
    assert_true(isnan(MIN(nan, 1.0f)) && isnan(MIN(1.0f, nan)));
    assert_true(isnan(SIGN(nan)));
    assert_true(MAX(1.0f, 2.0f) == 2 && MIN(1.0f, 2.0f) == 1);
    assert_true(SIGN(-3.0f) == -1 && SIGN(0.0f) == 0 && SIGN(2.0f) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_may_be_linked_in),
        cmocka_unit_test(rules_and_slots_must_fit),
        cmocka_unit_test(powers_are_exact_where_they_can_be),
        cmocka_unit_test(nan_is_the_result_of_nan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
