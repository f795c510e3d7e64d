-- SPDX-License-Identifier: MIT
-- Data sets: samples as the rows of a Tensor `x`, and `y` with a row for each:
-- classes (u8 or i64, from 0) or numbers.
--
-- Every method returns new data sets and leaves its own as it was.
local batches = require "descent.batches"
local core = require "descent.core"
local errors = require "descent.errors"

local Dataset = {}
Dataset.__index = Dataset
Dataset.__name = "Dataset"

-- Fields that data sets made from this one inherit.
local INHERITED = { "name", "classes", "source", "licence" }

local function derive(self, x, y)
  local new = { x = x, y = y }
  for _, field in ipairs(INHERITED) do new[field] = self[field] end
  return setmetatable(new, Dataset)
end

local function pick(self, rows)
  return derive(self, self.x:gather(rows), self.y:gather(rows))
end

function Dataset:__len()
  return #self.x
end

function Dataset:__tostring()
  return ("Dataset %s: %d samples of %d numbers%s"):format(self.name, #self,
    self.x:numel() // math.max(#self, 1),
    self.classes and (", %d classes"):format(self.classes) or "")
end

-- All features times k.
function Dataset:scale(k)
  k = errors.number("Dataset:scale", "k", k)
  return derive(self, self.x:mul(k), self.y)
end

-- Mean and deviation of each column.
local function column_stats(x)
  local n = #x
  local mean = x:sum_rows():mul_(1 / n)
  local std = x:clone():sub_row_(mean):square_():sum_rows():mul_(1 / n):sqrt_()
  -- A constant column has nothing to divide by.
  std:where_(std, core.ones(std:numel(), { dtype = std.dtype }))
  return { mean = mean, std = std }
end

-- Shift and scale every column to mean 0 and deviation 1, or by the `stats`
-- that this returned for another part; returns the new data set and the stats.
function Dataset:standardize(stats)
  stats = stats or column_stats(self.x)
  errors.check("Dataset:standardize", "stats", stats, "table")
  local x = self.x:clone():sub_row_(stats.mean):div_row_(stats.std)
  return derive(self, x, self.y), stats
end

-- The first n samples.
function Dataset:take(n)
  n = errors.integer("Dataset:take", "n", n, 0, #self)
  return derive(self, self.x:rows(1, n), self.y:rows(1, n))
end

function Dataset:shuffle(seed)
  seed = errors.integer("Dataset:shuffle", "seed", seed)
  return pick(self, core.rng("data/shuffle", seed):permutation(#self))
end

-- Row numbers by class, in ascending order of both; or all rows as one group.
local function groups_of(self, stratify)
  local groups, rows_of = {}, {}
  local labels = stratify and self.y:totable()
  for row = 1, #self do
    local key = labels and labels[row] or 0
    if not rows_of[key] then
      rows_of[key] = {}
      groups[#groups + 1] = { key = key, rows = rows_of[key] }
    end
    table.insert(rows_of[key], row)
  end
  table.sort(groups, function(a, b) return a.key < b.key end)
  return groups
end

-- How many rows of each group are held out: its share rounded down, and what is
-- then missing of `count` goes to the largest remainders.
local function share(groups, count, total)
  local by_remainder = {}
  for i, group in ipairs(groups) do
    local exact = count * #group.rows
    group.held, group.remainder = exact // total, exact % total
    by_remainder[i] = group
    group.order = i
  end
  table.sort(by_remainder, function(a, b)
    if a.remainder ~= b.remainder then return a.remainder > b.remainder end
    return a.order < b.order
  end)
  local missing = count
  for _, group in ipairs(groups) do missing = missing - group.held end
  for i = 1, missing do
    by_remainder[i].held = by_remainder[i].held + 1
  end
end

-- Two data sets: the rest, and the fraction `test` held out at random; with
-- `stratify` (the default is false) every class keeps its share in both.
function Dataset:split(options)
  local where = "Dataset:split"
  options = errors.options(where, options,
                           errors.set { "test", "seed", "stratify" })
  local fraction = errors.number(where, "test", options.test or 0.2, 0, 1)
  local seed = options.seed or core.rng("data"):integer(0, 2^31 - 1 | 0)
  local stream = core.rng("data/split", errors.integer(where, "seed", seed))
  local groups = groups_of(self, options.stratify)
  share(groups, math.floor(#self * fraction + 0.5), #self)
  local train, test = {}, {}
  for _, group in ipairs(groups) do
    stream:shuffle(group.rows)
    for i, row in ipairs(group.rows) do
      table.insert(i <= group.held and test or train, row)
    end
  end
  table.sort(train)
  table.sort(test)
  return pick(self, train), pick(self, test)
end

-- How many batches of `size` make an epoch.
function Dataset:steps(size, drop_last)
  size = errors.integer("Dataset:steps", "size", size, 1)
  return drop_last and #self // size or (#self + size - 1) // size
end

-- for step, batch, epoch in d:batches { size =, epochs =, ... } do ... end
function Dataset:batches(options)
  return batches.new(self, options)
end

local dataset = {}

local function tensor_of(option, value, dtype)
  if type(value) == "table" then
    value = core.tensor(value, { dtype = dtype })
  end
  if core.type(value) ~= "Tensor" or value.ndim == 0 then
    errors.argument("descent.data", option, value, "a Tensor or a list")
  end
  return value
end

-- The number of classes when y holds classes, else nil.
local function count_classes(y)
  if y.dtype ~= "u8" and y.dtype ~= "i64" or y.ndim ~= 1 or #y == 0 then
    return nil
  end
  local most = 0
  for _, label in ipairs(y:totable()) do
    if label < 0 then
      errors.argument("descent.data", "y", label, "classes from 0 up")
    end
    most = math.max(most, math.tointeger(label))
  end
  return most + 1
end

-- A data set of features x and targets y, each a Tensor or a list.  A list of
-- whole numbers as y is taken as classes.
function dataset.new(x, y, fields)
  local whole = type(y) == "table"
  for _, v in ipairs(whole and y or {}) do
    whole = whole and math.type(v) == "integer"
  end
  x = tensor_of("x", x, "f32")
  y = tensor_of("y", y, whole and "i64" or "f32")
  if #x ~= #y then
    errors.argument("descent.data", "y", y,
                    ("%d rows, as many as x"):format(#x))
  end
  local new = { x = x, y = y, name = "data", classes = count_classes(y) }
  for field, value in pairs(fields or {}) do new[field] = value end
  return setmetatable(new, Dataset)
end

return dataset
