-- SPDX-License-Identifier: MIT
-- Test functions with known minima, as plain arithmetic on lists of doubles.
--
-- Each entry: `dim` (fixed) or `default_dim` (any), `domain` (one {low, high}
-- for all coordinates, or a list of them), `start(i)` (coordinate i of the
-- usual start), `minima(n)` (list of points), `minimum_value(n)`, `lr_hint` (a
-- learning rate with which Adam does well), `value(x)`, and `gradient(x, g)`,
-- which writes every g[i].
local pi, exp, sqrt, sin, cos = math.pi, math.exp, math.sqrt, math.sin, math.cos

local function constant(v)
  return function() return v end
end

-- The coordinates of a fixed start.
local function from(...)
  local point = { ... }
  return function(i) return point[i] end
end

-- The same coordinate n times.
local function all(v)
  return function(n)
    local point = {}
    for i = 1, n do point[i] = v end
    return { point }
  end
end

local zero = constant(0.0)

local list = {}

list.sphere = {
  default_dim = 2, domain = { -5.12, 5.12 }, lr_hint = 0.1,
  start = function(i) return i % 2 == 1 and 3.0 or -2.0 end,
  minima = all(0.0), minimum_value = zero,
  value = function(x)
    local sum = 0.0
    for i = 1, #x do sum = sum + x[i]^2 end
    return sum
  end,
  gradient = function(x, g)
    for i = 1, #x do g[i] = 2 * x[i] end
  end,
}

list.rosenbrock = {
  default_dim = 2, least_dim = 2, domain = { -2.048, 2.048 }, lr_hint = 0.3,
  start = function(i) return i % 2 == 1 and -1.2 or 1.0 end,
  minima = all(1.0), minimum_value = zero,
  value = function(x)
    local sum = 0.0
    for i = 1, #x - 1 do
      sum = sum + 100 * (x[i + 1] - x[i]^2)^2 + (1 - x[i])^2
    end
    return sum
  end,
  gradient = function(x, g)
    g[1] = 0.0
    for i = 1, #x - 1 do
      local valley = x[i + 1] - x[i]^2
      g[i] = g[i] - 400 * x[i] * valley - 2 * (1 - x[i])
      g[i + 1] = 200 * valley
    end
  end,
}

list.beale = {
  dim = 2, domain = { -4.5, 4.5 }, lr_hint = 0.1,
  start = from(1.0, 1.0),
  minima = constant { { 3.0, 0.5 } }, minimum_value = zero,
  value = function(x)
    local a, b = x[1], x[2]
    return (1.5 - a + a * b)^2 + (2.25 - a + a * b^2)^2
           + (2.625 - a + a * b^3)^2
  end,
  gradient = function(x, g)
    local a, b = x[1], x[2]
    local p, q, r = 1.5 - a + a * b, 2.25 - a + a * b^2, 2.625 - a + a * b^3
    g[1] = 2 * (p * (b - 1) + q * (b^2 - 1) + r * (b^3 - 1))
    g[2] = 2 * a * (p + 2 * q * b + 3 * r * b^2)
  end,
}

list.himmelblau = {
  dim = 2, domain = { -5.0, 5.0 }, lr_hint = 0.1,
  start = from(0.0, 0.0),
  minima = constant {
    { 3.0, 2.0 },
    { -2.8051180869527448, 3.1313125182505730 },
    { -3.7793102533777469, -3.2831859912861694 },
    { 3.5844283403304917, -1.8481265269644035 },
  },
  minimum_value = zero,
  value = function(x)
    return (x[1]^2 + x[2] - 11)^2 + (x[1] + x[2]^2 - 7)^2
  end,
  gradient = function(x, g)
    local p, q = x[1]^2 + x[2] - 11, x[1] + x[2]^2 - 7
    g[1] = 4 * x[1] * p + 2 * q
    g[2] = 2 * p + 4 * x[2] * q
  end,
}

list.booth = {
  dim = 2, domain = { -10.0, 10.0 }, lr_hint = 0.1,
  start = from(-3.0, -4.0),
  minima = constant { { 1.0, 3.0 } }, minimum_value = zero,
  value = function(x)
    return (x[1] + 2 * x[2] - 7)^2 + (2 * x[1] + x[2] - 5)^2
  end,
  gradient = function(x, g)
    local p, q = x[1] + 2 * x[2] - 7, 2 * x[1] + x[2] - 5
    g[1] = 2 * p + 4 * q
    g[2] = 4 * p + 2 * q
  end,
}

list.matyas = {
  dim = 2, domain = { -10.0, 10.0 }, lr_hint = 0.1,
  start = from(4.0, -2.0),
  minima = all(0.0), minimum_value = zero,
  value = function(x)
    return 0.26 * (x[1]^2 + x[2]^2) - 0.48 * x[1] * x[2]
  end,
  gradient = function(x, g)
    g[1] = 0.52 * x[1] - 0.48 * x[2]
    g[2] = 0.52 * x[2] - 0.48 * x[1]
  end,
}

-- Branin's constants: a = 1, b, c, r = 6, s = 10, t.
local B, C, T = 5.1 / (4 * pi^2), 5 / pi, 1 / (8 * pi)

list.branin = {
  dim = 2, domain = { { -5.0, 10.0 }, { 0.0, 15.0 } }, lr_hint = 0.1,
  start = from(1.0, 8.0),
  minima = constant { { -pi, 12.275 }, { pi, 2.275 }, { 3 * pi, 2.475 } },
  minimum_value = constant(10 * T),
  value = function(x)
    return (x[2] - B * x[1]^2 + C * x[1] - 6)^2
           + 10 * (1 - T) * cos(x[1]) + 10
  end,
  gradient = function(x, g)
    local p = x[2] - B * x[1]^2 + C * x[1] - 6
    g[1] = 2 * p * (C - 2 * B * x[1]) - 10 * (1 - T) * sin(x[1])
    g[2] = 2 * p
  end,
}

list.three_hump_camel = {
  dim = 2, domain = { -5.0, 5.0 }, lr_hint = 0.1,
  start = from(0.8, -0.5),
  minima = all(0.0), minimum_value = zero,
  value = function(x)
    local a, b = x[1], x[2]
    return 2 * a^2 - 1.05 * a^4 + a^6 / 6 + a * b + b^2
  end,
  gradient = function(x, g)
    g[1] = 4 * x[1] - 4.2 * x[1]^3 + x[1]^5 + x[2]
    g[2] = x[1] + 2 * x[2]
  end,
}

-- The two factors of Goldstein and Price's function are 1 + u^2 p and
-- 30 + v^2 q, with u and v linear and p and q quadratic.
local function goldstein_price_parts(x)
  local a, b = x[1], x[2]
  local u, v = a + b + 1, 2 * a - 3 * b
  local p = 19 - 14 * a + 3 * a^2 - 14 * b + 6 * a * b + 3 * b^2
  local q = 18 - 32 * a + 12 * a^2 + 48 * b - 36 * a * b + 27 * b^2
  return u, v, p, q
end

list.goldstein_price = {
  dim = 2, domain = { -2.0, 2.0 }, lr_hint = 0.02,
  start = from(0.4, -1.4),
  minima = constant { { 0.0, -1.0 } }, minimum_value = constant(3.0),
  value = function(x)
    local u, v, p, q = goldstein_price_parts(x)
    return (1 + u^2 * p) * (30 + v^2 * q)
  end,
  gradient = function(x, g)
    local a, b = x[1], x[2]
    local u, v, p, q = goldstein_price_parts(x)
    local first, second = 1 + u^2 * p, 30 + v^2 * q
    local slope = -14 + 6 * a + 6 * b -- of p, along both axes
    local first_slope = 2 * u * p + u^2 * slope
    g[1] = first_slope * second
           + first * (4 * v * q + v^2 * (-32 + 24 * a - 36 * b))
    g[2] = first_slope * second
           + first * (-6 * v * q + v^2 * (48 - 36 * a + 54 * b))
  end,
}

list.rastrigin = {
  default_dim = 2, domain = { -5.12, 5.12 }, lr_hint = 0.1,
  start = function(i) return i % 2 == 1 and 2.3 or -1.7 end,
  minima = all(0.0), minimum_value = zero,
  value = function(x)
    local sum = 10.0 * #x
    for i = 1, #x do sum = sum + x[i]^2 - 10 * cos(2 * pi * x[i]) end
    return sum
  end,
  gradient = function(x, g)
    for i = 1, #x do g[i] = 2 * x[i] + 20 * pi * sin(2 * pi * x[i]) end
  end,
}

-- The two means on which Ackley's function depends: of squares, rooted, and
-- of cosines.
local function ackley_means(x)
  local squares, cosines = 0.0, 0.0
  for i = 1, #x do
    squares = squares + x[i]^2
    cosines = cosines + cos(2 * pi * x[i])
  end
  return sqrt(squares / #x), cosines / #x
end

list.ackley = {
  default_dim = 2, domain = { -32.768, 32.768 }, lr_hint = 0.01,
  start = function(i) return i % 2 == 1 and 0.6 or -0.4 end,
  minima = all(0.0), minimum_value = zero,
  value = function(x)
    local radius, cosine = ackley_means(x)
    return 20 - 20 * exp(-0.2 * radius) + exp(1) - exp(cosine)
  end,
  -- At the minimum itself, a cusp, the gradient is taken as zero.
  gradient = function(x, g)
    local radius, cosine = ackley_means(x)
    local pull = radius > 0 and 4 * exp(-0.2 * radius) / (radius * #x) or 0.0
    local ripple = 2 * pi * exp(cosine) / #x
    for i = 1, #x do
      g[i] = pull * x[i] + ripple * sin(2 * pi * x[i])
    end
  end,
}

list.styblinski_tang = {
  default_dim = 2, domain = { -5.0, 5.0 }, lr_hint = 0.1,
  start = function() return 0.0 end,
  minima = all(-2.9035340277711770),
  minimum_value = function(n) return -39.166165703771412 * n end,
  value = function(x)
    local sum = 0.0
    for i = 1, #x do sum = sum + x[i]^4 - 16 * x[i]^2 + 5 * x[i] end
    return sum / 2
  end,
  gradient = function(x, g)
    for i = 1, #x do g[i] = 2 * x[i]^3 - 16 * x[i] + 2.5 end
  end,
}

return list
