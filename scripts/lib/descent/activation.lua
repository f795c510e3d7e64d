-- SPDX-License-Identifier: MIT
-- Activations by name, as bulk operations in place.
local FORWARD = { relu = "relu_", tanh = "tanh_", sigmoid = "sigmoid_",
                  softmax = "softmax_" }
local BACKWARD = { relu = "relu_gradient_", tanh = "tanh_gradient_",
                   sigmoid = "sigmoid_gradient_" }

local activation = { hidden = { "linear", "relu", "tanh", "sigmoid" } }

-- z <- f(z)
function activation.apply(name, z)
  local method = FORWARD[name]
  return method and z[method](z) or z
end

-- d <- d * f'(z), given the output f(z).
function activation.retreat(name, d, output)
  local method = BACKWARD[name]
  return method and d[method](d, output) or d
end

return activation
