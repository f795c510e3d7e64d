-- SPDX-License-Identifier: MIT
-- descent.check_gradient: does an objective's gradient fit its values?
--
-- Everything is done in f64 on copies: the gradient that the objective writes
-- is compared with central differences of the values that it returns.
local core = require "descent.core"
local errors = require "descent.errors"

local WHERE = "descent.check_gradient"
local KNOWN = errors.set { "eps", "sample", "tolerance", "seed" }
local PARAMETER = errors.set { "name", "value", "grad" }

-- The cube root of the unit roundoff balances the two errors of a central
-- difference, of rounding and of cutting off the series.
local DEFAULT_EPS = 6e-6

-- The parameters as a list of { name, value, gradient }, in f64, and what the
-- objective is to be called with.
local function copies(x)
  if core.type(x) == "Tensor" then
    local value = x:to("f64"):clone()
    local gradient = value:clone():zero_()
    return { { name = "x", value = value, gradient = gradient } },
           value:readonly(), gradient
  end
  errors.check(WHERE, "x", x, "table")
  local list, values, gradients = {}, {}, {}
  for i, p in ipairs(type(x.params) == "function" and x:params() or x) do
    errors.options(WHERE, p, PARAMETER)
    if core.type(p.value) ~= "Tensor" then
      errors.argument(WHERE, ("value of parameter %d"):format(i), p.value,
                      "a Tensor")
    end
    local value = p.value:to("f64"):clone()
    local name = p.name or "x"
    list[i] = { name = name, value = value, gradient = value:clone():zero_() }
    values[name], gradients[name] = value:readonly(), list[i].gradient
  end
  return list, values, gradients
end

-- Call the objective for its value alone.
local function value_of(f, x, parameters, g)
  for _, p in ipairs(parameters) do p.gradient:zero_() end
  return (f(x, g))
end

-- Call it for value and gradients; a gradient that it returns is copied.
local function gradients_of(f, x, parameters, g)
  for _, p in ipairs(parameters) do p.gradient:zero_() end
  local value, returned = f(x, g)
  if not math.type(value) then
    errors.argument(WHERE, "the objective's loss", value, "a number")
  end
  for _, p in ipairs(parameters) do
    if core.type(returned) == "Tensor" then
      p.gradient:copy_(returned)
    elseif returned then
      p.gradient:copy_(returned[p.name])
    end
  end
  return value
end

-- Which elements to try, as a list of { parameter, index }: all, or `sample` of
-- them at random.
local function elements(parameters, sample, seed)
  local list = {}
  for _, p in ipairs(parameters) do
    for i = 1, p.value:numel() do list[#list + 1] = { p, i } end
  end
  if sample and sample < #list then
    core.rng("check_gradient", seed):shuffle(list)
    for i = #list, sample + 1, -1 do list[i] = nil end
  end
  return list
end

-- The central difference of f in element i of the flat view `flat`.
local function difference(evaluate, flat, i, eps)
  local middle = flat[i]
  local h = eps * math.max(1, math.abs(middle))
  local high, low = middle + h, middle - h
  flat[i] = high
  local above = evaluate()
  flat[i] = low
  local below = evaluate()
  flat[i] = middle
  return (above - below) / (high - low)
end

-- Compare analytic and numeric values of the elements in `list`.  The error of
-- an element is relative to the larger of the two, or to the root of the mean
-- square of the gradient, so that elements that happen to be near zero do not
-- count their rounding.
local function compare(list)
  local squares, differences = 0.0, 0.0
  for _, e in ipairs(list) do
    squares = squares + e.analytic^2
    differences = differences + (e.analytic - e.numeric)^2
  end
  local typical = math.sqrt(squares / #list)
  local worst, most
  for _, e in ipairs(list) do
    local size = math.max(math.abs(e.analytic), math.abs(e.numeric), typical)
    local distance = math.abs(e.analytic - e.numeric)
    local relative = distance == 0 and 0.0 or distance / size
    if relative ~= relative then relative = math.huge end
    if not worst or relative > most then worst, most = e, relative end
  end
  local norm = differences == 0 and 0.0 or math.sqrt(differences / squares)
  return worst, most, norm
end

-- Returns { ok, max_relative, norm_relative, worst, name, analytic, numeric,
-- checked }: `worst` is the flat index of the worst element in the parameter
-- `name`.
local function check_gradient(f, x, options)
  options = errors.options(WHERE, options, KNOWN)
  local eps = errors.number(WHERE, "eps", options.eps or DEFAULT_EPS, 0)
  local tolerance = errors.number(WHERE, "tolerance", options.tolerance or 1e-6,
                                  0)
  local sample = options.sample
                 and errors.integer(WHERE, "sample", options.sample, 1)
  errors.callable(WHERE, "f", f)
  local parameters, value, g = copies(x)
  local loss = gradients_of(f, value, parameters, g)
  local list = elements(parameters, sample, options.seed or 0)
  if #list == 0 then errors.argument(WHERE, "x", x, "at least one element") end
  for _, p in ipairs(parameters) do
    p.analytic = p.gradient:reshape(-1):totable()
    p.flat = p.value:reshape(-1)
  end
  local function evaluate() return value_of(f, value, parameters, g) end
  local again = evaluate()
  if again ~= loss and loss == loss then
    errors.raise("argument", WHERE, "the objective is not a function of x: "
                 .. "%.17g, then %.17g at the same point", loss, again)
  end
  for _, e in ipairs(list) do
    local p, i = e[1], e[2]
    e.analytic, e.numeric = p.analytic[i], difference(evaluate, p.flat, i, eps)
  end
  local worst, most, norm = compare(list)
  return { ok = most <= tolerance, max_relative = most, norm_relative = norm,
           worst = worst[2], name = worst[1].name, analytic = worst.analytic,
           numeric = worst.numeric, checked = #list }
end

return check_gradient
