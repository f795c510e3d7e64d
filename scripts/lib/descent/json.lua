-- SPDX-License-Identifier: MIT
-- JSON text for the tables that checkpoints carry: strings, booleans, integers
-- and floats come back as they were, infinite ones too (as 1e999); the same
-- table gives the same text.
local errors = require "descent.errors"

local json = {}

local DEEPEST = 100

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}
local CHARACTERS = {
  b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/",
}

local encode_value

local function encode_string(where, name, text)
  if not utf8.len(text) then
    errors.argument(where, name, text, "UTF-8")
  end
  return '"' .. text:gsub('[%c"\\\127]', function(c)
    return ESCAPES[c] or ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local function encode_number(where, name, value)
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if value ~= value then errors.argument(where, name, value, "a number") end
  if math.abs(value) == math.huge then
    return value > 0 and "1e999" or "-1e999"
  end
  local text = ("%.17g"):format(value):gsub(",", ".")
  return text:find("[.e]") and text or text .. ".0"
end

local function encode_list(where, name, list, depth)
  local parts = {}
  for i, value in ipairs(list) do
    parts[i] = encode_value(where, ("%s[%d]"):format(name, i), value, depth)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function encode_object(where, name, object, depth)
  local keys, parts = {}, {}
  for key in next, object do
    if type(key) ~= "string" then
      errors.raise("argument", where, "%s has the key %s: expected a list, or "
                   .. "keys that are strings", name, errors.show(key))
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    local inner = name .. "." .. key
    parts[i] = encode_string(where, name, key) .. ":" ..
               encode_value(where, inner, object[key], depth)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode_value(where, name, value, depth)
  local kind = type(value)
  if kind == "string" then return encode_string(where, name, value) end
  if kind == "number" then return encode_number(where, name, value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "table" or getmetatable(value) then
    errors.argument(where, name, value,
                    "a number, string, boolean or plain table")
  end
  if depth >= DEEPEST then
    errors.raise("argument", where, "%s is nested too deep: expected at most "
                 .. "%d tables", name, DEEPEST)
  end
  if #value > 0 then
    local count = 0
    for _ in next, value do count = count + 1 end
    if count == #value then
      return encode_list(where, name, value, depth + 1)
    end
  end
  return encode_object(where, name, value, depth + 1)
end

-- The text of a value; `where` and `name` are for errors.
function json.encode(where, name, value)
  return encode_value(where, name, value, 0)
end

-- ---- Reading ---------------------------------------------------------------

local decode_value

local function fail(state, at)
  errors.raise("io", state.where, "%s: no JSON at byte %d", state.name, at)
end

local function skip(state, at)
  return state.text:find("[^ \t\r\n]", at) or #state.text + 1
end

local function decode_escape(state, at)
  local c = state.text:sub(at, at)
  if CHARACTERS[c] then return CHARACTERS[c], at + 1 end
  local digits = state.text:match("^u(%x%x%x%x)", at)
  if not digits then fail(state, at) end
  local code = tonumber(digits, 16)
  if code < 0xd800 or code > 0xdfff then return utf8.char(code), at + 5 end
  local low = code < 0xdc00 and state.text:match("^\\u([dD][c-fC-F]%x%x)",
                                                 at + 5)
  if not low then fail(state, at) end
  code = 0x10000 + ((code - 0xd800) << 10) + (tonumber(low, 16) - 0xdc00)
  return utf8.char(code), at + 11
end

local function decode_string(state, at)
  local parts = {}
  while true do
    local stop = state.text:find('["\\%c]', at)
    if not stop then fail(state, at) end
    parts[#parts + 1] = state.text:sub(at, stop - 1)
    local c = state.text:sub(stop, stop)
    if c == '"' then return table.concat(parts), stop + 1 end
    if c ~= "\\" then fail(state, stop) end
    parts[#parts + 1], at = decode_escape(state, stop + 1)
  end
end

local function decode_number(state, at)
  local text = state.text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  local value = text and tonumber(text)
  if not value or text:find("^-?0%d") then fail(state, at) end
  return value, at + #text
end

local function decode_list(state, at, depth)
  local list = {}
  at = skip(state, at)
  if state.text:sub(at, at) == "]" then return list, at + 1 end
  while true do
    list[#list + 1], at = decode_value(state, at, depth)
    at = skip(state, at)
    local c = state.text:sub(at, at)
    if c == "]" then return list, at + 1 end
    if c ~= "," then fail(state, at) end
    at = at + 1
  end
end

local function decode_object(state, at, depth)
  local object = {}
  at = skip(state, at)
  if state.text:sub(at, at) == "}" then return object, at + 1 end
  while true do
    at = skip(state, at)
    if state.text:sub(at, at) ~= '"' then fail(state, at) end
    local key, stop = decode_string(state, at + 1)
    stop = skip(state, stop)
    if state.text:sub(stop, stop) ~= ":" or object[key] ~= nil then
      fail(state, stop)
    end
    object[key], at = decode_value(state, stop + 1, depth)
    at = skip(state, at)
    local c = state.text:sub(at, at)
    if c == "}" then return object, at + 1 end
    if c ~= "," then fail(state, at) end
    at = at + 1
  end
end

function decode_value(state, at, depth)
  at = skip(state, at)
  local c = state.text:sub(at, at)
  if c == "{" or c == "[" then
    if depth >= DEEPEST then fail(state, at) end
    local decode = c == "{" and decode_object or decode_list
    return decode(state, at + 1, depth + 1)
  end
  if c == '"' then return decode_string(state, at + 1) end
  for text, value in pairs { ["true"] = true, ["false"] = false } do
    if state.text:sub(at, at + #text - 1) == text then
      return value, at + #text
    end
  end
  return decode_number(state, at)
end

-- The value of a text; what is none is an error about `name`.
function json.decode(where, name, text)
  local state = { where = where, name = name, text = text }
  local value, at = decode_value(state, 1, 0)
  if skip(state, at) <= #text then fail(state, at) end
  return value
end

return json
