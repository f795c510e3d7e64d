/* SPDX-License-Identifier: MIT */
/* Groups of tensors that differ in some options, multipliers, freezing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"

enum { TENSORS = 3 };

/* Three weights of one element, named as in a model. */
typedef struct bench {
    descent_runtime *runtime;
    descent_optimizer *o;
    float w[TENSORS], g[TENSORS];
} bench;

static const char *const names[TENSORS] = {"conv/kernel", "conv/bias", "out"};

static void open_bench(bench *b, const char *kind, const char *json)
{
    *b = (bench){.runtime = check_runtime()};
    b->o = check_optimizer(b->runtime, kind, json);
    for (int i = 0; i < TENSORS; i++) {
        b->w[i] = 1;
        b->g[i] = 1;
    }
}

static void bind_all(bench *b)
{
    for (int i = 0; i < TENSORS; i++)
        check_bind(b->o, names[i], &b->w[i], &b->g[i], 1);
}

static void close_bench(bench *b)
{
    descent_optimizer_free(b->o);
    descent_runtime_free(b->runtime);
}

/* Add a group by expression with the options of a JSON text. */
static descent_status add(bench *b, const char *match, const char *json)
{
    descent_options *options = NULL;
    descent_group group = {.struct_size = sizeof group, .match = match};
    descent_status status;

    ok(descent_options_from_json(b->runtime, json, strlen(json), &options));
    group.options = options;
    status = descent_optimizer_add_group(b->o, &group, NULL);
    descent_options_free(options);
    return status;
}

static void near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-6))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

static double get(bench *b, size_t group, const char *option)
{
    double value = NAN;

    ok(descent_optimizer_group_get(b->o, group, option, &value));
    return value;
}

static void first_match_wins_and_the_rest_is_the_optimizers(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.1}");
    ok(add(&b, "bias$", "{\"lr_mult\": 2}"));
    ok(add(&b, "^conv", "{\"learning_rate\": 0.01}"));
    bind_all(&b);
    check_step(b.o);
    near(b.w[0], 0.99);
    near(b.w[1], 0.8);
    near(b.w[2], 0.9);
    assert_int_equal(descent_optimizer_group_count(b.o), 3);
    assert_int_equal(descent_optimizer_tensor_group(b.o, 0), 2);
    assert_int_equal(descent_optimizer_tensor_group(b.o, 1), 1);
    assert_int_equal(descent_optimizer_tensor_group(b.o, 2), 0);
    near(descent_optimizer_tensor_rate(b.o, 1), 0.2);
    close_bench(&b);
}

static void a_group_takes_tensors_that_are_bound_already(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.1}");
    bind_all(&b);
    ok(add(&b, "bias$", "{\"learning_rate\": 0.5}"));
    check_step(b.o);
    near(b.w[1], 0.5);
    ok(add(&b, "conv", "{\"learning_rate\": 0}")); /* bias has a group */
    check_step(b.o);
    near(b.w[0], 0.9);
    near(b.w[1], 0);
    close_bench(&b);
}

static int32_t is_out(void *user, const descent_tensor *t)
{
    ++*(int *)user;
    return strcmp(t->name, "out") == 0 ? 1 : 0;
}

static int32_t fails(void *user, const descent_tensor *t)
{
    (void)user;
    (void)t;
    return descent_error_set(DESCENT_ERR_SCRIPT, "cannot say");
}

static void names_and_functions_choose_tensors(void **state)
{
    static const char *const listed[] = {"conv/bias"};
    bench b;
    int asked = 0;
    descent_group group = {.struct_size = sizeof group,
                           .names = listed,
                           .name_count = 1,
                           .where = is_out,
                           .user = &asked};
    size_t number = 0;

    (void)state;
    open_bench(&b, "sgd", "{}");
    ok(descent_optimizer_add_group(b.o, &group, &number));
    assert_int_equal(number, 1);
    bind_all(&b);
    assert_int_equal(asked, 2); /* not where the list has decided */
    ok(descent_optimizer_check_groups(b.o));
    assert_int_equal(descent_optimizer_tensor_group(b.o, 0), 0);
    assert_int_equal(descent_optimizer_tensor_group(b.o, 1), 1);
    assert_int_equal(descent_optimizer_tensor_group(b.o, 2), 1);
    group = (descent_group){.struct_size = sizeof group, .where = fails};
    refused(descent_optimizer_add_group(b.o, &group, NULL), DESCENT_ERR_SCRIPT,
            "cannot say");
    assert_int_equal(descent_optimizer_group_count(b.o), 2);
    close_bench(&b);
}

static void a_function_that_fails_binds_nothing(void **state)
{
    bench b;
    const descent_group group = {.struct_size = sizeof group, .where = fails};
    const descent_tensor t = {.struct_size = sizeof t,
                              .dtype = DESCENT_DTYPE_F32,
                              .name = "out",
                              .data = &b.w[0]};

    (void)state;
    open_bench(&b, "sgd", "{}");
    ok(descent_optimizer_add_group(b.o, &group, NULL));
    refused(descent_optimizer_add(b.o, &t, 1), DESCENT_ERR_SCRIPT,
            "cannot say");
    assert_int_equal(descent_optimizer_tensor_count(b.o), 0);
    close_bench(&b);
}

static void groups_that_match_nothing_are_errors(void **state)
{
    static const char *const listed[] = {"out", "conv/bais"};
    const descent_group list = {
        .struct_size = sizeof list, .names = listed, .name_count = 2};
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{}");
    ok(add(&b, "gamma$", "{\"weight_decay\": 0}"));
    bind_all(&b);
    refused(descent_optimizer_build(b.o), DESCENT_ERR_ARGUMENT,
            "SGD: group 1 matches no tensor");
    refused(descent_optimizer_step(b.o, NULL, 0, NULL, NULL),
            DESCENT_ERR_ARGUMENT, "SGD: group 1 matches no tensor");
    /* The optimizer is named once. */
    assert_int_equal(strncmp(descent_error_message(), "SGD: group", 10), 0);
    near(b.w[0], 1);
    close_bench(&b);

    open_bench(&b, "sgd", "{}");
    ok(descent_optimizer_add_group(b.o, &list, NULL));
    bind_all(&b);
    refused(descent_optimizer_check_groups(b.o), DESCENT_ERR_ARGUMENT,
            "SGD: group 1: no tensor is called 'conv/bais'; did you mean "
            "'conv/bias'?");
    refused(descent_optimizer_build(b.o), DESCENT_ERR_ARGUMENT,
            "SGD: group 1: no tensor is called 'conv/bais'");
    refused(descent_optimizer_step(b.o, NULL, 0, NULL, NULL),
            DESCENT_ERR_ARGUMENT,
            "SGD: group 1: no tensor is called 'conv/bais'");
    close_bench(&b);
}

static void bad_groups_are_refused_and_change_nothing(void **state)
{
    static const struct {
        const char *match, *json, *text;
    } cases[] = {
        {"(", "{}", "match = '('"},
        {"", "{}", "expected a regular expression of 1 to"},
        {"((a{1,80}){1,80}){,80}", "{}",
         "match = '((a{1,80}){1,80}){,80}': expected repetitions that come to "
         "at most 100000 characters, written out"},
        {"(a(b\\(){30,}){40}{90}", "{}", "at most 100000 characters"},
        {"x{99999999999999999999}", "{}", "at most 100000 characters"},
        {"(((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+", "{}",
         "at most 100000 characters"},
        {"a{90}{90}{90}", "{}", "at most 100000 characters"},
        {"(a[)]{90}){90}*{90}", "{}", "at most 100000 characters"},
        {"([]()[:alpha:])[=a=]]{90}){90}?{90}", "{}",
         "at most 100000 characters"},
        {"[", "{}", "match = '['"},
        {"[[:", "{}", "match = '[[:'"},
        {"out", "{\"lr_mult\": -1}", "sgd.lr_mult = -1: expected"},
        {"out", "{\"wd_mult\": -0.5}", "sgd.wd_mult = -0.5: expected"},
        {"out", "{\"freeze\": 1}", "sgd.freeze = 1: expected true or false"},
        {"out", "{\"use_ema\": true}",
         "sgd.use_ema = true: expected one value for all groups"},
        {"out", "{\"flavour\": \"torch\"}",
         "sgd.flavour = \"torch\": expected one value for all groups"},
        {"out", "{\"learnin_rate\": 1}", "did you mean 'learning_rate'?"},
        {"out", "{\"lr\": 1, \"learning_rate\": 1}", "two names of one"},
        {"out", "{\"clipnorm\": 1, \"clipvalue\": 1}", "at most one of"},
        {"out", "{\"learning_rate\": -1}", "sgd.learning_rate = -1: expected"},
        {NULL, "{}", "group 1: expected match, names or where"},
    };
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{}");
    bind_all(&b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(add(&b, cases[i].match, cases[i].json), DESCENT_ERR_ARGUMENT,
                cases[i].text);
    assert_int_equal(descent_optimizer_group_count(b.o), 1);
    check_step(b.o);
    close_bench(&b);
}

/* Room for the scalars of one group more may be made elsewhere. */
static void a_step_after_a_refused_group_is_as_before(void **state)
{
    static const char *const few[] = {"a", "b", "c"};
    descent_runtime *runtime = check_runtime();
    bench b = {.runtime = runtime,
               .o = check_optimizer(runtime, "sgd", "{\"learning_rate\": 1}")};
    float w[3] = {0}, g[3] = {1, 1, 1};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        check_bind(b.o, few[i], &w[i], &g[i], 1);
    for (size_t i = 0; i < 3; i++)
        ok(add(&b, few[i], "{}"));
    check_step(b.o);
    refused(add(&b, "a", "{\"lr_mult\": -1}"), DESCENT_ERR_ARGUMENT,
            "lr_mult = -1");
    ok(descent_optimizer_set(b.o, "learning_rate", 2));
    check_step(b.o);
    for (size_t i = 0; i < 3; i++)
        near(w[i], -3);
    close_bench(&b);
}

static void values_are_read_and_changed_by_group(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "adam", "{\"learning_rate\": 0.1, \"global_clipnorm\": 1}");
    ok(add(&b, "bias", "{\"beta_1\": 0.5, \"clipvalue\": 0.25}"));
    bind_all(&b);
    near(get(&b, 0, "beta_1"), 0.9);
    near(get(&b, 1, "beta_1"), 0.5);
    near(get(&b, 1, "learning_rate"), 0.1);
    ok(descent_optimizer_set(b.o, "learning_rate", 0.2));
    near(get(&b, 1, "learning_rate"), 0.2);
    ok(descent_optimizer_group_set(b.o, 1, "learning_rate", 0.3));
    ok(descent_optimizer_set(b.o, "learning_rate", 0.4));
    near(get(&b, 1, "learning_rate"), 0.3);
    near(get(&b, 1, "clipvalue"), 0.25);
    assert_true(isnan(get(&b, 1, "global_clipnorm")));
    refused(descent_optimizer_group_set(b.o, 1, "clipnorm", 1),
            DESCENT_ERR_ARGUMENT, "at most one of");
    refused(descent_optimizer_group_set(b.o, 2, "lr_mult", 1),
            DESCENT_ERR_ARGUMENT, "group = 2, expected less than 2");
    refused(descent_optimizer_group_set(b.o, 1, "amsgrad", 1),
            DESCENT_ERR_STATE, "fixed when the optimizer is created");
    close_bench(&b);
}

/* What a group takes over may not come to exclude what it has. */
static void a_change_for_all_is_judged_in_every_group(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"clip_scope\": \"tensor\"}");
    ok(add(&b, "bias", "{\"lr_mult\": 2}"));
    bind_all(&b);
    ok(descent_optimizer_group_set(b.o, 1, "clipvalue", 0.5));
    refused(descent_optimizer_set(b.o, "clipnorm", 1), DESCENT_ERR_ARGUMENT,
            "at most one of");
    assert_true(isnan(get(&b, 0, "clipnorm")));
    close_bench(&b);
}

static descent_status doubled(void *user, uint64_t n,
                              const descent_schedule_context *context,
                              double *value)
{
    *(uint32_t *)user = context == NULL ? 99 : context->group;
    *value = n == 0 ? 1 : 2;
    return DESCENT_OK;
}

static void a_group_may_have_schedules_of_its_own(void **state)
{
    descent_schedule *s = NULL;
    descent_options *options = NULL;
    descent_group group = {.struct_size = sizeof group, .match = "out"};
    uint32_t seen = 99;
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.1}");
    ok(descent_schedule_from_function(b.runtime, doubled, &seen, NULL, &s));
    ok(descent_options_create(b.runtime, &options));
    ok(descent_options_set_schedule(options, "lr_mult", s));
    group.options = options;
    ok(descent_optimizer_add_group(b.o, &group, NULL));
    bind_all(&b);
    check_step(b.o);
    check_step(b.o);
    near(b.w[0], 0.8);
    near(b.w[2], 0.7);
    assert_int_equal(seen, 1);
    descent_options_free(options);
    descent_schedule_release(s);
    close_bench(&b);
}

static void decay_multipliers_and_exclusions_go_together(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.1, \"weight_decay\": 0.5}");
    ok(add(&b, "conv", "{\"wd_mult\": 2}"));
    bind_all(&b);
    ok(descent_optimizer_exclude_from_weight_decay(b.o, NULL, 0, "bias"));
    memset(b.g, 0, sizeof b.g);
    check_step(b.o);
    near(b.w[0], 0.9);
    near(b.w[1], 1);
    near(b.w[2], 0.95);
    close_bench(&b);
}

static void a_tensors_own_multiplier_replaces_its_groups(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "adam", "{\"learning_rate\": 0.1}");
    ok(add(&b, "conv", "{\"lr_mult\": 3}"));
    bind_all(&b);
    assert_true(isnan(descent_optimizer_tensor_rate(b.o, 0)));
    ok(descent_optimizer_set_lr_mult(b.o, 1, 0.5));
    refused(descent_optimizer_set_lr_mult(b.o, 1, -1), DESCENT_ERR_ARGUMENT,
            "adam.lr_mult = -1");
    refused(descent_optimizer_set_wd_mult(b.o, 1, INFINITY),
            DESCENT_ERR_ARGUMENT, "adam.wd_mult = inf");
    refused(descent_optimizer_set_lr_mult(b.o, 3, 1), DESCENT_ERR_ARGUMENT,
            "tensor index = 3");
    check_step(b.o);
    near(b.w[0], 0.7);
    near(b.w[1], 0.95);
    near(b.w[2], 0.9);
    ok(descent_optimizer_set_lr_mult(b.o, 1, NAN));
    check_step(b.o);
    near(descent_optimizer_tensor_rate(b.o, 1), 0.3);
    close_bench(&b);
}

static void a_global_norm_is_of_all_groups_a_limit_of_each(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 1, \"global_clipnorm\": 1}");
    ok(add(&b, "bias", "{\"global_clipnorm\": 2.5}"));
    ok(add(&b, "out", "{\"clipvalue\": 0.5}"));
    bind_all(&b);
    b.g[0] = 3;
    b.g[1] = 4;
    b.g[2] = 0;
    const descent_step_report report = check_step(b.o);
    near(report.grad_norm, 5);
    assert_int_equal(report.clipped, 2);
    near(b.w[0], 1 - 0.6);
    near(b.w[1], 1 - 2);
    near(b.w[2], 1);
    close_bench(&b);
}

static void rescaling_may_differ_under_a_global_norm(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 1, \"global_clipnorm\": 1}");
    ok(add(&b, "bias", "{\"rescale_grad\": 2}"));
    bind_all(&b);
    b.g[0] = 3;
    b.g[1] = 2;
    b.g[2] = 0;
    near(check_step(b.o).grad_norm, 5);
    near(b.w[1], 1 - 0.8);
    close_bench(&b);
}

static void frozen_tensors_stay_and_have_no_state(void **state)
{
    descent_tensor view = {.struct_size = sizeof view};
    bench b;

    (void)state;
    open_bench(&b, "adam", "{\"learning_rate\": 0.1, \"use_ema\": true}");
    ok(add(&b, "conv", "{\"freeze\": true}"));
    bind_all(&b);
    assert_int_equal(check_step(b.o).updated, 1);
    assert_int_equal(descent_optimizer_state_bytes(b.o), 3 * sizeof(float));
    ok(descent_optimizer_slot(b.o, 0, "velocity", &view));
    assert_int_equal(view.ndim, 1);
    assert_int_equal(view.shape[0], 0);
    ok(descent_optimizer_swap_average(b.o));
    ok(descent_optimizer_swap_average(b.o));
    near(b.w[0], 1);
    near(b.w[2], 0.9);
    /* Melting: state comes, and the tensor is updated. */
    ok(descent_optimizer_group_set(b.o, 1, "freeze", 0));
    assert_int_equal(check_step(b.o).updated, 3);
    assert_int_equal(descent_optimizer_state_bytes(b.o), 9 * sizeof(float));
    assert_true(b.w[0] < 0.95F);
    /* Frozen again it keeps its state and rests. */
    ok(descent_optimizer_group_set(b.o, 1, "freeze", 1));
    const float before = b.w[0];
    assert_int_equal(check_step(b.o).updated, 1);
    assert_true(b.w[0] == before);
    ok(descent_optimizer_finalize(b.o));
    close_bench(&b);
}

/* As long as they are not nested. */
static void repetitions_may_be_many(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", NULL);
    ok(add(&b, "^(a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s+|conv/k.{4}[l-]{1})$",
           "{\"freeze\": true}"));
    ok(add(&b, "((o{1,99}|u){2,99}t|x){1,2}|conv", "{}"));
    bind_all(&b);
    assert_int_equal(descent_optimizer_tensor_group(b.o, 0), 1);
    assert_int_equal(descent_optimizer_tensor_group(b.o, 1), 2);
    close_bench(&b);
}

static void success_leaves_the_last_failure_as_it_is(void **state)
{
    const char *const named[] = {"out"};
    const descent_group group = {
        .struct_size = sizeof group, .names = named, .name_count = 1};
    char text[256];
    bench b;

    (void)state;
    open_bench(&b, "sgd", NULL);
    ok(descent_optimizer_add_group(b.o, &group, NULL));
    bind_all(&b);
    refused(descent_optimizer_set(b.o, "learning_rate", -1),
            DESCENT_ERR_ARGUMENT, "sgd.learning_rate = -1");
    snprintf(text, sizeof text, "%s", descent_error_message());
    ok(descent_optimizer_check_groups(b.o));
    assert_string_equal(descent_error_message(), text);
    assert_int_equal(descent_error_code(), DESCENT_ERR_ARGUMENT);
    close_bench(&b);
}

/* More kinds of tensors, in turn, than are remembered while scalars are asked
 * for: all of a kind get the same, and there is room for all. */
static void many_kinds_of_tensors_have_scalars_each(void **state)
{
    enum { MANY = 120, KINDS = 30 };
    static const char *const options[] = {
        "{\"learning_rate\": 0.25, \"counter\": \"global\"}",
        "{\"learning_rate\": 0.25, \"counter\": \"per_tensor\"}"};
    float w[MANY], g = 1;

    (void)state;
    for (int which = 0; which < 2; which++) {
        descent_runtime *runtime = check_runtime();
        descent_optimizer *o = check_optimizer(runtime, "sgd", options[which]);
        for (size_t i = 0; i < MANY; i++) {
            char name[16];
            snprintf(name, sizeof name, "w%zu", i);
            w[i] = 1;
            check_bind(o, name, &w[i], &g, 1);
            if (i % KINDS != 0)
                ok(descent_optimizer_set_lr_mult(o, i, (double)(i % KINDS)));
        }
        check_step(o);
        for (size_t i = 0; i < MANY; i++)
            near(w[i], 1 - 0.25 * (i % KINDS == 0 ? 1 : (double)(i % KINDS)));
        descent_optimizer_free(o);
        descent_runtime_free(runtime);
    }
}

/* Also when averages overwrite the weights of all others. */
static void averages_do_not_overwrite_frozen_weights(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd",
               "{\"learning_rate\": 1, \"use_ema\": true, "
               "\"ema_momentum\": 0.5, \"ema_overwrite_frequency\": 2}");
    ok(add(&b, "conv", "{}"));
    bind_all(&b);
    for (int i = 0; i < 3; i++)
        check_step(b.o);
    ok(descent_optimizer_group_set(b.o, 1, "freeze", 1));
    const float before = b.w[0];
    near(b.w[2], before);
    check_step(b.o);
    assert_true(b.w[0] == before);
    near(b.w[2], -1.75); /* its average, of -1 and -2.5 */
    close_bench(&b);
}

/* A group that joins a run and a state that was loaded have no last step of
 * their own. */
static void the_rate_of_a_tensor_is_that_of_the_last_step(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.5}");
    bind_all(&b);
    assert_true(isnan(descent_optimizer_tensor_rate(b.o, 0)));
    check_step(b.o);
    ok(add(&b, "bias", "{\"learning_rate\": 2}"));
    near(descent_optimizer_tensor_rate(b.o, 0), 0.5);
    near(descent_optimizer_tensor_rate(b.o, 1), 0.5);
    check_step(b.o);
    near(descent_optimizer_tensor_rate(b.o, 1), 2);
    close_bench(&b);
}

static void frozen_gradients_do_not_count_for_the_norm(void **state)
{
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 1, \"global_clipnorm\": 10}");
    ok(add(&b, "conv", "{\"freeze\": true}"));
    bind_all(&b);
    near(check_step(b.o).grad_norm, 1);
    ok(descent_optimizer_group_set(b.o, 0, "freeze", 1));
    refused(descent_optimizer_step(b.o, NULL, 0, NULL, NULL),
            DESCENT_ERR_ARGUMENT,
            "no tensor to update: each of 3 with a gradient is frozen");
    close_bench(&b);
}

/* Nadam's product is one a group, moves on without gradients, and starts from
 * that of the others. */
static void scalar_state_is_one_a_group(void **state)
{
    descent_tensor one = {.struct_size = sizeof one}, two = one;
    bench b;

    (void)state;
    open_bench(&b, "nadam", "{}");
    ok(add(&b, "bias", "{\"beta_1\": 0.5}"));
    bind_all(&b);
    check_step(b.o);
    check_step(b.o);
    ok(descent_optimizer_slot(b.o, 0, "u_product", &one));
    ok(descent_optimizer_slot(b.o, 1, "u_product", &two));
    assert_true(*(double *)one.data > *(double *)two.data);

    const double before = *(double *)two.data;
    const descent_gradient none = {.struct_size = sizeof none};
    descent_gradient given[TENSORS] = {none, none, none};
    given[0].data = b.g;
    ok(descent_optimizer_step(b.o, given, TENSORS, NULL, NULL));
    assert_true(*(double *)two.data < before);

    ok(add(&b, "out", "{\"beta_1\": 0.1}"));
    ok(descent_optimizer_slot(b.o, 2, "u_product", &two));
    assert_true(*(double *)one.data == *(double *)two.data);
    close_bench(&b);
}

/* An option whose being zero decides about state: a group may need it. */
static void a_group_may_need_state_until_there_is_any(void **state)
{
    descent_tensor view = {.struct_size = sizeof view};
    bench b;

    (void)state;
    open_bench(&b, "sgd", "{\"learning_rate\": 0.1}");
    bind_all(&b);
    ok(add(&b, "bias", "{\"momentum\": 0.9}"));
    check_step(b.o);
    check_step(b.o);
    ok(descent_optimizer_slot(b.o, 1, "momentum", &view));
    near(b.w[0], 0.8);
    near(b.w[1], 1 - 0.1 - 0.19);
    close_bench(&b);

    open_bench(&b, "sgd", "{\"learning_rate\": 0.1}");
    bind_all(&b);
    check_step(b.o);
    refused(add(&b, "bias", "{\"momentum\": 0.9}"), DESCENT_ERR_STATE,
            "there is no state for it");
    close_bench(&b);
}

/* A group that changes nothing changes no bit. */
static void a_group_without_differences_changes_no_bit(void **state)
{
    bench one, two;

    (void)state;
    open_bench(&one, "adam", "{\"global_clipnorm\": 0.5, \"use_ema\": true}");
    open_bench(&two, "adam", "{\"global_clipnorm\": 0.5, \"use_ema\": true}");
    ok(add(&two, "o", "{}"));
    bind_all(&one);
    bind_all(&two);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < TENSORS; k++)
            one.g[k] = two.g[k] = (float)((i * 7 + k * 3) % 11 - 5);
        check_step(one.o);
        check_step(two.o);
        assert_memory_equal(one.w, two.w, sizeof one.w);
    }
    close_bench(&one);
    close_bench(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_match_wins_and_the_rest_is_the_optimizers),
        cmocka_unit_test(a_group_takes_tensors_that_are_bound_already),
        cmocka_unit_test(names_and_functions_choose_tensors),
        cmocka_unit_test(a_function_that_fails_binds_nothing),
        cmocka_unit_test(groups_that_match_nothing_are_errors),
        cmocka_unit_test(bad_groups_are_refused_and_change_nothing),
        cmocka_unit_test(a_step_after_a_refused_group_is_as_before),
        cmocka_unit_test(values_are_read_and_changed_by_group),
        cmocka_unit_test(a_change_for_all_is_judged_in_every_group),
        cmocka_unit_test(a_group_may_have_schedules_of_its_own),
        cmocka_unit_test(decay_multipliers_and_exclusions_go_together),
        cmocka_unit_test(a_tensors_own_multiplier_replaces_its_groups),
        cmocka_unit_test(a_global_norm_is_of_all_groups_a_limit_of_each),
        cmocka_unit_test(rescaling_may_differ_under_a_global_norm),
        cmocka_unit_test(frozen_tensors_stay_and_have_no_state),
        cmocka_unit_test(repetitions_may_be_many),
        cmocka_unit_test(success_leaves_the_last_failure_as_it_is),
        cmocka_unit_test(many_kinds_of_tensors_have_scalars_each),
        cmocka_unit_test(averages_do_not_overwrite_frozen_weights),
        cmocka_unit_test(the_rate_of_a_tensor_is_that_of_the_last_step),
        cmocka_unit_test(frozen_gradients_do_not_count_for_the_norm),
        cmocka_unit_test(scalar_state_is_one_a_group),
        cmocka_unit_test(a_group_may_need_state_until_there_is_any),
        cmocka_unit_test(a_group_without_differences_changes_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
