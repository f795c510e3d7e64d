-- SPDX-License-Identifier: MIT
-- The problems: their gradients, minima, starts and errors.
local test = require "harness"
local descent = require "descent"

-- Options beyond the type for the problems that take any.
local OPTIONS = {
  ackley = { dim = 5 }, rastrigin = { dim = 5 }, rosenbrock = { dim = 5 },
  sphere = { dim = 5 }, styblinski_tang = { dim = 5 },
  quadratic = { dim = 5, seed = 3 }, quadratic_deep = { dim = 20, seed = 3 },
}

-- Iterate over the names and the problems, in f64 and without noise.
local function each_problem()
  local i, names = 0, descent.problems()
  return function()
    i = i + 1
    if not names[i] then return nil end
    local options = { dtype = "f64" }
    for option, value in pairs(OPTIONS[names[i]] or {}) do
      options[option] = value
    end
    return names[i], descent.problem(names[i], options)
  end
end

local function points(minimum)
  return type(minimum) == "table" and minimum or { minimum }
end

test.case("every documented problem is listed", function()
  test.equal(table.concat(descent.problems(), " "),
             "ackley beale booth branin goldstein_price himmelblau matyas "
             .. "quadratic quadratic_deep rastrigin rosenbrock sphere "
             .. "styblinski_tang three_hump_camel")
end)

test.case("gradients agree with differences of values", function()
  for name, problem in each_problem() do
    for seed = 0, 3 do
      local x = problem:start(seed > 0 and seed or nil)
      local report = descent.check_gradient(problem, x)
      test.ok(report.ok, ("%s, seed %d: element %d, %g against %g"):format(
              name, seed, report.worst, report.analytic, report.numeric))
    end
  end
end)

test.case("the minimum has the minimum's value and no slope", function()
  for name, problem in each_problem() do
    for _, point in ipairs(points(problem.minimum)) do
      test.near(problem:value(point), problem.minimum_value, 1e-12, name)
      test.near(problem:gradient(point):norm(), 0, 1e-10, name)
    end
  end
end)

test.case("no random point of the domain is below the minimum", function()
  for name, problem in each_problem() do
    for seed = 1, 100 do
      local x = problem:start(seed)
      test.ok(problem:value(x) >= problem.minimum_value, name)
      for i = 1, problem.dim do
        local low, high = table.unpack(problem.domain[i])
        test.ok(low <= x[i] and x[i] <= high, name)
      end
    end
  end
end)

test.case("Adam at the hinted rate finds a minimum from the start", function()
  for name, problem in each_problem() do
    local hint = { learning_rate = problem.lr_hint, steps = 1000 }
    local found = descent.minimize(problem, hint)
    if name == "rastrigin" then -- a grid of local minima: downhill is all
      test.ok(found.value < problem:value(problem:start()), name)
    else
      test.near(found.value, problem.minimum_value, 5e-3, name)
    end
  end
end)

test.case("a start is a fresh copy, and a seed gives the same", function()
  local problem = descent.problem("rosenbrock")
  local x = problem:start()
  x:fill_(9)
  test.near(problem:start()[1], -1.2, 1e-6)
  test.ok(problem:start(4):equal(problem:start(4)))
  test.ok(not problem:start(4):equal(problem:start(5)))
end)

test.case("a problem is an objective in f32 and f64", function()
  for _, dtype in ipairs { "f32", "f64" } do
    local problem = descent.problem("booth", { dtype = dtype })
    local x = problem:start()
    local g = descent.zeros(2, { dtype = dtype })
    test.equal(x.dtype, dtype)
    test.equal(problem(x, g), problem:value(x))
    test.ok(g:equal(problem:gradient(x)))
    test.equal(problem:gradient(x, g), g)
  end
end)

test.case("noise is zero-mean, seeded, not in the expected value", function()
  local options = { dim = 20, noise = 0.6, seed = 1 }
  local problem = descent.problem("quadratic_deep", options)
  local again = descent.problem("quadratic_deep", options)
  local x, g = problem:start(), descent.zeros(20)
  local expected = problem:expected(x)
  test.ok(problem:value(x) ~= expected)
  test.equal(problem:expected(x), expected)
  test.equal(again:expected(x), expected)
  again:value(x) -- both have drawn once now
  test.equal(problem(x, g), again:value(x))

  local quiet = descent.problem("quadratic_deep", { dim = 20, seed = 1 })
  local mean = descent.zeros(20, { dtype = "f64" })
  local count = 4000
  for _ = 1, count do mean:add_(problem:gradient(x):to("f64"), 1 / count) end
  local exact = quiet:gradient(x):to("f64")
  -- Curvatures are below 60, so the mean's deviation is below this.
  test.ok(mean:sub(exact):norm() < 4 * 60 * 0.6 * math.sqrt(20 / count))
end)

test.case("curvatures of the quadratic span its condition", function()
  local problem = descent.problem("quadratic", { dim = 3, condition = 100 })
  local g = problem:gradient(descent.ones(3))
  test.near(g[1], 1, 1e-6)
  test.near(g[2], 10, 1e-5)
  test.near(g[3], 100, 1e-4)
end)

test.case("one's own problem", function()
  local mine = descent.problem {
    name = "mine", dim = 2, start = { 3, 4 }, minimum = { 1, 0 },
    value = function(x) return (x[1] - 1)^2 + 2 * x[2]^2 end,
    gradient = function(x) return { 2 * (x[1] - 1), 4 * x[2] } end,
  }
  test.equal(mine:value(mine:start()), 36)
  test.equal(mine.minimum_value, 0)
  test.ok(descent.check_gradient(mine, mine:start()).ok)
  local found = descent.minimize(mine, { learning_rate = 0.1, steps = 500 })
  test.ok(found.x:close(mine.minimum, { atol = 1e-3 }))
end)

test.case("mistakes are named", function()
  test.raises(function() descent.problem("rosenbruck") end,
              "descent.problem: unknown problem 'rosenbruck'; "
              .. "did you mean 'rosenbrock'?")
  test.raises(function() descent.problem("beale", { dim = 3 }) end,
              "dim = 3: expected 2, the only one of beale")
  test.raises(function() descent.problem("sphere", { dims = 3 }) end,
              "unknown option 'dims'; did you mean 'dim'?")
  test.raises(function() descent.problem("sphere", { dim = 0 }) end,
              "dim = 0: expected an integer >= 1")
  test.raises(function() descent.problem("sphere", { dtype = "f16" }) end,
              "dtype = \"f16\": expected one of f32, f64")
  test.raises(function() descent.problem("quadratic", { noise = -1 }) end,
              "noise = -1: expected a finite number >= 0")
  test.raises(function() descent.problem("sphere"):value(descent.zeros(3)) end,
              "expected a Tensor of 2 elements")
  test.raises(function() descent.problem("sphere"):value(3) end,
              "x = 3: expected a Tensor of 2 elements")
  test.raises(function() descent.problem { dim = 2 } end,
              "start = nil: expected a table")
  local mine = { dim = 1, start = { 0 }, gradient = function() end,
                 value = function() return "high" end }
  test.raises(function() descent.problem(mine):value(descent.ones(1)) end,
              "value(x) = \"high\": expected a number")
  mine.domain = { 1, 0 }
  test.raises(function() descent.problem(mine) end,
              "domain[2] = 0: expected a finite number >= 1")
end)

test.finish()
