-- SPDX-License-Identifier: MIT
-- Losses over a batch, with gradients, on the sums z of the last layer.
--
-- Each is a table of
--   outputs   the activations of the last layer that it goes with; the first is
--             the default
--   buffers   buffers(z) makes what it needs for batches of this size
--   matches   matches(z, y, buffers) counts the samples classified right; nil
--             where there are no classes
--   evaluate  evaluate(z, y, buffers, output, gradient) returns the mean loss
--             and, when `gradient` is true, turns z into its gradient
local activation = require "descent.activation"
local core = require "descent.core"

local loss = {}

-- Minus the logarithm of the probability that softmax gives to the true class.
loss.cross_entropy = {
  outputs = { "softmax" },
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
  outputs = { "sigmoid" },
  buffers = function(z)
    return { target = z:clone(), work = z:clone() }
  end,
  -- Right is where z and 2 y - 1 have the same sign: the sum of the product
  -- of the signs is the number of right ones less that of wrong ones.
  matches = function(z, y, buffers)
    local target, sign = buffers.target, buffers.work
    target:copy_(y:reshape(#y, 1))
    sign:copy_(z):sign_()
    return math.tointeger((#z + 2 * sign:dot(target) - sign:sum()) // 2)
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
  outputs = { "linear", "relu", "tanh", "sigmoid" },
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
