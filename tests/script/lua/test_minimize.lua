-- SPDX-License-Identifier: MIT
-- descent.minimize and descent.check_gradient.
local test = require "harness"
local descent = require "descent"

local function half_square(x, g)
  g:copy_(x)
  return x:dot(x) / 2
end

test.case("minimize goes downhill and says what it did", function()
  local r = descent.minimize(half_square, {
    optimizer = "sgd", learning_rate = 0.5, steps = 4, start = { 8, -16 },
    record = 2, record_path = true,
  })
  test.ok(r.x:equal(descent.tensor { 0.5, -1 }))
  test.equal(r.value, 0.625)
  test.equal(r.loss, 2.5) -- as the last step saw it, at (1, -2)
  test.equal(r.steps, 4)
  test.equal(r.reason, "steps")
  test.equal(r.diverged, false)
  test.equal(#r.history, 2)
  test.equal(r.history[1].step, 1)
  test.equal(r.history[1].loss, 160)
  test.equal(r.history[2].step, 3)
  test.equal(r.history[2].loss, 10)
  test.ok(r.history[2].x:equal(descent.tensor { 1, -2 }))
  test.ok(r.seconds >= 0 and math.type(r.ns_per_element) == "float")
end)

test.case("minimize leaves the start as it was", function()
  local start = descent.tensor { 1, 2 }
  local r = descent.minimize(half_square, { start = start, steps = 5 })
  test.ok(start:equal(descent.tensor { 1, 2 }))
  test.ok(r.x ~= start)
end)

test.case("options that are not minimize's go to the optimizer", function()
  local options = { optimizer = "sgd", learning_rate = 0.1, momentum = 0.9,
                    start = { 1 }, steps = 2 }
  test.near(descent.minimize(half_square, options).x[1], 0.72, 1e-6)
  options.momentun = 0.5
  test.raises(function() descent.minimize(half_square, options) end, "momentum")
end)

test.case("a tolerance on the gradient ends the run", function()
  local r = descent.minimize(half_square, { optimizer = "sgd", start = { 1 },
    learning_rate = 0.5, steps = 100, tolerance = 0.125 })
  test.equal(r.reason, "tolerance")
  test.equal(r.steps, 4) -- gradients 1, 1/2, 1/4, 1/8
end)

test.case("a callback sees every step and may end the run", function()
  local seen = {}
  local r = descent.minimize(half_square, {
    optimizer = "sgd", learning_rate = 0.5, start = { 1 }, steps = 100,
    callback = function(step, loss, x)
      seen[#seen + 1] = ("%d:%g:%g"):format(step, loss, x[1])
      return step == 2
    end,
  })
  test.equal(table.concat(seen, " "), "1:0.5:0.5 2:0.125:0.25")
  test.equal(r.reason, "callback")
  test.equal(r.steps, 2)
end)

test.case("divergence is a result, not an error", function()
  local r = descent.minimize(half_square, { optimizer = "sgd", start = { 1 },
    learning_rate = 1e6, steps = 100 })
  test.equal(r.reason, "diverged")
  test.equal(r.diverged, true)
  test.equal(r.loss, math.huge)
  test.equal(r.value, math.huge)
  test.ok(r.steps < 100)
  -- The last step, too, can be the one that overflows.
  r = descent.minimize(half_square, { optimizer = "sgd", start = { 1e30 },
    learning_rate = 1e30, steps = 1 })
  test.equal(r.reason, "diverged")
end)

test.case("no steps at all", function()
  local r = descent.minimize(half_square, { start = { 2 }, steps = 0 })
  test.equal(r.steps, 0)
  test.equal(r.value, 2)
  test.equal(r.loss, 2)
end)

test.case("minimize takes a problem's start, and a seeded one", function()
  local beale = descent.problem("beale")
  local r = descent.minimize(beale, { steps = 0 })
  test.ok(r.x:equal(beale:start()))
  r = descent.minimize(beale, { steps = 0, seed = 3 })
  test.ok(r.x:equal(beale:start(3)))
end)

test.case("an objective may return its gradient", function()
  local function returns(x) return x:dot(x) / 2, x:clone() end
  local options = { optimizer = "sgd", learning_rate = 0.5, steps = 3,
                    start = { 8 } }
  test.equal(descent.minimize(returns, options).x[1], 1)
  test.ok(descent.check_gradient(returns, descent.tensor { 3, -1 }).ok)
end)

test.case("minimize and check_gradient name mistakes", function()
  test.raises(function() descent.minimize() end,
              "objective = nil: expected something callable")
  test.raises(function() descent.check_gradient(7, descent.ones(1)) end,
              "f = 7: expected something callable")
  test.raises(function() descent.check_gradient(half_square, 7) end,
              "x = 7: expected a table")
  test.raises(function()
    descent.check_gradient(function() return "low" end, descent.ones(1))
  end, "the objective's loss = \"low\": expected a number")
  test.raises(function() descent.minimize(half_square) end, "start = nil")
  test.raises(function()
    descent.minimize(half_square, { start = { 1 }, steps = -1 })
  end, "steps = -1: expected an integer >= 0")
  test.raises(function()
    descent.minimize(half_square, { start = { 1 }, optimizer = "adm" })
  end, "adm")
end)

test.case("check_gradient reports the worst element", function()
  local function wrong(x, g)
    g:copy_(x)
    g[2] = g[2] * 1.01
    return x:dot(x) / 2
  end
  local x = descent.tensor { 1, 2, 3 }
  local report = descent.check_gradient(wrong, x)
  test.equal(report.ok, false)
  test.equal(report.worst, 2)
  test.near(report.analytic, 2.02, 1e-12)
  test.near(report.numeric, 2, 1e-8)
  test.near(report.max_relative, 0.02 / math.sqrt((1 + 2.02^2 + 9) / 3), 1e-8)
  test.ok(descent.check_gradient(wrong, x, { tolerance = 0.1 }).ok)
  test.ok(x:equal(descent.tensor { 1, 2, 3 }))
end)

test.case("check_gradient tries a sample when asked", function()
  local calls = 0
  local function counted(x, g)
    calls = calls + 1
    return half_square(x, g)
  end
  local x = descent.arange(1000)
  local report = descent.check_gradient(counted, x, { sample = 10 })
  test.ok(report.ok)
  test.equal(report.checked, 10)
  test.equal(calls, 2 + 2 * 10)
end)

test.case("check_gradient takes NaN for wrong", function()
  local function broken(x, g)
    g:copy_(x):set_(3, 0 / 0)
    return x:dot(x) / 2
  end
  local report = descent.check_gradient(broken, descent.ones(4))
  test.equal(report.ok, false)
  test.equal(report.worst, 3)
end)

test.case("check_gradient refuses an objective with noise", function()
  local noisy = descent.problem("quadratic", { noise = 1, seed = 0 })
  test.raises(function() descent.check_gradient(noisy, noisy:start()) end,
              "not a function of x")
end)

test.case("linspace and logspace include their ends", function()
  test.equal(table.concat(descent.linspace(0, 1, 5), " "),
             "0.0 0.25 0.5 0.75 1.0")
  test.equal(table.concat(descent.logspace(-1, 2, 4), " "),
             "0.1 1.0 10.0 100.0")
  test.equal(#descent.linspace(3, 4, 1), 1)
  test.raises(function() descent.linspace(0, 1, 0) end, "n = 0")
end)

test.finish()
