-- SPDX-License-Identifier: MIT
-- Optimizers: targets, objectives, options, state.
local test = require "harness"
local core = require "descent.core"

core.warn_sink(function() end) -- some steps leave tensors without a gradient

local function list(x)
  return table.concat(x:totable(), " ")
end

-- Loss x^2/2, whose gradient is x.
local function half_square(x, g)
  g:copy_(x)
  return 0.5 * x:dot(x)
end

local function sgd(x, options)
  return core.optimizer("sgd", x, options or { learning_rate = 0.5 })
end

test.case("a step evaluates the objective, then updates in place", function()
  local x = core.tensor { 4, -2 }
  local opt = sgd(x)
  local loss, report = opt:step(half_square)
  test.equal(loss, 10)
  test.equal(list(x), "2.0 -1.0")
  test.equal(report.updated, 1)
  test.equal(report.learning_rate, 0.5)
  test.equal(report.skipped, false)
  test.equal(opt.iterations, 1)
  test.equal(opt.updates, 1)
  test.equal(select(2, opt:step(half_square)), report, "the table is reused")
end)

test.case("every field of the report is that of the last step", function()
  local x = core.tensor { 4, -2 }
  local opt = sgd(x, { learning_rate = function(n) return 0.5 / (n + 1) end,
                       clipnorm = 1, on_nonfinite = "skip_step" })
  local function bad(_, g)
    g:fill_(math.huge)
    return 0
  end
  local function small(_, g)
    g:fill_(0.25)
    return 0
  end
  local fields = { "updated", "skipped", "reason", "learning_rate", "clipped",
                   "loss_scale", "step_calls", "fused_calls" }
  local function shown(objective)
    local _, report = opt:step(objective)
    local texts = {}
    for i, field in ipairs(fields) do texts[i] = tostring(report[field]) end
    return table.concat(texts, " "), report.grad_norm
  end
  local function expect(objective, text, norm)
    local got, grad_norm = shown(objective)
    test.equal(got, text)
    test.ok(grad_norm == norm or norm ~= norm and grad_norm ~= grad_norm)
  end
  expect(half_square, "1 false nil 0.5 1 1.0 0 1", math.sqrt(20))
  expect(small, "1 false nil 0.25 0 1.0 0 1", math.sqrt(0.125))
  expect(bad, "0 true nonfinite 0.16666666666667 0 1.0 0 0", 0 / 0)
  expect(bad, "0 true nonfinite 0.16666666666667 0 1.0 0 0", 0 / 0)
  expect(small, "1 false nil 0.16666666666667 0 1.0 0 1", math.sqrt(0.125))
end)

test.case("the kind is found in any case, and kept as its name", function()
  local opt = core.optimizer("ADAM", core.ones(1))
  test.equal(opt.kind, "adam")
  test.equal(opt.name, "adam")
  test.equal(core.optimizers.sgd {}.kind, "sgd")
  test.equal(core.optimizers.SGD { name = "mine" }.name, "mine")
  test.raises(function() return core.optimizers.Adamm end,
              "did you mean \"adam\"?")
  test.raises(function() core.optimizer("adamm", core.ones(1)) end, "adamm")
  test.raises(function() core.optimizer(3, core.ones(1)) end,
              "kind is a number: expected a string")
end)

test.case("options are checked before anything is made", function()
  local x = core.ones(1)
  local e = test.raises(function() sgd(x, { learning_rat = 1 }) end,
                        "did you mean 'learning_rate'?")
  test.equal(e.code, "argument")
  test.equal(e.option, "learning_rat")
  e = test.raises(function() core.optimizer("adam", x, { beta_1 = 2 }) end,
                  "adam.beta_1 = 2: expected 0 <= beta_1 < 1")
  test.equal(e.option, "beta_1")
  test.equal(e.value, 2)
  test.equal(e.expected, "0 <= beta_1 < 1")
  test.equal(e.where, "descent.optimizer")
  test.raises(function() sgd(x, { nesterov = 1 }) end, "nesterov")
  test.raises(function() sgd(x, { momentum = io.stdout }) end,
              "momentum is a userdata")
  test.raises(function() sgd(x, { momentum = core.zeros(2) }) end, "momentum")
  test.raises(function() sgd(x, { lr = 1, learning_rate = 1 }) end, "lr")
  test.raises(function() sgd(x, { [1] = 1 }) end, "expected names")
  test.raises(function() sgd(x, 5) end, "options is a number")
  x:free()
end)

test.case("a one-element Tensor stands for a number", function()
  local opt = sgd(core.ones(1), { learning_rate = core.tensor { 0.25 } })
  test.equal(opt.learning_rate, 0.25)
  opt.lr = core.tensor(0.5)
  test.equal(opt.lr, 0.5)
end)

test.case("options are read as they were declared", function()
  local opt = sgd(core.ones(1), { nesterov = true, momentum = 0.9,
                                  global_clipnorm = 2 })
  test.equal(opt:get "nesterov", true)
  test.equal(opt:get "weight_decay_mode", "decoupled")
  test.equal(opt:get "clipnorm", nil)
  test.equal(opt:get "lr", 0.01)
  test.equal(opt:get "name", "SGD")
  test.equal(opt:set("global_clipnorm", 3), opt)
  test.equal(opt:get "global_clipnorm", 3)
  opt:set("global_clipnorm", nil)
  test.equal(opt:get "global_clipnorm", nil)
  test.raises(function() opt:get "momentun" end, "momentum")
  test.raises(function() opt:set("nesterov", false) end,
              "fixed when the optimizer is created")
  test.raises(function() opt:set("momentum", {}) end, "momentum is a table")
  test.raises(function() opt:set("momentum", 0 / 0) end, "momentum = nan")
  test.raises(function() opt:set("lr", "fast") end,
              "sgd.learning_rate = \"fast\": expected a number")
  test.raises(function() opt:set("freeze", "yes") end,
              "sgd.freeze = \"yes\": expected true or false")
  local e = test.raises(function()
    opt:set("momentum_mode", "inside")
  end, "sgd.momentum_mode = \"inside\": expected \"lr_inside\" or "
       .. "\"lr_outside\"")
  test.equal(e.option, "momentum_mode")
  test.raises(function() opt:set("momentun", "x") end,
              "unknown option 'momentun'; did you mean 'momentum'?")
  test.raises(function() opt.momentum = 0.5 end, "opt:set")
end)

test.case("targets: list, model, unbound", function()
  local a, b, g = core.ones(2), core.ones(1), core.tensor { 1 }
  local function both(x, grads)
    test.ok(x.a == a and x.b == b and grads.b == g)
    grads.a:fill_(2)
    grads.b:fill_(4)
    return 1
  end
  local opt = sgd({ { name = "a", value = a },
                    { name = "b", value = b, grad = g } })
  opt:step(both)
  test.equal(list(a) .. list(b), "0.0 0.0-1.0")
  local model = { params = function() return { { name = "b", value = b } } end }
  test.equal(#sgd(model):params(), 1)
  local late = core.optimizers.SGD { learning_rate = 1 }
  test.raises(function() late:step(half_square) end, "not bound")
  test.equal(late:build(b), late)
  late:step(half_square)
  test.equal(list(b), "0.0")
  test.raises(function() late:build(a) end, "bound already")
  local one = sgd { { value = a } }
  one:step(function(x, grads)
    test.ok(x.x == a)
    grads.x:zero_()
    return 0
  end)
end)

test.case("targets that cannot be are refused, and bind nothing", function()
  local x = core.ones(2)
  local bad = {
    { 5, "the target is a number" },
    { { 5 }, "parameter 1 is a number" },
    { { bias = x }, "the target has 'bias' for a key: expected a list" },
    { { params = { x } }, "params of the target is a table: expected a func" },
    { { { name = "x" } }, "'x': value is nil: expected a Tensor" },
    { { { value = x }, { value = x } }, "parameter 1 has a name that is nil" },
    { { { name = "x", value = x }, { name = "x", value = core.ones(1) } },
      "x" },
    { { name = "x", value = x, grad = core.ones(3) },
      "'x': grad is f32 [3]: expected f32 [2], as value" },
    { core.ones({ 2 }, { dtype = "u8" }), "weights and gradients need dtype" },
    { x:readonly(), "read-only" },
    { { params = function() return 3 end }, "params() returned a number" },
    { { { name = "x", value = x }, { name = "y", value = x } }, "overlap" },
  }
  for i, case in ipairs(bad) do
    test.raises(function() sgd(case[1]) end, case[2])
    test.ok(true, "case " .. i)
  end
  x:free() -- not bound to any of them
end)

test.case("an objective may return the gradient", function()
  local x = core.tensor { 4, -2 }
  sgd(x):step(function(v) return 1, v:clone() end)
  test.equal(list(x), "2.0 -1.0")
  sgd(x):step(function() return 1, { 2, 2 } end)
  test.equal(list(x), "1.0 -2.0")
  local a, b = core.ones(1), core.ones(1)
  local opt = sgd { { name = "a", value = a }, { name = "b", value = b } }
  opt:step(function() return 1, { core.ones(1), core.zeros(1) } end)
  opt:step(function() return 1, { a = core.zeros(1), b = core.ones(1) } end)
  opt:step(function(_, g)
    g.a = core.ones(1)
    return 1
  end)
  test.equal(list(a) .. " " .. list(b), "0.0 0.5")
  opt:step(function(w, g)
    test.ok(w.a == a and g.a == opt:param("a").grad, "tables were restored")
    return 1
  end)
end)

test.case("what an objective gives wrongly names it, and changes nothing",
          function()
  local x = core.tensor { 4, -2 }
  local opt = sgd(x)
  local named = setmetatable({ name = "valley" },
                             { __call = function() return "low" end })
  test.raises(function() opt:step(named) end,
              "objective 'valley' returned a string as the loss")
  test.raises(function() opt:step(function() end) end,
              "objective (function at ")
  test.raises(function() opt:step(function() return 1, core.ones(3) end) end,
              "gave a gradient of 'x' that is f32 [3]: expected f32 [2]")
  test.raises(function() opt:step("f") end, "the objective is a string")
  local two = sgd { { name = "a", value = core.ones(1) },
                    { name = "b", value = core.ones(1) } }
  test.raises(function()
    two:step(function() return 1, { core.ones(1) } end)
  end, "returned 1 gradients: expected 2")
  test.raises(function() two:step(function() return 1, 2 end) end,
              "as the gradients")
  test.equal(list(x), "4.0 -2.0")
  test.equal(opt.iterations, 0)
end)

test.case("a loss that is not a number any more is a result", function()
  local x = core.tensor { 1 }
  local loss = sgd(x):step(function(_, g)
    g:fill_(0 / 0)
    return 0 / 0
  end)
  test.ok(loss ~= loss and x[1] ~= x[1])
end)

test.case("x is read-only while an objective runs, and again after", function()
  local x = core.tensor { 4, -2 }
  local before = x:rows(1, 1)
  local opt = sgd(x)
  local function refused(body)
    test.raises(function() opt:step(body) end, "read-only during the call")
    x[1] = 4
  end
  refused(function(v) v[1] = 0 return 1 end)
  refused(function() before:fill_(0) return 1 end)
  refused(function(v) v:reshape(2, 1):mul_(2) return 1 end)
  test.raises(function()
    opt:step(function(v) v:free() return 1 end)
  end, "bound to an optimizer")
  test.equal(list(x), "4.0 -2.0")
end)

test.case("an optimizer is not touched from inside its objective", function()
  local x = core.tensor { 4, -2 }
  local opt = sgd(x)
  for _, body in ipairs {
    function() opt:step(half_square) end, function() opt:close() end,
    function() opt:set("learning_rate", 1) end, function() opt.lr = 1 end,
    function() opt:add { name = "y", value = core.ones(1) } end,
    function() opt:remove "x" end, function() opt:apply {} end,
    function() opt:zero_grad() end, function() opt:finalize() end,
  } do
    test.raises(function() opt:step(body) end,
                "not allowed inside an objective")
  end
  local error_value = { "mine" }
  local ok, e = pcall(opt.step, opt, function() error(error_value) end)
  test.ok(not ok and e == error_value, "the value is passed on unchanged")
  local wrapped = coroutine.wrap(function()
    opt:step(function() coroutine.yield(1) end)
  end)
  test.raises(wrapped, "yield")
  opt:step(half_square)
  test.equal(list(x), "2.0 -1.0")
end)

test.case("gradients can be given by name, or be those bound", function()
  local a, b = core.tensor { 1, 1 }, core.tensor { 1 }
  local opt = sgd { { name = "a", value = a }, { name = "b", value = b } }
  local report = opt:apply { a = core.tensor { 2, 0 } }
  test.equal(report.updated, 1)
  test.equal(list(a) .. " " .. list(b), "0.0 1.0 1.0")
  opt:apply { b = core.full(1, 2, { dtype = "f64" }) }
  test.equal(list(b), "0.0")
  opt:param("a").grad:fill_(1)
  local loss = opt:step()
  test.equal(loss, nil)
  test.equal(list(a), "-0.5 0.5")
  opt:zero_grad()
  test.equal(opt:param("a").grad:sum(), 0)
  test.raises(function() opt:apply { c = core.ones(1) } end, "c")
  test.raises(function() opt:apply { a = core.ones(3) } end, "a")
  test.raises(function() opt:apply { a = 1 } end,
              "the gradient of 'a' is a number")
  test.raises(function() opt:apply() end, "expected a table of gradients")
end)

test.case("a step may be for some tensors only", function()
  local a, b = core.tensor { 1 }, core.tensor { 1 }
  local opt = sgd { { name = "a", value = a }, { name = "b", value = b } }
  local function ones(_, g)
    g.a:fill_(1)
    g.b:fill_(1)
    return 0
  end
  opt:step(ones, { only = { "b" } })
  test.equal(list(a) .. " " .. list(b), "1.0 0.5")
  opt:step(ones, { only = { "b", "a" } })
  test.equal(list(a) .. " " .. list(b), "0.5 0.0")
  test.raises(function() opt:step(ones, { only = { "c" } }) end, "c")
  test.raises(function() opt:step(ones, { only = "a" }) end, "a list of names")
  test.raises(function() opt:step(ones, { onyl = {} }) end,
              "unknown option 'onyl': expected rescale_grad, batch_size, only")
end)

test.case("tensors come and go", function()
  local a, b = core.tensor { 1 }, core.tensor { 1 }
  local opt = sgd(a, { learning_rate = 0.5, momentum = 0.9 })
  opt:step(half_square)
  local slot = opt:slots().momentum
  test.ok(slot[1] ~= 0)
  test.raises(function() slot[1] = 0 end, "read-only")
  opt:add { name = "b", value = b }
  test.raises(function() return slot[1] end, "closed or changed")
  opt:step(function(x, g)
    g.x:fill_(1)
    g.b:fill_(1)
    return x.x[1]
  end)
  test.raises(function() b:free() end, "bound to an optimizer")
  opt:remove "b"
  b:free()
  test.raises(function() opt:remove "b" end, "b")
  test.raises(function() opt:param "b" end, "b")
  opt:step(function(x, g)
    test.ok(x.x == a and x.b == nil and g.b == nil)
    return 0
  end)
end)

test.case("state arrays are seen, and counted", function()
  local opt = core.optimizer("adam", { { name = "w", value = core.ones(3) },
                                       { name = "b", value = core.ones(2) } })
  opt:apply { w = core.ones(3) }
  local all = opt:slots()
  test.equal(all.w.momentum:numel(), 3)
  test.equal(opt:slots("b").velocity:numel(), 2)
  test.equal(opt:state_bytes(), 2 * 5 * 4)
  local text = opt:describe()
  test.ok(text:find("w [3] f32", 1, true) and text:find("1 step,", 1, true),
          text)
  test.equal(tostring(opt), text)
end)

test.case("weights and gradients live as long as the optimizer", function()
  local opt = sgd(core.tensor { 4, -2 })
  collectgarbage()
  collectgarbage()
  opt:step(half_square)
  test.equal(list(opt:param("x").value), "2.0 -1.0")
  local slots
  do
    local adam = core.optimizer("adam", core.ones(3))
    adam:step(half_square)
    slots = adam:slots()
  end
  collectgarbage()
  collectgarbage()
  test.equal(slots.momentum:numel(), 3)
end)

test.case("a closed optimizer is an error, and lets go of its tensors",
          function()
  local x = core.ones(2)
  local opt, slot
  do
    local o <close> = core.optimizer("adam", x)
    o:step(half_square)
    opt, slot = o, o:slots().momentum
  end
  for _, method in ipairs { "step", "apply", "get", "set", "slots", "build",
                            "zero_grad", "finalize", "params" } do
    test.raises(function() opt[method](opt, "x") end, "is closed")
  end
  test.raises(function() return opt.iterations end, "is closed")
  test.raises(function() return slot[1] end, "closed or changed")
  test.equal(tostring(opt), "Optimizer (closed)")
  opt:close()
  x:free()
end)

test.case("averages stand in during with_ema, also after an error", function()
  local x = core.tensor { 4 }
  local opt = sgd(x, { learning_rate = 0.5, use_ema = true,
                       ema_momentum = 0.5 })
  opt:step(half_square)
  opt:step(half_square)
  local live, seen = x[1], nil
  local a, b = opt:with_ema(function(...)
    seen = x[1]
    test.raises(function() opt:step(half_square) end, "with_ema")
    test.raises(function() opt:close() end, "with_ema")
    test.raises(function() opt:with_ema(print) end, "does not nest")
    return ...
  end, 1, nil)
  test.ok(a == 1 and b == nil)
  test.equal(x[1], live)
  test.ok(seen ~= live)
  test.raises(function() opt:with_ema(function() error "lost" end) end, "lost")
  test.equal(x[1], live)
  test.equal(opt:finalize(), opt)
  test.equal(x[1], seen)
  test.raises(function() opt:with_ema(3) end, "expected a function")
end)

test.case("the loss scale is applied and removed by the step", function()
  local plain, scaled = core.tensor { 4, -2 }, core.tensor { 4, -2 }
  sgd(plain):step(half_square)
  local opt = sgd(scaled, { learning_rate = 0.5, loss_scale_factor = 1024 })
  local _, report = opt:step(half_square)
  test.ok(plain:equal(scaled))
  test.equal(report.loss_scale, 1024)
  test.equal(opt:scale_loss(2), 2048)
  opt:apply { x = core.tensor { 1024, 1024 } }
  test.equal(list(scaled), "1.5 -1.5")
end)

test.case("a dynamic loss scale follows what the gradients bear", function()
  local x = core.tensor { 4, -2 }
  local opt = sgd(x, { learning_rate = 0.5,
                       loss_scale = { initial_scale = 2^20, max = 2^21,
                                      dynamic_growth_steps = 2 } })
  test.equal(opt:get "loss_scale", true)
  test.equal(opt:get "loss_scale.max", 2.0^21)
  test.equal(opt:get "loss_scale.growth_factor", 2.0)
  opt:step(half_square)
  local _, report = opt:step(half_square)
  test.equal(list(x), "1.0 -0.5")
  test.equal(report.loss_scale, 2.0^20)
  test.equal(report.reason, nil)
  test.equal(opt:scale_loss(1), 2.0^21)
  local loss = opt:step(function(_, g)
    g:fill_(2.0^107) -- finite, but not times the scale
    return 3
  end)
  test.equal(loss, 3.0)
  test.equal(report.skipped, true)
  test.equal(report.reason, "nonfinite")
  test.equal(report.updated, 0)
  test.equal(list(x) .. " " .. opt.iterations, "1.0 -0.5 2")
  test.equal(opt:scale_loss(1), 2.0^20)
  opt:apply { x = core.tensor { 2.0^20, 0 } }
  test.equal(list(x), "0.5 -0.5")
  test.equal(report.skipped, false)
  test.equal(report.reason, nil)
  test.equal(sgd(x, { loss_scale = {} }):scale_loss(1), 2.0^15)
  test.equal(sgd(x, { loss_scale = true }):scale_loss(1), 2.0^15)
  test.equal(sgd(x, { ["loss_scale.initial_scale"] = 4 }):scale_loss(1), 4.0)
end)

test.case("what a loss scale cannot be is refused by name", function()
  local function refused(scale, option, text)
    local e = test.raises(function()
      sgd(core.ones(1), { loss_scale = scale })
    end, text)
    test.equal(e.option, option)
  end
  refused({ initial_scal = 8 }, "loss_scale.initial_scal",
          "did you mean 'loss_scale.initial_scale'?")
  refused({ growth_factor = 3 }, "loss_scale.growth_factor",
          "expected a power of two")
  refused({ min = -1 }, "loss_scale.min",
          "sgd.loss_scale.min = -1: expected a finite number > 0")
  refused({ min = {} }, "loss_scale.min", "loss_scale.min is a list")
  refused({ 8 }, nil, "a key that is a number: expected names")
  refused(8, "loss_scale", "sgd.loss_scale = 8: expected true or false")
  local e = test.raises(function()
    sgd(core.ones(1), { loss_scale = { min = 1 }, ["loss_scale.min"] = 2 })
  end, "'loss_scale.min' is given twice")
  test.equal(e.option, "loss_scale.min")
  test.raises(function()
    sgd(core.ones(1), { loss_scale = true, loss_scale_factor = 8 })
  end, "loss_scale and loss_scale_factor are both set")
end)

test.case("gradients that are not finite pass, are skipped, or fail", function()
  local function nan(_, g)
    g:fill_(0 / 0)
    return 1
  end
  local x = core.ones(3)
  local opt = sgd(x, { on_nonfinite = "error" })
  local e = test.raises(function() opt:step(nan) end,
                        "gradient of 'x' is nan at index 0")
  test.equal(e.code, "numeric")
  test.equal(list(x) .. " " .. opt.iterations, "1.0 1.0 1.0 0")
  opt = sgd(x, { on_nonfinite = "skip_step", skip_counts = true })
  local _, report = opt:step(nan)
  test.equal(report.skipped, true)
  test.equal(list(x) .. " " .. opt.iterations .. " " .. opt.updates,
             "1.0 1.0 1.0 1 0")
  sgd(x):step(nan)
  test.ok(x[1] ~= x[1])
end)

test.case("a step may rescale its gradients", function()
  local x = core.zeros(1)
  local g = core.tensor { 8 }
  local opt = sgd({ { name = "x", value = x, grad = g } },
                  { learning_rate = 1, rescale_grad = 0.5, report_norm = true })
  local _, report = opt:step(nil, { batch_size = 4 })
  test.equal(x[1], -1.0)
  test.equal(report.grad_norm, 1.0)
  opt:step(nil, { rescale_grad = 0.25, only = { "x" } })
  test.equal(x[1], -3.0)
  opt:apply({ x = g }, { batch_size = 8, rescale_grad = 1 })
  test.equal(x[1], -4.0)
  test.equal(opt:get "rescale_grad", 0.5)
  opt:step(function(_, grad)
    grad.x:fill_(8)
    return 0
  end, { rescale_grad = 0 })
  test.equal(x[1], -4.0)
  test.raises(function() opt:step(nil, { batch_size = 0 }) end,
              "batch_size = 0: expected a finite number > 0")
  test.raises(function() opt:step(nil, { rescale_grad = "1" }) end,
              "rescale_grad is a string: expected a number")
  test.raises(function() opt:apply({ x = g }, { only = { "x" } }) end,
              "unknown option 'only': expected rescale_grad, batch_size")
  test.raises(function() opt:apply({ x = g }, 2) end, "options is a number")
  test.equal(x[1], -4.0)
end)

test.case("chosen tensors do not decay", function()
  local function decayed(exclude)
    local w, b = core.ones(1), core.ones(1)
    local opt = sgd({ { name = "w", value = w }, { name = "bias", value = b } },
                    { learning_rate = 1, weight_decay = 0.5 })
    opt:exclude_from_weight_decay(exclude)
    opt:apply { w = core.zeros(1), bias = core.zeros(1) }
    return list(w) .. " " .. list(b)
  end
  test.equal(decayed { names = { "w" } }, "1.0 0.5")
  test.equal(decayed { match = "bias$" }, "0.5 1.0")
  test.raises(function() decayed { names = { "v" } } end, "v")
  test.raises(function() decayed { match = "(" } end, "(")
  test.raises(function() decayed { name = { "w" } } end,
              "unknown option 'name': expected names, match")
  test.raises(function() decayed(nil) end, "expected {names =, match =}")
end)

test.finish()
