-- SPDX-License-Identifier: MIT
-- descent.args, for arguments that are right; wrong ones end the process, and
-- are tried through the command.
local test = require "harness"
local descent = require "descent"

local SPEC = {
  epochs = 30, rate = { 1e-3, min = 0 }, verbose = false, color = true,
  model = { "mlp", choices = { "mlp", "softmax" } },
  out_dir = { type = "path" },
}

test.case("defaults stand where nothing is said", function()
  local args = descent.args(SPEC, {})
  test.equal(args.epochs, 30)
  test.equal(args.rate, 1e-3)
  test.equal(args.verbose, false)
  test.equal(args.color, true)
  test.equal(args.model, "mlp")
  test.equal(args.out_dir, nil)
end)

test.case("values follow, or come after an equals sign", function()
  local args = descent.args(SPEC, { "--epochs", "5", "--rate=1", "--verbose",
    "--no-color", "--model=softmax", "--out-dir", "a=b" })
  test.equal(args.epochs, 5)
  test.equal(math.type(args.epochs), "integer")
  test.equal(args.rate, 1.0)
  test.equal(math.type(args.rate), "float")
  test.equal(args.verbose, true)
  test.equal(args.color, false)
  test.equal(args.model, "softmax")
  test.equal(args.out_dir, "a=b")
end)

test.case("underscores and hyphens are the same", function()
  test.equal(descent.args(SPEC, { "--out_dir=x" }).out_dir, "x")
end)

test.case("negative numbers are values", function()
  test.equal(descent.args({ seed = 0 }, { "--seed", "-3" }).seed, -3)
end)

test.case("a wrong spec is an error of the script", function()
  test.raises(function() descent.args({ a = { 1, mim = 0 } }, {}) end,
              "unknown option \"mim\"; did you mean \"min\"?")
  test.raises(function() descent.args({ a = { type = "date" } }, {}) end,
              "type = \"date\": expected one of")
end)

test.finish()
