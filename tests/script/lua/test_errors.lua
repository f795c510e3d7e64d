-- SPDX-License-Identifier: MIT
-- Error objects, warnings, plugins: what scripts see of the runtime.
local test = require "harness"
local core = require "descent.core"

-- The line of the caller, as error texts show it.
local function here(offset)
  local line = debug.getinfo(2, "l").currentline + (offset or 0)
  return "test_errors.lua:" .. line
end

local function ends_with(text, tail)
  test.equal(text:sub(-#tail), tail)
end

test.case("an error object tells what, where and at which line", function()
  local line = here(1)
  local ok, e = pcall(function() core.zeros(-1) end)
  test.ok(not ok)
  test.equal(type(e), "table")
  test.equal(e.code, "argument")
  test.equal(e.where, "descent.zeros")
  test.equal(e.message, "shape = -1: expected at least 0")
  ends_with(e.position, line)
  test.equal(tostring(e), e.position .. ": descent.zeros: " .. e.message)
  test.equal("x" .. e, "x" .. tostring(e))
  test.ok(core.is_error(e) and core.type(e) == "Error")
end)

test.case("the line is the caller's, also through pcall", function()
  local line = here(1)
  local _, e = pcall(core.zeros, -1)
  ends_with(e.position, line)
end)

test.case("Lua modules raise and make error objects", function()
  local line = here(2)
  local e = test.raises(function()
    core.fail("descent.f", "n = 3: expected 4",
              { code = "numeric", option = "n", value = 3, expected = 4 })
  end, "descent.f: n = 3: expected 4")
  ends_with(e.position, line)
  test.ok(e.code == "numeric" and e.option == "n" and e.value == 3
          and e.expected == 4)
  local made = core.error_object("f", "text")
  test.ok(core.is_error(made) and made.code == "argument")
  test.ok(not core.is_error { code = "argument" })
  test.ok(not core.is_error(nil) and not core.is_error("x"))
end)

test.case("frames of the library are skipped", function()
  local library = load("local core = ... return function() core.zeros(-1) end",
                       "@/lib/of/ours/inside.lua")(core)
  local _, e = pcall(library)
  test.ok(e.position:find "inside.lua:1", e.position)
  core.library "/lib/of/ours/"
  local line = here(1)
  local _, skipped = pcall(library)
  ends_with(skipped.position, line)
end)

test.case("types are told", function()
  test.equal(core.type(core.zeros(1)), "Tensor")
  test.equal(core.type(core.optimizers.SGD {}), "Optimizer")
  test.equal(core.type(core.schedule.hold(1)), "Schedule")
  test.equal(core.type(core.rng("a", 1)), "Rng")
  test.equal(core.type {}, nil)
  test.equal(core.type(io.stdout), nil)
  test.equal(getmetatable(core.zeros(1)), "descent.Tensor")
end)

test.case("warnings of the runtime reach the script's function", function()
  local heard = {}
  core.warn_sink(function(text) heard[#heard + 1] = text end)
  local opt = core.optimizer("sgd", { { name = "a", value = core.ones(1) },
                                      { name = "b", value = core.ones(1) } })
  opt:apply { a = core.ones(1) }
  core.warn_sink(nil)
  test.equal(#heard, 1)
  test.ok(heard[1]:find "no gradient", heard[1])
  core.warn_sink(function() error "lost" end)
  core.optimizer("sgd", { { name = "a", value = core.ones(1) },
                          { name = "b", value = core.ones(1) } })
    :apply { b = core.ones(1) }
  core.warn_sink(nil)
  test.raises(function() core.warn_sink(3) end, "expected a function or nil")
end)

test.case("plugins are found and described", function()
  local adam = core.find_plugin "Adam"
  test.equal(adam.name, "adam")
  test.equal(adam.refused, false)
  test.equal(adam.abi, 1)
  test.equal(adam.bytes_per_parameter, 8)
  test.ok(adam.path:find "/adam.so$")
  local names = {}
  for _, p in ipairs(adam.params) do names[p.name] = p end
  test.equal(names.beta_1.default, 0.9)
  test.equal(names.beta_1.min, 0)
  test.equal(names.amsgrad.type, "boolean")
  test.equal(names.amsgrad.structural, true)
  test.equal(adam.slots[1].shape, "like")
  local listed = {}
  for _, p in ipairs(core.plugins()) do listed[p.name or p.path] = p end
  for _, name in ipairs { "sgd", "adam", "adagrad", "rmsprop", "adadelta",
                          "adamax", "nadam" } do
    test.ok(listed[name], name)
  end
  test.equal(core.plugins("sgd").name, "sgd")
end)

test.case("a plugin that is not found is told, not raised", function()
  local info, e = core.find_plugin "nope"
  test.equal(info, nil)
  test.ok(core.is_error(e) and tostring(e):find "nope")
  test.raises(function() core.plugins "nope" end, "nope")
  test.raises(function() core.load_plugin "nope.so" end, "nope.so")
  test.raises(function() core.load_plugin "/nowhere/nope.so" end,
              "/nowhere/nope.so")
  local path = core.find_plugin("sgd").path
  test.equal(core.load_plugin(path).name, "sgd")
end)

test.case("the module tells its versions", function()
  test.ok(core.version:find "^%d+%.%d+%.%d+$")
  test.equal(core.abi, 1)
  test.equal(core.features.blas, true)
  test.ok(({ any = 1, avx2 = 1, avx512 = 1 })[core.features.isa])
  test.ok(core.cpus() >= 1 and core.threads() >= 1)
  local threads = core.threads()
  test.equal(core.threads(3), 3)
  test.equal(core.threads(), 3)
  test.equal(core.threads(nil), 3)
  for n, text in pairs {
    [-1] = "threads = -1: expected at least 0",
    [1.5] = "threads = 1.5: expected an integer",
    [2000] = "threads = 2000: expected 1 to 1024",
    [1 << 40] = "expected 1 to 1024",
  } do
    test.raises(function() core.threads(n) end, text)
  end
  test.equal(core.threads(), 3)
  test.equal(core.threads(threads), threads)
  test.ok(core.threads(0) >= 1)
  local a = core.clock()
  test.ok(core.clock() >= a)
end)

test.finish()
