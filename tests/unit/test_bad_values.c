/* SPDX-License-Identifier: MIT */
/* Every option of every optimizer in every flavour, given what it must refuse,
 * generated from the declarations, when an optimizer is created.  The text names
 * option, value and range; nothing remains. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/refusals.h"

enum { LONG = 5000 };

static size_t refusals, acceptances;

/* ---- Creation ---- */

/* What a flavour lets an option have only beside another one. */
static void put_companion(descent_options *options, const place *p)
{
    if (strcmp(p->row->name, "nesterov") == 0)
        ok(descent_options_set_number(options, "momentum", 0.5));
}

static descent_status create(const place *p, const value *v,
                             descent_optimizer **o)
{
    descent_options *options = NULL;
    descent_status status;

    ok(descent_options_create(refusals_runtime, &options));
    ok(descent_options_set_text(options, "flavour", p->flavour));
    put_companion(options, p);
    refusal_put(options, p->row->name, v);
    status = descent_optimizer_create(refusals_runtime, p->kind, options, o);
    descent_options_free(options);
    return status;
}

static void refuses(const place *p, value v)
{
    const size_t before = refusals_bytes;
    descent_optimizer *o = NULL;
    const char *wrong = refusal_complaint(create(p, &v, &o), p, &v);
    char shown[96];

    refusal_show(&v, shown);
    if (wrong != NULL)
        fail_msg("%s.%s%s in %s %s: %s", p->kind, p->row->name, shown,
                 p->flavour, wrong, descent_error_message());
    assert_null(o);
    assert_int_equal(refusals_bytes, before);
    refusals++;
}

static void accepts(const place *p, value v)
{
    descent_optimizer *o = NULL;
    char shown[96];

    refusal_show(&v, shown);
    if (create(p, &v, &o) != DESCENT_OK)
        fail_msg("%s.%s%s in %s: %s", p->kind, p->row->name, shown, p->flavour,
                 descent_error_message());
    descent_optimizer_free(o);
    acceptances++;
}

/* Which of a range's numbers a loss scale may have depends on its other parts:
 * it may be one of these that is named. */
static int is_narrowed(const place *p)
{
    return strncmp(p->row->name, "loss_scale.", 11) == 0;
}

static void accepts_inside(const place *p, double x)
{
    const value v = refusal_number(x);
    descent_optimizer *o = NULL;
    char said[64];

    if (!is_narrowed(p)) {
        accepts(p, v);
        return;
    }
    const descent_status status = create(p, &v, &o);
    snprintf(said, sizeof said, "%s.loss_scale.", p->kind);
    if (status != DESCENT_OK)
        refused(status, DESCENT_ERR_ARGUMENT, said);
    descent_optimizer_free(o);
}

/* Below, at and above one end of the range, and just inside of an open one. */
static void try_bound(const place *p, double bound, int open, double outwards)
{
    const descent_param *row = p->row;

    if (isinf(bound))
        return;
    if (p->advisory && outwards > 0) {
        accepts(p, refusal_number(refusal_beside(row, bound, outwards)));
        return;
    }
    refuses(p, refusal_number(refusal_beside(row, bound, outwards)));
    refuses(p, refusal_number(bound + outwards * 1e6));
    if (open)
        refuses(p, refusal_number(bound));
    accepts_inside(p, open ? refusal_beside(row, bound, -outwards) : bound);
}

static void try_numbers(const place *p)
{
    static const double never[] = {NAN, INFINITY, -INFINITY};
    const descent_param *row = p->row;

    for (size_t i = 0; i < 3; i++) {
        if (never[i] == INFINITY && (row->flags & DESCENT_PARAM_INFINITE) != 0)
            accepts(p, refusal_number(never[i]));
        else
            refuses(p, refusal_number(never[i]));
    }
    if (row->type == DESCENT_PARAM_INT) {
        refuses(p, refusal_number(row->minimum + 0.5));
        refuses(p, refusal_number(row->minimum + 1e-9));
    }
    try_bound(p, row->minimum, (row->flags & DESCENT_PARAM_MIN_OPEN) != 0, -1);
    try_bound(p, row->maximum, (row->flags & DESCENT_PARAM_MAX_OPEN) != 0, 1);
}

static void try_words(const place *p)
{
    static const char *const words[] = {"", "unheard_of", "\033[2J", "a\nb"};
    static char overlong[LONG + 1];
    const int free_text = p->row->type == DESCENT_PARAM_TEXT;

    memset(overlong, 'x', LONG);
    refuses(p, (value){TEXT, 0, overlong});
    for (size_t i = 0; i < 4; i++)
        if (!free_text || i != 1)
            refuses(p, (value){TEXT, 0, words[i]});
    for (size_t i = 0; !free_text && p->row->choices[i] != NULL; i++)
        accepts(p, (value){TEXT, 0, p->row->choices[i]});
    if (!free_text)
        return;
    accepts(p, (value){TEXT, 0, overlong + LONG - 255});
    refuses(p, (value){TEXT, 0, overlong + LONG - 256});
}

/* Values of each kind but the right one. */
static void try_kinds(const place *p)
{
    static const value_kind right[] = {
        [DESCENT_PARAM_REAL] = NUMBER,  [DESCENT_PARAM_INT] = NUMBER,
        [DESCENT_PARAM_BOOL] = BOOLEAN, [DESCENT_PARAM_CHOICE] = TEXT,
        [DESCENT_PARAM_TEXT] = TEXT,
    };
    const descent_param *row = p->row;
    const int fixed = (row->flags & DESCENT_PARAM_STRUCTURAL) != 0;

    for (value_kind kind = 0; kind < VALUE_KINDS; kind++) {
        const value v = {kind, 1, "1"};
        const int may = kind == right[row->type] ||
                        (kind == SCHEDULE && !fixed) ||
                        (kind == NOTHING && isnan(row->initial));
        if (!may)
            refuses(p, v);
        else if (kind == NOTHING || kind == BOOLEAN)
            accepts(p, v);
    }
}

static void try_creation(const place *p)
{
    const size_t before = refusals;
    const unsigned type = p->row->type;

    try_kinds(p);
    if (type == DESCENT_PARAM_REAL || type == DESCENT_PARAM_INT)
        try_numbers(p);
    else if (type != DESCENT_PARAM_BOOL)
        try_words(p);
    /* Five wrong kinds, or four where none or a schedule will do. */
    assert_true(refusals - before >= 3);
}

static void s12_11_every_option_refuses_what_it_must_at_creation(void **state)
{
    (void)state;
    assert_int_equal(refusals_each_option(try_creation),
                     refusals_rows_declared());
    print_message("# %zu values refused, %zu accepted\n", refusals,
                  acceptances);
    assert_true(refusals > 7 * refusals_rows_declared());
}

/* The table fails where a value is let through or a message is poor. */
static void a_refusal_that_says_too_little_is_found(void **state)
{
    static const descent_param row = {.struct_size = sizeof row,
                                      .type = DESCENT_PARAM_REAL,
                                      .name = "momentum",
                                      .minimum = 0,
                                      .maximum = 1};
    static const struct {
        descent_status code;
        const char *message, *complaint;
    } rows[] = {
        {DESCENT_OK, "", "is accepted"},
        {DESCENT_ERR_STATE, "sgd.momentum = 2: expected 0 <= momentum <= 1",
         "is refused with another code"},
        {DESCENT_ERR_ARGUMENT, "momentum = 2: expected 0 <= momentum <= 1",
         "is refused without option and value"},
        {DESCENT_ERR_ARGUMENT, "sgd.momentum = 3: expected 0 <= momentum <= 1",
         "is refused without option and value"},
        {DESCENT_ERR_ARGUMENT, "sgd.momentum = 2: expected less",
         "is refused without the range"},
        {DESCENT_ERR_ARGUMENT, "sgd.momentum = 2: expected 0 <= momentum <= 1",
         NULL},
    };
    const place momentum = {"sgd", "keras3", &row, 0};
    const value two = {NUMBER, 2, NULL};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        descent_error_set(rows[i].code, "%s", rows[i].message);
        const char *said = refusal_complaint(rows[i].code, &momentum, &two);
        if (said == NULL || rows[i].complaint == NULL)
            assert_ptr_equal(said, rows[i].complaint);
        else
            assert_string_equal(said, rows[i].complaint);
    }
}

/* ---- Names ---- */

static const char *name_at(const descent_param *row, size_t i)
{
    if (i == 0)
        return row->name;
    return row->aliases == NULL ? NULL : row->aliases[i - 1];
}

static void try_pair(const place *p, const char *a, const char *b)
{
    const double x = p->row->type == DESCENT_PARAM_INT ? 1 : 0.5;
    descent_options *options = NULL;
    descent_optimizer *o = NULL;
    char said[192];

    ok(descent_options_create(refusals_runtime, &options));
    ok(descent_options_set_number(options, a, x));
    ok(descent_options_set_number(options, b, x));
    snprintf(said, sizeof said,
             "%s: '%s' and '%s' are two names of one option: expected one of "
             "them",
             p->kind, a, b);
    refused(descent_optimizer_create(refusals_runtime, p->kind, options, &o),
            DESCENT_ERR_ARGUMENT, said);
    descent_options_free(options);
    refusals++;
}

/* One letter too many: the name itself is offered. */
static void try_misspelling(const place *p, const char *name)
{
    char wrong[80], said[224];
    descent_options *options = NULL;
    descent_optimizer *o = NULL;

    snprintf(wrong, sizeof wrong, "%sx", name);
    snprintf(said, sizeof said, "%s: unknown option '%s'; did you mean '%s'?",
             p->kind, wrong, name);
    ok(descent_options_create(refusals_runtime, &options));
    ok(descent_options_set_number(options, wrong, 0.5));
    refused(descent_optimizer_create(refusals_runtime, p->kind, options, &o),
            DESCENT_ERR_ARGUMENT, said);
    descent_options_free(options);
    refusals++;
}

static void try_names(const place *p)
{
    const char *a, *b;

    for (size_t i = 0; (a = name_at(p->row, i)) != NULL; i++) {
        try_misspelling(p, a);
        for (size_t k = 0; (b = name_at(p->row, k)) != NULL; k++)
            if (i != k)
                try_pair(p, a, b);
    }
}

static void
s12_11_every_name_is_used_alone_and_offered_when_misspelt(void **state)
{
    (void)state;
    refusals = 0;
    assert_int_equal(refusals_each_option(try_names), refusals_rows_declared());
    assert_true(refusals > refusals_rows_declared());
}

static void names_that_are_none_are_refused(void **state)
{
    char longer[2000], said[96];
    descent_options *options = NULL;
    descent_optimizer *o = NULL;

    (void)state;
    memset(longer, 'y', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    ok(descent_options_create(refusals_runtime, &options));
    refused(descent_options_set_number(options, longer, 1),
            DESCENT_ERR_ARGUMENT, "option name: expected 1 to 1023 bytes");
    refused(descent_options_set_number(options, "", 1), DESCENT_ERR_ARGUMENT,
            "option name: expected 1 to 1023 bytes");
    longer[1023] = '\0';
    ok(descent_options_set_number(options, longer, 1));
    snprintf(said, sizeof said, "unknown option '%.64s' (", longer);
    refused(descent_optimizer_create(refusals_runtime, "adam", options, &o),
            DESCENT_ERR_ARGUMENT, said);
    descent_options_free(options);
}

/* ---- Options that exclude each other ---- */

static void s12_11_options_in_conflict_are_refused(void **state)
{
    static const struct {
        const char *json, *message;
    } rows[] = {
        {"{\"clipnorm\": 1, \"clipvalue\": 1}",
         "sgd: clipnorm and clipvalue are both set: expected at most one of "
         "clipnorm, clipvalue, global_clipnorm"},
        {"{\"clipvalue\": 1, \"global_clipnorm\": 1}",
         "clipvalue and global_clipnorm are both set"},
        {"{\"flavour\": \"keras2\", \"clipnorm\": 1, \"global_clipnorm\": 1}",
         "clipnorm and global_clipnorm are both set"},
        {"{\"clipnorm\": 1, \"clip_gradient\": {\"class_name\": \"hold\", "
         "\"config\": {\"value\": 1}}}",
         "clipnorm and clipvalue are both set"},
        {"{\"master\": \"f32\", \"multi_precision\": true}",
         "sgd: 'master' and 'multi_precision' are two names of one option"},
        {"{\"flavour\": \"torch\", \"nesterov\": true}",
         "sgd.nesterov = true: expected momentum > 0"},
    };
    descent_optimizer *o = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const size_t before = refusals_bytes;
        refused(
            check_optimizer_status(refusals_runtime, "sgd", rows[i].json, &o),
            DESCENT_ERR_ARGUMENT, rows[i].message);
        assert_int_equal(refusals_bytes, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s12_11_every_option_refuses_what_it_must_at_creation),
        cmocka_unit_test(a_refusal_that_says_too_little_is_found),
        cmocka_unit_test(
            s12_11_every_name_is_used_alone_and_offered_when_misspelt),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(s12_11_options_in_conflict_are_refused),
    };

    return cmocka_run_group_tests(tests, refusals_setup, refusals_teardown);
}
