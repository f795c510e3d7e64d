-- SPDX-License-Identifier: MIT
-- Models: hand-written gradients against differences, losses against values
-- worked out by hand, and training.
local test = require "harness"
local descent = require "descent"
local model = descent.model

-- A batch of n rows with classes 0 .. classes - 1, or with real targets.
local function make_batch(n, inputs, classes, targets)
  local stream = descent.rng("test", 11)
  local options = { rng = stream, dtype = "f64" }
  local batch = { x = descent.randn({ n, inputs }, options) }
  if targets then
    batch.y = descent.rand({ n, targets }, options)
  else
    local labels = {}
    for i = 1, n do labels[i] = (i * 7) % classes end
    batch.y = descent.tensor(labels, { dtype = "i64" })
  end
  return batch
end

local function gradient_is_right(m, batch, label)
  m:init(5)
  for _, p in ipairs(m:params()) do -- biases too, so that they count
    descent.rng("bias", 6):fill_normal_(p.value, 0, 0.5)
  end
  local report = descent.check_gradient(m:objective(batch), m)
  test.ok(report.max_relative < 1e-6 and report.norm_relative < 1e-6,
          ("%s: %s[%d]: %g against %g"):format(label, report.name, report.worst,
          report.analytic, report.numeric))
  test.equal(report.checked, m:numel(), label)
end

test.case("softmax regression's gradient, with and without l2", function()
  for _, l2 in ipairs { 0, 0.1 } do
    gradient_is_right(model.softmax { inputs = 5, classes = 3, l2 = l2,
                                      dtype = "f64" },
                      make_batch(7, 5, 3), "softmax")
  end
end)

test.case("logistic and linear regression's gradients", function()
  gradient_is_right(model.logistic { inputs = 4, dtype = "f64" },
                    make_batch(6, 4, 2), "logistic")
  gradient_is_right(model.linear { inputs = 4, outputs = 2, dtype = "f64" },
                    make_batch(6, 4, nil, 2), "linear")
end)

test.case("perceptrons' gradients for every activation and depth", function()
  for _, f in ipairs { "linear", "relu", "tanh", "sigmoid" } do
    gradient_is_right(model.mlp { 5, 4, 3, activation = f, dtype = "f64" },
                      make_batch(6, 5, 3), f)
    gradient_is_right(model.mlp { 5, 6, 4, 3, activation = f, dtype = "f64",
                                  l2 = 0.01 },
                      make_batch(6, 5, 3), f .. ", deep")
  end
end)

test.case("perceptrons' gradients for every loss and output", function()
  gradient_is_right(model.mlp { 4, 5, 1, activation = "tanh", dtype = "f64",
                                loss = "binary_cross_entropy" },
                    make_batch(6, 4, 2), "binary")
  for _, output in ipairs { "linear", "relu", "tanh", "sigmoid" } do
    gradient_is_right(model.mlp { 4, 5, 2, activation = "tanh", dtype = "f64",
                                  loss = "mean_squared_error",
                                  output = output },
                      make_batch(6, 4, nil, 2), output)
  end
end)

test.case("check_gradient sees a wrong gradient", function()
  local m = model.mlp { 4, 3, 2, activation = "tanh", dtype = "f64" }
  local right = m:objective(make_batch(5, 4, 2))
  local function wrong(x, g)
    local loss = right(x, g)
    g["dense_1.weight"]:set_(2, 3, g["dense_1.weight"]:get(2, 3) + 1e-3)
    return loss
  end
  local report = descent.check_gradient(wrong, m)
  test.ok(not report.ok)
  test.equal(report.name, "dense_1.weight")
  test.equal(report.worst, 6)
end)

test.case("cross entropy has its value, for large sums too", function()
  local m = model.softmax { inputs = 2, classes = 2, dtype = "f64" }
  local w = m:params()[1].value
  w:copy_ { { 1, 0 }, { 0, 1 } }
  local batch = { x = descent.tensor({ { 0, 0 }, { 1, 0 } }, { dtype = "f64" }),
                  y = descent.tensor({ 0, 1 }, { dtype = "i64" }) }
  local loss, metrics = m:loss(batch)
  test.near(loss, (math.log(2) + math.log(1 + math.exp(1))) / 2, 1e-15)
  test.equal(metrics.accuracy, 0.5)
  batch.x:copy_ { { 1000, 0 }, { 0, 1000 } }
  test.equal(m:loss(batch), 0)
  batch.x:copy_ { { 0, 1000 }, { 1000, 0 } }
  test.equal(m:loss(batch), 1000)
end)

test.case("binary cross entropy has its value, for large sums too", function()
  local m = model.logistic { inputs = 1, dtype = "f64" }
  m:params()[1].value:fill_(1)
  local batch = { x = descent.tensor({ { 0.5 }, { -2 } }, { dtype = "f64" }),
                  y = descent.tensor({ 1, 1 }, { dtype = "i64" }) }
  local loss, metrics = m:loss(batch)
  local sum = math.log(1 + math.exp(-0.5)) + math.log(1 + math.exp(2))
  test.near(loss, sum / 2, 1e-15)
  test.equal(metrics.accuracy, 0.5)
  batch.x:copy_ { { 1000 }, { -1000 } }
  test.equal(m:loss(batch), 500)
end)

test.case("mean squared error has its value", function()
  local m = model.linear { inputs = 1, dtype = "f64" }
  m:params()[1].value:fill_(2)
  local x = descent.tensor({ { 1 }, { 2 } }, { dtype = "f64" })
  test.equal(m:loss { x = x, y = descent.tensor({ 1, 1 }, { dtype = "f64" }) },
             5)
end)

test.case("parameters have names, shapes and gradients", function()
  local m = model.mlp { 64, 32, 10 }
  local text = {}
  for i, p in ipairs(m:params()) do
    text[i] = p.name .. " " .. table.concat(p.value.shape, "x")
    test.equal(p.value:numel(), p.grad:numel())
    test.equal(p.value.dtype, "f32")
  end
  test.equal(table.concat(text, ", "), "dense_1.weight 64x32, dense_1.bias 32, "
             .. "dense_2.weight 32x10, dense_2.bias 10")
  test.equal(m:numel(), 64 * 32 + 32 + 32 * 10 + 10)
end)

test.case("first weights are a function of the seed", function()
  local a, b = model.mlp { 8, 6, 3 }, model.mlp { 8, 6, 3 }
  local function same()
    return a:params()[1].value:equal(b:params()[1].value)
  end
  a:init(1)
  test.ok(not same())
  b:init(1)
  test.ok(same())
  b:init(2)
  test.ok(not same())
  test.equal(a:params()[2].value:norm(), 0)
  local wide = model.softmax { inputs = 200, classes = 100 }:init(1)
  local limit = math.sqrt(6 / 300)
  local w = wide:params()[1].value
  test.ok(w:max() <= limit and w:max() > 0.99 * limit)
  test.ok(w:min() >= -limit and w:min() < -0.99 * limit)
end)

test.case("predictions are probabilities", function()
  local batch = make_batch(5, 4, 3)
  local p = model.softmax { inputs = 4, classes = 3 }:predict(batch.x)
  test.equal(table.concat(p.shape, "x"), "5x3")
  test.ok(p:min() > 0)
  test.ok(p:sum_columns():close(descent.ones(5)))
end)

test.case("a prediction stays as it is when the model is used again", function()
  local m = model.mlp { 4, 5, 3, loss = "mean_squared_error" }
  local batch = make_batch(5, 4, nil, 3)
  local p = m:predict(batch.x)
  local copy = p:clone()
  m:backward { x = batch.x:mul(2), y = batch.y }
  test.ok(p:equal(copy))
end)

test.case("backward and an objective give the same step", function()
  local batch = make_batch(6, 4, 3)
  local a = model.mlp { 4, 5, 3 }:init(3)
  local b = model.mlp { 4, 5, 3 }:init(3)
  local first = descent.optimizer("adam", a, { learning_rate = 0.01 })
  local second = descent.optimizer("adam", b, { learning_rate = 0.01 })
  local objective = b:objective(batch)
  for _ = 1, 3 do
    local loss = a:backward(batch)
    first:step()
    test.equal(second:step(objective), loss)
  end
  for i, p in ipairs(a:params()) do
    test.ok(p.value:equal(b:params()[i].value), p.name)
  end
end)

test.case("softmax regression learns the irises", function()
  local iris = descent.data.load("iris"):standardize()
  local m = model.softmax { inputs = 4, classes = 3 }:init(0)
  local adam = descent.optimizer("adam", m, { learning_rate = 0.1 })
  for _ = 1, 100 do
    m:backward(iris)
    adam:step()
  end
  test.ok(m:accuracy(iris) >= 0.96)
end)

test.case("many batch sizes do not pile up buffers", function()
  local m = model.softmax { inputs = 2, classes = 2 }
  for n = 1, 40 do m:loss(make_batch(n, 2, 2)) end
  test.ok(m.space_count <= 8)
end)

test.case("mistakes are named", function()
  local x = descent.zeros(3, 5)
  test.raises(function() model.mlp { 64 } end, "expected at least two")
  test.raises(function() model.mlp { 64, 0, 10 } end,
              "size 2 = 0: expected an integer >= 1")
  test.raises(function() model.mlp { 4, 2, activation = "rellu" } end,
              "activation = \"rellu\": expected one of linear, relu")
  test.raises(function() model.mlp { 4, 2, activations = "relu" } end,
              "did you mean 'activation'?")
  test.raises(function() model.mlp { 4, 2, output = "tanh" } end,
              "output = \"tanh\": expected one of softmax")
  test.raises(function() model.mlp { 4, 2, loss = "binary_cross_entropy" } end,
              "expected 1 with binary_cross_entropy")
  test.raises(function() model.softmax { inputs = 4 } end,
              "classes = nil: expected an integer >= 1")
  local m = model.softmax { inputs = 4, classes = 2 }
  test.raises(function() m:predict(x) end, "expected a Tensor [rows, 4]")
  x = descent.zeros(3, 4)
  test.raises(function() m:loss() end, "batch = nil: expected a table")
  test.raises(function() m:loss { x = x } end,
              "y = nil: expected a Tensor of 3 rows, as x")
  test.raises(function() m:backward { x = x, y = descent.zeros(2) } end,
              "expected a Tensor of 3 rows, as x")
  local e = test.raises(function() m:loss(3) end, "Model:loss")
  test.ok(e.position:find("test_model.lua", 1, true)) -- not in our modules
end)

test.finish()
