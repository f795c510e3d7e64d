-- SPDX-License-Identifier: MIT
-- Schedules: kinds of the core, and Lua functions in their place.
local test = require "harness"
local core = require "descent.core"
local schedule = core.schedule

local function half_square(x, g)
  g:copy_(x)
  return 0.5 * x:dot(x)
end

test.case("every kind of the core is a function", function()
  local kinds = core.schedule_kinds()
  test.ok(#kinds >= 7)
  for _, kind in ipairs(kinds) do
    test.equal(type(schedule[kind]), "function", kind)
  end
  local s = schedule.cosine_decay { initial_learning_rate = 1,
                                    decay_steps = 10 }
  test.equal(s(0), 1)
  test.near(s:at(5), 0.5, 1e-15)
  test.equal(s.kind, "cosine_decay")
  test.equal(tostring(s), "Schedule cosine_decay")
  test.equal(schedule.hold(0.25)(1000), 0.25)
  test.equal(schedule.hold { value = 2 }(0), 2)
  local steps = schedule.piecewise_constant_decay {
    boundaries = { 2, 4 }, values = { 1, 0.5, 0.25 } }
  test.equal(table.concat(steps:table(1, 5), " "), "1.0 1.0 0.5 0.5 0.25")
  test.equal(#schedule.hold(1):table(0, 10, 5), 3)
end)

test.case("wrong parameters and steps are errors", function()
  test.raises(function()
    schedule.cosine_decay { initial_learning_rate = 1, decay_step = 10 }
  end, "did you mean 'decay_steps'?")
  test.raises(function() schedule.cosine_decay { decay_steps = 10 } end,
              "initial_learning_rate")
  test.raises(function() schedule.cosine_decay(3) end,
              "options is a number: expected a table")
  test.raises(function()
    schedule.piecewise_constant_decay { boundaries = { "a" }, values = { 1 } }
  end, "boundaries is a table: expected a list of numbers")
  local s = schedule.hold(1)
  test.raises(function() return s(-1) end, "n = -1: expected at least 0")
  test.raises(function() return s(0.5) end, "n = 0.5: expected an integer")
  test.raises(function() return s() end, "n is nothing")
  test.raises(function() schedule.fn(3) end, "expected a function of the step")
  test.raises(function() return schedule.cosine_annealing {} end,
              "cosine_annealing.T_max is missing: expected a finite number")
  test.raises(function() return schedule.sawtooth {} end, "call")
end)

test.case("a function is asked exactly once a step and option", function()
  local asked = {}
  local function lr(n, ctx)
    asked[#asked + 1] = ctx.option .. n .. ctx.iterations .. ctx.updates
    return 0.5
  end
  local function momentum(n)
    asked[#asked + 1] = "m" .. n
    return 0
  end
  local opt = core.optimizer("sgd", core.ones(1),
                             { learning_rate = lr, momentum = momentum })
  local made = #asked
  opt:step(half_square)
  opt:step(half_square)
  table.sort(asked)
  test.equal(made, 0, "asked at creation")
  test.equal(table.concat(asked, " "),
             "learning_rate000 learning_rate111 m0 m1")
end)

test.case("a function is told the moment if it takes it", function()
  local told = {}
  local opt = core.optimizer("sgd", core.ones(1), {
    learning_rate = function(...)
      local n, moment = ...
      told.count, told.n, told.option = select("#", ...), n, moment.option
      return 0.5
    end,
    momentum = function(_, moment)
      told.second = moment.option
      return 0
    end })
  opt:step(half_square)
  test.equal(told.count, 2)
  test.equal(told.n, 0)
  test.equal(told.option, "learning_rate")
  test.equal(told.second, "momentum")
  test.raises(function() return schedule.fn(math.max)(3) end, -- of C
              "attempt to compare number with table")
end)

test.case("a step leaves nothing to the collector", function()
  local function one(n) return 1 / (1000 + n) end
  local function two(n, moment) return n / (n + moment.updates + 1) end
  local function nothing() return 0.25 end
  local cases = {
    { learning_rate = 0.5 }, { learning_rate = one }, { learning_rate = two },
    { learning_rate = one, momentum = nothing },
    { learning_rate = two, momentum = two },
    { learning_rate = schedule.fn(two) },
  }
  for i, options in ipairs(cases) do
    local opt = core.optimizer("sgd", core.ones(1), options)
    local function steps(count, objective)
      for _ = 1, count do opt:step(objective) end
    end
    collectgarbage()
    collectgarbage("stop")
    steps(2)
    steps(2, half_square)
    local before = collectgarbage("count")
    steps(1000)
    local after = collectgarbage("count")
    steps(1000, half_square)
    local last = collectgarbage("count")
    collectgarbage("restart")
    test.equal(after - before, 0, "alone, case " .. i)
    test.equal(last - after, 0, "with an objective, case " .. i)
  end
end)

test.case("a function's value is used", function()
  local x = core.ones(1)
  local opt = core.optimizer("sgd", x, {
    learning_rate = schedule.fn(function(n) return n == 0 and 0.5 or 1 end) })
  opt:step(half_square)
  test.equal(x[1], 0.5)
  opt:step(half_square)
  test.equal(x[1], 0)
  test.equal(opt.lr, 1)
  test.raises(function() opt.lr = 0.1 end, "follows a schedule")
  opt:set("learning_rate", schedule.hold(0.125))
  test.equal(opt.lr, 0.125)
  opt:set("learning_rate", function() return core.tensor { 2 } end)
  test.equal(opt.lr, 2)
end)

test.case("a failing function abandons the step before anything changes",
          function()
  local x = core.tensor { 4 }
  local fault
  local opt = core.optimizer("sgd", x, {
    learning_rate = 0.5,
    momentum = function(n)
      if n == 1 and fault then return fault() end
      return 0.9
    end })
  opt:step(half_square)
  local before, slot = x[1], opt:slots().momentum[1]
  local value = { "a table" }
  local cases = {
    { function() error "no rate today" end, "no rate today" },
    { function() error(value) end, "(error object is a table value)" },
    { function() return "fast" end, "returned a string: expected a number" },
    { function() end, "returned nil" },
    { function() return 0 / 0 end, "finite" },
    { function() return 1.5 end, "momentum" },
    { function() opt:step() end, "not allowed inside a schedule" },
    { function() opt:set("momentum", 0) end, "not allowed inside a schedule" },
    { function() opt.lr = 1 end, "not allowed inside a schedule" },
    { function() opt:close() end, "not allowed inside a schedule" },
    { function() core.optimizer("sgd", x) end,
      "not allowed inside a schedule" },
    { function() coroutine.yield() end, "not allowed inside a schedule" },
  }
  for i, case in ipairs(cases) do
    fault = case[1]
    local e = test.raises(function() opt:step(half_square) end, case[2])
    test.ok(tostring(e):find("momentum", 1, true), "the option is named")
    test.ok(tostring(e):find("test_schedules.lua:%d+: Optimizer:step: "),
            tostring(e))
    test.equal(x[1], before, "case " .. i)
    test.equal(opt:slots().momentum[1], slot)
    test.equal(opt.iterations, 1)
    test.ok(not core.in_schedule())
  end
  fault = cases[2][1]
  local e = test.raises(function() opt:step(half_square) end, "momentum")
  test.equal(e.cause, value)
  test.equal(e.code, "script")
  fault = nil
  opt:step(half_square)
  test.equal(opt.iterations, 2)
end)

test.case("a function that asks for itself does not exhaust the stack",
          function()
  local opt
  opt = core.optimizer("sgd", core.ones(1), {
    learning_rate = function() return opt:get "learning_rate" end })
  test.raises(function() opt:step(half_square) end, "learning_rate")
  local s
  s = schedule.fn(function(n) return s(n + 1) end)
  test.raises(function() return s(0) end, "schedule at step")
  test.equal(opt.iterations, 0)
end)

test.case("steps run in coroutines, and functions may use their own",
          function()
  local opt = core.optimizer("sgd", core.ones(1), {
    learning_rate = function(n)
      return coroutine.wrap(function()
        test.ok(core.in_schedule())
        coroutine.yield(1 / (n + 1))
      end)()
    end })
  do
    local co = coroutine.wrap(function()
      for _ = 1, 3 do
        opt:step(half_square)
        coroutine.yield(opt.lr)
      end
    end)
    co()
    co()
  end
  collectgarbage()
  opt:step(half_square)
  test.equal(opt.lr, 0.25)
end)

test.case("a function made in a coroutine outlives it", function()
  local opt
  coroutine.wrap(function()
    opt = core.optimizer("sgd", core.ones(1),
                         { learning_rate = function() return 0.5 end })
    opt:step(half_square)
  end)()
  collectgarbage()
  collectgarbage()
  opt:step(half_square)
  test.equal(opt.iterations, 2)
  opt:close()
end)

test.case("functions are let go with what uses them", function()
  local alive = setmetatable({}, { __mode = "v" })
  for i = 1, 20 do
    local marker = {}
    alive[i] = marker
    local opt = core.optimizer("sgd", core.ones(1), {
      learning_rate = function() return marker and 0.5 end })
    opt:step(half_square)
    opt:set("learning_rate", function() return marker and 0.25 end)
    schedule.fn(function() return marker and 1 end)
    pcall(core.optimizer, "sgd", core.ones(1),
          { learning_rate = function() return marker end, wrong = 1 })
  end
  for _ = 1, 4 do collectgarbage() end
  test.equal(next(alive), nil)
end)

test.finish()
