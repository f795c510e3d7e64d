-- SPDX-License-Identifier: MIT
-- Which learning rate suits which optimizer?  All seven on a noisy bowl of 100
-- dimensions: eleven rates, three seeds, the median of the seeds.
--
--   descent run compare_optimizers.lua [-- --steps 200]
local descent = require "descent"

local NAMES = { "sgd", "adam", "adagrad", "rmsprop", "adadelta", "adamax",
                "nadam" }
local RATES = descent.logspace(-4, 1, 11)
local SEEDS = { 0, 1, 2 }

local args = descent.args { steps = { 200, min = 1, help = "of every run" } }

-- The loss without noise after a run; infinite where it diverged.
local function final_loss(name, rate, seed)
  local bowl = descent.problem("quadratic_deep", { noise = 0.6, seed = seed })
  return descent.minimize(bowl, { optimizer = name, learning_rate = rate,
                                  steps = args.steps, record = 0 }).value
end

local function median_loss(name, rate)
  local losses = {}
  for i, seed in ipairs(SEEDS) do losses[i] = final_loss(name, rate, seed) end
  table.sort(losses)
  return losses[#losses // 2 + 1]
end

-- The losses of one optimizer at all rates, and the position of the best.
local function sweep(name)
  local losses, best = {}, 1
  for i, rate in ipairs(RATES) do
    losses[i] = median_loss(name, rate)
    if losses[i] < losses[best] then best = i end
  end
  return losses, best
end

local bowl = descent.problem("quadratic_deep", { seed = SEEDS[1] })
print(("loss after %d steps, from about %.0f; * best, - diverged"):format(
      args.steps, bowl:value(bowl:start())))

local header = { ("%-9s"):format("rate") }
for i, rate in ipairs(RATES) do header[i + 1] = ("%5.2g "):format(rate) end
print(table.concat(header))

for _, name in ipairs(NAMES) do
  local losses, best = sweep(name)
  local row = { ("%-9s"):format(name) }
  for i, loss in ipairs(losses) do
    local text = loss < 1e4 and ("%.1f"):format(loss) or "-"
    row[i + 1] = ("%5s%s"):format(text, i == best and "*" or " ")
  end
  print(table.concat(row))
  io.stdout:flush()
end
