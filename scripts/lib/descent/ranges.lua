-- SPDX-License-Identifier: MIT
-- descent.linspace and descent.logspace: evenly spaced numbers, ends included.
local errors = require "descent.errors"

local ranges = {}

local function spaced(where, a, b, n)
  a, b = errors.number(where, "a", a), errors.number(where, "b", b)
  n = errors.integer(where, "n", n, 1)
  local list = { a }
  for i = 2, n - 1 do list[i] = a + (b - a) * ((i - 1) / (n - 1)) end
  if n > 1 then list[n] = b end
  return list
end

-- n numbers from a to b.
function ranges.linspace(a, b, n)
  return spaced("descent.linspace", a, b, n)
end

-- n numbers from 10^a to 10^b, evenly spaced in the logarithm.
function ranges.logspace(a, b, n)
  local list = spaced("descent.logspace", a, b, n)
  for i, exponent in ipairs(list) do list[i] = 10^exponent end
  return list
end

return ranges
