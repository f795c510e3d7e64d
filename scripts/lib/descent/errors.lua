-- SPDX-License-Identifier: MIT
-- Checks of arguments for the Lua modules.  What fails is raised as an error
-- object at the script's line, in one sentence with name, value and what was
-- expected.
local core = require "descent.core"

local errors = {}

-- A value as it should stand in a message: short, and unmistakable.
function errors.show(value)
  if type(value) == "string" then
    local text = #value > 60 and value:sub(1, 57) .. "..." or value
    return (("%q"):format(text):gsub("\\\n", "\\n"))
  elseif math.type(value) == "float" then
    return ("%.14g"):format(value)
  elseif type(value) == "table" and not getmetatable(value) then
    return "a table"
  elseif type(value) == "function" then
    return "a function"
  end
  return tostring(value)
end

function errors.raise(code, where, format, ...)
  core.fail(where, format:format(...), { code = code })
end

-- A wrong value: names it and what was expected.
function errors.argument(where, option, value, expected)
  core.fail(where, ("%s = %s: expected %s"):format(option, errors.show(value),
                                                  expected),
            { code = "argument", option = option, value = value,
              expected = expected })
end

-- `value` if it is of the Lua type `kind`.
function errors.check(where, option, value, kind)
  if type(value) ~= kind then
    errors.argument(where, option, value, "a " .. kind)
  end
  return value
end

local function range_text(low, high)
  if high and high < math.huge then
    return (" from %s to %s"):format(errors.show(low), errors.show(high))
  end
  return low and low > -math.huge and " >= " .. errors.show(low) or ""
end

-- `value` if it can be called.
function errors.callable(where, option, value)
  local meta = debug.getmetatable(value)
  if type(value) ~= "function" and not (meta and meta.__call) then
    errors.argument(where, option, value, "something callable")
  end
  return value
end

-- `value` as an integer within [low, high], either of which may be nil.
function errors.integer(where, option, value, low, high)
  local number = math.type(value) and math.tointeger(value)
  if not number or low and number < low or high and number > high then
    errors.argument(where, option, value, "an integer" .. range_text(low, high))
  end
  return number
end

-- `value` as a finite float within [low, high], either of which may be nil.
function errors.number(where, option, value, low, high)
  low, high = low or -math.huge, high or math.huge
  if not math.type(value) or value ~= value or math.abs(value) == math.huge
     or value < low or value > high then
    errors.argument(where, option, value,
                    "a finite number" .. range_text(low, high))
  end
  return value + 0.0
end

-- One of a list of strings.
function errors.choice(where, option, value, choices)
  for _, choice in ipairs(choices) do
    if value == choice then return value end
  end
  errors.argument(where, option, value,
                  "one of " .. table.concat(choices, ", "))
end

-- The name of `names` that is spelled most like `name`, or nil when none is.
function errors.nearest(name, names)
  return core.nearest(tostring(name), names)
end

-- Raise: `name` is none of `names`.
function errors.unknown(where, what, name, names)
  local near = errors.nearest(name, names)
  local hint = near and ("did you mean '%s'?"):format(near)
               or "known: " .. table.concat(names, ", ")
  local shown = type(name) == "string" and ("'%s'"):format(name)
                or errors.show(name)
  core.fail(where, ("unknown %s %s; %s"):format(what, shown, hint),
            { code = "argument", option = what, value = name,
              expected = near or names })
end

function errors.sorted_keys(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

-- Check an options table: a table or nil whose keys are all in the set `known`.
function errors.options(where, options, known)
  if options == nil then return {} end
  errors.check(where, "options", options, "table")
  for name in pairs(options) do
    if not known[name] then
      errors.unknown(where, "option", name, errors.sorted_keys(known))
    end
  end
  return options
end

-- { "a", "b" } as the set { a = true, b = true }.
function errors.set(names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

return errors
