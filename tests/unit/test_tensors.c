/* SPDX-License-Identifier: MIT */
/* Binding tensors and handing over gradients: what is refused, and that a
 * refusal changes nothing. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/ranges.h"
#include "support/check.h"

static float weights[64], gradients[64];
static const int64_t three[] = {3};
static descent_runtime *runtime;

static descent_tensor good(const char *name, float *data)
{
    return (descent_tensor){
        .struct_size = sizeof(descent_tensor),
        .dtype = DESCENT_DTYPE_F32,
        .name = name,
        .ndim = 1,
        .shape = three,
        .data = data,
    };
}

static int setup(void **state)
{
    runtime = check_runtime();
    *state = check_optimizer(runtime, "sgd", NULL);
    return 0;
}

static int teardown(void **state)
{
    descent_optimizer_free(*state);
    descent_runtime_free(runtime);
    return 0;
}

/* Adding a good tensor and this one fails, and leaves none behind. */
static void refuses(descent_optimizer *o, descent_tensor bad,
                    descent_status code, const char *text)
{
    const descent_tensor both[] = {good("first", weights + 32), bad};

    refused(descent_optimizer_add(o, both, 2), code, text);
    assert_int_equal(descent_optimizer_tensor_count(o), 0);
    refused(descent_optimizer_index(o, "first", &(size_t){0}),
            DESCENT_ERR_ARGUMENT, "no tensor is called 'first'");
}

static void tensors_that_are_none_are_refused(void **state)
{
    static const int64_t negative[] = {-1}, huge[] = {INT64_MAX, INT64_MAX};
    static const int64_t large[] = {INT64_MAX / 2}, strides[] = {2};
    static const int64_t many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    descent_optimizer *o = *state;
    descent_tensor t = {.struct_size = sizeof t};

    t = good("w", NULL);
    refuses(o, t, DESCENT_ERR_ARGUMENT, "the weight pointer is NULL");
    t = good("w", (float *)(void *)((char *)weights + 1));
    refuses(o, t, DESCENT_ERR_ARGUMENT, "not aligned");
    t = good(NULL, weights);
    refuses(o, t, DESCENT_ERR_ARGUMENT, "tensor name");
    t = good("", weights);
    refuses(o, t, DESCENT_ERR_ARGUMENT, "tensor name");
    t = good("a\033[2J", weights);
    refuses(o, t, DESCENT_ERR_ARGUMENT, "control bytes");
    t = good("first", weights);
    refuses(o, t, DESCENT_ERR_ARGUMENT, "the name is taken");
    t = good("w", weights);
    t.dtype = 77;
    refuses(o, t, DESCENT_ERR_ARGUMENT, "dtype = 77");
    t = good("w", weights);
    t.flags = 1;
    refuses(o, t, DESCENT_ERR_ARGUMENT, "flags = 0x1");
    t = good("w", weights);
    t.struct_size = 8;
    refused(descent_optimizer_add(o, &t, 1), DESCENT_ERR_ARGUMENT,
            "struct_size = 8");
    t = good("w", weights);
    t.shape = NULL;
    refuses(o, t, DESCENT_ERR_ARGUMENT, "shape is NULL");
    t.shape = negative;
    refuses(o, t, DESCENT_ERR_ARGUMENT, "dimension 1 = -1");
    t.shape = large;
    refuses(o, t, DESCENT_ERR_ARGUMENT, "more elements than");
    t.shape = huge;
    t.ndim = 2;
    refuses(o, t, DESCENT_ERR_ARGUMENT, "more elements than");
    t.shape = many;
    t.ndim = 9;
    refuses(o, t, DESCENT_ERR_ARGUMENT, "ndim = 9, expected at most 8");
    t = good("w", weights);
    t.strides = strides;
    refuses(o, t, DESCENT_ERR_ARGUMENT, "stride 1 = 2, expected 1");
    refused(descent_optimizer_add(o, NULL, 1), DESCENT_ERR_ARGUMENT, "NULL");
    refused(descent_optimizer_add(NULL, &t, 1), DESCENT_ERR_ARGUMENT, "NULL");
}

static void s12_15_misaligned_pointers_are_refused(void **state)
{
    static double room[4];
    static const descent_dtype dtypes[] = {DESCENT_DTYPE_F64, DESCENT_DTYPE_F32,
                                           DESCENT_DTYPE_F16,
                                           DESCENT_DTYPE_BF16};
    static const size_t sizes[] = {8, 4, 2, 2};
    descent_optimizer *o = *state;
    const int64_t one = 1;

    for (size_t i = 0; i < 4; i++) {
        descent_tensor t = good("w", NULL);
        t.dtype = dtypes[i];
        t.shape = &one;
        for (size_t off = 1; off < sizes[i]; off++) {
            t.data = (char *)room + off;
            refuses(o, t, DESCENT_ERR_ARGUMENT, "not aligned");
            t.data = room;
            t.gradient = (char *)(room + 2) + off;
            refuses(o, t, DESCENT_ERR_ARGUMENT, "not aligned");
            t.gradient = NULL;
        }
        ok(descent_optimizer_add(o, &t, 1));
        const descent_gradient g = {.struct_size = sizeof g,
                                    .data = (char *)(room + 2) + 1};
        refused(descent_optimizer_step(o, &g, 1, NULL, NULL),
                DESCENT_ERR_ARGUMENT, "not aligned");
        refused(descent_optimizer_set_pointer(o, 0, DESCENT_POINTER_WEIGHT,
                                              (char *)room + 1),
                DESCENT_ERR_ARGUMENT, "not aligned");
        assert_int_equal(descent_optimizer_iterations(o), 0);
        ok(descent_optimizer_remove(o, "w"));
    }
}

static void weights_that_overlap_are_refused(void **state)
{
    descent_optimizer *o = *state;

    refuses(o, good("w", weights + 32), DESCENT_ERR_ARGUMENT, "overlap");
    refuses(o, good("w", weights + 34), DESCENT_ERR_ARGUMENT,
            "tensors 'first' and 'w' overlap in memory");
    const descent_tensor both[] = {good("first", weights + 32),
                                   good("w", weights + 35)};
    ok(descent_optimizer_add(o, both, 2));
    /* A moved weight is judged by the next step, before anything changes. */
    ok(descent_optimizer_set_pointer(o, 0, DESCENT_POINTER_WEIGHT,
                                     weights + 33));
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "overlap");
    ok(descent_optimizer_set_pointer(o, 0, DESCENT_POINTER_WEIGHT, weights));
    ok(descent_optimizer_set_pointer(o, 0, DESCENT_POINTER_GRADIENT,
                                     gradients));
    ok(descent_optimizer_step(o, NULL, 0, NULL, NULL));
}

static void gradients_that_do_not_fit_are_refused(void **state)
{
    static const int64_t four[] = {4}, strides[] = {3};
    const descent_tensor both[] = {good("a", weights), good("b", weights + 8)};
    descent_gradient g[2] = {
        {.struct_size = sizeof *g, .data = gradients},
        {.struct_size = sizeof *g, .data = gradients + 8},
    };
    descent_optimizer *o = *state;
    float before[64];

    memcpy(before, weights, sizeof before);
    gradients[0] = 1;
    ok(descent_optimizer_add(o, both, 2));
#define REFUSED(text)                                                          \
    refused(descent_optimizer_step(o, g, 2, NULL, NULL), DESCENT_ERR_ARGUMENT, \
            text)
    g[1].shape = four;
    g[1].ndim = 1;
    REFUSED("gradient of 'b': shape [4], expected [3]");
    g[1].ndim = 2;
    g[1].shape = (const int64_t[]){1, 3};
    REFUSED("shape [1, 3], expected [3]");
    g[1] = g[0];
    g[1].strides = strides;
    REFUSED("stride 1 = 3");
    g[1].strides = NULL;
    g[1].data = (char *)gradients + 2;
    REFUSED("the gradient pointer");
    g[1].data = weights + 8;
    REFUSED("gradient of 'b' overlaps the weights of 'b'");
    g[1].data = weights + 2;
    REFUSED("overlaps the weights of 'a'");
    g[1].data = gradients;
    g[1].dtype = 9;
    REFUSED("gradient of 'b': dtype = 9 is none");
    g[1].dtype = 0;
    g[1].struct_size = 4;
    REFUSED("struct_size");
#undef REFUSED
    assert_memory_equal(before, weights, sizeof before);
    assert_int_equal(descent_optimizer_iterations(o), 0);
}

static void strides_of_empty_tensors_do_not_matter(void **state)
{
    static const int64_t shape[] = {0, (int64_t)1 << 40, (int64_t)1 << 40};
    static const int64_t strides[] = {1, (int64_t)1 << 40, 1};
    descent_tensor t = good("empty", NULL);

    t.ndim = 3;
    t.shape = shape;
    t.strides = strides;
    ok(descent_optimizer_add(*state, &t, 1));
}

static void a_gradient_is_judged_again_when_its_type_changes(void **state)
{
    static double w[4], g[4];
    const int64_t two[] = {2};
    descent_gradient gradient = {.struct_size = sizeof gradient,
                                 .dtype = DESCENT_DTYPE_F32};
    descent_tensor t = {.struct_size = sizeof t,
                        .dtype = DESCENT_DTYPE_F64,
                        .name = "w",
                        .ndim = 1,
                        .shape = two};
    descent_optimizer *o =
        check_optimizer(runtime, "sgd", "{\"gradient_accumulation_steps\": 2}");

    (void)state;
    /* Two floats before the weights end where they begin; two doubles do not. */
    t.data = w + 1;
    gradient.data = w;
    ok(descent_optimizer_add(o, &t, 1));
    ok(descent_optimizer_step(o, &gradient, 1, NULL, NULL));
    gradient.data = g;
    gradient.dtype = DESCENT_DTYPE_F64;
    ok(descent_optimizer_step(o, &gradient, 1, NULL, NULL));
    gradient.data = w;
    refused(descent_optimizer_step(o, &gradient, 1, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "overlaps");
    descent_optimizer_free(o);
}

static void descriptions_fit_into_the_callers_struct(void **state)
{
    descent_tensor t = good("w", weights);

    ok(descent_optimizer_add(*state, &t, 1));
    t.struct_size = 24;
    refused(descent_optimizer_tensor(*state, 0, &t), DESCENT_ERR_ARGUMENT,
            "struct_size = 24");
    t.struct_size = sizeof t + 8;
    ok(descent_optimizer_tensor(*state, 0, &t));
    assert_int_equal(t.struct_size, sizeof t + 8);
}

static void names_lead_to_indices(void **state)
{
    enum { MANY = 3000 };
    static float many[MANY];
    const int64_t one = 1;
    descent_optimizer *o = *state;
    char name[16];
    size_t index;

    for (int i = 0; i < MANY; i++) {
        descent_tensor t = good(name, &many[i]);
        t.shape = &one;
        snprintf(name, sizeof name, "t%d", i);
        ok(descent_optimizer_add(o, &t, 1));
    }
    for (int i = 0; i < MANY; i += 7) {
        snprintf(name, sizeof name, "t%d", i);
        ok(descent_optimizer_index(o, name, &index));
        assert_int_equal(index, i);
    }
    ok(descent_optimizer_remove(o, "t0"));
    ok(descent_optimizer_index(o, "t2999", &index));
    assert_int_equal(index, 2998);
    refused(descent_optimizer_index(o, "t0", &index), DESCENT_ERR_ARGUMENT,
            "did you mean");
}

static void ranges_are_sorted_and_searched(void **state)
{
    range r[500];
    uint32_t x = 1;

    (void)state;
    for (int i = 0; i < 500; i++) {
        x = x * 1664525u + 1013904223u;
        r[i] = (range){10u * (x % 100000u + 1), 0, (size_t)i};
        r[i].end = r[i].begin + 5;
    }
    ranges_sort(r, 500);
    for (int i = 0; i < 499; i++)
        assert_true(r[i].begin <= r[i + 1].begin);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(
            ranges_find(r, 500, r[i].begin + 4, r[i].begin + 9)->begin,
            r[i].begin);
        assert_null(ranges_find(r, 500, r[i].end, r[i].end + 5));
    }
}

static void slots_are_seen_by_name(void **state)
{
    descent_tensor view = {.struct_size = sizeof view};
    descent_optimizer *o;

    (void)state;
    o = check_optimizer(runtime, "nadam", "{\"use_ema\": true}");
    check_bind(o, "w", weights, gradients, 3);
    refused(descent_optimizer_slot(o, 0, "momentum", &view), DESCENT_ERR_STATE,
            "has no state yet");
    ok(descent_optimizer_build(o));
    assert_int_equal(descent_optimizer_state_bytes(o), 3 * 3 * sizeof(float));
    ok(descent_optimizer_slot(o, 0, "momentum", &view));
    assert_int_equal(view.shape[0], 3);
    assert_int_equal((uintptr_t)view.data % 64, 0);
    ok(descent_optimizer_slot(o, 0, "u_product", &view));
    assert_int_equal(view.dtype, DESCENT_DTYPE_F64);
    assert_true(*(const double *)view.data == 1);
    refused(descent_optimizer_slot(o, 0, "velocity_hat", &view),
            DESCENT_ERR_ARGUMENT, "no state is called 'velocity_hat'");
    refused(descent_optimizer_slot(o, 1, "momentum", &view),
            DESCENT_ERR_ARGUMENT, "tensor index = 1");
    descent_optimizer_free(o);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tensors_that_are_none_are_refused),
        TEST(s12_15_misaligned_pointers_are_refused),
        TEST(weights_that_overlap_are_refused),
        TEST(gradients_that_do_not_fit_are_refused),
        TEST(strides_of_empty_tensors_do_not_matter),
        TEST(a_gradient_is_judged_again_when_its_type_changes),
        TEST(descriptions_fit_into_the_callers_struct),
        TEST(names_lead_to_indices),
        TEST(ranges_are_sorted_and_searched),
        TEST(slots_are_seen_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
