/* SPDX-License-Identifier: MIT */
/* The flat lists of Keras: their order, against lists made by hand from its
 * rules, and taking their values. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

static descent_runtime *runtime;

static int setup(void **state)
{
    (void)state;
    runtime = check_runtime();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    descent_runtime_free(runtime);
    return 0;
}

/* ---- A list ---- */

enum { MOST = 24, MOST_ELEMENTS = 8 };

typedef struct flat {
    descent_tensor items[MOST];
    int64_t shapes[MOST][DESCENT_MAX_DIMS];
    double elements[MOST][MOST_ELEMENTS];
    size_t count;
    char text[1024]; /* "NAME[SHAPE] NAME[SHAPE] ..." */
} flat;

static void tell(flat *f, const char *format, ...) DESCENT_PRINTF(2, 3);
static void tell(flat *f, const char *format, ...)
{
    const size_t used = strlen(f->text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(f->text + used, sizeof f->text - used, format, arguments);
    va_end(arguments);
}

static descent_status keep(void *user, const descent_tensor *item)
{
    flat *f = user;
    const size_t i = f->count++;
    const char *slash = strchr(item->name, '/');
    int64_t n = 1;

    f->items[i] = *item;
    tell(f, "%s%s", i > 0 ? " " : "", slash != NULL ? slash + 1 : item->name);
    for (uint32_t d = 0; d < item->ndim; d++) {
        f->shapes[i][d] = item->shape[d];
        n *= item->shape[d];
        tell(f, "[%d]", (int)item->shape[d]);
    }
    f->items[i].shape = f->shapes[i];
    f->items[i].name = "";
    f->items[i].dtype = DESCENT_DTYPE_F64;
    f->items[i].data = f->elements[i];
    assert_true(n <= MOST_ELEMENTS);
    if (item->dtype == DESCENT_DTYPE_I64)
        f->elements[i][0] = (double)*(const int64_t *)item->data;
    else
        ok(descent_convert(DESCENT_DTYPE_F64, f->elements[i], item->dtype,
                           item->data, (size_t)n));
    return DESCENT_OK;
}

static void list_of(descent_optimizer *o, int order, flat *f)
{
    memset(f, 0, sizeof *f);
    ok(descent_optimizer_weights(o, order, keep, f));
}

/* Take out, or put in a copy of, item i. */
static void drop(flat *f, size_t i)
{
    f->count--;
    memmove(&f->items[i], &f->items[i + 1], (f->count - i) * sizeof *f->items);
}

/* ---- Optimizers of two tensors ---- */

static float a[4], b[2];
static const float ga[4] = {1, -2, 0.5f, 3}, gb[2] = {-1, 4};

static descent_optimizer *begin(const char *kind, const char *json)
{
    descent_optimizer *o = check_optimizer(runtime, kind, json);
    static const int64_t two[] = {2, 2};
    const descent_tensor t = {.struct_size = sizeof t,
                              .dtype = DESCENT_DTYPE_F32,
                              .name = "a",
                              .ndim = 2,
                              .shape = two,
                              .data = a,
                              .gradient = ga};

    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    ok(descent_optimizer_add(o, &t, 1));
    check_bind(o, "b", b, gb, 2);
    return o;
}

static const struct {
    int order;
    const char *kind, *json, *list;
} lists[] = {
    {DESCENT_ORDER_KERAS3, "sgd", NULL, "iterations learning_rate"},
    {DESCENT_ORDER_KERAS3, "sgd", "{\"momentum\": 0.9}",
     "iterations learning_rate momentum/a[2][2] momentum/b[2]"},
    {DESCENT_ORDER_KERAS3, "adam", NULL,
     "iterations learning_rate momentum/a[2][2] velocity/a[2][2] "
     "momentum/b[2] velocity/b[2]"},
    {DESCENT_ORDER_KERAS3, "adam", "{\"amsgrad\": true}",
     "iterations learning_rate momentum/a[2][2] velocity/a[2][2] "
     "momentum/b[2] velocity/b[2] velocity_hat/a[2][2] velocity_hat/b[2]"},
    {DESCENT_ORDER_KERAS3, "rmsprop", "{\"momentum\": 0.5, \"centered\": true}",
     "iterations learning_rate velocity/a[2][2] velocity/b[2] "
     "momentum/a[2][2] momentum/b[2] average_gradient/a[2][2] "
     "average_gradient/b[2]"},
    {DESCENT_ORDER_KERAS3, "adadelta",
     "{\"learning_rate\": {\"class_name\": \"hold\", \"config\": {\"value\": "
     "1}}}",
     "iterations accumulated_grad/a[2][2] accumulated_delta_var/a[2][2] "
     "accumulated_grad/b[2] accumulated_delta_var/b[2]"},
    {DESCENT_ORDER_KERAS3, "adamax",
     "{\"use_ema\": true, \"gradient_accumulation_steps\": 2}",
     "iterations learning_rate average/a[2][2] average/b[2] "
     "gradient_accumulator/a[2][2] gradient_accumulator/b[2] "
     "momentum/a[2][2] norm/a[2][2] momentum/b[2] norm/b[2]"},
    {DESCENT_ORDER_KERAS3, "nadam", NULL,
     "iterations learning_rate momentum/a[2][2] velocity/a[2][2] "
     "momentum/b[2] velocity/b[2] u_product"},
    {DESCENT_ORDER_KERAS3, "sgd", "{\"loss_scale\": {\"initial_scale\": 2}}",
     "unused unused good_steps scale iterations learning_rate"},
    {DESCENT_ORDER_KERAS3, "adagrad", NULL,
     "iterations learning_rate accumulator/a[2][2] accumulator/b[2]"},
    {DESCENT_ORDER_KERAS2, "sgd", "{\"flavour\": \"keras2\"}",
     "iterations momentum/a[2][2] momentum/b[2]"},
    {DESCENT_ORDER_KERAS2, "rmsprop", "{\"flavour\": \"keras2\"}",
     "iterations velocity/a[2][2] velocity/b[2]"},
    {DESCENT_ORDER_KERAS2, "adagrad", "{\"flavour\": \"keras2\"}",
     "iterations accumulator/a[2][2] accumulator/b[2]"},
    {DESCENT_ORDER_KERAS2, "adadelta", "{\"flavour\": \"keras2\"}",
     "iterations accumulated_grad/a[2][2] accumulated_grad/b[2] "
     "accumulated_delta_var/a[2][2] accumulated_delta_var/b[2]"},
    {DESCENT_ORDER_KERAS2, "adam", "{\"flavour\": \"keras2\"}",
     "iterations momentum/a[2][2] momentum/b[2] velocity/a[2][2] "
     "velocity/b[2] unused[1] unused[1]"},
    {DESCENT_ORDER_KERAS2, "adam",
     "{\"flavour\": \"keras2\", \"amsgrad\": true}",
     "iterations momentum/a[2][2] momentum/b[2] velocity/a[2][2] "
     "velocity/b[2] velocity_hat/a[2][2] velocity_hat/b[2]"},
    {DESCENT_ORDER_KERAS2, "adamax", "{\"flavour\": \"keras2\"}",
     "iterations momentum/a[2][2] momentum/b[2] norm/a[2][2] norm/b[2]"},
    {DESCENT_ORDER_KERAS2, "nadam", "{\"flavour\": \"keras2\"}",
     "iterations u_product momentum/a[2][2] momentum/b[2] "
     "velocity/a[2][2] velocity/b[2]"},
};
enum { LISTS = sizeof lists / sizeof *lists, SCALED = 8 };

static void the_orders_are_those_of_keras(void **state)
{
    flat f;

    (void)state;
    for (size_t i = 0; i < LISTS; i++) {
        descent_optimizer *o = begin(lists[i].kind, lists[i].json);
        list_of(o, lists[i].order, &f);
        assert_string_equal(f.text, lists[i].list);
        descent_optimizer_free(o);
    }
}

/* A list taken by a new optimizer gives the same steps. */
static void a_list_goes_on_where_it_was_made(void **state)
{
    float after_a[4], after_b[2], was_a[4], was_b[2];
    flat f, again;

    (void)state;
    for (size_t i = 0; i < LISTS; i++) {
        descent_optimizer *o = begin(lists[i].kind, lists[i].json);
        for (int k = 0; k < 6; k++)
            check_step(o);
        list_of(o, lists[i].order, &f);
        assert_float_equal(f.elements[i == SCALED ? 4 : 0][0], 6, 0);
        memcpy(was_a, a, sizeof a);
        memcpy(was_b, b, sizeof b);
        check_step(o);
        check_step(o);
        memcpy(after_a, a, sizeof a);
        memcpy(after_b, b, sizeof b);
        descent_optimizer_free(o);

        o = begin(lists[i].kind, lists[i].json);
        memcpy(a, was_a, sizeof a);
        memcpy(b, was_b, sizeof b);
        ok(descent_optimizer_set_weights(o, lists[i].order, f.items, f.count));
        list_of(o, lists[i].order, &again);
        assert_memory_equal(f.elements, again.elements, sizeof f.elements);
        check_step(o);
        check_step(o);
        assert_memory_equal(a, after_a, sizeof a);
        assert_memory_equal(b, after_b, sizeof b);
        descent_optimizer_free(o);
    }
}

static descent_status find_accumulated(void *user,
                                       const descent_state_item *item)
{
    if (strcmp(item->part, "accumulated") == 0)
        *(int64_t *)user += *(const int64_t *)item->view->data;
    return DESCENT_OK;
}

static void a_list_sets_counters_and_the_rate(void **state)
{
    descent_optimizer *o =
        begin("adam", "{\"gradient_accumulation_steps\": 3}");
    int64_t accumulated = 0;
    double rate = 0;
    flat f;

    (void)state;
    list_of(o, DESCENT_ORDER_KERAS3, &f);
    f.elements[0][0] = 10;
    f.elements[1][0] = 0.25;
    ok(descent_optimizer_set_weights(o, DESCENT_ORDER_KERAS3, f.items,
                                     f.count));
    assert_int_equal(descent_optimizer_iterations(o), 10);
    assert_int_equal(descent_optimizer_updates(o), 3);
    assert_int_equal(descent_optimizer_tensor_updates(o, 1), 3);
    ok(descent_optimizer_get(o, "learning_rate", &rate));
    assert_float_equal(rate, 0.25, 0);
    /* The tenth step has opened a window, to which both have contributed. */
    ok(descent_optimizer_state(o, 0, find_accumulated, &accumulated));
    assert_int_equal(accumulated, 2);
    descent_optimizer_free(o);
}

static void older_lists_are_accepted_where_keras_does(void **state)
{
    static const char *const leading[] = {"rmsprop", "adagrad", "adadelta"};
    static const char *const strict[] = {"sgd", "adam", "adamax"};
    static const char json[] = "{\"flavour\": \"keras2\"}";
    flat f, after;

    (void)state;
    for (int i = 0; i < 3; i++) {
        descent_optimizer *o = begin(leading[i], json);
        check_step(o);
        list_of(o, DESCENT_ORDER_KERAS2, &f);
        f.elements[1][0] = 0.75;
        drop(&f, 0);
        ok(descent_optimizer_set_weights(o, DESCENT_ORDER_KERAS2, f.items,
                                         f.count));
        list_of(o, DESCENT_ORDER_KERAS2, &after);
        assert_float_equal(after.elements[0][0], 0, 0);
        assert_float_equal(after.elements[1][0], 0.75, 0);
        descent_optimizer_free(o);

        o = begin(strict[i], json);
        list_of(o, DESCENT_ORDER_KERAS2, &f);
        drop(&f, 0);
        refused(descent_optimizer_set_weights(o, DESCENT_ORDER_KERAS2, f.items,
                                              f.count),
                DESCENT_ERR_ARGUMENT, "items: expected");
        descent_optimizer_free(o);
    }
    descent_optimizer *o = begin("nadam", json);
    check_step(o);
    list_of(o, DESCENT_ORDER_KERAS2, &f);
    drop(&f, 1);
    ok(descent_optimizer_set_weights(o, DESCENT_ORDER_KERAS2, f.items,
                                     f.count));
    list_of(o, DESCENT_ORDER_KERAS2, &after);
    assert_float_equal(after.elements[0][0], 1, 0);
    assert_float_equal(after.elements[1][0], 1, 0);
    assert_float_equal(after.elements[2][1], f.elements[2][1], 0);
    descent_optimizer_free(o);
}

static void bad_lists_are_refused_and_change_nothing(void **state)
{
    descent_optimizer *o = begin("adam", NULL);
    flat f, before, after;

    (void)state;
    check_step(o);
    list_of(o, DESCENT_ORDER_KERAS3, &before);
    for (int i = 0; i < 9; i++) {
        static const char *const texts[] = {
            "a list of 5 items: expected 6",
            "item 6, 'descent.slots/velocity/b', has the shape [1], expected "
            "[2]",
            "item 1, 'descent.counters/iterations', has the shape [1], "
            "expected []",
            "iterations = -1: expected an integer, 0 or more",
            "iterations = 1.5: expected",
            "iterations = nan: expected",
            "adam.learning_rate = -1",
            "item 3: dtype = 16: expected a floating type or i64",
            "item 3: struct_size = 8",
        };
        list_of(o, DESCENT_ORDER_KERAS3, &f);
        f.elements[2][0] = 99;
        f.count -= i == 0;
        f.shapes[5][0] = i == 1 ? 1 : 2;
        f.items[0].ndim = i == 2;
        f.shapes[0][0] = 1;
        f.elements[0][0] = i == 3 ? -1 : i == 4 ? 1.5 : i == 5 ? NAN : 1;
        f.elements[1][0] = i == 6 ? -1 : 0.5;
        if (i == 7)
            f.items[2].dtype = DESCENT_DTYPE_U8;
        if (i == 8)
            f.items[2].struct_size = 8;
        refused(descent_optimizer_set_weights(o, DESCENT_ORDER_KERAS3, f.items,
                                              f.count),
                DESCENT_ERR_ARGUMENT, texts[i]);
        list_of(o, DESCENT_ORDER_KERAS3, &after);
        assert_memory_equal(before.elements, after.elements,
                            sizeof before.elements);
    }
    refused(descent_optimizer_set_weights(o, 2, f.items, f.count),
            DESCENT_ERR_ARGUMENT, "order = 2");
    refused(descent_optimizer_set_weights(o, 0, NULL, 3), DESCENT_ERR_ARGUMENT,
            "the list is NULL");
    refused(descent_optimizer_weights(o, 0, NULL, NULL), DESCENT_ERR_ARGUMENT,
            "visit is NULL");
    descent_optimizer_free(o);
}

static void state_without_a_place_is_an_error(void **state)
{
    static const struct {
        int order;
        const char *kind, *json, *text;
    } cases[] = {
        {DESCENT_ORDER_KERAS2, "adam", "{\"use_ema\": true}",
         "adam: the list of Keras 2.3 has no place for 'average'"},
        {DESCENT_ORDER_KERAS2, "adam", "{\"loss_scale\": true}",
         "Keras 2.3 has no place for 'good_steps'"},
        {DESCENT_ORDER_KERAS3, "nadam", "{\"counter\": \"per_tensor\"}",
         "Keras 3 has no place for 'u_product'"},
    };
    flat f;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        descent_optimizer *o = begin(cases[i].kind, cases[i].json);
        refused(descent_optimizer_weights(o, cases[i].order, keep, &f),
                DESCENT_ERR_SUPPORT, cases[i].text);
        refused(descent_optimizer_set_weights(o, cases[i].order, f.items, 0),
                DESCENT_ERR_SUPPORT, cases[i].text);
        /* The optimizer is named once. */
        assert_null(strstr(descent_error_message(), "adam: adam"));
        descent_optimizer_free(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_orders_are_those_of_keras),
        cmocka_unit_test(a_list_goes_on_where_it_was_made),
        cmocka_unit_test(a_list_sets_counters_and_the_rate),
        cmocka_unit_test(older_lists_are_accepted_where_keras_does),
        cmocka_unit_test(bad_lists_are_refused_and_change_nothing),
        cmocka_unit_test(state_without_a_place_is_an_error),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
