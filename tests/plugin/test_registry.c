/* SPDX-License-Identifier: MIT */
/* All plugins of a runtime: registered, found, loaded, listed; the services
 * they get; and the public view of their tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "../support/plugin_files.h"
#include "../support/plugin_registry.h"

#define ENTRY registered_entry
#define ID "registered"
#define FIRST_ID "registered_too"
#include "plugins/plugin.inc.h"

static test_registry t;
static char a[PATH_MAX], b[PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    plugin_folder_make(a);
    plugin_folder_make(b);
    plugin_registry_open(&t, a);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plugin_registry_close(&t);
    plugin_folder_remove(a);
    plugin_folder_remove(b);
    return 0;
}

/* What a visitor has seen: one line a visit. */
typedef struct record {
    char text[8 * PATH_MAX];
    descent_status stop; /* returned at the visit number `at` */
    int at, visits;
    const char *load; /* loaded in the first visit, or NULL */
} record;

/* The reason from the file's name on. */
static const char *after_folder(const descent_plugin_info *info)
{
    const size_t folder = (size_t)(strrchr(info->path, '/') + 1 - info->path);

    assert_memory_equal(info->reason, info->path, folder);
    return info->reason + folder;
}

static descent_status note(void *user, const descent_plugin_info *info)
{
    record *const r = user;
    const char *slash = strrchr(info->path, '/');

    if (r->visits == 0 && r->load != NULL)
        assert_int_equal(registry_load(t.registry, r->load, NULL), DESCENT_OK);
    snprintf(r->text + strlen(r->text), sizeof r->text - strlen(r->text),
             "%s %s %s\n", slash == NULL ? "-" : slash + 1,
             info->type == NULL ? "refused" : info->type->id,
             info->reason == NULL ? "" : after_folder(info));
    assert_int_equal(info->status == DESCENT_OK, info->reason == NULL);
    return ++r->visits == r->at ? r->stop : DESCENT_OK;
}

static descent_status note_path(void *user, const char *path)
{
    record *const r = user;

    snprintf(r->text + strlen(r->text), sizeof r->text - strlen(r->text),
             "%s\n", path);
    /* A visitor may load what it is shown. */
    (void)registry_load(t.registry, path, NULL);
    return ++r->visits == r->at ? r->stop : DESCENT_OK;
}

static void every_plugin_is_visited_and_every_refusal_told(void **state)
{
    record r = {.at = -1};

    (void)state;
    plugin_copy("both", a, "both.so");
    plugin_write(plugin_in(a, "broken.so"), "text", 4);
    plugin_copy("no_entry", a, "no_entry.so");
    plugin_copy("two_types", a, "two_types.so");
    plugin_write(plugin_in(a, "notes.txt"), "text", 4);
    plugin_write(plugin_in(a, "Upper.so"), "text", 4);
    plugin_copy("good", b, "good.so");
    assert_int_equal(registry_load(t.registry, plugin_in(b, "good.so"), NULL),
                     DESCENT_OK);
    assert_int_equal(registry_register(t.registry, registered_entry, NULL),
                     DESCENT_OK);
    assert_int_equal(registry_each(t.registry, note, &r), DESCENT_OK);
    assert_string_equal(
        r.text,
        "- registered_too \n"
        "- registered \n"
        "Upper.so refused Upper.so: expected a file NAME.so, NAME being a "
        "small letter, then at most 31 small letters, digits or _; rename it "
        "after its optimizer\n"
        "both.so both \n"
        "broken.so refused broken.so: a text file, expected a shared object; "
        "link it with cc -shared on this machine\n"
        "no_entry.so refused no_entry.so: no entry: a plugin exports the "
        "function descent_plugin_v1, this file is something else; build it "
        "with DESCENT_PLUGIN of descent/kernel.h\n"
        "two_types.so two_types \n"
        "good.so good \n");
}

static void a_visit_ends_where_the_visitor_says(void **state)
{
    record r = {.at = 2, .stop = DESCENT_ERR_SCRIPT};

    (void)state;
    plugin_copy("both", a, "both.so");
    plugin_copy("talks", a, "talks.so");
    plugin_copy("traced", a, "traced.so");
    assert_int_equal(registry_each(t.registry, note, &r), DESCENT_ERR_SCRIPT);
    assert_int_equal(r.visits, 2);
    r = (record){.at = 1, .stop = DESCENT_ERR_STATE};
    assert_int_equal(registry_each_file(t.registry, note_path, &r),
                     DESCENT_ERR_STATE);
    assert_int_equal(r.visits, 1);
}

static void a_visitor_may_load_more(void **state)
{
    record r = {.at = -1, .load = plugin_in(b, "talks.so")};

    (void)state;
    plugin_copy("both", a, "both.so");
    plugin_copy("talks", b, "talks.so");
    assert_int_equal(registry_each(t.registry, note, &r), DESCENT_OK);
    assert_string_equal(r.text, "both.so both \ntalks.so talks \n");
}

static void files_are_listed_in_order_without_opening_any(void **state)
{
    record r = {.at = -1};
    char expected[5 * PATH_MAX];

    (void)state;
    plugin_copy("traced", a, "zeta.so");
    plugin_write(plugin_in(a, "beta.so"), "x", 1);
    plugin_write(plugin_in(b, "Alpha.so"), "x", 1);
    plugin_write(plugin_in(b, ".alpha.so"), "x", 1);
    plugin_write(plugin_in(b, "alpha.so"), "x", 1);
    plugin_write(plugin_in(b, "beta.so"), "x", 1);
    assert_int_equal(registry_add_directory(t.registry, "/descent-nowhere"),
                     DESCENT_OK);
    assert_int_equal(registry_add_directory(t.registry, b), DESCENT_OK);
    snprintf(expected, sizeof expected,
             "%s/beta.so\n%s/zeta.so\n%s/Alpha.so\n%s/alpha.so\n", a, a, b, b);
    assert_int_equal(registry_each_file(t.registry, note_path, &r), DESCENT_OK);
    assert_string_equal(r.text, expected);
}

static void registered_plugins_are_found_by_name(void **state)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    descent_plugin_info again = {.struct_size = sizeof again};

    (void)state;
    assert_int_equal(registry_register(t.registry, registered_entry, &info),
                     DESCENT_OK);
    assert_string_equal(info.path, "");
    assert_string_equal(info.type->id, "registered_too");
    assert_int_equal(registry_find(t.registry, "Registered", &again),
                     DESCENT_OK);
    assert_string_equal(again.type->id, "registered");
    /* Registering it again changes nothing. */
    assert_int_equal(registry_register(t.registry, registered_entry, &again),
                     DESCENT_OK);
    assert_ptr_equal(again.type, info.type);
}

static const descent_plugin *null_entry(const descent_host *host)
{
    (void)host;
    return NULL;
}

static const descent_plugin *bad_entry(const descent_host *host)
{
    static descent_plugin plugin;

    plugin = *registered_entry(host);
    plugin.magic = 1;
    return &plugin;
}

/* The same ids from other tables. */
static const descent_plugin *rival_entry(const descent_host *host)
{
    static descent_plugin plugin;
    static descent_optimizer_type type;

    plugin = *registered_entry(host);
    type = types[1];
    plugin.types = &type;
    plugin.type_count = 1;
    return &plugin;
}

static void bad_registrations_are_refused(void **state)
{
    (void)state;
    assert_int_equal(registry_register(t.registry, NULL, NULL),
                     DESCENT_ERR_ARGUMENT);
    assert_true(plugin_message_has("registered plugin: entry = NULL"));
    assert_int_not_equal(registry_register(t.registry, null_entry, NULL),
                         DESCENT_OK);
    assert_true(plugin_message_has("registered plugin: its entry returned "
                                   "NULL, expected its tables"));
    assert_int_not_equal(registry_register(t.registry, bad_entry, NULL),
                         DESCENT_OK);
    assert_true(plugin_message_has("registered plugin: magic = 0x00000001"));
    assert_int_equal(registry_register(t.registry, registered_entry, NULL),
                     DESCENT_OK);
    assert_int_equal(registry_register(t.registry, rival_entry, NULL),
                     DESCENT_ERR_STATE);
    assert_true(plugin_message_has("registered plugin: optimizer "
                                   "\"registered\" is there already"));
}

static void one_name_means_one_file(void **state)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    char expected[3 * PATH_MAX];

    (void)state;
    plugin_copy("both", a, "both.so");
    plugin_copy("both", b, "both.so");
    /* Loaded by path, it is what the name means from now on. */
    assert_int_equal(registry_load(t.registry, plugin_in(b, "both.so"), &info),
                     DESCENT_OK);
    assert_int_equal(registry_find(t.registry, "both", &info), DESCENT_OK);
    assert_string_equal(info.path, plugin_in(b, "both.so"));
    assert_int_equal(registry_load(t.registry, plugin_in(b, "both.so"), NULL),
                     DESCENT_OK);
    assert_int_equal(registry_load(t.registry, plugin_in(a, "both.so"), NULL),
                     DESCENT_ERR_STATE);
    snprintf(expected, sizeof expected,
             "%s: optimizer \"both\" is there already, from %s; use another "
             "runtime or another name",
             plugin_in(a, "both.so"), plugin_in(b, "both.so"));
    assert_string_equal(descent_error_message(), expected);
}

static void a_failed_search_leaves_the_result_alone(void **state)
{
    descent_plugin_info info, before;

    (void)state;
    memset(&info, 0x5a, sizeof info);
    info.struct_size = sizeof info;
    before = info;
    assert_int_not_equal(registry_find(t.registry, "absent", &info),
                         DESCENT_OK);
    assert_memory_equal(&info, &before, sizeof info);
    info.struct_size = 8;
    assert_int_equal(registry_find(t.registry, "absent", &info),
                     DESCENT_ERR_ARGUMENT);
    assert_true(plugin_message_has("struct_size of descent_plugin_info = 8, "
                                   "expected at least 40"));
}

static char last_log[200];
static int last_level;

static void take_log(void *user, int level, const char *text)
{
    (void)user;
    last_level = level;
    snprintf(last_log, sizeof last_log, "%s", text);
    /* The lock is held here: this must fail, not wait for ever. */
    assert_int_equal(registry_find(t.registry, "both", NULL),
                     DESCENT_ERR_STATE);
    assert_int_equal(registry_add_directory(t.registry, "/x"),
                     DESCENT_ERR_STATE);
}

static void plugins_get_the_hosts_services(void **state)
{
    (void)state;
    t.log.function = take_log;
    plugin_copy("talks", a, "talks.so");
    assert_int_equal(registry_find(t.registry, "talks", NULL), DESCENT_OK);
    assert_int_equal(last_level, LOG_INFO);
    assert_string_equal(last_log, "abi 1.0, sum 10, block good, extension "
                                  "none");
    t.log.function = NULL;
}

static void a_failure_is_never_called_success(void **state)
{
    const descent_host *host = registry_host(t.registry);

    (void)state;
    assert_string_equal(host->version, DESCENT_VERSION);
    assert_int_equal((host->fail)(host, DESCENT_ERR_NUMERIC, "x = %d", 7),
                     DESCENT_ERR_NUMERIC);
    assert_string_equal(descent_error_message(), "x = 7");
    assert_int_equal((host->fail)(host, DESCENT_OK, "y"), DESCENT_ERR_INTERNAL);
    assert_int_equal((host->fail)(host, 12, "y"), DESCENT_ERR_INTERNAL);
    assert_int_equal((host->fail)(host, -4000, "y"), DESCENT_ERR_INTERNAL);
}

static void tables_are_read_row_by_row(void **state)
{
    descent_plugin_info info = {.struct_size = sizeof info};
    const descent_optimizer_type *type;

    (void)state;
    plugin_copy("good", a, "good.so");
    assert_int_equal(registry_find(t.registry, "good", &info), DESCENT_OK);
    type = info.type;
    assert_string_equal(descent_type_option(type, 0)->name, "learning_rate");
    assert_string_equal(descent_type_option(type, 1)->name, "friction");
    assert_null(descent_type_option(type, 2));
    assert_string_equal(descent_type_preset(type, 0)->flavour, "torch");
    assert_null(descent_type_preset(type, 1));
    assert_string_equal(descent_type_slot(type, 0)->name, "speed");
    assert_null(descent_type_slot(type, 1));
    assert_null(descent_type_slot(type, SIZE_MAX));
    assert_int_equal(descent_type_state_bytes(type, 0, DESCENT_DTYPE_F32), 4);
    assert_int_equal(descent_type_state_bytes(type, 0, DESCENT_DTYPE_F64), 8);
    assert_int_equal(descent_type_state_bytes(type, 1, DESCENT_DTYPE_F64), 0);
    assert_int_equal(descent_type_state_bytes(type, 40, DESCENT_DTYPE_F64), 0);
    assert_int_equal(descent_type_state_bytes(type, 0, 77), 0);
}

static void state_counts_what_a_variant_keeps_of_each_weight(void **state)
{
    static const descent_slot slots[] = {
        {sizeof *slots, DESCENT_SLOT_LIKE_WEIGHT, 0, "m", "M.",
         DESCENT_DTYPE_COMPUTE, 0, 0, NULL},
        {sizeof *slots, DESCENT_SLOT_LIKE_WEIGHT, 0, "v", "V.",
         DESCENT_DTYPE_COMPUTE, 2, 0, NULL},
        {sizeof *slots, DESCENT_SLOT_SCALAR, 0, "s", "S.", DESCENT_DTYPE_F64, 0,
         0, NULL},
        {sizeof *slots, DESCENT_SLOT_PER_ROW, 0, "r", "R.",
         DESCENT_DTYPE_COMPUTE, 0, 0, NULL},
        {sizeof *slots, DESCENT_SLOT_LIKE_WEIGHT, DESCENT_SLOT_SCRATCH, "x",
         "X.", DESCENT_DTYPE_COMPUTE, 0, 0, NULL},
    };
    const descent_optimizer_type type = {
        .struct_size = sizeof type,
        .slots = slots,
        .slot_size = sizeof *slots,
        .slot_count = 5,
        .variant_count = 2,
    };

    (void)state;
    assert_int_equal(descent_type_state_bytes(&type, 0, DESCENT_DTYPE_F32), 4);
    assert_int_equal(descent_type_state_bytes(&type, 1, DESCENT_DTYPE_F32), 8);
    assert_int_equal(descent_type_state_bytes(&type, 1, DESCENT_DTYPE_F64), 16);
}

/* An allocator whose n-th call fails. */
typedef struct failing {
    size_t calls, at, bytes;
} failing;

static void *fail_allocate(void *user, size_t bytes, size_t alignment)
{
    failing *const f = user;
    void *block = NULL;

    if (++f->calls == f->at || posix_memalign(&block, alignment, bytes) != 0)
        return NULL;
    f->bytes += bytes;
    return block;
}

static void fail_release(void *user, void *block, size_t bytes)
{
    ((failing *)user)->bytes -= bytes;
    free(block);
}

static descent_status count_visit(void *user, const descent_plugin_info *info)
{
    *(int *)user += info->status == DESCENT_OK;
    return DESCENT_OK;
}

static descent_status whole_life(memory *m)
{
    static log_sink silent;
    const registry_setup setup = {
        m, &silent, &files_system, false, plugin_is_core_option, NULL, NULL};
    registry *r;
    int visits = 0;
    descent_status status;

    TRY(registry_create(&setup, &r));
    status = registry_add_directory(r, a);
    if (status == DESCENT_OK)
        status = registry_find(r, "both", NULL);
    if (status == DESCENT_OK)
        status = registry_register(r, registered_entry, NULL);
    if (status == DESCENT_OK &&
        registry_find(r, "bot", NULL) == DESCENT_ERR_MEMORY)
        status = DESCENT_ERR_MEMORY;
    if (status == DESCENT_OK)
        status = registry_each(r, count_visit, &visits);
    registry_free(r);
    if (status == DESCENT_OK && visits < 3)
        status = DESCENT_ERR_INTERNAL;
    return status;
}

static void every_failing_allocation_is_survived(void **state)
{
    size_t n = 1;

    (void)state;
    plugin_copy("both", a, "both.so");
    for (;; n++) {
        failing f = {.at = n};
        const descent_allocator allocator = {
            sizeof allocator, 0, &f, fail_allocate, fail_release,
        };
        memory *m = NULL;
        descent_status status = memory_open(&allocator, &m);
        if (status == DESCENT_OK)
            status = whole_life(m);
        memory_close(m);
        assert_int_equal(f.bytes, 0);
        if (f.calls < n) {
            assert_int_equal(status, DESCENT_OK);
            break;
        }
        /* A failure may only stay unseen where listing goes on without. */
        if (status != DESCENT_OK)
            assert_int_equal(status, DESCENT_ERR_MEMORY);
    }
    assert_true(n > 5);
}

static void *search_much(void *folder)
{
    uintptr_t failures = 0;

    for (int i = 0; i < 20; i++) {
        descent_plugin_info info = {.struct_size = sizeof info};
        test_registry own;
        plugin_registry_open(&own, folder);
        failures += registry_find(own.registry, "both", &info) != DESCENT_OK;
        failures += registry_find(t.registry, "talks", &info) != DESCENT_OK;
        failures += registry_find(t.registry, "absent", NULL) == DESCENT_OK;
        plugin_registry_close(&own);
    }
    return (void *)failures;
}

static void threads_may_search_at_once(void **state)
{
    pthread_t threads[4];

    (void)state;
    plugin_copy("both", a, "both.so");
    plugin_copy("talks", a, "talks.so");
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, search_much, a), 0);
    for (int i = 0; i < 4; i++) {
        void *failures = NULL;
        assert_int_equal(pthread_join(threads[i], &failures), 0);
        assert_null(failures);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_plugin_is_visited_and_every_refusal_told),
        TEST(a_visit_ends_where_the_visitor_says),
        TEST(a_visitor_may_load_more),
        TEST(files_are_listed_in_order_without_opening_any),
        TEST(registered_plugins_are_found_by_name),
        TEST(bad_registrations_are_refused),
        TEST(one_name_means_one_file),
        TEST(a_failed_search_leaves_the_result_alone),
        TEST(plugins_get_the_hosts_services),
        TEST(a_failure_is_never_called_success),
        TEST(tables_are_read_row_by_row),
        TEST(state_counts_what_a_variant_keeps_of_each_weight),
        TEST(every_failing_allocation_is_survived),
        TEST(threads_may_search_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
