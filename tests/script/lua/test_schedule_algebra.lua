-- SPDX-License-Identifier: MIT
-- Schedules made of schedules, numbers and functions: operators, methods, their
-- laws, state and configuration.
local test = require "harness"
local core = require "descent.core"
local schedule = core.schedule

local FAR <const> = 1 << 40

local function same(a, b)
  for _, n in ipairs { 0, 1, 2, 4, 5, 6, 9, 10, 11, 14, 15, 99, FAR } do
    test.equal(a(n), b(n), "at " .. n)
  end
end

local up = schedule.ramp { from = 0, to = 1, steps = 5 }
local down = schedule.ramp { from = 1, to = 0.25, steps = 10, shape = "cosine" }

test.case("a .. b is a for its duration, then b from its own 0", function()
  local both = up .. down
  test.equal(both:duration(), 15)
  test.equal(math.type(both:duration()), "integer")
  for n = 0, 30 do
    test.equal(both(n), n < 5 and up(n) or down(n - 5))
  end
  same((up .. down) .. schedule.hold(3), up .. (down .. schedule.hold(3)))
  same(up .. 3, up .. schedule.hold(3))
  test.equal((up .. 3):duration(), math.huge)
  test.raises(function() return schedule.hold(1) .. up end,
              "then.first is endless: expected a schedule with a duration")
  test.raises(function() return 1 .. up end, "then.first is endless")
  test.raises(function() return up .. "x" end, "argument 2 is a string")
end)

test.case("chain wraps nothing around one, and joins many", function()
  test.ok(rawequal(schedule.chain { up }, up))
  same(schedule.chain { up, down, 7 }, up .. down .. 7)
  test.raises(function() schedule.chain {} end, "the list is empty")
end)

test.case("operators are pointwise and last as the longer", function()
  same(up * 1, up)
  same(1 * up, up)
  same(up + 0, up)
  same(-(-up), up)
  same(up * down, down * up)
  test.equal((up * down):duration(), 10)
  test.equal((2 * up):duration(), 5)
  test.equal((2 * up)(5), 2)
  test.equal((-up)(5), -1)
  test.equal((up + down)(10), 1.25)
  test.equal((up * function(n) return n + 1 end)(5), 6)
  test.equal(up:max(0.5)(0), 0.5)
  test.equal(up:floor(0.5)(5), 1)
  test.equal(up:min(down)(10), 0.25)
  test.raises(function() return up * {} end, "argument 2 is a table")
  test.raises(function() return up + nil end, "argument 2 is nil")
end)

test.case("methods change one schedule", function()
  local ten = schedule.ramp { from = 0, to = 10, steps = 10 }
  test.equal(ten:clamp(2, 8)(9), 8)
  test.equal(ten:delay(3)(4), 1)
  test.equal(ten:stretch(2)(7), 3)
  test.equal(ten:stretch(2):duration(), 20)
  test.equal(ten:cycle()(FAR), FAR % 10 + 0.0)
  test.equal(ten:cycle():duration(), math.huge)
  test.equal(ten:repeat_(3):duration(), 30)
  test.equal(ten:repeat_(3)(25), 5)
  test.equal(ten:last(4):duration(), 4)
  same(ten:delay(0), ten)
  same(ten:repeat_(2), ten .. ten)
  test.raises(function() ten:clamp(2, 1) end, "clamp.low = 2")
  test.raises(function() ten:delay(-1) end, "steps = -1: expected 0 to")
  test.raises(function() ten:repeat_(0) end, "times = 0")
  test.raises(function() ten:stretch(0) end, "stretch.by = 0")
  test.raises(function() schedule.hold(1):cycle() end, "is endless")
end)

test.case("functions and numbers can be given a duration", function()
  local f = schedule.fn(function(n) return n * 2 end, 3)
  test.equal(f:duration(), 3)
  test.equal(schedule.fn(math.sqrt):duration(), math.huge)
  test.equal((f .. 7)(2), 4)
  test.equal((f .. 7)(3), 7)
  test.equal(schedule.hold(2, 4):duration(), 4)
  test.equal((schedule.hold(2, 4) .. up)(5), 0.2)
end)

test.case("parts are given as options", function()
  local halves = schedule.lambda { f = function(n) return 1 / (n + 1) end,
                                   base_lr = 2 }
  test.equal(halves(3), 0.5)
  local s = schedule.sequential { schedules = { 5, up, halves },
                                  milestones = { 2, 4 } }
  test.equal(s(1), 5)
  test.equal(s(3), up(1))
  test.equal(s(5), 1)
  test.equal(schedule.warmup { schedule = up, warmup_steps = 5 }(1), 0.2)
  test.raises(function() schedule.sequential { schedules = { up, "x" },
                                               milestones = { 2 } } end,
              "schedules[2] is a string: expected a Schedule")
  test.raises(function() schedule.lambda { f = "x" } end,
              "lambda.f = \"x\": expected a schedule")
  test.raises(function() schedule.lambda {} end,
              "lambda.f is missing: expected a schedule")
end)

test.case("a configuration makes the schedule again", function()
  local s = (up .. down):clamp(0.1, 0.9) * schedule.sequential {
    schedules = { schedule.step { step_size = 3 },
                  schedule.multi_step { milestones = { 2, 4 } } },
    milestones = { 5 } }
  local config = s:config()
  test.equal(config.class_name, "multiply")
  test.equal(config.config.first.config.low, 0.1)
  same(schedule.from_config(config), s)
  local opt = core.optimizer("sgd", core.ones(1), { learning_rate = config })
  test.equal(opt.lr, s(0))
  test.equal(schedule.fn(math.sqrt):config(), "<lua function>")
  test.raises(function() schedule.from_config { class_name = "up" } end,
              "unknown schedule 'up'")
  test.raises(function() schedule.from_config {} end,
              "expected {class_name =, config =}")
  local loop = { class_name = "cycle", config = {} }
  loop.config.schedule = loop
  test.raises(function() schedule.from_config(loop) end, "nested too deep")
end)

test.case("a plateau is shared by what it is part of", function()
  local plateau = schedule.reduce_on_plateau { factor = 0.5, patience = 1 }
  local opt = core.optimizer("sgd", core.ones(1), { learning_rate = 1 })
  opt:set("learning_rate", schedule.hold(0.25))
  test.raises(function() opt:set("learning_rate", 1) end, "follows a schedule")
  opt:set("learning_rate", schedule.hold(0.25) * plateau)
  for _ = 1, 3 do test.ok(rawequal(plateau:observe(1), plateau)) end
  test.equal(opt:get "learning_rate", 0.125)
  local kept = plateau:state()
  test.equal(table.concat(kept, " "), "0.5 1.0 0.0 0.0")
  local other = schedule.reduce_on_plateau { factor = 0.5, patience = 1 }
  test.ok(rawequal(other:load(kept), other))
  for _ = 1, 2 do
    plateau:observe(2)
    other:observe(2)
    test.equal(other(0), plateau(0))
  end
  test.equal(plateau(FAR), 0.25)
  test.raises(function() other:load { 1 } end, "got 1 values: expected 4")
  test.raises(function() other:load { 1, 1, -1, 0 } end, "are no state")
  test.raises(function() other:load(3) end, "state is a number")
  test.raises(function() other:load() end, "expected what state() gave")
  test.raises(function() up:observe(1) end, "takes a metric")
  test.raises(function() other:observe("x") end, "metric is a string")
end)

test.case("schedules are not made or told inside of a schedule", function()
  local plateau = schedule.reduce_on_plateau {}
  for _, f in ipairs {
    function() return (up * 2)(0) end, function() return (up .. up)(0) end,
    function() return up:cycle()(0) end, function() plateau:observe(1) end,
    function() plateau:load {} end, function() return (up + math.sqrt)(0) end,
  } do
    test.raises(function() return schedule.fn(f)(0) end,
                "not allowed inside a schedule")
  end
  test.equal(schedule.fn(function(n) return up(n) end)(5), 1)
end)

test.case("a sparkline shows a schedule in one line", function()
  local line = schedule.ramp { from = 0, to = 7, steps = 7 }:sparkline(8)
  test.equal(line, "▁▂▃▄▅▆▇█  0.0 to 7.0")
  test.equal(utf8.len((up:sparkline(1000, 10):match "^%S+")), 10)
  test.equal(utf8.len((up:sparkline(1000):match "^%S+")), 60)
  test.equal(schedule.hold(2):sparkline(3), "▅▅▅  2.0 to 2.0")
  test.equal(up:sparkline(1), "▅  0.0 to 0.0")
  test.raises(function() up:sparkline(0) end, "n = 0")
end)

test.case("far steps are as quick as near ones, for every kind", function()
  local needs = {
    exponential_decay = { initial_learning_rate = 1, decay_steps = 10,
                          decay_rate = 0.5 },
    cosine_decay_restarts = { initial_learning_rate = 1, first_decay_steps = 3,
                              t_mul = 1 },
    factor = { step = 1, factor = 0.99 },
    cosine_annealing_warm_restarts = { T_0 = 1 },
    cyclic = { base_lr = 0, max_lr = 1, step_size_up = 1,
               mode = "triangular2" },
  }
  for kind, options in pairs(needs) do
    local s = schedule[kind](options)
    for n = FAR, FAR + 3 do test.ok(s(n) == s(n), kind) end
    test.ok(s(math.maxinteger) < math.huge, kind)
  end
end)

test.finish()
