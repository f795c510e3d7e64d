-- SPDX-License-Identifier: MIT
-- descent.minimize: an objective, an optimizer and a loop in one call.
local core = require "descent.core"
local errors = require "descent.errors"

local WHERE = "descent.minimize"

-- What minimize reads itself; every other option is the optimizer's.
local OWN = errors.set { "optimizer", "steps", "start", "record", "record_path",
                         "tolerance", "seed", "callback" }

-- Split the options into minimize's and the optimizer's.
local function separate(options)
  local own, rest = {}, {}
  for name, value in pairs(options) do
    if OWN[name] then own[name] = value else rest[name] = value end
  end
  return own, rest
end

-- The point to start from: a copy, so that the caller's stays as it is.
local function starting_point(objective, own)
  local start = own.start
  if start == nil then
    if type(objective) ~= "table" or not objective.start then
      errors.argument(WHERE, "start", nil,
                      "a Tensor or a list, as the objective has no start()")
    end
    return objective:start(own.seed)
  elseif core.type(start) == "Tensor" then
    return start:clone()
  elseif type(start) == "table" then
    return core.tensor(start)
  end
  errors.argument(WHERE, "start", start, "a Tensor or a list of numbers")
end

-- The optimizer, made with the options that are not minimize's own.  What is
-- refused was given to minimize, and may be a name of its own misspelt.
local function make_optimizer(kind, x, options)
  local ok, made = pcall(core.optimizer, kind, x, options)
  if ok then return made end
  if core.is_error(made) then
    local names = errors.sorted_keys(OWN)
    if made.message:find("unknown option", 1, true)
       and errors.nearest(made.option, names) then
      errors.unknown(WHERE, "option", made.option, names)
    end
    made.where = WHERE
  end
  error(made, 0)
end

-- What messages call the objective.
local function name_of(objective)
  if type(objective) ~= "function" then
    return type(objective) == "table" and objective.name or nil
  end
  local place = debug.getinfo(objective, "S")
  return ("function at %s:%d"):format(place.short_src, place.linedefined)
end

-- The norm of a gradient, a Tensor or a list; any other is for the step to
-- refuse.
local function norm_of(gradient)
  if type(gradient) == "table" then gradient = core.tensor(gradient) end
  return core.type(gradient) == "Tensor" and gradient:norm() or math.huge
end

-- The objective with a watch: its calls are timed, and the norm of the
-- gradient is taken when there is a tolerance to compare it with.
local function watched(objective, own)
  local watch = { seconds = 0.0, norm = math.huge, name = name_of(objective) }
  local function call(_, x, g)
    local begin = core.clock()
    local loss, gradient = objective(x, g)
    if own.tolerance then watch.norm = norm_of(gradient or g) end
    watch.seconds = watch.seconds + (core.clock() - begin)
    return loss, gradient
  end
  return setmetatable(watch, { __call = call })
end

local function finite(v)
  return v == v and v ~= math.huge and v ~= -math.huge
end

-- Run the loop; fills `result` and returns why it ended.
local function descend(optimizer, watch, own, result)
  local x = result.x
  for step = 1, own.steps do
    local begin = core.clock()
    local loss = optimizer:step(watch)
    result.seconds = result.seconds + (core.clock() - begin)
    result.steps, result.loss = step, loss
    if own.record > 0 and (step - 1) % own.record == 0 then
      table.insert(result.history,
                   { step = step, loss = loss,
                     x = own.record_path and x:clone() or nil })
    end
    if not finite(loss) then return "diverged" end
    if watch.norm <= (own.tolerance or -1) then return "tolerance" end
    if own.callback and own.callback(step, loss, x) == true then
      return "callback"
    end
  end
  return "steps"
end

-- The value at x: without noise where the objective can tell.
local function final_value(objective, x)
  if type(objective) == "table" and objective.expected then
    return objective:expected(x)
  end
  return (objective(x, x:clone():zero_()))
end

local function check(own)
  own.steps = errors.integer(WHERE, "steps", own.steps or 1000, 0)
  own.record = errors.integer(WHERE, "record",
                              own.record or math.max(1, own.steps // 100), 0)
  if own.tolerance then errors.number(WHERE, "tolerance", own.tolerance, 0) end
  if own.seed then errors.integer(WHERE, "seed", own.seed) end
  if own.callback then
    errors.check(WHERE, "callback", own.callback, "function")
  end
end

-- Minimize `objective` from its start, or from options.start.  Returns
--   x, value  the last point, and the objective there (if known without noise)
--   loss      the last loss that a step saw; infinite when diverged
--   steps, seconds, ns_per_element: the last without the objective's own time
--   history   every `record` steps { step =, loss =, x = } (x with record_path)
--   reason    "steps", "tolerance", "callback" or "diverged"
--   diverged  whether loss or point became infinite or NaN, which is no error
-- `tolerance` bounds the norm of the gradient; callback(step, loss, x) ends the
-- loop by returning true; `seed` picks a random start of the objective.
local function minimize(objective, options)
  if core.in_schedule() then
    errors.raise("state", WHERE, "not allowed inside a schedule")
  end
  errors.callable(WHERE, "objective", objective)
  if options ~= nil then errors.check(WHERE, "options", options, "table") end
  local own, rest = separate(options or {})
  check(own)
  local x = starting_point(objective, own)
  local optimizer = make_optimizer(own.optimizer or "adam", x, rest)
  local watch = watched(objective, own)
  local result = { x = x, steps = 0, seconds = 0.0, history = {} }
  result.reason = descend(optimizer, watch, own, result)
  result.value = final_value(objective, x)
  if not finite(result.value) then result.reason = "diverged" end
  result.diverged = result.reason == "diverged"
  if result.diverged then result.value, result.loss = math.huge, math.huge end
  result.loss = result.loss or result.value
  local updates = math.max(1, result.steps * x:numel())
  result.ns_per_element = 1e9 * (result.seconds - watch.seconds) / updates
  return result
end

return minimize
