-- SPDX-License-Identifier: MIT
-- Common mistakes: each is refused with a sentence that names the call that was
-- made and what was meant, and leaves nothing half-done.
local test = require "harness"
local descent = require "descent"

local function vector()
  return descent.tensor { 1, 2 }
end

test.case("a failed objective leaves no gradient behind", function()
  local x, g = vector(), descent.zeros(2)
  local opt = descent.optimizer("sgd", { { name = "x", value = x, grad = g } })
  local function fill(t) t.x:fill_(9) end
  for _, objective in ipairs {
    function(_, grads) fill(grads) error "no" end,
    function(_, grads) fill(grads) error(nil) end,
    function(_, grads) fill(grads) return "no" end,
    function(_, grads) fill(grads) return 1, 2 end,
    function(_, grads) fill(grads) return 1, { x = descent.zeros(3) } end,
    function(_, grads) fill(grads) grads.x = descent.zeros(3) return 1 end,
  } do
    test.ok(not pcall(opt.step, opt, objective))
    test.equal(g:norm(), 0)
    opt:step()
    test.ok(x:equal(vector()))
  end
end)

test.case("what an objective wrote stays for a bare step", function()
  local x = vector()
  local opt = descent.optimizer("sgd", x, { lr = 1 })
  opt:step(function(_, g) g:fill_(1) return 0 end)
  opt:step()
  test.ok(x:equal(descent.tensor { -1, 0 }))
end)

test.case("a gradient of wrong length names objective and shapes", function()
  local opt = descent.optimizer("sgd", vector())
  for list, shape in pairs {
    [{ 1 }] = "[1]", [{ 1, 2, 3 }] = "[3]", [{ { 1, 2 } }] = "[1,2]",
  } do
    local line = debug.getinfo(1, "l").currentline + 1
    local function objective() return 1, list end
    local text = "test_mistakes.lua:%d) gave a gradient of 'x' that is a list "
                 .. "%s: expected f32 [2]"
    test.raises(function() opt:step(objective) end, text:format(line, shape))
  end
end)

test.case("minimize answers for its own options", function()
  local beale = descent.problem "beale"
  local function minimize(options)
    return function() descent.minimize(beale, options) end
  end
  test.raises(minimize { optimiser = "adam" }, "descent.minimize: unknown "
              .. "option 'optimiser'; did you mean 'optimizer'?")
  test.raises(minimize { beta_3 = 1 },
              "descent.minimize: adam: unknown option 'beta_3'; did you mean")
  test.raises(minimize { lr = "a" }, "descent.minimize: adam.learning_rate")
  test.raises(function()
    descent.minimize(function() return 1, { 1 } end,
                     { start = { 1, 2 }, tolerance = 1 })
  end, "objective 'function at ")
end)

test.case("a model answers for its targets", function()
  local iris = descent.data.load "iris"
  local model = descent.model.mlp
  test.raises(function() model { 4, 8, 2 }:backward(iris) end,
              "Model:backward: label 2: the model has 2 outputs, expected "
              .. "labels 0 to 1")
  local few = { x = descent.zeros(2, 4),
                y = descent.tensor({ 0, -1 }, { dtype = "i64" }) }
  test.raises(function() model { 4, 2 }:loss(few) end, "Model:loss: label -1:")
  test.raises(function() model { 4, 3 }:loss { x = iris.x, y = iris.x } end,
              "expected a Tensor of labels [rows], u8 or i64")
  test.raises(function()
    model { 4, 2, loss = "mean_squared_error" }:loss { x = iris.x, y = iris.x }
  end, "Model:loss: y = Tensor[150,4] f32")
end)

test.case("no message names a metamethod", function()
  local x, opt = vector(), descent.optimizer("sgd", vector())
  test.raises(function() opt.x = 1 end, "Optimizer: field 'x' cannot be set")
  test.raises(function() x.y = 1 end, "Tensor: field 'y' cannot be set")
  test.raises(function() return x + descent.zeros(3) end, "Tensor: f32 [2]")
  test.raises(function() descent.schedule.hold(1)(-1) end, "Schedule: n = -1")
  test.raises(function() return x[3] end, "Tensor: index = 3")
  test.raises(function() return descent.optimizers.nope end,
              "descent.optimizers: ")
end)

test.case("a misspelt key of a parameter names the right one", function()
  local x = vector()
  test.raises(function() descent.optimizer("sgd", { { nam = "a", value = x } })
              end, "parameter 1 has an unknown key 'nam'; did you mean 'name'?")
  test.raises(function()
    descent.optimizer("sgd", { { name = "a", value = x },
                               { name = "b", value = x, wait = 1 } })
  end, "parameter 2 has an unknown key 'wait': expected name, value, grad")
  test.raises(function() descent.optimizer("sgd", { { x, value = x } }) end,
              "parameter 1 has a key that is a number")
  test.raises(function()
    descent.check_gradient(function() return 1 end, { { vale = x } })
  end, "did you mean 'value'?")
end)

test.case("a description asks no schedule", function()
  local function called() error "called" end
  local opt = descent.optimizer("sgd", vector(), {
    lr = called, momentum = descent.schedule.fn(called),
  })
  local text = tostring(opt)
  test.ok(text:find("learning_rate=<function>", 1, true), text)
  test.ok(text:find("momentum=<schedule>", 1, true), text)
  opt.lr = descent.schedule.hold(1)
  opt:set("momentum", called)
  text = opt:describe()
  test.ok(text:find("learning_rate=<schedule>", 1, true), text)
  test.ok(text:find("momentum=<function>", 1, true), text)
end)

test.case("too large a Tensor is an error with place and size", function()
  local e = test.raises(function() descent.zeros(1e12) end,
                        "f32 [1000000000000] needs 4000000000000 bytes")
  test.equal(e.code, "memory")
  test.equal(e.where, "descent.zeros")
  test.ok(e.position:find("test_mistakes.lua:", 1, true))
end)

test.case("a dtype is given as a table", function()
  for _, make in ipairs {
    function() descent.zeros(2, "f64") end,
    function() descent.full({ 2 }, 1, "f64") end,
    function() descent.tensor({ 2 }, "f64") end,
  } do
    test.raises(make, 'expected {dtype = "f64"}')
  end
end)

test.case("a kind of schedule without its options is refused", function()
  local opt = descent.optimizer("sgd", vector())
  local cosine = descent.schedule.cosine_decay
  local piece = "schedule.cosine_decay is a kind of schedule: call it with its "
                .. "options"
  test.raises(function()
    descent.optimizer("sgd", vector(), { learning_rate = cosine })
  end, "learning_rate: " .. piece)
  test.raises(function() opt.lr = cosine end, piece)
  test.raises(function() opt:set("momentum", cosine) end, "momentum: " .. piece)
  test.raises(function() descent.schedule.fn(cosine) end, piece)
  local hold = descent.schedule.hold(1)
  test.raises(function() return hold * cosine end, "argument 2: " .. piece)
  test.raises(function() descent.schedule.chain { hold, cosine } end, piece)
  test.raises(function()
    descent.schedule.chained { schedules = { hold, cosine } }
  end, "schedules: " .. piece)
end)

test.case("names of classes have their article, lists their option", function()
  local opt = descent.optimizer("sgd", vector())
  test.raises(function() opt.step(vector()) end, "expected an Optimizer")
  test.raises(function() opt:exclude_from_weight_decay { "bias" } end,
              'expected names = {...} or match = "..."')
end)

test.case("an unknown field or method is an error with the nearest", function()
  local opt = descent.optimizer("sgd", vector())
  for _, entry in ipairs {
    { opt, "zero_grads", "Optimizer: ", "zero_grad" },
    { opt, "learning_rat", "Optimizer: ", "learning_rate" },
    { vector(), "shap", "Tensor: ", "shape" },
    { vector(), "mat_mul", "Tensor: ", "matmul" },
    { descent.schedule.hold(1), "tabel", "Schedule: ", "table" },
    { descent.rng "a", "unifrom", "Rng: ", "uniform" },
  } do
    local object, name, class, near = table.unpack(entry)
    local text = "%sthere is no field or method '%s'; did you mean '%s'?"
    test.raises(function() return object[name] end,
                text:format(class, name, near))
  end
  test.raises(function() opt:swap_average() end,
              "Optimizer: there is no field or method 'swap_average'")
  test.raises(function() return opt[1] end, "the key is a number")
end)

test.finish()
