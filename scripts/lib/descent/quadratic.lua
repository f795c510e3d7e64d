-- SPDX-License-Identifier: MIT
-- Quadratic bowls of any dimension, with noise on request.
--
-- value(x) = 1/2 (x - noise)' Q (x - noise) with normal noise, drawn anew at
-- each evaluation; its mean differs from the noiseless value by a constant.
-- Q = H D H, where D holds the curvatures and H is a product of reflections:
-- dense in effect, but a product with Q costs O(dim).
local core = require "descent.core"
local errors = require "descent.errors"

local REFLECTIONS = 4

local function unit_vector(stream, n)
  local v, sum = {}, 0.0
  for i = 1, n do
    v[i] = stream:normal()
    sum = sum + v[i]^2
  end
  for i = 1, n do v[i] = v[i] / math.sqrt(sum) end
  return v
end

-- y <- y - 2 v (v . y)
local function reflect(v, y)
  local dot = 0.0
  for i = 1, #y do dot = dot + v[i] * y[i] end
  for i = 1, #y do y[i] = y[i] - 2 * dot * v[i] end
end

-- A function that maps the list y to Q y in place.
local function hessian(curvatures, mirrors)
  return function(y)
    for k = 1, #mirrors do reflect(mirrors[k], y) end
    for i = 1, #y do y[i] = curvatures[i] * y[i] end
    for k = #mirrors, 1, -1 do reflect(mirrors[k], y) end
  end
end

-- One evaluation at x, less noise of deviation `noise`: value, and Q(x - noise)
-- as a list.
local function evaluate(multiply, noise, stream, x)
  local away, y, value = {}, {}, 0.0
  for i = 1, #x do
    away[i] = noise > 0 and x[i] - stream:normal(0, noise) or x[i]
    y[i] = away[i]
  end
  multiply(y)
  for i = 1, #x do value = value + away[i] * y[i] end
  return value / 2, y
end

local function definition(options, curvatures, mirrors)
  local noise = options.noise
  local stream = core.rng("noise", options.seed)
  local multiply = hessian(curvatures, mirrors)
  return {
    dim = #curvatures, domain = { -5.0, 5.0 }, lr_hint = 0.1, noise = noise,
    start = function() return 1.0 end,
    minima = function(n)
      local origin = {}
      for i = 1, n do origin[i] = 0.0 end
      return { origin }
    end,
    minimum_value = function() return 0.0 end,
    evaluate = function(x) return evaluate(multiply, noise, stream, x) end,
    expected = function(x) return (evaluate(multiply, 0, stream, x)) end,
  }
end

local quadratic = {}

-- Curvatures from 1 to `condition` along the axes, evenly spaced in the
-- logarithm.
function quadratic.plain(options)
  local where = "descent.problem"
  local n = errors.integer(where, "dim", options.dim or 2, 1)
  local condition = errors.number(where, "condition", options.condition or 10,
                                  1, math.huge)
  local curvatures = {}
  for i = 1, n do
    curvatures[i] = n > 1 and condition^((i - 1) / (n - 1)) or 1.0
  end
  return definition(options, curvatures, {})
end

-- The spectrum seen in deep networks: nine in ten directions nearly flat,
-- with curvatures in (0, 1), the others steep, with curvatures in (30, 60),
-- and none of them along an axis.
function quadratic.deep(options)
  local n = errors.integer("descent.problem", "dim", options.dim or 100, 1)
  local stream = core.rng("quadratic", options.seed)
  local curvatures, mirrors = {}, {}
  for i = 1, n do
    if i <= (9 * n) // 10 then
      curvatures[i] = stream:uniform(0, 1)
    else
      curvatures[i] = stream:uniform(30, 60)
    end
  end
  for k = 1, REFLECTIONS do mirrors[k] = unit_vector(stream, n) end
  return definition(options, curvatures, mirrors)
end

return quadratic
