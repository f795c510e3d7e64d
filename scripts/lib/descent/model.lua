-- SPDX-License-Identifier: MIT
-- descent.model: networks to train, by their usual names.
local activation = require "descent.activation"
local errors = require "descent.errors"
local loss = require "descent.loss"
local network = require "descent.network"

local SHARED = { "l2", "dtype", "initializer" }

local model = {}

-- Check what all models share and build the network.
local function build(where, options, fields)
  local relu = fields.activation == "relu"
  fields.l2 = errors.number(where, "l2", options.l2 or 0, 0)
  fields.dtype = errors.choice(where, "dtype", options.dtype or "f32",
                               { "f32", "f64" })
  fields.initializer = errors.choice(where, "initializer",
    options.initializer or (relu and "he_normal" or "glorot_uniform"),
    network.initializers)
  return network.new(fields)
end

local function known(...)
  local set = errors.set(SHARED)
  for _, name in ipairs { ... } do set[name] = true end
  return set
end

-- A model of one layer; `size` is the option that holds its outputs, if any.
local function single_layer(name, output, loss_name, size, default)
  local where = "descent.model." .. name
  local allowed = known("inputs", size)
  model[name] = function(options)
    options = errors.options(where, options, allowed)
    local outputs = size and options[size] or default
    return build(where, options, {
      sizes = { errors.integer(where, "inputs", options.inputs, 1),
                errors.integer(where, size or "outputs", outputs, 1) },
      activation = "linear", output = output, loss = loss_name,
    })
  end
end

-- softmax { inputs =, classes =, l2 = }, logistic { inputs =, l2 = } and
-- linear { inputs =, outputs = 1, l2 = }.
single_layer("softmax", "softmax", "cross_entropy", "classes")
single_layer("logistic", "sigmoid", "binary_cross_entropy", nil, 1)
single_layer("linear", "linear", "mean_squared_error", "outputs", 1)

local function read_sizes(where, options)
  local sizes = {}
  for i, size in ipairs(options) do
    sizes[i] = errors.integer(where, ("size %d"):format(i), size, 1)
  end
  if #sizes < 2 then
    errors.argument(where, "sizes", #sizes,
                    "at least two: inputs, any hidden ones, outputs")
  end
  return sizes
end

-- mlp { 64, 32, 10, activation = "relu", loss = "cross_entropy" }: a
-- multi-layer perceptron with these layer sizes, from inputs to outputs.
function model.mlp(options)
  local where = "descent.model.mlp"
  errors.check(where, "options", options, "table")
  local allowed = known("activation", "loss", "output")
  for i in ipairs(options) do allowed[i] = true end
  errors.options(where, options, allowed)
  local sizes = read_sizes(where, options)
  local loss_name = errors.choice(where, "loss",
                                  options.loss or "cross_entropy", loss.names)
  local outputs = loss[loss_name].outputs
  if loss_name == "binary_cross_entropy" and sizes[#sizes] ~= 1 then
    errors.argument(where, "outputs", sizes[#sizes],
                    "1 with binary_cross_entropy")
  end
  return build(where, options, {
    sizes = sizes, loss = loss_name,
    activation = errors.choice(where, "activation",
                               options.activation or "relu", activation.hidden),
    output = errors.choice(where, "output", options.output or outputs[1],
                           outputs),
  })
end

return model
