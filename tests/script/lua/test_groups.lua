-- SPDX-License-Identifier: MIT
-- Groups of tensors that differ in some options, and multipliers.
local test = require "harness"
local descent = require "descent"

local function model()
  local params = {}
  for _, name in ipairs { "conv/kernel", "conv/bias", "out" } do
    params[#params + 1] = { name = name, value = descent.ones(1),
                            grad = descent.ones(1) }
  end
  return params
end

test.case("the first group that matches decides", function()
  local params = model()
  local opt = descent.optimizer("sgd", params, {
    learning_rate = 0.5,
    groups = {
      { match = "bias$", lr_mult = 0 },
      { match = "^conv", learning_rate = 0.25 },
    },
  })
  opt:step()
  test.equal(params[1].value[1], 0.75)
  test.equal(params[2].value[1], 1.0)
  test.equal(params[3].value[1], 0.5)
  test.equal(opt:param("conv/bias").group, 1)
  test.equal(opt:param("out").group, 0)
end)

test.case("names and functions choose tensors", function()
  local params = model()
  local seen = {}
  local opt = descent.optimizer("sgd", params, {
    learning_rate = 0.5,
    groups = {
      { names = { "out" }, freeze = true },
      { where = function(name, value)
        seen[#seen + 1] = name
        test.equal(value:numel(), 1)
        return name:find "bias" ~= nil
      end, lr_mult = 2 },
    },
  })
  opt:step()
  test.equal(params[1].value[1], 0.5)
  test.equal(params[2].value[1], 0.0)
  test.equal(params[3].value[1], 1.0)
  test.equal(#seen, 3)
end)

test.case("a function that raises binds nothing", function()
  local opt = descent.optimizers.SGD {
    groups = { { where = function() error "no idea" end, lr_mult = 2 } },
  }
  test.raises(function() opt:build(model()) end, "no idea")
  test.equal(#opt:params(), 0)
end)

test.case("schedules of a group are told its number", function()
  local params = model()
  local group
  local opt = descent.optimizer("sgd", params, {
    groups = {
      { match = "out", learning_rate = function(n, context)
        group = context.group
        return 0.25 * (n + 1)
      end },
    },
  })
  opt:step()
  test.equal(group, 1)
  test.equal(params[3].value[1], 0.75)
  test.equal(opt:get("lr", 1), 0.5)
end)

test.case("options of a group are read and set", function()
  local opt = descent.optimizer("adam", model(), {
    groups = { { match = "bias", weight_decay = 0 } },
  })
  test.equal(opt:get("weight_decay"), nil)
  test.equal(opt:get("weight_decay", 1), 0.0)
  test.equal(opt:set("beta_1", 0.5, 1), opt)
  test.equal(opt:get("beta_1", 1), 0.5)
  test.equal(opt:get "beta_1", 0.9)
  opt:set("freeze", true, 1)
  test.equal(opt:get("freeze", 1), true)
  test.raises(function() opt:set("beta_1", 0.5, 2) end, "group")
  test.raises(function() opt:set("amsgrad", true, 1) end, "fixed")
end)

test.case("bad groups are refused", function()
  local function make(groups)
    return function()
      descent.optimizer("sgd", model(), { groups = groups })
    end
  end
  test.raises(make { { match = "gamma", lr_mult = 2 } },
              "group 1 matches no tensor")
  test.raises(make { { match = "(", lr_mult = 2 } },
              "group 1: SGD: match = '('")
  test.raises(make { { names = { "outt" } } }, "did you mean 'out'?")
  test.raises(make { { where = 1 } }, "groups[1].where is a number")
  test.raises(make { { match = 1 } }, "groups[1].match is a number")
  test.raises(make { { names = "out" } },
              "groups[1].names is a string: expected a table")
  test.raises(make { { names = { 1 } } }, "groups[1].names[1] is a number")
  test.raises(make { { lr_mult = 2 } }, "expected match, names or where")
  test.raises(make { { match = "conv" }, { match = "out", lr_mul = 2 } },
              "group 2: sgd: unknown option 'lr_mul'; did you mean 'lr_mult'?")
  local e = test.raises(make { { match = "out", use_ema = true } },
                        "expected one value for all groups")
  test.equal(e.option, "use_ema")
  test.raises(make { "out" }, "groups[1] is a string")
  test.raises(make { match = "out" },
              "groups has the key 'match': expected a list")
  test.raises(make(1), "groups is a number")
end)

test.case("multipliers are set by name, all or none", function()
  local params = model()
  local opt = descent.optimizer("sgd", params, { learning_rate = 0.5 })
  test.raises(function()
    opt:set_lr_mult { ["conv/bias"] = 2, out = -1 }
  end, "sgd.lr_mult = -1")
  test.raises(function() opt:set_wd_mult { outt = 1 } end,
              "did you mean 'out'?")
  test.raises(function() opt:set_wd_mult { out = "much" } end,
              "multiplier of 'out' is a string: expected a number")
  test.raises(function() opt:set_lr_mult { out = 0 / 0 } end,
              "multiplier of 'out' = nan: expected a number, or false")
  test.equal(opt:set_lr_mult { out = 0 }, opt)
  opt:step()
  test.equal(params[2].value[1], 0.5)
  test.equal(params[3].value[1], 1.0)
  opt:set_lr_mult { out = false }
  opt:step()
  test.equal(params[3].value[1], 0.5)
end)

test.case("a description shows groups", function()
  local opt = descent.optimizer("adam", model(), {
    groups = {
      { match = "bias", weight_decay = 0,
        learning_rate = descent.schedule.hold(0.1) },
    },
  })
  local text = opt:describe()
  test.ok(text:find("group 1: learning_rate=<schedule> weight_decay=0", 1,
                    true), text)
  test.ok(text:find("conv/bias [1] f32 (group 1)", 1, true), text)
end)

test.finish()
