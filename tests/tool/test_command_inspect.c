/* SPDX-License-Identifier: MIT */
/* `descent inspect`: tables, JSON, damaged files and wrong usage. */
#include "support/shell.h"

#include <jansson.h>

static void save(void)
{
    shell_write("save.lua",
                "local descent = require 'descent'\n"
                "local path = os.getenv 'S' .. '/a.safetensors'\n"
                "for i = 1, 2 do\n"
                "  descent.save(path, { ['layer/kernel'] = descent.zeros(2, 3),"
                " ['a\\u{20AC}'] = descent.tensor { i } },\n"
                "    { metadata = { note = 'two\\nlines' } })\n"
                "end\n");
    assert_int_equal(sh("\"$D\" run \"$S/save.lua\"")->status, 0);
}

static void tensors_and_metadata_are_shown(void **state)
{
    const shell_outcome *o;

    (void)state;
    save();
    o = sh("\"$D\" inspect \"$S/a.safetensors\"");
    assert_int_equal(o->status, 0);
    assert_string_equal(o->err, "");
    assert_string_equal(o->out,
                        "NAME          DTYPE  SHAPE   BYTES  DIGEST\n"
                        "a\xe2\x82\xac            f32    [1]         4  ok\n"
                        "layer/kernel  f32    [2, 3]     24  ok\n"
                        "\n"
                        "2 tensors, 28 bytes\n"
                        "\n"
                        "Metadata:\n"
                        "  note = two?lines\n");
}

static void json_has_the_same(void **state)
{
    json_t *all, *tensor;
    json_int_t size = 0;

    (void)state;
    save();
    all = json_loads(sh("\"$D\" inspect --json \"$S/a.safetensors\"")->out, 0,
                     NULL);
    assert_non_null(all);
    assert_true(json_is_true(json_object_get(all, "whole")));
    assert_int_equal(json_integer_value(json_object_get(all, "bytes")), 28);
    tensor = json_array_get(json_object_get(all, "tensors"), 1);
    assert_string_equal(json_string_value(json_object_get(tensor, "name")),
                        "layer/kernel");
    assert_int_equal(
        json_unpack(tensor, "{s:[i, I]}", "shape", &(int){0}, &size), 0);
    assert_int_equal(size, 3);
    assert_string_equal(json_string_value(json_object_get(tensor, "digest")),
                        "ok");
    json_decref(all);
}

static void the_state_of_an_optimizer_is_told(void **state)
{
    const shell_outcome *o;
    json_t *all, *optimizer;

    (void)state;
    shell_write("state.lua",
                "local descent = require 'descent'\n"
                "local x = descent.tensor { 1 }\n"
                "local opt = descent.optimizer('sgd', x, { lr = 0.5,\n"
                "  momentum = 0.9, gradient_accumulation_steps = 2 })\n"
                "for i = 1, 3 do opt:apply { x = descent.ones(1) } end\n"
                "opt:save(os.getenv 'S' .. '/o.safetensors',\n"
                "  { metadata = { note = 'hi' } })\n");
    assert_int_equal(sh("\"$D\" run \"$S/state.lua\"")->status, 0);
    o = sh("\"$D\" inspect \"$S/o.safetensors\"");
    assert_int_equal(o->status, 0);
    assert_contains(o->out, "\nOptimizer: sgd, iterations 3, updates 1\n");
    assert_contains(o->out, "\n  learning_rate = 0.5\n");
    assert_contains(o->out, "\n  momentum = 0.9\n");
    assert_contains(o->out, "\ndescent.slots/momentum/x ");
    assert_contains(o->out, "\nMetadata:\n  note = hi\n");
    assert_null(strstr(o->out, "descent.options"));
    all = json_loads(sh("\"$D\" inspect --json \"$S/o.safetensors\"")->out, 0,
                     NULL);
    optimizer = json_object_get(all, "optimizer");
    assert_string_equal(json_string_value(json_object_get(optimizer, "kind")),
                        "sgd");
    assert_int_equal(
        json_integer_value(json_object_get(optimizer, "iterations")), 3);
    json_decref(all);
}

static void damage_is_shown_and_fails(void **state)
{
    const shell_outcome *o;

    (void)state;
    save();
    o = sh("printf '\\001' | dd of=\"$S/a.safetensors\" bs=1 conv=notrunc "
           "seek=$(($(wc -c <\"$S/a.safetensors\") - 1)) 2>/dev/null\n"
           "\"$D\" inspect \"$S/a.safetensors\"");
    assert_int_equal(o->status, 1);
    assert_contains(o->out, "[2, 3]     24  BAD\n");
    assert_contains(o->out, "4  ok\n");
    assert_contains(o->err, "'layer/kernel' do not match their digest");
    assert_contains(o->err, "a.safetensors.prev is whole");
    o = sh("\"$D\" inspect --json \"$S/a.safetensors\"");
    assert_int_equal(o->status, 1);
    assert_contains(o->out, "\"whole\": false");
    o = sh("head -c 200 \"$S/a.safetensors.prev\" >\"$S/cut.safetensors\"\n"
           "\"$D\" inspect \"$S/cut.safetensors\"");
    assert_int_equal(o->status, 1);
    assert_string_equal(o->out, "");
    assert_contains(o->err, "cut.safetensors: no safetensors file, or cut off");
}

static void wrong_usage_is_explained(void **state)
{
    (void)state;
    assert_int_equal(sh("\"$D\" inspect")->status, 2);
    assert_contains(sh("\"$D\" inspect")->err, "inspect: no file given");
    assert_int_equal(sh("\"$D\" inspect a b")->status, 2);
    assert_contains(sh("\"$D\" inspect a b")->err, "'b': one file at a time");
    assert_contains(sh("\"$D\" inspect --jsno x")->err,
                    "did you mean '--json'?");
    assert_int_equal(sh("\"$D\" inspect --help")->status, 0);
    assert_contains(sh("\"$D\" inspect --help")->out, "Usage: descent inspect");
    assert_int_equal(sh("\"$D\" inspect \"$S\"")->status, 1);
    assert_contains(sh("\"$D\" inspect \"$S\"")->err, "is a directory");
    assert_int_equal(sh("\"$D\" inspect /nowhere/x")->status, 1);
    assert_contains(sh("\"$D\" inspect /nowhere/x")->err,
                    "/nowhere/x: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_and_metadata_are_shown),
        cmocka_unit_test(json_has_the_same),
        cmocka_unit_test(the_state_of_an_optimizer_is_told),
        cmocka_unit_test(damage_is_shown_and_fails),
        cmocka_unit_test(wrong_usage_is_explained),
    };

    return cmocka_run_group_tests(tests, shell_setup, shell_teardown);
}
