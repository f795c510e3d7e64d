-- SPDX-License-Identifier: MIT
-- Networks of dense layers with hand-written gradients on bulk operations.
--
-- For each batch size a network keeps one set of buffers, so that a step in a
-- loop over batches allocates no tensor.
local activation = require "descent.activation"
local core = require "descent.core"
local errors = require "descent.errors"
local loss = require "descent.loss"

local Network = {}
Network.__index = Network
Network.__name = "Model"

-- Buffers are kept for at most so many batch sizes.
local MOST_WORKSPACES = 8

-- First values of a weight [inputs, outputs]: the method of Rng that fills it,
-- and that method's arguments.
local INITIALIZERS = {
  uniform = function() return "fill_uniform_", -0.05, 0.05 end,
  glorot_uniform = function(inputs, outputs)
    local limit = math.sqrt(6 / (inputs + outputs))
    return "fill_uniform_", -limit, limit
  end,
  he_normal = function(inputs)
    return "fill_normal_", 0, math.sqrt(2 / inputs)
  end,
}

-- The list of { name =, value =, grad = } that an optimizer binds.
function Network:params()
  local list = {}
  for i, name in ipairs(self.names) do
    list[i] = { name = name, value = self.weights[name],
                grad = self.gradients[name] }
  end
  return list
end

-- How many numbers there are to train.
function Network:numel()
  local count = 0
  for _, name in ipairs(self.names) do
    count = count + self.weights[name]:numel()
  end
  return count
end

-- Set the weights to their first values: those of `seed`, or without one the
-- next of the shared stream "init".
function Network:init(seed)
  local fill = INITIALIZERS[self.initializer]
  for i, layer in ipairs(self.layers) do
    local stream = seed and core.rng("init/" .. layer.weight, seed)
                   or core.rng("init")
    local method, a, b = fill(self.sizes[i], self.sizes[i + 1])
    stream[method](stream, self.weights[layer.weight], a, b)
    self.weights[layer.bias]:zero_()
  end
  return self
end

local function make_workspace(self, rows)
  local space = { rows = rows, forward = {}, back = {}, weight = {} }
  for i = 1, #self.layers do
    local shape = { rows, self.sizes[i + 1] }
    local options = { dtype = self.dtype }
    space.forward[i] = { out = core.zeros(shape, options) }
    space.back[i] = { tb = true, out = core.zeros(shape, options) }
    space.weight[i] = { ta = true }
  end
  space.input = core.zeros({ rows, self.sizes[1] }, { dtype = self.dtype })
  space.loss = self.loss_of.buffers(space.forward[#self.layers].out)
  return space
end

local function workspace(self, rows)
  if not self.spaces[rows] then
    if self.space_count == MOST_WORKSPACES then
      self.spaces, self.space_count = {}, 0
    end
    self.spaces[rows] = make_workspace(self, rows)
    self.space_count = self.space_count + 1
  end
  return self.spaces[rows]
end

local function check_targets(self, where, y, rows)
  if core.type(y) ~= "Tensor" or y.ndim == 0 or #y ~= rows then
    errors.argument(where, "y", y, ("a Tensor of %d rows, as x"):format(rows))
  end
  local fault = self.loss_of.fault(y, self.sizes[#self.sizes])
  if fault then errors.raise("argument", where, "%s", fault) end
end

local function check_input(self, where, x)
  if core.type(x) ~= "Tensor" or x.ndim ~= 2
     or x:numel() ~= #x * self.sizes[1] then
    errors.argument(where, "x", x,
                    ("a Tensor [rows, %d]"):format(self.sizes[1]))
  end
end

-- The sums of the last layer for the inputs x.  Leaves in the workspace the
-- output of every layer.
local function forward(self, weights, x, space)
  local layers = self.layers
  if x.dtype ~= self.dtype then x = space.input:copy_(x) end
  local input = x
  for i, layer in ipairs(layers) do
    local z = input:matmul(weights[layer.weight], space.forward[i])
    z:add_row_(weights[layer.bias])
    input = i < #layers and activation.apply(self.activation, z) or z
  end
  return input, x
end

-- Turn the gradient of the last sums, in the workspace, into those of all
-- weights, from the last layer to the first.
local function retreat(self, weights, gradients, x, space)
  local delta = space.forward[#self.layers].out
  for i = #self.layers, 1, -1 do
    local layer, options = self.layers[i], space.weight[i]
    local input = i > 1 and space.forward[i - 1].out or x
    options.out = gradients[layer.weight]
    input:matmul(delta, options)
    delta:sum_rows(gradients[layer.bias])
    if i > 1 then
      delta = delta:matmul(weights[layer.weight], space.back[i - 1])
      activation.retreat(self.activation, delta, input)
    end
  end
end

-- Half of l2 times the squared weights (not the biases), and its gradient.
local function penalty(self, weights, gradients)
  local sum = 0.0
  for _, layer in ipairs(self.layers) do
    local w = weights[layer.weight]
    sum = sum + w:dot(w)
    if gradients then gradients[layer.weight]:add_(w, self.l2) end
  end
  return self.l2 / 2 * sum
end

-- Loss and metrics of a batch with these weights; with `gradients`, these too.
local function evaluate(self, where, weights, gradients, batch)
  errors.check(where, "batch", batch, "table")
  check_input(self, where, batch.x)
  local rows = #batch.x
  check_targets(self, where, batch.y, rows)
  local space, loss_of = workspace(self, rows), self.loss_of
  local z, x = forward(self, weights, batch.x, space)
  if loss_of.matches then
    self.metrics.accuracy = loss_of.matches(z, batch.y, space.loss) / rows
  end
  local value = loss_of.evaluate(z, batch.y, space.loss, self.output,
                                 gradients ~= nil)
  if gradients then retreat(self, weights, gradients, x, space) end
  if self.l2 > 0 then value = value + penalty(self, weights, gradients) end
  return value, self.metrics
end

-- The mean loss over a batch { x =, y = }, and metrics { accuracy = }: a table
-- that the next call overwrites.
function Network:loss(batch)
  return evaluate(self, "Model:loss", self.weights, nil, batch)
end

-- The same, and the gradients into those of params().
function Network:backward(batch)
  return evaluate(self, "Model:backward", self.weights, self.gradients, batch)
end

-- The loss over a fixed batch as an objective.
function Network:objective(batch)
  return function(weights, gradients)
    return (evaluate(self, "Model:objective", weights, gradients, batch))
  end
end

-- The outputs for the inputs x: probabilities where there are classes.
function Network:predict(x)
  check_input(self, "Model:predict", x)
  local z = forward(self, self.weights, x, workspace(self, #x))
  return activation.apply(self.output, z:clone())
end

-- The share of a data set that is classified right.
function Network:accuracy(batch)
  local _, metrics = self:loss(batch)
  return metrics.accuracy
end

function Network:__tostring()
  return ("Model %s, %s, %d parameters"):format(table.concat(self.sizes, "-"),
                                                self.activation, self:numel())
end

local network = {}

-- Layer i maps sizes[i] to sizes[i + 1] numbers.
local function add_layers(self)
  for i = 1, #self.sizes - 1 do
    local layer = { weight = ("dense_%d.weight"):format(i),
                    bias = ("dense_%d.bias"):format(i) }
    local shapes = { weight = { self.sizes[i], self.sizes[i + 1] },
                     bias = { self.sizes[i + 1] } }
    for _, kind in ipairs { "weight", "bias" } do
      local name = layer[kind]
      self.names[#self.names + 1] = name
      self.weights[name] = core.zeros(shapes[kind], { dtype = self.dtype })
      self.gradients[name] = core.zeros(shapes[kind], { dtype = self.dtype })
    end
    self.layers[i] = layer
  end
end

-- A network of checked fields: sizes, activation, output, loss, initializer,
-- l2, dtype.
function network.new(fields)
  local self = {
    sizes = fields.sizes, activation = fields.activation,
    output = fields.output, loss_of = loss[fields.loss],
    initializer = fields.initializer, l2 = fields.l2, dtype = fields.dtype,
    layers = {}, names = {}, weights = {}, gradients = {}, metrics = {},
    spaces = {}, space_count = 0,
  }
  add_layers(self)
  return setmetatable(self, Network):init()
end

network.initializers = errors.sorted_keys(INITIALIZERS)

return network
