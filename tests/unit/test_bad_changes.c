/* SPDX-License-Identifier: MIT */
/* Every option of every optimizer in every flavour, given what it must refuse,
 * generated from the declarations: set on an optimizer that has stepped, and said
 * by a schedule in a step.  The text names option, value and range; weights and
 * state keep every byte. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/refusals.h"
#include "support/fingerprint.h"

static size_t tried;

/* ---- Changes of an optimizer that has stepped ---- */

static struct {
    place place;
    descent_optimizer *o;
    uint64_t before;
    float single[5], of_single[5];
    double wide[3], of_wide[3];
} live;

static void bind(descent_optimizer *o, const char *name, descent_dtype dtype,
                 int64_t n, void *weight, const void *gradient)
{
    const descent_tensor t = {
        .struct_size = sizeof t,
        .dtype = dtype,
        .name = name,
        .ndim = 1,
        .shape = &n,
        .data = weight,
        .gradient = gradient,
    };

    ok(descent_optimizer_add(o, &t, 1));
}

static void start(descent_optimizer *o)
{
    static const char *const names[] = {"double"};
    const descent_group group = {
        .struct_size = sizeof group, .names = names, .name_count = 1};

    ok(descent_optimizer_add_group(o, &group, NULL));
    for (int i = 0; i < 5; i++) {
        live.single[i] = 1 - 0.3f * (float)i;
        live.of_single[i] = 0.1f * (float)(i - 2);
        live.wide[i % 3] = live.of_wide[i % 3] = 0.25 * i;
    }
    bind(o, "single", DESCENT_DTYPE_F32, 5, live.single, live.of_single);
    bind(o, "double", DESCENT_DTYPE_F64, 3, live.wide, live.of_wide);
}

/* The optimizer of this kind and flavour, with all the state that its options
 * can make it keep, after two steps. */
static void open_live(const place *p)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    descent_options *options = NULL;
    const descent_param *row;

    if (live.o != NULL && live.place.kind == p->kind &&
        live.place.flavour == p->flavour)
        return;
    descent_optimizer_free(live.o);
    ok(descent_runtime_find(refusals_runtime, p->kind, &info));
    ok(descent_options_create(refusals_runtime, &options));
    ok(descent_options_set_text(options, "flavour", p->flavour));
    ok(descent_options_set_boolean(options, "use_ema", 1));
    for (size_t i = 0; (row = descent_type_option(info.type, i)) != NULL; i++)
        if ((row->flags & DESCENT_PARAM_SELECTS) != 0)
            ok(descent_options_set_number(options, row->name, 0.5));
    ok(descent_optimizer_create(refusals_runtime, p->kind, options, &live.o));
    descent_options_free(options);
    live.place = *p;
    start(live.o);
    check_step(live.o);
    check_step(live.o);
    live.before = fingerprint(live.o);
}

static void close_live(void)
{
    descent_optimizer_free(live.o);
    live.o = NULL;
}

static void unchanged(void)
{
    assert_true(fingerprint(live.o) == live.before);
    tried++;
}

/* By the optimizer, and by its group. */
static void change_refused(const place *p, double x)
{
    const value v = refusal_number(x);

    for (size_t group = 0; group < 2; group++) {
        const char *wrong = refusal_complaint(
            descent_optimizer_group_set(live.o, group, p->row->name, x), p, &v);
        if (wrong != NULL)
            fail_msg("setting %s.%s to %g in %s %s: %s", p->kind, p->row->name,
                     x, p->flavour, wrong, descent_error_message());
        unchanged();
    }
}

/* Set, and set back. */
static void change_accepted(const place *p, double x)
{
    const char *name = p->row->name;
    double was;

    for (size_t group = 2; group-- > 0;) {
        ok(descent_optimizer_group_get(live.o, group, name, &was));
        ok(descent_optimizer_group_set(live.o, group, name, x));
        ok(descent_optimizer_group_set(live.o, group, name, was));
        unchanged();
    }
}

static void change_bound(const place *p, double bound, int open,
                         double outwards)
{
    if (isinf(bound))
        return;
    if (!(p->advisory && outwards > 0))
        change_refused(p, refusal_beside(p->row, bound, outwards));
    if (open)
        change_refused(p, bound);
    change_accepted(p, open ? refusal_beside(p->row, bound, -outwards) : bound);
}

static void try_fixed(const place *p)
{
    static const double values[] = {0, 1, -1, NAN, INFINITY};
    const int text = p->row->type == DESCENT_PARAM_TEXT;
    char said[128];

    snprintf(said, sizeof said, "%s.%s is %s", p->kind, p->row->name,
             text ? "text" : "fixed when the optimizer is created");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        refused(descent_optimizer_set(live.o, p->row->name, values[i]),
                text ? DESCENT_ERR_ARGUMENT : DESCENT_ERR_STATE, said);
        unchanged();
    }
    refused(descent_optimizer_set_schedule(live.o, p->row->name, refusals_half),
            text ? DESCENT_ERR_ARGUMENT : DESCENT_ERR_STATE, said);
    unchanged();
}

static void try_change(const place *p)
{
    const descent_param *row = p->row;

    open_live(p);
    if ((row->flags & DESCENT_PARAM_STRUCTURAL) != 0) {
        try_fixed(p);
        return;
    }
    refused(descent_optimizer_set_schedule(live.o, row->name, NULL),
            DESCENT_ERR_ARGUMENT, "expected a schedule, got NULL");
    unchanged();
    change_refused(p, INFINITY);
    change_refused(p, -INFINITY);
    if (!isnan(row->initial))
        change_refused(p, NAN);
    if (row->type != DESCENT_PARAM_REAL)
        change_refused(p, row->minimum + 0.5);
    change_bound(p, row->minimum, (row->flags & DESCENT_PARAM_MIN_OPEN) != 0,
                 -1);
    change_bound(p, row->maximum, (row->flags & DESCENT_PARAM_MAX_OPEN) != 0,
                 1);
}

static void s12_11_every_option_refuses_what_it_must_later(void **state)
{
    (void)state;
    tried = 0;
    assert_int_equal(refusals_each_option(try_change),
                     refusals_rows_declared());
    print_message("# %zu changes tried\n", tried);
    assert_true(tried > 3 * refusals_rows_declared());
    close_live();
}

/* ---- Schedules that say what an option must refuse ---- */

static void step_refused(const place *p, double x)
{
    descent_options *options = NULL;
    descent_schedule *hold = NULL;
    descent_optimizer *o = NULL;
    float single[5];
    char said[160];

    ok(descent_options_create(refusals_runtime, &options));
    ok(descent_options_set_number(options, "value", x));
    ok(descent_schedule_create(refusals_runtime, "hold", options, &hold));
    descent_options_free(options);
    ok(descent_options_create(refusals_runtime, &options));
    ok(descent_options_set_text(options, "flavour", p->flavour));
    ok(descent_options_set_schedule(options, p->row->name, hold));
    ok(descent_optimizer_create(refusals_runtime, p->kind, options, &o));
    start(o);
    memcpy(single, live.single, sizeof single);
    snprintf(said, sizeof said,
             ": schedule of %s.%s at step %d: %s.%s = ", p->kind, p->row->name,
             strcmp(p->flavour, "mxnet") == 0, p->kind, p->row->name);
    refused(descent_optimizer_step(o, NULL, 0, NULL, NULL),
            DESCENT_ERR_ARGUMENT, said);
    assert_true(refusal_says_range(p));
    assert_memory_equal(single, live.single, sizeof single);
    assert_int_equal(descent_optimizer_state_bytes(o), 0);
    assert_int_equal(descent_optimizer_iterations(o), 0);
    descent_optimizer_free(o);
    descent_options_free(options);
    descent_schedule_release(hold);
    tried++;
}

static void try_schedules(const place *p)
{
    const descent_param *row = p->row;

    if ((row->flags & DESCENT_PARAM_STRUCTURAL) != 0)
        return;
    if (!isinf(row->minimum))
        step_refused(p, refusal_beside(row, row->minimum, -1));
    if (!isinf(row->maximum) && !p->advisory)
        step_refused(p, refusal_beside(row, row->maximum, 1));
    if (row->type != DESCENT_PARAM_REAL)
        step_refused(p, row->minimum + 0.5);
}

static void
s12_11_every_option_refuses_what_its_schedule_must_not_say(void **state)
{
    (void)state;
    tried = 0;
    assert_int_equal(refusals_each_option(try_schedules),
                     refusals_rows_declared());
    assert_true(tried > KINDS * FLAVOURS * 8);
}

/* ---- Options that exclude each other, and names ---- */

static void s12_11_what_excludes_each_other_stays_apart(void **state)
{
    static const char *const clips[] = {"clipnorm", "clipvalue",
                                        "global_clipnorm"};
    const place sgd = {"sgd", "keras3", NULL, 0};

    (void)state;
    open_live(&sgd);
    for (int i = 0; i < 9; i++) {
        ok(descent_optimizer_set(live.o, clips[i / 3], 1));
        live.before = fingerprint(live.o);
        if (i / 3 != i % 3) {
            refused(descent_optimizer_set(live.o, clips[i % 3], 1),
                    DESCENT_ERR_ARGUMENT, "are both set");
            unchanged();
            refused(descent_optimizer_set_schedule(live.o, clips[i % 3],
                                                   refusals_half),
                    DESCENT_ERR_ARGUMENT, "are both set");
            unchanged();
        }
        ok(descent_optimizer_set(live.o, clips[i / 3], NAN));
    }
    close_live();
}

static void unknown_options_cannot_be_set(void **state)
{
    const place sgd = {"sgd", "keras3", NULL, 0};

    (void)state;
    open_live(&sgd);
    refused(descent_optimizer_set(live.o, "momentun", 0.5),
            DESCENT_ERR_ARGUMENT,
            "sgd: unknown option 'momentun'; did you mean 'momentum'?");
    unchanged();
    refused(descent_optimizer_set_schedule(live.o, "lrx", refusals_half),
            DESCENT_ERR_ARGUMENT, "did you mean 'lr'?");
    unchanged();
    refused(descent_optimizer_set(live.o, NULL, 0.5), DESCENT_ERR_ARGUMENT,
            "option is NULL");
    unchanged();
    close_live();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_11_every_option_refuses_what_it_must_later),
        cmocka_unit_test(
            s12_11_every_option_refuses_what_its_schedule_must_not_say),
        cmocka_unit_test(s12_11_what_excludes_each_other_stays_apart),
        cmocka_unit_test(unknown_options_cannot_be_set),
    };

    return cmocka_run_group_tests(tests, refusals_setup, refusals_teardown);
}
