-- SPDX-License-Identifier: MIT
-- descent.problem: functions with known minima, as objectives.
--
-- A problem takes and gives Tensors of any float type, but computes in doubles.
local core = require "descent.core"
local errors = require "descent.errors"
local list = require "descent.problem_list"
local quadratic = require "descent.quadratic"

local Problem = {}
Problem.__index = Problem
Problem.__name = "Problem"

local COMMON = errors.set { "dim", "dtype" }
local OWN = errors.set { "name", "dim", "start", "value", "gradient", "minimum",
                         "minimum_value", "domain", "lr_hint", "dtype" }

-- Problems that depend on more than their dimension.
local builders = {
  quadratic = {
    build = quadratic.plain,
    known = errors.set { "dim", "dtype", "noise", "seed", "condition" },
  },
  quadratic_deep = {
    build = quadratic.deep,
    known = errors.set { "dim", "dtype", "noise", "seed" },
  },
}

local function vector(values, dtype)
  return core.zeros(#values, { dtype = dtype }):copy_(values)
end

-- The coordinates of the Tensor x as a list of doubles.
local function coordinates(self, where, x)
  if core.type(x) ~= "Tensor" or x:numel() ~= self.dim then
    errors.argument(where, "x", x,
                    ("a Tensor of %d elements"):format(self.dim))
  end
  return x:reshape(self.dim):totable()
end

-- Value and gradient at the list of coordinates x, with one draw of noise.
local function evaluate(self, x)
  local d = self.definition
  if d.evaluate then return d.evaluate(x) end
  local g = {}
  for i = 1, #x do g[i] = 0.0 end
  local value = errors.check(self.name, "value(x)", d.value(x), "number")
  return value, d.gradient(x, g) or g
end

function Problem:value(x)
  return (evaluate(self, coordinates(self, "Problem:value", x)))
end

-- The gradient, in `out` or in a new Tensor like x.
function Problem:gradient(x, out)
  local _, g = evaluate(self, coordinates(self, "Problem:gradient", x))
  out = out or x:clone()
  coordinates(self, "Problem:gradient", out)
  out:reshape(self.dim):copy_(g)
  return out
end

-- The value without noise.
function Problem:expected(x)
  local point = coordinates(self, "Problem:expected", x)
  return (self.definition.expected or self.definition.value)(point)
end

-- The objective protocol: the value at x, and the gradient into g.
function Problem:__call(x, g)
  local value, gradient = evaluate(self, coordinates(self, self.name, x))
  if core.type(g) ~= "Tensor" or g:numel() ~= self.dim then
    errors.argument(self.name, "g", g,
                    ("a Tensor of %d elements; the value alone is "
                     .. "problem:value(x)"):format(self.dim))
  end
  g:reshape(self.dim):copy_(gradient)
  return value
end

-- A fresh copy of the usual start, or with a seed a random point of the domain.
function Problem:start(seed)
  local point = {}
  local stream = seed and core.rng("start", seed)
  for i = 1, self.dim do
    local range = self.domain[i]
    point[i] = stream and stream:uniform(range[1], range[2])
               or self.definition.start(i)
  end
  return vector(point, self.dtype)
end

function Problem:__tostring()
  return ("Problem %s, %d-dimensional"):format(self.name, self.dim)
end

-- One {low, high} for all coordinates, or a list of them, as a list.
local function domains(domain, dim)
  local where = "descent.problem"
  errors.check(where, "domain", domain, "table")
  local each = {}
  for i = 1, dim do
    local range = type(domain[1]) == "table" and domain[i] or domain
    local low = errors.number(where, "domain[1]", range[1])
    each[i] = { low, errors.number(where, "domain[2]", range[2], low) }
  end
  return each
end

local function build(name, definition, dim, dtype)
  local minima = {}
  for k, point in ipairs(definition.minima(dim)) do
    minima[k] = vector(point, dtype)
  end
  return setmetatable({
    name = name, dim = dim, dtype = dtype, definition = definition,
    domain = domains(definition.domain, dim), lr_hint = definition.lr_hint,
    minimum = #minima == 1 and minima[1] or #minima > 1 and minima or nil,
    minimum_value = definition.minimum_value(dim),
  }, Problem)
end

local function dtype_of(options)
  return errors.choice("descent.problem", "dtype", options.dtype or "f32",
                       { "f32", "f64" })
end

local function from_builder(name, options)
  options = errors.options("descent.problem", options, builders[name].known)
  local seed = options.seed or core.rng("noise"):integer(0, 2^31 - 1 | 0)
  local definition = builders[name].build {
    dim = options.dim, condition = options.condition,
    noise = errors.number("descent.problem", "noise", options.noise or 0, 0),
    seed = errors.integer("descent.problem", "seed", seed),
  }
  return build(name, definition, definition.dim, dtype_of(options))
end

local function from_list(name, options)
  local definition = list[name]
  options = errors.options("descent.problem", options, COMMON)
  local dim = definition.dim
  if not dim then
    dim = errors.integer("descent.problem", "dim",
                         options.dim or definition.default_dim,
                         definition.least_dim or 1)
  elseif options.dim and options.dim ~= dim then
    errors.argument("descent.problem", "dim", options.dim,
                    ("%d, the only one of %s"):format(dim, name))
  end
  return build(name, definition, dim, dtype_of(options))
end

-- A point of a problem of one's own as a list of `dim` numbers: from a list,
-- a Tensor, or a function that returns either.
local function own_point(option, point, dim)
  if type(point) == "function" then point = point() end
  if type(point) == "userdata" then point = point:reshape(dim):totable() end
  errors.check("descent.problem", option, point, "table")
  if #point ~= dim then
    errors.argument("descent.problem", option, point,
                    ("a list of dim = %d numbers"):format(dim))
  end
  return point
end

-- A problem of one's own: value(x) and gradient(x, g) get lists of numbers;
-- the gradient is written into g or returned as a list.
local function own(spec)
  local where = "descent.problem"
  errors.options(where, spec, OWN)
  local name = errors.check(where, "name", spec.name or "problem", "string")
  local dim = errors.integer(where, "dim", spec.dim, 1)
  local start = own_point("start", spec.start, dim)
  local minimum = spec.minimum and own_point("minimum", spec.minimum, dim)
  local value = errors.check(where, "value", spec.value, "function")
  return build(name, {
    domain = spec.domain or { -1.0, 1.0 }, lr_hint = spec.lr_hint,
    value = value,
    gradient = errors.check(where, "gradient", spec.gradient, "function"),
    start = function(i) return start[i] end,
    minima = function() return { minimum } end,
    minimum_value = function()
      return spec.minimum_value or minimum and value(minimum) or nil
    end,
  }, dim, dtype_of(spec))
end

local problem = {}

-- The names of all problems, sorted.
function problem.names()
  local names = {}
  for _, source in ipairs { list, builders } do
    for name in pairs(source) do names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- descent.problem(name, options) or descent.problem { value = ..., ... }.
function problem.new(name, options)
  if type(name) == "table" then return own(name) end
  if builders[name] then return from_builder(name, options) end
  if list[name] then return from_list(name, options) end
  errors.unknown("descent.problem", "problem", name, problem.names())
end

return problem
