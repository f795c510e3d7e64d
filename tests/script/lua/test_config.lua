-- SPDX-License-Identifier: MIT
-- Configurations: optimizers from tables and JSON text, and back.
local test = require "harness"
local descent = require "descent"

local function half_square(x, g)
  g:copy_(x)
  return x:dot(x) / 2
end

test.case("an optimizer is made from a table of Keras", function()
  local x = descent.tensor { 1.0 }
  local opt = descent.optimizer({
    module = "keras.optimizers", class_name = "SGD",
    config = { name = "sgd", learning_rate = 0.25, nesterov = false },
  }, x)
  test.equal(opt.kind, "sgd")
  opt:step(half_square)
  test.equal(x[1], 0.75)
end)

test.case("an optimizer is made from JSON text", function()
  local opt = descent.optimizer [[
    {"class_name": "Adam", "config": {"learning_rate": {"class_name":
     "PiecewiseConstantDecay", "config": {"boundaries": [0],
     "values": [1, 0.5]}}, "weight_decay": null, "beta_1": 0.5}}]]
  test.equal(opt.kind, "adam")
  test.equal(opt:get "beta_1", 0.5)
  test.equal(opt.learning_rate, 1.0)
  test.equal(opt:get "weight_decay", nil)
end)

test.case("config() gives a table that makes the optimizer again", function()
  local options = {
    learning_rate = descent.schedule.cosine_decay {
      initial_learning_rate = 0.1, decay_steps = 10,
    },
    global_clipnorm = 0.5, amsgrad = true, use_ema = true, name = "mine",
    beta_2 = descent.schedule.ramp { from = 0.5, to = 0.9, steps = 5 },
  }
  local a, b = descent.tensor { 1, -2, 3 }, descent.tensor { 1, -2, 3 }
  local first = descent.optimizer("adam", a, options)
  local config = first:config()
  test.equal(config.class_name, "adam")
  test.equal(config.config.name, "mine")
  test.equal(config.config.learning_rate.class_name, "cosine_decay")
  test.equal(config.config.learning_rate.config.decay_steps, 10.0)
  test.equal(config.config.global_clipnorm, 0.5)
  test.equal(config.config.amsgrad, true)
  local second = descent.optimizer(config, b)
  local text = first:config { format = "json" }
  test.equal(second:config { format = "json" }, text)
  test.equal(descent.optimizer(text):config { format = "json" }, text)
  for _ = 1, 6 do
    first:step(half_square)
    second:step(half_square)
  end
  test.ok(a:equal(b))
end)

test.case("lists and integers keep their kind", function()
  local opt = descent.optimizer("sgd", nil, {
    lr = descent.schedule.multi_factor { step = { 3, 5 } },
    ema_overwrite_frequency = 7,
  })
  local c = opt:config().config
  test.equal(#c.learning_rate.config.step, 2)
  test.equal(c.learning_rate.config.step[2], 5.0)
  test.equal(math.type(c.ema_overwrite_frequency), "integer")
  test.equal(math.type(c.momentum), "float")
end)

test.case("for Keras 3 there are its keys alone", function()
  local opt = descent.optimizer("SGD", nil, { lr = 1 })
  local c = opt:config { dialect = "keras3" }
  test.equal(c.module, "keras.optimizers")
  test.equal(c.class_name, "SGD")
  test.equal(c.config.learning_rate, 1.0)
  test.equal(c.config.momentum_mode, nil)
  test.raises(function()
    opt = descent.optimizer("sgd", nil, { maximize = true })
    opt:config { dialect = "keras3" }
  end, "sgd.maximize = true: Keras 3 has no such option")
end)

local NO_FUNCTION = "a configuration cannot hold a function: give it again "
  .. "among the options"

test.case("functions appear by where they are from", function()
  local f = function(n) return 1 / (n + 1) end
  local line = debug.getinfo(f, "S").linedefined
  local opt = descent.optimizer("sgd", nil, { lr = f })
  local config = opt:config()
  local pattern = "^<lua function .*test_config%.lua:" .. line .. ">$"
  test.ok(config.config.learning_rate:match(pattern))
  test.raises(function() descent.optimizer(config) end, NO_FUNCTION)
  local again = descent.optimizer(config, descent.tensor { 1 }, { lr = f })
  test.equal(again.learning_rate, 1.0)
  test.equal(descent.schedule.fn(f):config(), config.config.learning_rate)
end)

test.case("options beside a configuration replace what it says", function()
  local opt = descent.optimizer({
    class_name = "adam", config = { learning_rate = 1, beta_1 = 0.5 },
  }, nil, { lr = 2, flavour = "torch" })
  test.equal(opt.learning_rate, 2.0)
  test.equal(opt:get "beta_1", 0.5)
  test.equal(opt:get "epsilon", 1e-8)
end)

test.case("legacy configurations name their flavour", function()
  local legacy = {
    class_name = "sgd", config = { lr = 1.0, decay = 1.0, momentum = 0.0 },
  }
  local x = descent.tensor { 0.0 }
  local opt = descent.optimizer(legacy, x, { flavour = "keras2" })
  opt:apply { x = descent.tensor { 0.0 } }
  test.equal(opt.learning_rate, 0.5)
end)

test.case("kinds are found in any case, and AdamW is one", function()
  for _, name in ipairs { "SGD", "RMSprop", "adagrad", "AdamW" } do
    descent.optimizer(name, descent.tensor { 1.0 }):step(half_square)
  end
  test.equal(descent.optimizers.AdamW {}:get "weight_decay", 0.004)
end)

test.case("a table that is no configuration is refused", function()
  local loop = { class_name = "sgd" }
  loop.config = loop
  for _, row in ipairs {
    { {}, 'expected "class_name" and "config"' },
    { { class_name = "sgd" }, 'and "config", an object' },
    { { class_name = "sgd", config = { 1 } }, 'and "config", an object' },
    { { class_name = "sgd", config = { lr = print } },
      "lr is a function, which a configuration cannot hold: give it among" },
    { { class_name = "sgd", config = { lr = 0 / 0 } }, "lr = " },
    { { class_name = "sgd", config = { lr = math.huge } },
      "lr = inf: expected a finite number" },
    { { class_name = "sgd", config = { lr = { 1, x = 2 } } },
      "lr is a list and has names: expected one of the two" },
    { loop, "nested too deep" },
    { { class_name = "sgd", config = {}, stat = 1 }, "unknown key 'stat'" },
    { "{", "configuration: line 1" },
    { '{"name": "mine"}', 'name = "mine" is not that of an optimizer' },
  } do
    test.raises(function() descent.optimizer(row[1]) end, row[2])
  end
end)

test.case("what config() does not know is refused", function()
  local opt = descent.optimizer "sgd"
  test.raises(function() opt:config { dialect = "keras2" } end,
              'expected "descent" or "keras3"')
  test.raises(function() opt:config { format = "yaml" } end,
              'format = "yaml": expected "table" or "json"')
  test.raises(function() opt:config { dialct = "keras3" } end,
              "unknown option 'dialct'")
end)

test.case("set_learning_rate is an error where a schedule is", function()
  local opt = descent.optimizer "sgd"
  test.equal(opt:set_learning_rate(0.5), opt)
  test.equal(opt.learning_rate, 0.5)
  opt = descent.optimizer("sgd", nil, {
    lr_scheduler = descent.schedule.factor { step = 2, factor = 0.5 },
    learning_rate = 4,
  })
  test.equal(opt.learning_rate, 4.0)
  test.raises(function() opt:set_learning_rate(0.5) end,
              "sgd.learning_rate follows a schedule: expected a schedule")
end)

test.case("groups come back, or are given again", function()
  local options = {
    lr = 1,
    groups = { { match = "bias$", lr = descent.schedule.hold(0.5) },
               { names = { "kernel" }, freeze = true } },
  }
  local config = descent.optimizer("sgd", nil, options):config()
  test.equal(#config.config.groups, 2)
  test.equal(config.config.groups[1].match, "bias$")
  test.equal(config.config.groups[2].names[1], "kernel")
  test.equal(config.config.groups[2].freeze, true)
  local function target()
    return { { name = "kernel", value = descent.tensor { 1.0 } },
             { name = "bias", value = descent.tensor { 1.0 } } }
  end
  local opt = descent.optimizer(config, target())
  test.equal(opt:get("lr", 1), 0.5)
  test.ok(tostring(opt):find("learning_rate=<schedule>", 1, true))
  opt = descent.optimizer(config, target(), {
    groups = { { where = function(name) return name == "bias" end, lr = 2 } },
  })
  test.equal(opt:get("lr", 1), 2.0)
  local where = opt:config().config.groups[1].where
  test.equal(where, "<function>")
end)

test.case("a description asks no lr_scheduler", function()
  local asked = 0
  local opt = descent.optimizer("sgd", descent.tensor { 1.0 }, {
    lr_scheduler = function()
      asked = asked + 1
      return 1
    end,
  })
  test.ok(tostring(opt):find("learning_rate=<function>", 1, true))
  test.equal(asked, 0)
end)

test.case("a finalizer that asks, too, changes no configuration", function()
  local opt = descent.optimizer("adam", nil, { weight_decay = 0.5 })
  local asked, over = 0, false
  local function plant()
    setmetatable({}, { __gc = function()
      if over then return end
      asked = asked + 1
      opt:config { dialect = "keras3", format = "json" }
      plant()
    end })
  end
  local mode = collectgarbage("incremental", 10, 1000, 1)
  for _ = 1, 20 do plant() end
  for _ = 1, 500 do
    local config = opt:config()
    test.equal(config.class_name, "adam")
    test.equal(config.config.weight_decay, 0.5)
  end
  over = true
  collectgarbage("incremental", 200, 100, 13)
  collectgarbage(mode)
  test.ok(asked > 100)
end)

test.finish()
