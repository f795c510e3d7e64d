-- SPDX-License-Identifier: MIT
-- Schedules made of schedules, for every option that is not structural.
--
--   descent run compose_schedules.lua
local descent = require "descent"
local schedule = descent.schedule

-- Any function of the step n, which is 0 in the first step.
local noisy_steps = schedule.fn(function(n)
  return 0.1 * 0.5 ^ (n // 250) * (1 + 0.1 * math.sin(n / 5))
end)

-- `..` is "then", `*` multiplies, :clamp bounds.
local warm = schedule.ramp { from = 0, to = 1, steps = 100 } .. schedule.hold(1)
local lr = (noisy_steps * warm):clamp(1e-4, 0.08)
local breathing =
  schedule.ramp { from = 0.95, to = 0.85, steps = 500, shape = "cosine" } ..
  schedule.ramp { from = 0.85, to = 0.95, steps = 500, shape = "cosine" }

-- Look before running.
print(lr:sparkline(1000, 60))

-- One with a state is told a metric, and may be a factor among others.
local plateau = schedule.reduce_on_plateau {
  factor = 0.5, patience = 50, min_lr = 1e-4,
}
local problem = descent.problem "beale"
local x = problem:start()
local opt = descent.optimizer("sgd", x, {
  learning_rate = lr * 0.1 * plateau, momentum = breathing, clipnorm = 1,
})
for _ = 1, 1000 do
  plateau:observe(opt:step(problem))
end
print(("f = %.3e at %s (minimum %s), lr now %.2e"):format(
  problem:value(x), x, problem.minimum, opt:get "learning_rate"))
