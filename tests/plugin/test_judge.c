/* SPDX-License-Identifier: MIT */
/* What is refused in a plugin's tables: each row changes one thing in sound
 * tables and tells what is said about it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/plugin_registry.h"
#include "plugin/judge.h"

/* Tables that a newer Descent might give: each row is followed by bytes that
 * this one does not know. */
typedef struct long_param {
    descent_param row;
    uint64_t more;
} long_param;
typedef struct long_slot {
    descent_slot row;
    uint64_t more[2];
} long_slot;
typedef struct long_preset {
    descent_preset row;
    uint64_t more;
} long_preset;
typedef struct long_type {
    descent_optimizer_type row;
    uint64_t more[3];
} long_type;

enum { RATE, FRICTION, COUNT, SWITCH, KIND, PARAMS };
enum { SPEED, TICKS, START, SLOTS };

static struct {
    descent_plugin plugin;
    uint64_t more;
    long_type types[2];
    long_param params[300];
    long_preset presets[2];
    long_slot slots[12];
} x;

static const char *aliases[] = {"drag", "mu", NULL};
static const char *choices[] = {"fast", "slow", NULL};
static const char *endless[80];
static char overlong[5000];

static descent_status step(void *self, const descent_pass *pass)
{
    (void)self;
    (void)pass;
    return DESCENT_OK;
}

static void set_param(int i, unsigned type, const char *name, double initial,
                      double least, double most)
{
    x.params[i] = (long_param){
        {sizeof(long_param), (uint16_t)type, 0, name, "Helps.", initial, least,
         most, NULL, NULL},
        UINT64_MAX,
    };
}

static void set_slot(int i, unsigned shape, descent_dtype dtype,
                     const char *name)
{
    x.slots[i] = (long_slot){
        {sizeof(long_slot), (uint16_t)shape, 0, name, "Keeps.", dtype, 0, 0,
         NULL},
        {UINT64_MAX, UINT64_MAX},
    };
}

static void set_tables(void)
{
    set_param(RATE, DESCENT_PARAM_REAL, "learning_rate", 0.1, 0, HUGE_VAL);
    set_param(FRICTION, DESCENT_PARAM_REAL, "friction", 0.9, 0, 1);
    set_param(COUNT, DESCENT_PARAM_INT, "count", 3, 1, HUGE_VAL);
    set_param(SWITCH, DESCENT_PARAM_BOOL, "quick", 1, 0, 1);
    set_param(KIND, DESCENT_PARAM_CHOICE, "kind", 1, 0, 1);
    x.params[FRICTION].row.aliases = aliases;
    x.params[FRICTION].row.flags = DESCENT_PARAM_MAX_OPEN;
    x.params[KIND].row.choices = choices;
    set_slot(SPEED, DESCENT_SLOT_LIKE_WEIGHT, DESCENT_DTYPE_COMPUTE, "speed");
    set_slot(TICKS, DESCENT_SLOT_SCALAR, DESCENT_DTYPE_F64, "ticks");
    set_slot(START, DESCENT_SLOT_LIKE_WEIGHT, DESCENT_DTYPE_COMPUTE, "start");
    x.slots[START].row.initial_param = "friction";
    x.slots[START].row.variants = 2;
    x.presets[0] = (long_preset){
        {sizeof(long_preset), 0, "torch", "friction", 0.5}, UINT64_MAX};
    x.presets[1] = (long_preset){
        {sizeof(long_preset), 0, "torch", "weight_decay", 0.01}, UINT64_MAX};
}

/* Sound tables, every struct larger than this version's. */
static void reset(void)
{
    memset(&x, 0, sizeof x);
    aliases[0] = "drag";
    choices[0] = "fast";
    set_tables();
    x.types[0].row = (descent_optimizer_type){
        .struct_size = sizeof(long_type),
        .scope = DESCENT_SCOPE_ELEMENT,
        .id = "sound",
        .title = "Sound",
        .reference = "none",
        .summary = "Tries.",
        .params = &x.params[0].row,
        .param_size = sizeof(long_param),
        .param_count = PARAMS,
        .presets = &x.presets[0].row,
        .preset_size = sizeof(long_preset),
        .preset_count = 2,
        .slots = &x.slots[0].row,
        .slot_size = sizeof(long_slot),
        .slot_count = SLOTS,
        .coef_count = 16,
        .variant_count = 2,
        .runs = DESCENT_RUNS_F32 | DESCENT_RUNS_F64,
        .fuses = DESCENT_FUSE_SCALE | DESCENT_FUSE_EMA,
        .state_version = 1,
        .step = step,
    };
    x.plugin = (descent_plugin){
        DESCENT_MAGIC,
        sizeof x.plugin + 8,
        DESCENT_ABI_MAJOR,
        DESCENT_ABI_MINOR + 7,
        0,
        "descent-sound",
        "1.0.0",
        "MIT",
        NULL,
        sizeof(long_type),
        1,
        &x.types[0].row,
    };
}

static descent_status judge(void)
{
    TRY(judge_plugin(&x.plugin));
    return judge_type(x.plugin.types, x.plugin.type_size,
                      plugin_is_core_option);
}

static void tables_of_later_releases_are_accepted(void **state)
{
    (void)state;
    reset();
    if (judge() != DESCENT_OK)
        fail_msg("%s", descent_error_message());
}

#define TYPE x.types[0].row
#define PARAM(i) x.params[i].row
#define SLOT(i) x.slots[i].row
#define PRESET(i) x.presets[i].row

/* One change of the tables, and what is said. */
typedef struct change {
    void (*make)(void);
    const char *says;
} change;

#define CHANGE(name, ...)                                                      \
    static void name(void)                                                     \
    {                                                                          \
        __VA_ARGS__;                                                           \
    }

static void check(const change *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        reset();
        rows[i].make();
        if (judge() == DESCENT_OK)
            fail_msg("accepted, expected: %s", rows[i].says);
        assert_true(plugin_message_has(rows[i].says));
        /* Each sentence ends with what to do. */
        assert_true(plugin_message_has("; "));
    }
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof *(rows))

CHANGE(magic, x.plugin.magic = 7)
CHANGE(major, x.plugin.abi_major = 3)
CHANGE(short_plugin, x.plugin.struct_size = sizeof x.plugin - 8)
CHANGE(plugin_reserved, x.plugin.reserved = 1)
CHANGE(plugin_name, x.plugin.name = NULL)
CHANGE(plugin_version, x.plugin.version = "1\n")
CHANGE(plugin_author, x.plugin.author = "")
CHANGE(no_types, x.plugin.type_count = 0)
CHANGE(many_types, x.plugin.type_count = 65)
CHANGE(null_types, x.plugin.types = NULL)
/* Types that end with `extension` are accepted: `check` came later. */
enum { FIRST_TYPE = offsetof(descent_optimizer_type, check) };

CHANGE(short_types, x.plugin.type_size = FIRST_TYPE - 8)
CHANGE(odd_types, x.plugin.type_size += 4)
CHANGE(id_null, TYPE.id = NULL)
CHANGE(id_form, TYPE.id = "Sound")
CHANGE(id_long, TYPE.id = overlong)
CHANGE(second_id, x.plugin.type_count = 2)
CHANGE(same_id, x.plugin.type_count = 2; x.types[1] = x.types[0])

static void a_plugins_header_is_checked(void **state)
{
    static const change rows[] = {
        {magic, "magic = 0x00000007, expected 0x44534e31; build it with "
                "DESCENT_PLUGIN of descent/kernel.h"},
        {major, "built for plugin ABI 3, this is 1; rebuild it with the "
                "headers of this installation"},
        {short_plugin, "struct_size of descent_plugin = 56, expected at least "
                       "64; rebuild it with the headers"},
        {plugin_reserved, "reserved of descent_plugin = 1, expected 0"},
        {plugin_name, "name or version of descent_plugin: expected UTF-8"},
        {plugin_version, "name or version of descent_plugin"},
        {plugin_author, "license or author of descent_plugin"},
        {no_types, "type_count = 0, expected 1 to 64"},
        {many_types, "type_count = 65, expected 1 to 64"},
        {null_types, "types: NULL, misaligned"},
        {short_types, "where at least 192 is expected; rebuild it"},
        {odd_types, "types: NULL, misaligned"},
        {id_null, "id of type 0 = NULL, expected a name"},
        {id_form, "id of type 0 = \"Sound\", expected a small letter, then at "
                  "most 31 small letters, digits or _"},
        {id_long, "id of type 0 = \"aaaa"},
        {second_id, "id of type 1 = NULL"},
        {same_id, "types 0 and 1 have the same id, \"sound\""},
    };

    (void)state;
    assert_int_equal(sizeof(descent_plugin), 64);
    assert_int_equal(FIRST_TYPE, 192);
    CHECK(rows);
}

CHANGE(type_size, TYPE.struct_size = FIRST_TYPE - 8)
CHANGE(type_large, TYPE.struct_size = sizeof(long_type) + 8)
CHANGE(scope_none, TYPE.scope = 0)
CHANGE(scope_new, TYPE.scope = 3)
CHANGE(type_flags, TYPE.flags = 4)
CHANGE(coefs, TYPE.coef_count = 17)
CHANGE(variants_none, TYPE.variant_count = 0)
CHANGE(variants_many, TYPE.variant_count = 33)
CHANGE(runs_none, TYPE.runs = 0)
CHANGE(runs_new, TYPE.runs = 5)
CHANGE(fuses_new, TYPE.fuses = 0x41)
CHANGE(type_reserved, TYPE.reserved = 9)
CHANGE(title_null, TYPE.title = NULL)
CHANGE(summary_empty, TYPE.summary = "")
CHANGE(reference_escape, TYPE.reference = "\033[2J")
CHANGE(summary_latin, TYPE.summary = "na\xefve")
CHANGE(summary_surrogate, TYPE.summary = "\xed\xa0\x80")
CHANGE(summary_overlong, TYPE.summary = overlong)
CHANGE(step_null, TYPE.step = NULL)

static void a_type_is_checked(void **state)
{
    static const change rows[] = {
        {type_size, "sound: struct_size of type 0 = 184, expected 192 to"},
        {type_large, "sound: struct_size of type 0 = "},
        {scope_none, "sound: scope = 0, expected at least 1"},
        {scope_new, "sound: scope = 3, expected at most 2"},
        {type_flags, "sound: flags = 0x4 has bits that this version does not "
                     "know (0x4); it needs a newer Descent"},
        {coefs, "sound: coef_count = 17, expected at most 16"},
        {variants_none, "sound: variant_count = 0, expected at least 1"},
        {variants_many, "sound: variant_count = 33, expected at most 32"},
        {runs_none, "sound: runs = 0, expected at least 1"},
        {runs_new, "sound: runs = 0x5 has bits"},
        {fuses_new, "sound: fuses = 0x41 has bits that this version does not "
                    "know (0x40)"},
        {type_reserved, "sound: reserved = 9, expected at most 0"},
        {title_null, "sound: title: expected UTF-8 text"},
        {summary_empty, "sound: summary: expected"},
        {reference_escape, "sound: reference: expected"},
        {summary_latin, "sound: summary: expected"},
        {summary_surrogate, "sound: summary: expected"},
        {summary_overlong, "sound: summary: expected"},
        {step_null, "sound: step = NULL, expected the function that every "
                    "optimizer has"},
    };

    (void)state;
    CHECK(rows);
}

CHANGE(params_null, TYPE.params = NULL)
CHANGE(params_many, TYPE.param_count = 257)
CHANGE(params_short, TYPE.param_size = sizeof(descent_param) - 8)
CHANGE(row_short, PARAM(2).struct_size = sizeof(descent_param) - 8)
CHANGE(row_long, PARAM(2).struct_size = sizeof(long_param) + 8)
CHANGE(name_null, PARAM(FRICTION).name = NULL)
CHANGE(name_empty, PARAM(FRICTION).name = "")
CHANGE(name_form, PARAM(FRICTION).name = "beta-1")
CHANGE(name_lines, PARAM(FRICTION).name = "a\nb\033[2J")
CHANGE(name_long, PARAM(FRICTION).name = overlong)
CHANGE(name_twice, PARAM(COUNT).name = "friction")
CHANGE(name_is_alias, PARAM(COUNT).name = "mu")
CHANGE(alias_is_name, aliases[0] = "friction")
CHANGE(alias_twice, aliases[0] = "mu")
CHANGE(alias_form, aliases[0] = "Mu")
CHANGE(aliases_endless, PARAM(COUNT).aliases = endless)
CHANGE(core_name, PARAM(COUNT).name = "weight_decay")
CHANGE(core_alias, aliases[0] = "lr")
CHANGE(rate_alias, aliases[0] = "learning_rate")
CHANGE(kind_new, PARAM(COUNT).type = 5)
CHANGE(kind_none, PARAM(COUNT).type = 0)
CHANGE(param_flags, PARAM(COUNT).flags = 0x800)
CHANGE(rate_fixed, PARAM(RATE).flags = DESCENT_PARAM_STRUCTURAL)
CHANGE(rate_whole, PARAM(RATE).type = DESCENT_PARAM_INT)
CHANGE(help_null, PARAM(COUNT).help = NULL)
CHANGE(help_bell, PARAM(COUNT).help = "Rings\a.")

static void options_are_declared_soundly(void **state)
{
    static const change rows[] = {
        {params_null, "sound: its table of options is NULL"},
        {params_many, "sound: 257 options, expected at most 256"},
        {params_short, "sound: its options have 56 bytes each, expected at "
                       "least 64; rebuild it with the headers"},
        {row_short, "sound: struct_size of option 2 = 56, expected 64 to"},
        {row_long, "sound: struct_size of option 2 = 80, expected 64 to 72"},
        {name_null, "sound: name of option 1 = NULL, expected a name"},
        {name_empty, "sound: option \"\": expected a name of small letters"},
        {name_lines, "sound: option \"a?b?[2J\": expected a name"},
        {name_form, "sound: option \"beta-1\": expected a name"},
        {name_long, "sound: option \"aaaa"},
        {name_twice, "sound: option \"friction\" is declared twice"},
        {name_is_alias, "sound: option \"mu\" is declared twice"},
        {alias_is_name, "sound: option \"friction\" is declared twice"},
        {alias_twice, "sound: option \"mu\" is declared twice"},
        {alias_form, "sound: option \"Mu\": expected a name"},
        {aliases_endless, "sound.count: more than 64 aliases; does their list "
                          "end with NULL?"},
        {core_name, "sound: option \"weight_decay\" belongs to every "
                    "optimizer; a plugin declares learning_rate alone"},
        {core_alias, "sound: option \"lr\" belongs to every optimizer"},
        {rate_alias, "sound: option \"learning_rate\" is declared twice"},
        {kind_new, "sound.count: type = 5, expected 1 to 4; it needs a newer "
                   "Descent"},
        {kind_none, "sound.count: type = 0"},
        {param_flags, "sound.count: flags = 0x800 has bits"},
        {rate_fixed, "sound.learning_rate: expected a real number that may "
                     "change"},
        {rate_whole, "sound.learning_rate: expected a real number"},
        {help_null, "sound.count: help: expected UTF-8 text"},
        {help_bell, "sound.count: help: expected UTF-8 text"},
    };

    (void)state;
    CHECK(rows);
}

CHANGE(above, PARAM(FRICTION).initial = 1.5)
CHANGE(at_open_end, PARAM(FRICTION).initial = 1)
CHANGE(below, PARAM(FRICTION).initial = -0.5)
CHANGE(at_open_begin, PARAM(FRICTION).initial = 0;
       PARAM(FRICTION).flags = DESCENT_PARAM_MIN_OPEN)
CHANGE(not_a_number, PARAM(FRICTION).initial = NAN)
CHANGE(infinite, PARAM(COUNT).initial = HUGE_VAL)
CHANGE(not_whole, PARAM(COUNT).initial = 2.5)
CHANGE(half_true, PARAM(SWITCH).initial = 0.5)
CHANGE(no_choice, PARAM(KIND).initial = 2)
CHANGE(range_upside_down, PARAM(FRICTION).minimum = 2)
CHANGE(range_nan, PARAM(FRICTION).maximum = NAN)
CHANGE(range_empty, PARAM(FRICTION).minimum = 1)
CHANGE(range_infinite, PARAM(COUNT).minimum = HUGE_VAL)
CHANGE(range_broken, PARAM(COUNT).minimum = 0.5)
CHANGE(range_switch, PARAM(SWITCH).maximum = 2)
CHANGE(range_choice, PARAM(KIND).maximum = 2)
CHANGE(choices_null, PARAM(KIND).choices = NULL)
CHANGE(choices_none, choices[0] = NULL)
CHANGE(choices_endless, PARAM(KIND).choices = endless)
CHANGE(choice_text, choices[0] = "\t")
CHANGE(choice_twice, choices[0] = "slow")
CHANGE(choices_stray, PARAM(COUNT).choices = choices)

static void defaults_lie_in_ranges_that_make_sense(void **state)
{
    static const change rows[] = {
        {above, "sound.friction: default = 1.5, expected 0 <= x < 1"},
        {at_open_end, "sound.friction: default = 1, expected 0 <= x < 1"},
        {below, "sound.friction: default = -0.5, expected 0 <= x < 1"},
        {at_open_begin, "sound.friction: default = 0, expected 0 < x <= 1"},
        {not_a_number, "sound.friction: default = nan, expected"},
        {infinite, "sound.count: default = inf, expected 1 <= x <= inf"},
        {not_whole, "sound.count: default = 2.5, expected a whole number"},
        {half_true, "sound.quick: default = 0.5, expected a whole number"},
        {no_choice, "sound.kind: default = 2, expected 0 <= x <= 1"},
        {range_upside_down, "sound.friction: its range from 2 to 1 makes no "
                            "sense for its type"},
        {range_nan, "sound.friction: its range from 0 to nan"},
        {range_empty, "sound.friction: its range from 1 to 1"},
        {range_infinite, "sound.count: its range from inf to inf"},
        {range_broken, "sound.count: its range from 0.5 to inf"},
        {range_switch, "sound.quick: its range from 0 to 2"},
        {range_choice, "sound.kind: its range from 0 to 2"},
        {choices_null, "sound.kind: a choice among 0 texts, expected 1 to 64 "
                       "and then NULL"},
        {choices_none, "sound.kind: a choice among 0 texts"},
        {choices_endless, "sound.kind: a choice among at least 65 texts"},
        {choice_text, "sound.kind: choice 0: expected UTF-8 text"},
        {choice_twice, "sound.kind: choices 0 and 1 are the same, \"slow\"; "
                       "tell its author"},
        {choices_stray, "sound.count: choices are given, but its type is 2"},
    };

    (void)state;
    CHECK(rows);
}

CHANGE(presets_null, TYPE.presets = NULL)
CHANGE(presets_many, TYPE.preset_count = 1025)
CHANGE(presets_short, TYPE.preset_size = 24)
CHANGE(preset_row, PRESET(1).struct_size = 8)
CHANGE(preset_reserved, PRESET(1).reserved = 2)
CHANGE(preset_flavour, PRESET(1).flavour = NULL)
CHANGE(preset_form, PRESET(1).flavour = "MXNet")
CHANGE(preset_param, PRESET(1).param = NULL)
CHANGE(preset_unknown, PRESET(1).param = "drag")
CHANGE(preset_twice, PRESET(1).param = "friction")
CHANGE(preset_value, PRESET(0).value = 2)

static void presets_name_a_flavour_and_an_option(void **state)
{
    static const change rows[] = {
        {presets_null, "sound: its table of presets is NULL"},
        {presets_many, "sound: 1025 presets, expected at most 1024"},
        {presets_short, "sound: its presets have 24 bytes each"},
        {preset_row, "sound: struct_size of preset 1 = 8, expected"},
        {preset_reserved, "sound: reserved of preset 1 = 2, expected 0"},
        {preset_flavour, "sound: preset 1: expected names of a flavour and an "
                         "option"},
        {preset_form, "sound: preset 1: expected names"},
        {preset_param, "sound: preset 1: expected names"},
        {preset_unknown, "sound: flavour torch gives a value to \"drag\", "
                         "expected an option"},
        {preset_twice, "sound: flavour torch gives friction twice"},
        {preset_value, "sound.friction: torch = 2, expected 0 <= x < 1"},
    };

    (void)state;
    CHECK(rows);
}

CHANGE(slots_null, TYPE.slots = NULL)
CHANGE(slots_many, TYPE.slot_count = 9)
CHANGE(slots_short, TYPE.slot_size = sizeof(descent_slot) - 8)
CHANGE(slot_row, SLOT(TICKS).struct_size = 16)
CHANGE(slot_null, SLOT(TICKS).name = NULL)
CHANGE(slot_form, SLOT(TICKS).name = "a/b")
CHANGE(slot_twice, SLOT(TICKS).name = "speed")
CHANGE(slot_core, SLOT(SPEED).name = "average")
CHANGE(slot_help, SLOT(TICKS).help = NULL)
CHANGE(dtype_fixed, SLOT(SPEED).dtype = DESCENT_DTYPE_F32)
CHANGE(shape_none, SLOT(SPEED).shape = 0)
CHANGE(shape_new, SLOT(SPEED).shape = 5)
CHANGE(slot_flags, SLOT(SPEED).flags = 8)
CHANGE(rows_of_elements, SLOT(SPEED).shape = DESCENT_SLOT_PER_ROW)
CHANGE(columns_of_elements, SLOT(SPEED).shape = DESCENT_SLOT_PER_COLUMN)
CHANGE(scratch_of_elements, SLOT(SPEED).flags = DESCENT_SLOT_SCRATCH)
CHANGE(dtype_new, SLOT(SPEED).dtype = 5)
CHANGE(dtype_half, SLOT(SPEED).dtype = DESCENT_DTYPE_BF16)
CHANGE(dtype_scalar, SLOT(TICKS).dtype = DESCENT_DTYPE_F32)
CHANGE(slot_variants, SLOT(SPEED).variants = 4)
CHANGE(initial_nan, SLOT(SPEED).initial = NAN)
CHANGE(initial_unknown, SLOT(START).initial_param = "weight_decay")
CHANGE(initial_rate, SLOT(START).initial_param = "learning_rate")

static void slots_are_declared_soundly(void **state)
{
    static const change rows[] = {
        {slots_null, "sound: its table of slots is NULL or misaligned"},
        {slots_many, "sound: 9 slots, expected at most 8"},
        {slots_short, "sound: its slots have 40 bytes each, expected at least "
                      "48"},
        {slot_row, "sound: struct_size of slot 1 = 16, expected 48 to 64"},
        {slot_null, "sound: name of slot 1 = NULL, expected a name"},
        {slot_form, "sound: slot \"a/b\": expected a name"},
        {slot_twice, "sound: slot \"speed\" is declared twice"},
        {slot_help, "sound: slot ticks: help: expected UTF-8 text"},
        {shape_none, "sound: slot speed: shape = 0, expected 1 to 4"},
        {shape_new, "sound: slot speed: shape = 5, expected 1 to 4; it needs "
                    "a newer Descent"},
        {slot_flags, "sound: slot speed: flags = 0x8 has bits"},
        {rows_of_elements, "sound: slot speed: rows, columns and scratch "
                           "memory need scope = DESCENT_SCOPE_TENSOR"},
        {columns_of_elements, "need scope = DESCENT_SCOPE_TENSOR"},
        {scratch_of_elements, "need scope = DESCENT_SCOPE_TENSOR"},
        {slot_core, "sound: slot \"average\": the core keeps state of this "
                    "name"},
        {dtype_fixed, "sound: slot speed: dtype = 1, expected "
                      "DESCENT_DTYPE_COMPUTE"},
        {dtype_new, "sound: slot speed: dtype = 5, expected"},
        {dtype_half, "sound: slot speed: dtype = 4, expected"},
        {dtype_scalar, "sound: slot ticks: dtype = 1, expected "
                       "DESCENT_DTYPE_F64 for a scalar"},
        {slot_variants, "sound: slot speed: variants = 0x4, but there are "
                        "only 2 variants"},
        {initial_nan, "sound: slot speed: initial = nan, expected a number"},
        {initial_unknown, "sound: slot start: initial_param = "
                          "\"weight_decay\", expected an option of the "
                          "plugin's own"},
        {initial_rate, "sound: slot start: initial_param = "
                       "\"learning_rate\""},
    };

    (void)state;
    CHECK(rows);
}

/* What has a stated default may be left out, alone or all together. */
static void optional_parts_may_be_missing(void **state)
{
    (void)state;
    reset();
    TYPE.coef_count = 0;
    TYPE.fuses = 0;
    TYPE.params = NULL;
    TYPE.param_count = TYPE.param_size = 0;
    TYPE.presets = NULL;
    TYPE.preset_count = TYPE.preset_size = 0;
    TYPE.slots = NULL;
    TYPE.slot_count = TYPE.slot_size = 0;
    x.plugin.license = NULL;
    if (judge() != DESCENT_OK)
        fail_msg("%s", descent_error_message());
}

static void tensor_scope_may_have_rows_columns_and_scratch(void **state)
{
    (void)state;
    reset();
    TYPE.scope = DESCENT_SCOPE_TENSOR;
    SLOT(SPEED).shape = DESCENT_SLOT_PER_ROW;
    SLOT(START).shape = DESCENT_SLOT_PER_COLUMN;
    SLOT(START).flags = DESCENT_SLOT_SCRATCH;
    if (judge() != DESCENT_OK)
        fail_msg("%s", descent_error_message());
}

static void limits_themselves_are_allowed(void **state)
{
    static char names[300][16];

    (void)state;
    reset();
    TYPE.variant_count = 32;
    SLOT(SPEED).variants = UINT32_MAX;
    for (int i = SLOTS; i < 8; i++) {
        snprintf(names[i], sizeof names[i], "s%d", i);
        set_slot(i, DESCENT_SLOT_LIKE_WEIGHT, 0, names[i]);
    }
    TYPE.slot_count = 8;
    for (int i = PARAMS; i < 256; i++) {
        snprintf(names[i], sizeof names[i], "p%d", i);
        set_param(i, DESCENT_PARAM_REAL, names[i], 0, 0, 0);
    }
    TYPE.param_count = 256;
    if (judge() != DESCENT_OK)
        fail_msg("%s", descent_error_message());
}

static int set_up(void **state)
{
    (void)state;
    memset(overlong, 'a', sizeof overlong - 1);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++)
        endless[i] = "name";
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_of_later_releases_are_accepted),
        cmocka_unit_test(a_plugins_header_is_checked),
        cmocka_unit_test(a_type_is_checked),
        cmocka_unit_test(options_are_declared_soundly),
        cmocka_unit_test(defaults_lie_in_ranges_that_make_sense),
        cmocka_unit_test(presets_name_a_flavour_and_an_option),
        cmocka_unit_test(slots_are_declared_soundly),
        cmocka_unit_test(optional_parts_may_be_missing),
        cmocka_unit_test(tensor_scope_may_have_rows_columns_and_scratch),
        cmocka_unit_test(limits_themselves_are_allowed),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
