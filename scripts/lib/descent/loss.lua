-- SPDX-License-Identifier: MIT
-- Losses over a batch, with gradients, on the sums z of the last layer.
--
-- Each is a table of
--   outputs   the activations of the last layer that it goes with; the first is
--             the default
--   fault     fault(y, outputs) says what is wrong with the targets y of a
--             model with so many outputs, and what was expected, or nothing
--   buffers   buffers(z) makes what it needs for batches of this size
--   matches   matches(z, y, buffers) counts the samples classified right; nil
--             where there are no classes
--   evaluate  evaluate(z, y, buffers, output, gradient) returns the mean loss
--             and, when `gradient` is true, turns z into its gradient
local activation = require "descent.activation"
local core = require "descent.core"

local loss = {}

-- The first label outside of 0 to outputs - 1, which is only looked for when
-- there is one.
local function wrong_label(y, outputs)
  if #y == 0 or y:min() >= 0 and y:max() < outputs then return nil end
  for _, label in ipairs(y:totable()) do
    if label < 0 or label >= outputs then return label end
  end
end

local function label_fault(y, outputs)
  if y.ndim ~= 1 or y.dtype ~= "u8" and y.dtype ~= "i64" then
    return ("y = %s: expected a Tensor of labels [rows], u8 or i64"):format(
             tostring(y))
  end
  local label = wrong_label(y, outputs)
  return label and
    ("label %d: the model has %d outputs, expected labels 0 to %d"):format(
      label, outputs, outputs - 1)
end

-- Targets that are numbers: so many for each row.
local function number_fault(y, outputs)
  if y:numel() ~= #y * outputs then
    return ("y = %s: expected a Tensor [rows, %d], as the model has outputs")
           :format(tostring(y), outputs)
  end
end

-- Minus the logarithm of the probability that softmax gives to the true class.
loss.cross_entropy = {
  outputs = { "softmax" }, fault = label_fault,
  buffers = function(z)
    return { picked = core.zeros(#z, { dtype = z.dtype }) }
  end,
  matches = function(z, y)
    return z:count_matches(y)
  end,
  evaluate = function(z, y, buffers, _, gradient)
    z:log_softmax_()
    local value = -z:pick_labels(y, buffers.picked):mean()
    if gradient then
      z:exp_():add_at_labels_(y, -1):mul_(1 / #z)
    end
    return value
  end,
}

-- The same for two classes and one sum z, the sigmoid of which is the
-- probability of class 1: max(z, 0) - z y + log(1 + exp(-|z|)), which neither
-- overflows nor cancels.
loss.binary_cross_entropy = {
  outputs = { "sigmoid" }, fault = number_fault,
  buffers = function(z)
    return { target = z:clone(), work = z:clone() }
  end,
  -- Right is where z and 2 y - 1 have the same sign, neither 0 nor NaN.
  matches = function(z, y, buffers)
    local target, right = buffers.target, buffers.work
    target:copy_(y:reshape(#y, 1)):mul_(2):sub_(1):mul_(z)
    return math.tointeger(right:fill_(1):relu_gradient_(target):sum())
  end,
  evaluate = function(z, y, buffers, _, gradient)
    local target, work = buffers.target, buffers.work
    target:copy_(y:reshape(#y, 1))
    work:copy_(z):abs_():neg_():exp_():add_(1):log_()
    local value = work:sum() - z:dot(target)
    value = (value + work:copy_(z):max_(0):sum()) / #z
    if gradient then
      z:sigmoid_():sub_(target):mul_(1 / #z)
    end
    return value
  end,
}

-- The mean over all elements of the squared difference.
loss.mean_squared_error = {
  outputs = { "linear", "relu", "tanh", "sigmoid" }, fault = number_fault,
  buffers = function(z)
    return { difference = z:clone() }
  end,
  evaluate = function(z, y, buffers, output, gradient)
    local difference = buffers.difference
    difference:copy_(y:reshape(#z, -1))
    difference:sub_(activation.apply(output, z))
    local value = difference:dot(difference) / z:numel()
    if gradient then
      activation.retreat(output, difference:mul_(-2 / z:numel()), z)
      z:copy_(difference)
    end
    return value
  end,
}

loss.names = { "binary_cross_entropy", "cross_entropy", "mean_squared_error" }

return loss
