-- SPDX-License-Identifier: MIT
-- descent.args: a script's command-line options, typed by their defaults.
--
--   local args = descent.args { epochs = 30, verbose = false,
--                               lr = { 1e-3, min = 0, help = "the rate" } }
--
-- reads `--epochs 5`, `--epochs=5`, `--verbose`, `--no-verbose`, `--lr 0.1`.  A
-- wrong argument prints a sentence and the usage, and ends the script with
-- status 2; -h or --help prints the usage.
local errors = require "descent.errors"

local WHERE = "descent.args"
local KNOWN = errors.set { 1, "choices", "help", "max", "min", "required",
                           "type" }
local TYPES = { "integer", "number", "string", "boolean", "path" }

local args = {}

local function type_of(name, default)
  local kind = math.type(default) or type(default)
  if kind == "float" then return "number" end
  if kind == "nil" then return "string" end
  return errors.choice(WHERE, "default of " .. name, kind, TYPES)
end

-- The spec as a sorted list of { name, flag, default, type, choices, ... }.
local function normalize(spec)
  local options = {}
  for name, entry in pairs(spec) do
    errors.check(WHERE, "option name", name, "string")
    if type(entry) ~= "table" then entry = { entry } end
    errors.options(WHERE, entry, KNOWN)
    options[#options + 1] = {
      name = name, flag = "--" .. name:gsub("_", "-"), default = entry[1],
      type = entry.type and errors.choice(WHERE, "type", entry.type, TYPES)
             or type_of(name, entry[1]),
      choices = entry.choices, min = entry.min, max = entry.max,
      help = entry.help, required = entry.required,
    }
  end
  table.sort(options, function(a, b) return a.name < b.name end)
  return options
end

local function explain(option)
  local text = {}
  if option.help then text[1] = option.help end
  if option.choices then
    text[#text + 1] = "one of " .. table.concat(option.choices, ", ")
  end
  if option.required then
    text[#text + 1] = "required"
  elseif option.default ~= nil then
    text[#text + 1] = "default " .. tostring(option.default)
  end
  return table.concat(text, "; ")
end

-- The usage text: a line an option.
local function usage(program, options)
  local lines, width = { "usage: " .. program .. " [OPTIONS]" }, #"-h, --help"
  local left = {}
  for i, option in ipairs(options) do
    left[i] = option.type == "boolean" and option.flag
              or option.flag .. " " .. option.type:upper()
    width = math.max(width, #left[i])
  end
  local row = "  %-" .. width .. "s  %s"
  for i, option in ipairs(options) do
    lines[#lines + 1] = row:format(left[i], explain(option))
  end
  lines[#lines + 1] = row:format("-h, --help", "show this text")
  return table.concat(lines, "\n") .. "\n"
end

-- Convert the text of a value, or return nil and what was expected.
local function convert(option, text)
  if option.type == "boolean" then
    local value = ({ ["true"] = true, ["false"] = false })[text]
    return value, "true or false"
  elseif option.type == "integer" then
    -- A decimal numeral only: tonumber would also take "0x10" or "1e3".
    return text:match("^[+-]?%d+$") and math.tointeger(tonumber(text)),
           "an integer"
  elseif option.type == "number" then
    local value = text:match("^[+-]?[%d.]+[eE]?[+-]?%d*$") and tonumber(text)
    return value and math.abs(value) < math.huge and value + 0.0 or nil,
           "a number"
  end
  return text
end

-- What is wrong with a converted value, or nil.
local function fault_of(option, value)
  if option.min and value < option.min then
    return ("expected at least %s"):format(option.min)
  elseif option.max and value > option.max then
    return ("expected at most %s"):format(option.max)
  elseif option.choices then
    for _, choice in ipairs(option.choices) do
      if value == choice then return nil end
    end
    return "expected one of " .. table.concat(option.choices, ", ")
  end
end

local function find(options, flag)
  flag = flag:gsub("_", "-")
  for _, option in ipairs(options) do
    if option.flag == flag then return option, true end
    if option.type == "boolean" and "--no-" .. option.flag:sub(3) == flag then
      return option, false
    end
  end
end

local function no_such_flag(options, flag)
  local flags = {}
  for i, option in ipairs(options) do flags[i] = option.flag end
  local near = errors.nearest(flag, flags)
  return ("unknown option %s%s"):format(flag,
           near and ("; did you mean %s?"):format(near) or "")
end

-- Read one option that begins at argv[i]: its name, value and the next index;
-- or nil and what is wrong.
local function read_one(options, argv, i)
  local flag, text = argv[i]:match("^(%-%-[^=]+)=(.*)$")
  flag = flag or argv[i]
  if flag:sub(1, 2) ~= "--" then
    return nil, ("unexpected argument %s"):format(errors.show(flag))
  end
  local option, sense = find(options, flag)
  if not option then return nil, no_such_flag(options, flag) end
  if option.type == "boolean" and (not text or not sense) then
    if text then return nil, flag .. " takes no value" end
    return option.name, sense, i + 1
  end
  if not text then
    i, text = i + 1, argv[i + 1]
    if not text then return nil, flag .. " needs a value" end
  end
  local value, expected = convert(option, text)
  local fault = value == nil and "expected " .. expected
                or fault_of(option, value)
  if fault then
    return nil, ("%s = %s: %s"):format(flag, errors.show(text), fault)
  end
  return option.name, value, i + 1
end

-- Parse argv: the table of values; or nil and what is wrong; or nil and nothing
-- when help is wanted.
local function parse(options, argv)
  local values, i = {}, 1
  for _, option in ipairs(options) do values[option.name] = option.default end
  while i <= #argv do
    if argv[i] == "-h" or argv[i] == "--help" then return nil end
    local name, value, next_i = read_one(options, argv, i)
    if not name then return nil, value end
    values[name], i = value, next_i
  end
  for _, option in ipairs(options) do
    if option.required and values[option.name] == nil then
      return nil, option.flag .. " is required"
    end
  end
  return values
end

function args.read(spec, argv)
  errors.check(WHERE, "spec", spec, "table")
  local options = normalize(spec)
  argv = argv or _G.arg or {}
  local values, fault = parse(options, argv)
  if values then return values end
  local program = tostring(argv[0] or "script")
  if not fault then
    io.stdout:write(usage(program, options))
    os.exit(0, true)
  end
  io.stderr:write(program, ": ", fault, "\n", usage(program, options))
  os.exit(2, true)
end

return args
