/* SPDX-License-Identifier: MIT */
/* The state of an optimizer in files and in memory: what there is, what is
 * refused, and that a refusal changes nothing. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/plugin_files.h"

static descent_runtime *runtime;
static char folder[PATH_MAX];

static int setup(void **state)
{
    (void)state;
    runtime = check_runtime();
    plugin_folder_make(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plugin_folder_remove(folder);
    descent_runtime_free(runtime);
    return 0;
}

/* ---- A state as a list ---- */

enum { MOST_ARRAYS = 32, MOST_TEXTS = 64, MOST_BYTES = 64 };

typedef union element {
    double number;
    int64_t integer;
} element;

typedef struct listed {
    descent_tensor arrays[MOST_ARRAYS];
    char names[MOST_ARRAYS][96];
    int64_t shapes[MOST_ARRAYS][DESCENT_MAX_DIMS];
    element elements[MOST_ARRAYS][MOST_BYTES / sizeof(element)];
    size_t count;
    char texts[MOST_TEXTS][96];
    const char *pairs[MOST_TEXTS + 1];
    size_t text_count;
} listed;

static size_t bytes_of(const descent_tensor *t)
{
    size_t n = t->dtype == DESCENT_DTYPE_U8    ? 1
               : t->dtype == DESCENT_DTYPE_F32 ? 4
               : t->dtype == DESCENT_DTYPE_BF16 || t->dtype == DESCENT_DTYPE_F16
                   ? 2
                   : 8;

    for (uint32_t i = 0; i < t->ndim; i++)
        n *= (size_t)t->shape[i];
    return n;
}

static descent_status keep(void *user, const descent_state_item *item)
{
    listed *l = user;

    if (item->view == NULL) {
        char *key = l->texts[l->text_count],
             *text = l->texts[l->text_count + 1];
        snprintf(key, sizeof *l->texts, "descent.%s%s%s", item->section,
                 item->section[0] != '\0' ? "/" : "", item->part);
        snprintf(text, sizeof *l->texts, "%s", item->text);
        l->pairs[l->text_count++] = key;
        l->pairs[l->text_count++] = text;
        return DESCENT_OK;
    }
    const size_t i = l->count++;
    l->arrays[i] = *item->view;
    snprintf(l->names[i], sizeof l->names[i], "%s", item->view->name);
    l->arrays[i].name = l->names[i];
    for (uint32_t d = 0; d < item->view->ndim; d++)
        l->shapes[i][d] = item->view->shape[d];
    l->arrays[i].shape = l->shapes[i];
    assert_true(bytes_of(item->view) <= MOST_BYTES);
    if (bytes_of(item->view) > 0)
        memcpy(l->elements[i], item->view->data, bytes_of(item->view));
    l->arrays[i].data = l->elements[i];
    return DESCENT_OK;
}

static listed list_of(descent_optimizer *o, uint32_t flags)
{
    static listed l;

    memset(&l, 0, sizeof l);
    ok(descent_optimizer_state(o, flags, keep, &l));
    return l;
}

/* A copy of a list points into the original. */
static void settle(listed *l)
{
    for (size_t i = 0; i < l->count; i++) {
        l->arrays[i].name = l->names[i];
        l->arrays[i].shape = l->shapes[i];
        l->arrays[i].data = l->elements[i];
    }
    for (size_t i = 0; i < l->text_count; i++)
        l->pairs[i] = l->texts[i];
    l->pairs[l->text_count] = NULL;
}

static size_t find(const listed *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->names[i], name) == 0)
            return i;
    fail_msg("there is no '%s'", name);
    return 0;
}

static const char *text_of(const listed *l, const char *key)
{
    for (size_t i = 0; i < l->text_count; i += 2)
        if (strcmp(l->texts[i], key) == 0)
            return l->texts[i + 1];
    return NULL;
}

static void drop(listed *l, const char *name)
{
    const size_t i = find(l, name);

    l->count--;
    memmove(&l->arrays[i], &l->arrays[i + 1],
            (l->count - i) * sizeof *l->arrays);
    memmove(&l->names[i], &l->names[i + 1], (l->count - i) * sizeof *l->names);
    memmove(&l->shapes[i], &l->shapes[i + 1],
            (l->count - i) * sizeof *l->shapes);
    memmove(&l->elements[i], &l->elements[i + 1],
            (l->count - i) * sizeof *l->elements);
    settle(l);
}

static void set_text(listed *l, const char *key, const char *text)
{
    for (size_t i = 0; i < l->text_count; i += 2)
        if (strcmp(l->texts[i], key) == 0)
            snprintf(l->texts[i + 1], sizeof *l->texts, "%s", text);
}

/* ---- A run of two tensors ---- */

static float a[2], b[3], ga[2] = {1, -2}, gb[3] = {0.5f, 0, -1};

static descent_optimizer *begin(const char *kind, const char *json)
{
    descent_optimizer *o = check_optimizer(runtime, kind, json);

    for (int i = 0; i < 3; i++)
        b[i] = (float)i + 1;
    a[0] = a[1] = 1;
    check_bind(o, "a", a, ga, 2);
    check_bind(o, "b", b, gb, 3);
    return o;
}

static descent_optimizer *begun(const char *kind, const char *json, int steps)
{
    descent_optimizer *o = begin(kind, json);

    for (int i = 0; i < steps; i++)
        check_step(o);
    return o;
}

static descent_status load(descent_optimizer *o, const listed *l)
{
    return descent_optimizer_load_state(o, l->arrays, l->count, l->pairs, NULL);
}

static void same_state(descent_optimizer *o, const listed *expected)
{
    const listed now = list_of(o, 0);

    assert_int_equal(now.count, expected->count);
    for (size_t i = 0; i < now.count; i++) {
        assert_string_equal(now.names[i], expected->names[i]);
        assert_memory_equal(now.elements[i], expected->elements[i],
                            sizeof now.elements[i]);
    }
}

/* ---- What there is ---- */

static void a_state_is_named_by_tensor_and_slot(void **state)
{
    static const char *const names[] = {
        "descent.counters/iterations", "descent.counters/updates",
        "descent.counters/seed",       "descent.slots/u_product",
        "descent.counters/updates/a",  "a",
        "descent.slots/momentum/a",    "descent.slots/velocity/a",
        "descent.counters/updates/b",  "b",
        "descent.slots/momentum/b",    "descent.slots/velocity/b",
    };
    descent_optimizer *o = begun("nadam", "{\"beta_2\": 0.5}", 3);
    listed l = list_of(o, 0);

    (void)state;
    settle(&l);
    assert_int_equal(l.count, sizeof names / sizeof *names);
    for (size_t i = 0; i < l.count; i++)
        assert_string_equal(l.names[i], names[i]);
    assert_int_equal(l.elements[0]->integer, 3);
    assert_int_equal(l.elements[4]->integer, 3);
    assert_string_equal(text_of(&l, "descent.optimizer"), "nadam");
    assert_string_equal(text_of(&l, "descent.holds"), "weights and state");
    assert_string_equal(text_of(&l, "descent.options/beta_2"), "0.5");
    assert_string_equal(text_of(&l, "descent.options/counter"), "global");
    assert_null(text_of(&l, "descent.options/epsilon"));
    descent_optimizer_free(o);
}

static void scalars_per_tensor_go_with_their_tensors(void **state)
{
    descent_optimizer *o = begun("nadam", "{\"counter\": \"per_tensor\"}", 2);
    const listed l = list_of(o, DESCENT_STATE_WITHOUT_WEIGHTS);

    (void)state;
    assert_int_equal(l.arrays[find(&l, "descent.slots/u_product/a")].ndim, 0);
    assert_int_equal(l.count, 3 + 2 * 4);
    assert_string_equal(text_of(&l, "descent.holds"), "state");
    descent_optimizer_free(o);
}

static void a_state_without_weights_leaves_the_weights(void **state)
{
    descent_optimizer *o = begun("adam", NULL, 3);
    listed l = list_of(o, DESCENT_STATE_WITHOUT_WEIGHTS), after;

    (void)state;
    settle(&l);
    descent_optimizer_free(o);
    o = begin("adam", NULL);
    a[0] = 42;
    ok(load(o, &l));
    assert_float_equal(a[0], 42, 0);
    assert_int_equal(descent_optimizer_iterations(o), 3);
    assert_int_equal(descent_optimizer_tensor_updates(o, 1), 3);
    after = list_of(o, DESCENT_STATE_WITHOUT_WEIGHTS);
    assert_memory_equal(l.elements, after.elements, sizeof l.elements);
    descent_optimizer_free(o);
}

static void an_optimizer_may_load_its_own_arrays(void **state)
{
    descent_optimizer *o = begun("adam", NULL, 3);
    listed l = list_of(o, 0), before = l;
    descent_tensor view = {.struct_size = sizeof view};

    (void)state;
    settle(&l);
    ok(descent_optimizer_slot(o, 0, "velocity", &view));
    l.arrays[find(&l, "descent.slots/momentum/a")].data = view.data;
    ok(descent_optimizer_slot(o, 0, "momentum", &view));
    l.arrays[find(&l, "descent.slots/velocity/a")].data = view.data;
    ok(load(o, &l));
    l = list_of(o, 0);
    assert_memory_equal(l.elements[find(&l, "descent.slots/momentum/a")],
                        before.elements[find(&l, "descent.slots/velocity/a")],
                        8);
    assert_memory_equal(l.elements[find(&l, "descent.slots/velocity/a")],
                        before.elements[find(&l, "descent.slots/momentum/a")],
                        8);
    descent_optimizer_free(o);
}

static void
s12_12_loading_makes_the_state_of_an_optimizer_that_has_none(void **state)
{
    descent_optimizer *o =
        begun("adagrad", "{\"use_ema\": true, \"seed\": 5}", 4);
    listed l = list_of(o, 0);

    (void)state;
    settle(&l);
    descent_optimizer_free(o);
    o = begin("adagrad", "{\"use_ema\": true}");
    ok(load(o, &l));
    same_state(o, &l);
    descent_optimizer_free(o);
}

/* ---- What is refused ---- */

/* A change of a list, and the refusal that it must meet. */
enum change {
    DROP,
    DROP_TENSOR,
    RENAME,
    RENAME_TENSOR,
    SIZE,
    NDIM,
    DTYPE,
    VALUE,
    TEXT,
    NO_TEXTS,
    HALF_TEXT,
    NO_DATA
};

#define SLOT "descent.slots/velocity/a"

static const struct {
    enum change change;
    const char *key;
    const char *to;
    int64_t number;
    descent_status code;
    const char *text;
} refusals[] = {
    {DROP, "descent.slots/momentum/b", "", 0, DESCENT_ERR_STATE,
     "1 difference: missing momentum of 'b'"},
    {RENAME, SLOT, "descent.slots/velocity_hat/a", 0, DESCENT_ERR_STATE,
     "2 differences: unexpected 'descent.slots/velocity_hat/a'; missing "
     "velocity of 'a'"},
    {SIZE, SLOT, "", 1, DESCENT_ERR_STATE,
     "1 difference: velocity of 'a' has the shape [1], expected [2]"},
    {NDIM, SLOT, "", 0, DESCENT_ERR_STATE,
     "velocity of 'a' has the shape [], expected [2]"},
    {DTYPE, SLOT, "", DESCENT_DTYPE_BF16, DESCENT_ERR_STATE,
     "1 difference: velocity of 'a' is bf16, expected f32"},
    {DROP, "descent.counters/iterations", "", 0, DESCENT_ERR_STATE,
     "1 difference: missing iterations"},
    {DROP, "descent.counters/updates/b", "", 0, DESCENT_ERR_STATE,
     "1 difference: missing updates of 'b'"},
    {DROP, "b", "", 0, DESCENT_ERR_STATE, "1 difference: missing 'b'"},
    {DROP_TENSOR, "b", "", 0, DESCENT_ERR_STATE, "1 difference: missing 'b'"},
    {RENAME_TENSOR, "b", "c", 0, DESCENT_ERR_STATE,
     "2 differences: unexpected 'c'; missing 'b'"},
    {TEXT, "descent.options/amsgrad", "true", 0, DESCENT_ERR_STATE,
     "1 difference: amsgrad is 'true' in the state, 'false' in the optimizer"},
    {TEXT, "descent.options/counter", "per_tensor", 0, DESCENT_ERR_STATE,
     "1 difference: counter is 'per_tensor' in the state, 'global' in the "
     "optimizer"},
    {TEXT, "descent.optimizer", "sgd", 0, DESCENT_ERR_STATE,
     "the state is that of 'sgd': expected 'adam'"},
    {TEXT, "descent.version", "2", 0, DESCENT_ERR_STATE,
     "the state has the format '2': expected '1'"},
    {TEXT, "descent.state_version", "77", 0, DESCENT_ERR_STATE,
     "the rule's state is of version '77': expected '"},
    {TEXT, "descent.holds", "wits", 0, DESCENT_ERR_STATE,
     "descent.holds = 'wits': expected 'weights and state' or 'state'"},
    {NO_TEXTS, "", "", 0, DESCENT_ERR_STATE,
     "this is no state of an optimizer"},
    {VALUE, "descent.counters/updates/a", "", -1, DESCENT_ERR_ARGUMENT,
     "descent.counters/updates/a = -1: expected 0 or more"},
    {VALUE, "descent.counters/iterations", "", INT64_MAX, DESCENT_ERR_ARGUMENT,
     "iterations = 9223372036854775807: expected 0 or more, less than 2^62"},
    {VALUE, "descent.counters/seed", "", INT64_MAX, DESCENT_ERR_ARGUMENT,
     "adam.seed"},
    {RENAME, SLOT, "descent.slots/momentum/a", 0, DESCENT_ERR_ARGUMENT,
     "momentum of 'a' is there twice"},
    {RENAME, SLOT, "descent.nonsense", 0, DESCENT_ERR_STATE,
     "unexpected 'descent.nonsense'"},
    {DTYPE, SLOT, "", DESCENT_DTYPE_U8, DESCENT_ERR_STATE,
     "velocity of 'a' is u8, expected f32"},
    {DTYPE, SLOT, "", DESCENT_DTYPE_U64, DESCENT_ERR_ARGUMENT,
     "dtype = 18 is none of a state"},
    {NO_DATA, SLOT, "", 0, DESCENT_ERR_ARGUMENT, "pointer is NULL"},
    {HALF_TEXT, "", "", 0, DESCENT_ERR_ARGUMENT,
     "expected a text after the key"},
};
enum { REFUSALS = sizeof refusals / sizeof *refusals };

/* Is the name that of a tensor, or of a part of its state? */
static bool is_of(const char *name, const char *tensor)
{
    const size_t n = strlen(name), k = strlen(tensor);

    return n >= k && strcmp(name + n - k, tensor) == 0 &&
           (n == k || name[n - k - 1] == '/');
}

static void rename_tensor(listed *l, const char *from, const char *to)
{
    for (size_t i = 0; i < l->count; i++)
        if (is_of(l->names[i], from))
            strcpy(l->names[i] + strlen(l->names[i]) - strlen(from), to);
}

static void drop_tensor(listed *l, const char *name)
{
    for (size_t i = l->count; i-- > 0;)
        if (is_of(l->names[i], name))
            drop(l, l->names[i]);
}

static void differ(listed *l, size_t row)
{
    const char *key = refusals[row].key, *to = refusals[row].to;
    const int64_t number = refusals[row].number;
    const enum change change = refusals[row].change;
    const size_t i = change < TEXT ? find(l, key) : find(l, SLOT);

    settle(l);
    switch (change) {
    case DROP:
        drop(l, key);
        break;
    case DROP_TENSOR:
        drop_tensor(l, key);
        break;
    case RENAME:
        strcpy(l->names[i], to);
        break;
    case RENAME_TENSOR:
        rename_tensor(l, key, to);
        break;
    case SIZE:
        l->shapes[i][0] = number;
        break;
    case NDIM:
        l->arrays[i].ndim = (uint32_t)number;
        break;
    case DTYPE:
        l->arrays[i].dtype = (descent_dtype)number;
        break;
    case VALUE:
        l->elements[i]->integer = number;
        break;
    case TEXT:
        set_text(l, key, to);
        break;
    case NO_TEXTS:
        l->pairs[0] = NULL;
        break;
    case HALF_TEXT:
        l->pairs[l->text_count - 1] = NULL;
        break;
    case NO_DATA:
        l->arrays[i].data = NULL;
        break;
    }
}

static void s12_12_what_differs_is_listed_and_nothing_is_loaded(void **state)
{
    descent_optimizer *other = begun("adam", NULL, 5);
    listed good = list_of(other, 0), before;

    (void)state;
    settle(&good);
    descent_optimizer_free(other);
    descent_optimizer *o = begun("adam", NULL, 2);
    before = list_of(o, 0);
    for (size_t i = 0; i < REFUSALS; i++) {
        listed bad = good;
        differ(&bad, i);
        refused(load(o, &bad), refusals[i].code, refusals[i].text);
        same_state(o, &before);
    }
    ok(load(o, &good));
    same_state(o, &good);
    descent_optimizer_free(o);
}

/* A failed load must not leave a state behind that an early weight shaped. */
static void a_refused_load_builds_nothing(void **state)
{
    descent_optimizer *other = begun("adam", NULL, 5);
    listed l = list_of(other, 0);
    descent_tensor view = {.struct_size = sizeof view};

    (void)state;
    settle(&l);
    descent_optimizer_free(other);
    descent_optimizer *o = begin("adam", NULL);
    drop(&l, "descent.slots/momentum/b");
    refused(load(o, &l), DESCENT_ERR_STATE, "missing momentum of 'b'");
    assert_int_equal(descent_optimizer_state_bytes(o), 0);
    refused(descent_optimizer_slot(o, 0, "momentum", &view), DESCENT_ERR_STATE,
            "no state yet");
    descent_optimizer_free(o);
}

static descent_status refuse_text(void *user, const descent_difference *d)
{
    (void)user;
    return descent_error_set(DESCENT_ERR_SCRIPT, "enough of %s", d->name);
}

static descent_status collect(void *user, const descent_difference *d)
{
    char *list = user;

    snprintf(list + strlen(list), 512 - strlen(list), "%u %s: %s\n", d->kind,
             d->name, d->text);
    return DESCENT_OK;
}

static void a_partial_load_takes_what_fits_and_tells_the_rest(void **state)
{
    char list[512] = "";
    descent_load_options options = {sizeof options, DESCENT_LOAD_PARTIAL,
                                    collect, list};
    descent_optimizer *other = begun("adam", NULL, 5);
    listed l = list_of(other, 0);
    descent_tensor view = {.struct_size = sizeof view};

    (void)state;
    settle(&l);
    descent_optimizer_free(other);
    rename_tensor(&l, "b", "c");
    l.shapes[find(&l, "descent.slots/velocity/a")][0] = 1;
    descent_optimizer *o = begin("adam", "{\"use_ema\": true}");
    ok(descent_optimizer_load_state(o, l.arrays, l.count, l.pairs, &options));
    assert_string_equal(
        list, "3 descent.slots/velocity/a: velocity of 'a' has the shape [1], "
              "expected [2]\n"
              "2 c: unexpected 'c'\n"
              "1 descent.slots/average/a: missing average of 'a'\n"
              "1 b: missing 'b'\n");
    assert_int_equal(descent_optimizer_iterations(o), 5);
    assert_int_equal(descent_optimizer_tensor_updates(o, 0), 5);
    assert_int_equal(descent_optimizer_tensor_updates(o, 1), 0);
    assert_memory_equal(a, l.elements[find(&l, "a")], sizeof a);
    assert_float_equal(b[2], 3, 0);
    /* Averages that are not there begin as the weights. */
    ok(descent_optimizer_slot(o, 0, "average", &view));
    assert_memory_equal(view.data, a, sizeof a);
    refused(descent_optimizer_slot(o, 1, "average", &view), DESCENT_ERR_STATE,
            "no state yet");
    ok(descent_optimizer_build(o));
    ok(descent_optimizer_slot(o, 1, "average", &view));
    assert_memory_equal(view.data, b, sizeof b);
    options.difference = refuse_text;
    refused(
        descent_optimizer_load_state(o, l.arrays, l.count, l.pairs, &options),
        DESCENT_ERR_SCRIPT, "enough of descent.slots/velocity/a");
    options.flags = 2;
    refused(
        descent_optimizer_load_state(o, l.arrays, l.count, l.pairs, &options),
        DESCENT_ERR_ARGUMENT, "load options");
    descent_optimizer_free(o);
}

static void many_differences_are_counted_and_cut_short(void **state)
{
    descent_optimizer *o = check_optimizer(runtime, "sgd", NULL);
    static float w[400];
    listed l = list_of(o, 0);
    char name[48];

    (void)state;
    settle(&l);
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof name, "a tensor with a long name, number %d", i);
        check_bind(o, name, &w[i], NULL, 1);
    }
    refused(load(o, &l), DESCENT_ERR_STATE, "400 differences: missing 'a ");
    assert_true(strlen(descent_error_message()) < 2000);
    descent_optimizer_free(o);
}

static void swapped_averages_are_neither_saved_nor_loaded(void **state)
{
    descent_optimizer *o = begun("sgd", "{\"use_ema\": true}", 2);
    listed l = list_of(o, 0);

    (void)state;
    settle(&l);
    ok(descent_optimizer_swap_average(o));
    refused(descent_optimizer_state(o, 0, keep, &l), DESCENT_ERR_STATE,
            "swap them back before the state is saved");
    refused(descent_optimizer_save(o, plugin_in(folder, "s"), NULL),
            DESCENT_ERR_STATE, "swap them back before the state is saved");
    refused(load(o, &l), DESCENT_ERR_STATE,
            "swap them back before a state is loaded");
    refused(descent_optimizer_state(o, 4, keep, &l), DESCENT_ERR_ARGUMENT,
            "flags = 0x4");
    refused(descent_optimizer_state(o, 0, NULL, &l), DESCENT_ERR_ARGUMENT,
            "visit is NULL");
    descent_optimizer_free(o);
}

static void a_state_of_a_schedule_is_judged(void **state)
{
    static const char json[] =
        "{\"learning_rate\": {\"class_name\": \"reduce_on_plateau\", "
        "\"config\": {}}}";
    descent_optimizer *o = begun("sgd", json, 2);
    listed l = list_of(o, 0);
    const size_t i = find(&l, "descent.schedules/learning_rate");

    (void)state;
    settle(&l);
    assert_int_equal(l.shapes[i][0], 4);
    l.elements[i][2].number = -1;
    refused(load(o, &l), DESCENT_ERR_ARGUMENT, "no state of a reduce_on_plat");
    l.elements[i][2].number = 3;
    ok(load(o, &l));
    same_state(o, &l);
    descent_optimizer_free(o);
    o = begin("sgd", NULL);
    refused(load(o, &l), DESCENT_ERR_STATE,
            "unexpected 'descent.schedules/learning_rate'");
    descent_optimizer_free(o);
}

static void s12_12_the_loss_scale_is_state_where_it_moves(void **state)
{
    static const char json[] =
        "{\"loss_scale\": {\"initial_scale\": 4, \"dynamic_growth_steps\": "
        "3}}";
    descent_optimizer *o = begun("sgd", json, 4);
    listed l = list_of(o, 0);
    const size_t scale = find(&l, "descent.loss_scale/scale");

    (void)state;
    settle(&l);
    assert_float_equal(l.elements[scale]->number, 8, 0);
    assert_int_equal(
        l.elements[find(&l, "descent.loss_scale/good_steps")]->integer, 1);
    descent_optimizer_free(o);
    o = begin("sgd", json);
    l.elements[scale]->number = 0;
    refused(load(o, &l), DESCENT_ERR_ARGUMENT,
            "descent.loss_scale/scale = 0: expected a finite number above 0");
    l.elements[scale]->number = 8;
    ok(load(o, &l));
    same_state(o, &l);
    assert_float_equal(descent_optimizer_scale_loss(o, 1), 8, 0);
    descent_optimizer_free(o);
    o = begin("sgd", NULL);
    refused(load(o, &l), DESCENT_ERR_STATE,
            "unexpected 'descent.loss_scale/good_steps'");
    descent_optimizer_free(o);
}

static void rows_of_an_accumulator_are_state(void **state)
{
    static const char json[] =
        "{\"sparse\": \"lazy\", \"gradient_accumulation_steps\": 2}";
    static const int64_t rows[] = {2};
    const descent_gradient gradients[2] = {
        {.struct_size = sizeof *gradients, .data = ga},
        {.struct_size = sizeof *gradients,
         .data = gb,
         .indices = rows,
         .rows = 1}};
    descent_optimizer *o = begin("adam", json);

    (void)state;
    ok(descent_optimizer_step(o, gradients, 2, NULL, NULL));
    listed l = list_of(o, 0);
    settle(&l);
    const size_t i = find(&l, "descent.slots/gradient_accumulator_rows/b");
    uint8_t *marks = (uint8_t *)l.elements[i];
    assert_int_equal(l.arrays[i].dtype, DESCENT_DTYPE_U8);
    assert_true(marks[0] == 0 && marks[1] == 0 && marks[2] == 1);
    descent_optimizer_free(o);
    o = begin("adam", json);
    marks[1] = 2;
    refused(load(o, &l), DESCENT_ERR_ARGUMENT,
            "element 2 = 2: expected 0 or 1");
    marks[1] = 0;
    ok(load(o, &l));
    same_state(o, &l);
    descent_optimizer_free(o);
}

/* ---- Groups ---- */

static descent_optimizer *grouped(const char *json, bool freeze)
{
    static const char *const names[] = {"b"};
    descent_group group = {
        .struct_size = sizeof group, .names = names, .name_count = 1};
    descent_optimizer *o = check_optimizer(runtime, "nadam", NULL);
    descent_options *options = NULL;

    ok(descent_options_from_json(runtime, json, strlen(json), &options));
    ok(descent_options_set_boolean(options, "freeze", freeze));
    group.options = options;
    ok(descent_optimizer_add_group(o, &group, NULL));
    descent_options_free(options);
    a[0] = a[1] = b[0] = b[1] = b[2] = 1;
    check_bind(o, "a", a, ga, 2);
    check_bind(o, "b", b, gb, 3);
    return o;
}

static void groups_have_scalars_and_schedules_of_their_own(void **state)
{
    static const char json[] =
        "{\"beta_1\": 0.5, \"weight_decay\": 0.125, \"learning_rate\": "
        "{\"class_name\": \"reduce_on_plateau\", \"config\": {}}}";
    descent_optimizer *o = grouped(json, false);

    (void)state;
    for (int i = 0; i < 3; i++)
        check_step(o);
    listed l = list_of(o, 0);
    settle(&l);
    const size_t product = find(&l, "descent.slots/u_product");
    assert_int_equal(l.shapes[product][0], 2);
    assert_true(l.elements[product][0].number > l.elements[product][1].number);
    find(&l, "descent.schedules/1.learning_rate");
    assert_string_equal(text_of(&l, "descent.options/1.weight_decay"), "0.125");
    assert_string_equal(text_of(&l, "descent.options/1.learning_rate"),
                        "schedule reduce_on_plateau");
    descent_optimizer_free(o);
    o = grouped(json, false);
    ok(load(o, &l));
    same_state(o, &l);
    descent_optimizer_free(o);
    o = begin("nadam", NULL);
    refused(load(o, &l), DESCENT_ERR_STATE,
            "u_product has the shape [2], expected [1]");
    descent_optimizer_free(o);
}

static void a_frozen_tensor_has_state_only_if_it_has_moved(void **state)
{
    descent_optimizer *o = grouped("{}", true);
    descent_tensor view = {.struct_size = sizeof view};

    (void)state;
    check_step(o);
    listed cold = list_of(o, 0);
    settle(&cold);
    descent_optimizer_free(o);
    o = grouped("{}", false);
    check_step(o);
    listed warm = list_of(o, 0);
    settle(&warm);
    assert_int_equal(warm.count, cold.count + 2);
    refused(load(o, &cold), DESCENT_ERR_STATE,
            "2 differences: missing momentum of 'b'; missing velocity of 'b'");
    descent_optimizer_free(o);

    o = grouped("{}", true);
    ok(load(o, &cold));
    same_state(o, &cold);
    listed half = warm;
    settle(&half);
    drop(&half, "descent.slots/velocity/b");
    refused(load(o, &half), DESCENT_ERR_STATE,
            "1 difference: missing velocity of 'b'");
    same_state(o, &cold);
    ok(load(o, &warm));
    same_state(o, &warm);
    ok(descent_optimizer_slot(o, 1, "momentum", &view));
    assert_memory_equal(view.data,
                        warm.elements[find(&warm, "descent.slots/momentum/b")],
                        sizeof b);
    descent_optimizer_free(o);
}

/* ---- Files ---- */

static void a_file_has_the_state_and_what_the_application_adds(void **state)
{
    const char *path = plugin_in(folder, "c.safetensors");
    const char *const texts[] = {"note", "hello", NULL};
    static const int64_t two[] = {2};
    float frozen[2] = {7, 8}, back[2];
    const descent_tensor more = {.struct_size = sizeof more,
                                 .dtype = DESCENT_DTYPE_F32,
                                 .name = "frozen",
                                 .ndim = 1,
                                 .shape = two,
                                 .data = frozen};
    const descent_save_options options = {sizeof options, 0, &more, 1, texts};
    descent_optimizer *o = begun("adam", NULL, 3);
    listed before = list_of(o, 0);
    descent_file *file = NULL;
    size_t index = 0;

    (void)state;
    ok(descent_optimizer_save(o, path, &options));
    check_step(o);
    ok(descent_optimizer_load(o, path, NULL));
    same_state(o, &before);
    ok(descent_file_open(runtime, path, &file));
    assert_string_equal(descent_file_text(file, "note"), "hello");
    ok(descent_file_index(file, "frozen", &index));
    ok(descent_file_read(file, index, back, sizeof back));
    assert_memory_equal(back, frozen, sizeof back);
    ok(descent_file_index(file, "a", &index));
    descent_file_close(file);
    descent_optimizer_free(o);
}

static void names_that_states_use_are_refused(void **state)
{
    const char *path = plugin_in(folder, "n.safetensors");
    const char *const texts[] = {"descent.note", "hello", NULL};
    descent_tensor more = {.struct_size = sizeof more,
                           .dtype = DESCENT_DTYPE_F32,
                           .name = "descent.x",
                           .data = a};
    descent_save_options options = {sizeof options, 0, &more, 1, NULL};
    descent_optimizer *o = begun("adam", NULL, 1);

    (void)state;
    refused(descent_optimizer_save(o, path, &options), DESCENT_ERR_ARGUMENT,
            "tensor 'descent.x': states use names");
    more.name = "a";
    refused(descent_optimizer_save(o, path, &options), DESCENT_ERR_ARGUMENT,
            "two tensors have this name");
    options.tensor_count = 0;
    options.metadata = texts;
    refused(descent_optimizer_save(o, path, &options), DESCENT_ERR_ARGUMENT,
            "metadata key 'descent.note': states use names");
    options.flags = 8;
    refused(descent_optimizer_save(o, path, &options), DESCENT_ERR_ARGUMENT,
            "save options");
    refused(descent_optimizer_save(o, NULL, NULL), DESCENT_ERR_ARGUMENT,
            "path is NULL");
    check_bind(o, "descent.w", (float[]){1}, NULL, 1);
    refused(descent_optimizer_save(o, path, NULL), DESCENT_ERR_ARGUMENT,
            "tensor 'descent.w': states use names");
    refused(descent_optimizer_load(o, path, NULL), DESCENT_ERR_IO,
            "No such file");
    descent_optimizer_free(o);
}

/* Every byte of a checkpoint cut off, and some bits turned over. */
static void s12_12_damaged_files_are_refused_and_nothing_is_loaded(void **state)
{
    const char *path = plugin_in(folder, "d.safetensors");
    const char *bad = plugin_in(folder, "bad.safetensors");
    descent_optimizer *o = begun("adam", NULL, 3);

    (void)state;
    ok(descent_optimizer_save(o, path, NULL));
    check_step(o);
    listed before = list_of(o, 0);
    plugin_bytes bytes = plugin_read(path);
    for (size_t n = 0; n < bytes.size; n += n < 64 ? 1 : 37) {
        plugin_write(bad, bytes.at, n);
        refused(descent_optimizer_load(o, bad, NULL), DESCENT_ERR_IO, bad);
    }
    for (size_t n = 0; n < bytes.size; n += 29) {
        bytes.at[n] ^= 4;
        plugin_write(bad, bytes.at, bytes.size);
        assert_int_equal(descent_optimizer_load(o, bad, NULL), DESCENT_ERR_IO);
        bytes.at[n] ^= 4;
    }
    bytes.at[bytes.size - 1] ^= 1;
    plugin_write(bad, bytes.at, bytes.size);
    refused(descent_optimizer_load(o, bad, NULL), DESCENT_ERR_IO,
            "do not match their digest");
    same_state(o, &before);
    plugin_free(&bytes);
    descent_optimizer_free(o);
}

static void s12_12_the_same_state_gives_the_same_bytes(void **state)
{
    const char *first = plugin_in(folder, "1.safetensors");
    const char *second = plugin_in(folder, "2.safetensors");
    descent_optimizer *o = begun("nadam", "{\"use_ema\": true}", 3);

    (void)state;
    ok(descent_optimizer_save(o, first, NULL));
    descent_optimizer_free(o);
    o = begun("nadam", "{\"use_ema\": true}", 7);
    ok(descent_optimizer_load(o, first, NULL));
    ok(descent_optimizer_save(o, second, NULL));
    plugin_bytes x = plugin_read(first), y = plugin_read(second);
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.at, y.at, x.size);
    plugin_free(&x);
    plugin_free(&y);
    descent_optimizer_free(o);
}

/* Iterations that were loaded are steps of another optimizer. */
static void a_loaded_state_says_nothing_of_the_last_rate(void **state)
{
    descent_optimizer *o = begun("sgd", NULL, 2);
    listed l = list_of(o, 0);

    (void)state;
    settle(&l);
    descent_optimizer_free(o);
    o = begin("sgd", NULL);
    ok(load(o, &l));
    assert_int_equal(descent_optimizer_iterations(o), 2);
    assert_true(isnan(descent_optimizer_tensor_rate(o, 0)));
    check_step(o);
    assert_true(descent_optimizer_tensor_rate(o, 0) == 0.01);
    descent_optimizer_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loaded_state_says_nothing_of_the_last_rate),
        cmocka_unit_test(a_state_is_named_by_tensor_and_slot),
        cmocka_unit_test(scalars_per_tensor_go_with_their_tensors),
        cmocka_unit_test(a_state_without_weights_leaves_the_weights),
        cmocka_unit_test(an_optimizer_may_load_its_own_arrays),
        cmocka_unit_test(
            s12_12_loading_makes_the_state_of_an_optimizer_that_has_none),
        cmocka_unit_test(s12_12_what_differs_is_listed_and_nothing_is_loaded),
        cmocka_unit_test(a_refused_load_builds_nothing),
        cmocka_unit_test(a_partial_load_takes_what_fits_and_tells_the_rest),
        cmocka_unit_test(many_differences_are_counted_and_cut_short),
        cmocka_unit_test(swapped_averages_are_neither_saved_nor_loaded),
        cmocka_unit_test(a_state_of_a_schedule_is_judged),
        cmocka_unit_test(s12_12_the_loss_scale_is_state_where_it_moves),
        cmocka_unit_test(rows_of_an_accumulator_are_state),
        cmocka_unit_test(groups_have_scalars_and_schedules_of_their_own),
        cmocka_unit_test(a_frozen_tensor_has_state_only_if_it_has_moved),
        cmocka_unit_test(a_file_has_the_state_and_what_the_application_adds),
        cmocka_unit_test(names_that_states_use_are_refused),
        cmocka_unit_test(
            s12_12_damaged_files_are_refused_and_nothing_is_loaded),
        cmocka_unit_test(s12_12_the_same_state_gives_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
