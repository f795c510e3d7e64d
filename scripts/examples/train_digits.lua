-- SPDX-License-Identifier: MIT
-- Train a perceptron on scanned digits with each of the seven optimizers.
--
--   descent run train_digits.lua [-- --seed 1 --epochs 20]
--
-- The data are 1,797 digits of 8 x 8 pixels; a fifth of them, with each digit's
-- share, is held out.  Network, first weights, batches and epochs are the same
-- for all; they differ in the rule and its learning rate.
--
-- Learning rates come from a coarse grid, by the mean over a dozen seeds: good
-- enough to show that each rule learns, too little to rank them.  Adadelta's is
-- 1, that of its paper, in which steps are measured in units of the weights:
-- Keras' default of 0.001 makes each of them a thousand times smaller, and
-- after the same epochs the network still guesses.
local descent = require "descent"

local RULES = {
  { "sgd", { learning_rate = 0.2, momentum = 0.9 } },
  { "adam", { learning_rate = 3e-3 } },
  { "adagrad", { learning_rate = 0.1 } },
  { "rmsprop", { learning_rate = 2e-3 } },
  { "adadelta", { learning_rate = 1.0 } },
  { "adamax", { learning_rate = 0.01 } },
  { "nadam", { learning_rate = 3e-3 } },
}
local GOAL, ENOUGH = 0.96, 5

local args = descent.args {
  seed = { 0, help = "of the split, the first weights and the order" },
  epochs = { 30, min = 1 },
  batch = { 32, min = 1, help = "samples a step" },
}

local digits = descent.data.load("digits"):scale(1 / 16)
local train, test = digits:split { test = 0.2, stratify = true,
                                   seed = args.seed }

-- One epoch: the mean loss, and the seconds spent in all and in the optimizer.
local function run_epoch(model, optimizer, batches, steps)
  local begin, inside, total = descent.clock(), 0.0, 0.0
  for _ = 1, steps do
    local _, batch = batches()
    total = total + model:backward(batch)
    local before = descent.clock()
    optimizer:step()
    inside = inside + (descent.clock() - before)
  end
  return total / steps, descent.clock() - begin, inside
end

-- Train from the first weights to the last epoch; returns a row of the table.
local function run(name, options)
  local model = descent.model.mlp { 64, 256, 10, activation = "relu" }
  model:init(args.seed)
  local optimizer = descent.optimizer(name, model, options)
  local batches = train:batches { size = args.batch, epochs = args.epochs,
                                  seed = args.seed }
  local steps = train:steps(args.batch)
  local row = { name = name, rate = options.learning_rate, seconds = 0,
                inside = 0, steps = 0 }
  for epoch = 1, args.epochs do
    local loss, seconds, inside = run_epoch(model, optimizer, batches, steps)
    row.seconds, row.inside = row.seconds + seconds, row.inside + inside
    row.steps = row.steps + steps
    row.accuracy = model:accuracy(test)
    print(("%-9s epoch %2d/%d   loss %.4f   held out %6.2f %%"):format(
          name, epoch, args.epochs, loss, 100 * row.accuracy))
    io.stdout:flush()
  end
  return row
end

print(("%s: %d to train with, %d held out, seed %d\n"):format(digits, #train,
                                                            #test, args.seed))
local rows = {}
for i, rule in ipairs(RULES) do
  rows[i] = run(rule[1], rule[2])
  print()
end

print("optimizer  learning rate  held-out accuracy  steps/s  "
      .. "us/step in optimizer")
local passed = 0
for _, row in ipairs(rows) do
  if row.accuracy >= GOAL then passed = passed + 1 end
  print(("%-9s  %13g  %15.2f %%  %7.0f  %20.1f"):format(row.name, row.rate,
        100 * row.accuracy, row.steps / row.seconds,
        1e6 * row.inside / row.steps))
end
print(("\n%d of %d reached %g %%"):format(passed, #rows, 100 * GOAL))
if passed < ENOUGH then
  error(("only %d of %d optimizers reached %g %%, expected %d"):format(
        passed, #rows, 100 * GOAL, ENOUGH), 0)
end
