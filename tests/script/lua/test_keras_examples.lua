-- SPDX-License-Identifier: MIT
-- What Keras' documentation of its optimizers shows, with the same numbers.
local test = require "harness"
local descent = require "descent"

-- x^2 / 2, whose gradient is x.
local function half_square(x, g)
  g:copy_(x)
  return x:dot(x) / 2
end

test.case("SGD goes down by the rate times the gradient", function()
  local x = descent.tensor { 1.0 }
  local opt = descent.optimizers.SGD { learning_rate = 0.1 }
  opt:build(x)
  opt:step(half_square)
  test.near(x[1], 0.9, 1e-7)
end)

test.case("with momentum, the second step is larger", function()
  local x = descent.tensor { 1.0 }
  local opt = descent.optimizers.SGD { learning_rate = 0.1, momentum = 0.9 }
  opt:build(x)
  opt:step(half_square)
  local after_first = x[1]
  test.near(1.0 - after_first, 0.1, 1e-6)
  opt:step(half_square)
  test.near(after_first - x[1], 0.18, 1e-6)
end)

test.case("Adam's first step is the rate", function()
  local x = descent.tensor { 10.0 }
  local opt = descent.optimizers.Adam { learning_rate = 0.1 }
  opt:build(x)
  opt:step(half_square)
  test.near(x[1], 9.9, 1e-6)
end)

test.case("an optimizer is created by name in any case", function()
  for _, name in ipairs { "adam", "Adam", "ADAM", "rmsprop", "RMSprop",
                          "AdaGrad", "Adadelta", "AdaMax", "Nadam", "SGD" } do
    local x = descent.tensor { 1.0 }
    local opt = descent.optimizer(name, x)
    test.equal(opt.kind, name:lower())
    opt:step(half_square)
    test.ok(x[1] < 1, name)
  end
end)

test.case("every optimizer is in descent.optimizers, in any case", function()
  for _, name in ipairs { "SGD", "Adam", "Adagrad", "RMSprop", "Adadelta",
                          "Adamax", "Nadam", "sgd" } do
    local opt = descent.optimizers[name] {}
    test.equal(opt.kind, name:lower())
  end
end)

test.case("a rate that decays by a schedule", function()
  local rate = descent.schedule.exponential_decay {
    initial_learning_rate = 1e-2, decay_steps = 10000, decay_rate = 0.9,
  }
  local opt = descent.optimizers.SGD { learning_rate = rate }
  opt:build(descent.tensor { 1.0 })
  test.near(opt.learning_rate, 1e-2, 1e-15)
  test.near(rate(10000), 9e-3, 1e-15)
end)

test.finish()
