-- SPDX-License-Identifier: MIT
-- Schedules: those that come with Descent, and one's own as a Lua function.
--
--   descent run custom_schedule.lua
local descent = require "descent"
local schedule = descent.schedule

local STEPS = 1000

-- One that comes along: up to the target in 100 steps, then down a cosine.
local cosine = schedule.cosine_decay {
  initial_learning_rate = 0.0, warmup_target = 0.02, warmup_steps = 100,
  decay_steps = STEPS - 100, alpha = 0.01,
}

-- One's own: any function of the step n, which is 0 in the first step.  As it
-- depends on n alone, it needs no state, and a run can be resumed anywhere.
local function sawtooth(n)
  return 0.02 * 0.5^(n // 250) * (1 - 0.5 * (n % 50) / 50)
end

-- Not only the rate: momentum, between 0.95 and 0.85 and back.
local function breathing(n)
  return 0.9 + 0.05 * math.cos(2 * math.pi * n / STEPS)
end

-- Look before running.
print("     n    cosine  sawtooth  momentum")
for n = 0, STEPS, 200 do
  print(("%6d  %8.5f  %8.5f  %8.3f"):format(n, cosine(n), sawtooth(n),
                                           breathing(n)))
end
print()

for _, entry in ipairs {
  { "constant", 0.005 }, { "cosine", cosine }, { "sawtooth", sawtooth },
} do
  local beale = descent.problem("beale")
  local x = beale:start()
  local sgd = descent.optimizer("sgd", x, {
    learning_rate = entry[2], momentum = breathing, clipnorm = 1,
  })
  for _ = 1, STEPS do sgd:step(beale) end
  print(("%-9s f = %.3e, last rate %.5f"):format(entry[1], beale:value(x),
                                                 sgd:get("learning_rate")))
end
