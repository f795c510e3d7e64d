-- SPDX-License-Identifier: MIT
-- descent.args: what it reads, and how it ends a script that is called wrongly.
local test = require "harness"
local descent = require "descent"

local SPEC = {
  epochs = 30, rate = { 1e-3, min = 0, max = 10 }, verbose = false,
  color = true, model = { "mlp", choices = { "mlp", "softmax" } },
  out_dir = { type = "path", help = "where results go" },
}

-- Call descent.args in a process that cannot end: returns the status that it
-- would have ended with, and what it printed on either stream.
local function ends(spec, argv)
  local text, status = {}, nil
  local sink = { write = function(_, ...)
    text[#text + 1] = table.concat { ... }
  end }
  local exit, err, out = os.exit, io.stderr, io.stdout
  rawset(os, "exit", function(code)
    status = code
    error("ended")
  end)
  rawset(io, "stderr", sink)
  rawset(io, "stdout", sink)
  pcall(descent.args, spec, argv)
  rawset(os, "exit", exit)
  rawset(io, "stderr", err)
  rawset(io, "stdout", out)
  return status, table.concat(text)
end

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

test.case("a wrong argument ends the script with status 2 and usage", function()
  for _, case in ipairs {
    { "--epoch=3", "s: unknown option --epoch; did you mean --epochs?\n" },
    { "--zzz", "s: unknown option --zzz\n" },
    { "--epochs=3.5", "s: --epochs = \"3.5\": expected an integer\n" },
    { "--epochs=0x10", "s: --epochs = \"0x10\": expected an integer\n" },
    { "--epochs=99999999999999999999", "expected an integer\n" },
    { "--epochs", "s: --epochs needs a value\n" },
    { "--rate=fast", "s: --rate = \"fast\": expected a number\n" },
    { "--rate=0x10", "s: --rate = \"0x10\": expected a number\n" },
    { "--rate= 5 ", "expected a number\n" },
    { "--rate=1e999", "expected a number\n" },
    { "--rate=-1", "s: --rate = \"-1\": expected at least 0\n" },
    { "--rate=11", "s: --rate = \"11\": expected at most 10\n" },
    { "--model=cnn", "s: --model = \"cnn\": expected one of mlp, softmax\n" },
    { "--no-color=1", "s: --no-color takes no value\n" },
    { "stray", "s: unexpected argument \"stray\"\n" },
  } do
    local status, text = ends(SPEC, { [0] = "s", case[1] })
    test.equal(status, 2, case[1])
    test.ok(text:find(case[2], 1, true), text)
    test.ok(text:find("usage: s [OPTIONS]\n", 1, true), text)
  end
end)

test.case("a required option must be given", function()
  local status, text = ends({ data = { required = true } }, { [0] = "s" })
  test.equal(status, 2)
  test.ok(text:find("s: --data is required\n", 1, true), text)
end)

test.case("help lists every option and ends with status 0", function()
  for _, flag in ipairs { "-h", "--help" } do
    local status, text = ends(SPEC, { [0] = "s", flag })
    test.equal(status, 0)
    for _, line in ipairs {
      "  --epochs INTEGER  default 30\n", "  --color           default true\n",
      "  --out-dir PATH    where results go\n",
      "  --model STRING    one of mlp, softmax; default mlp\n",
    } do
      test.ok(text:find(line, 1, true), text)
    end
  end
end)

test.case("a wrong spec is an error of the script", function()
  test.raises(function() descent.args({ a = { 1, mim = 0 } }, {}) end,
              "unknown option 'mim'; did you mean 'min'?")
  test.raises(function() descent.args({ a = { type = "date" } }, {}) end,
              "type = \"date\": expected one of")
end)

test.finish()
