-- SPDX-License-Identifier: MIT
-- Iterating over a data set in batches.
--
-- The order of an epoch is a function of (seed, epoch) alone, so an iterator is
-- saved as one number and continues anywhere.  Each epoch the rows are gathered
-- into one buffer, of which the batches are views: no allocation a batch.
local core = require "descent.core"
local errors = require "descent.errors"

local Batches = {}
Batches.__index = Batches
Batches.__name = "Batches"

local KNOWN = errors.set { "size", "epochs", "shuffle", "seed", "drop_last" }

-- Cut x and y into batches of `size` rows; the last may be shorter.
local function cut(x, y, size, drop_last)
  local batches, rows = {}, #x
  for first = 1, rows, size do
    local last = math.min(first + size - 1, rows)
    if last - first + 1 == size or not drop_last then
      table.insert(batches, { x = x:rows(first, last),
                              y = y:rows(first, last) })
    end
  end
  return batches
end

-- Bring the rows into the order of `epoch`, counted from 1.
local function arrange(self, epoch)
  if self.shuffle and self.arranged ~= epoch then
    local stream = core.rng("data/epoch-" .. epoch, self.seed)
    local order = stream:permutation(#self.data.x)
    self.data.x:gather(order, self.x)
    self.data.y:gather(order, self.y)
  end
  self.arranged = epoch
end

-- The next step (from 1, over all epochs), its batch and its epoch (from 1); or
-- nil after the last.  A batch { x =, y = } is valid until the next epoch.
function Batches:__call()
  local count = #self.list
  if self.step >= self.epochs * count then return nil end
  local epoch = self.step // count + 1
  arrange(self, epoch)
  self.step = self.step + 1
  return self.step, self.list[(self.step - 1) % count + 1], epoch
end

function Batches:state()
  return { seed = self.seed, step = self.step }
end

-- Continue where the iterator that gave `state` stood.
function Batches:seek(state)
  errors.check("Batches:seek", "state", state, "table")
  local seed = errors.integer("Batches:seek", "seed", state.seed)
  local step = errors.integer("Batches:seek", "step", state.step, 0)
  self.seed, self.step, self.arranged = seed, step, nil
  return self
end

local batches = {}

function batches.new(data, options)
  local where = "Dataset:batches"
  options = errors.options(where, options, KNOWN)
  local size = errors.integer(where, "size", options.size or 32, 1)
  local epochs = errors.integer(where, "epochs", options.epochs or 1, 0)
  local seed = options.seed or core.rng("data"):integer(0, 2^31 - 1 | 0)
  seed = errors.integer(where, "seed", seed)
  local shuffle = options.shuffle ~= false
  local x = shuffle and data.x:clone() or data.x
  local y = shuffle and data.y:clone() or data.y
  return setmetatable({
    data = data, x = x, y = y, list = cut(x, y, size, options.drop_last),
    epochs = epochs, shuffle = shuffle, seed = seed, step = 0,
  }, Batches)
end

return batches
