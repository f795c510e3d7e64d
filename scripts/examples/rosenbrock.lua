-- SPDX-License-Identifier: MIT
-- The shortest useful script: minimize a function of two variables.
--
--   descent run rosenbrock.lua
local descent = require "descent"

-- A long curved valley: easy to enter, hard to follow to its end at (1, 1).
local valley = descent.problem("rosenbrock")

-- By hand: a point, an optimizer bound to it, a loop.
local x = valley:start()
local adam = descent.optimizer("adam", x, { learning_rate = 0.3 })
for step = 1, 1000 do
  local loss = adam:step(valley) -- the loss before this step
  if step % 250 == 0 then
    print(("%5d  loss %.3e  x = (%.5f, %.5f)"):format(step, loss, x[1], x[2]))
  end
end

-- In one call, until the gradient is small.
local found = descent.minimize(valley, {
  optimizer = "adamax", learning_rate = 0.3, steps = 5000, tolerance = 1e-3,
})
print(("adamax: %.3e after %d steps (%s)"):format(found.value, found.steps,
                                                 found.reason))

-- A function of one's own: values and gradients in plain numbers.
local bowl = descent.problem {
  name = "bowl", dim = 2, start = { 3, -2 }, minimum = { 1, 0 },
  value = function(p) return (p[1] - 1)^2 + 10 * p[2]^2 end,
  gradient = function(p) return { 2 * (p[1] - 1), 20 * p[2] } end,
}
local report = descent.check_gradient(bowl, bowl:start())
print(("bowl: gradient %s, minimum at %s"):format(
      report.ok and "right" or "wrong",
      descent.minimize(bowl, { learning_rate = 0.1, steps = 500 }).x))
