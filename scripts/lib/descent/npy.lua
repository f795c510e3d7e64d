-- SPDX-License-Identifier: MIT
-- NumPy's .npy files, little-endian, C order: reading formats 1.0 to 3.0,
-- writing 1.0.
--
-- A file is hostile until checked: the header must be the dictionary that the
-- format defines and nothing else, and the data exactly as long as it says.
local core = require "descent.core"
local errors = require "descent.errors"

local WHERE = "descent.data"
local MAGIC = "\x93NUMPY"
local MAX_DIMENSIONS = 8
local MAX_ELEMENTS = 1 << 28
-- The part of a file that must hold the header, and how much is read at once.
local MAX_HEADER = 1 << 16
local BLOCK = 1 << 24

-- NumPy's type codes: what tensors call them, and their size.
local TYPES = {
  ["|u1"] = { "u8", 1 }, ["<i4"] = { "i32", 4 }, ["<i8"] = { "i64", 8 },
  ["<f2"] = { "f16", 2 }, ["<f4"] = { "f32", 4 }, ["<f8"] = { "f64", 8 },
}

local npy = {}

local function fault(path, format, ...)
  errors.raise("io", WHERE, "%s: " .. format, path, ...)
end


-- The header's text and the offset of the first byte after it.
local function split_header(path, bytes)
  if bytes:sub(1, 6) ~= MAGIC then
    fault(path, "not a .npy file: it does not begin with \\x93NUMPY")
  end
  local major, minor = bytes:byte(7, 8)
  if not minor or major < 1 or major > 3 or minor ~= 0 then
    fault(path, "format %s.%s, expected 1.0, 2.0 or 3.0", major, minor)
  end
  local width = major == 1 and 2 or 4
  if #bytes < 8 + width then fault(path, "cut off in the header") end
  local length = string.unpack("<I" .. width, bytes, 9)
  local first = 9 + width
  if length > #bytes - first + 1 then
    fault(path, "cut off in the header: %d bytes announced, %d present", length,
          #bytes - first + 1)
  end
  return bytes:sub(first, first + length - 1), first + length
end

-- "(3, 4)", "(3,)" or "()" as a list of sizes, or nil.
local function parse_shape(text)
  local inside = text:match("^%((.*)%)$")
  if not inside then return nil end
  local shape, rest = {}, inside:gsub("%s", "")
  if rest:find(",", 1, true) == nil and rest ~= "" then return nil end
  for size in rest:gmatch("[^,]+") do
    if not size:match("^%d+$") or #size > 15 then return nil end
    shape[#shape + 1] = math.tointeger(tonumber(size))
  end
  local again = table.concat(shape, ",") .. (#shape == 1 and "," or "")
  if rest ~= again and rest ~= again .. "," then return nil end
  return #shape <= MAX_DIMENSIONS and shape or nil
end

-- The three entries of the header dictionary, each exactly once.
local function parse_header(path, header)
  local body = header:match("^%s*{(.*)}%s*$")
  if not body then fault(path, "the header is no dictionary") end
  local entries, position = {}, 1
  while body:find("%S", position) do
    local key, after = body:match("^%s*'([%w_]+)'%s*:%s*()", position)
    local value, next_position
    if key then
      value, next_position = body:match("^(%b())%s*,?%s*()", after)
      if not value then
        value, next_position = body:match("^([^,()]+),?%s*()", after)
      end
    end
    if not value or entries[key] then
      fault(path, "malformed header: %s", errors.show(header))
    end
    entries[key], position = value:match("^(.-)%s*$"), next_position
  end
  for name in pairs(entries) do
    if name ~= "descr" and name ~= "fortran_order" and name ~= "shape" then
      fault(path, "unknown header entry %s", errors.show(name))
    end
  end
  return entries
end

local function element_type(path, entry)
  local code = entry and entry:match("^'([^']*)'$")
  if not code or not TYPES[code] then
    fault(path, "descr = %s, expected one of %s", tostring(entry),
          table.concat(errors.sorted_keys(TYPES), ", "))
  end
  return table.unpack(TYPES[code])
end

local function count_elements(path, shape)
  local count = 1
  for _, size in ipairs(shape) do
    if size > MAX_ELEMENTS or count * size > MAX_ELEMENTS then
      fault(path, "more than %d elements", MAX_ELEMENTS)
    end
    count = count * size
  end
  return count
end

-- What the header at the beginning of `bytes` describes: element type, size of
-- an element, shape, number of elements, and the offset of the first.
local function describe(bytes, path)
  local header, offset = split_header(path, bytes)
  local entries = parse_header(path, header)
  local dtype, size = element_type(path, entries.descr)
  if entries.fortran_order ~= "False" then
    fault(path, "fortran_order = %s, expected False (C order)",
          tostring(entries.fortran_order))
  end
  local shape = entries.shape and parse_shape(entries.shape)
  if not shape then
    fault(path, "shape = %s, expected a tuple of at most %d sizes",
          tostring(entries.shape), MAX_DIMENSIONS)
  end
  return dtype, size, shape, count_elements(path, shape), offset
end

-- The Tensor that the bytes of a file describe.  `path` is for messages.
function npy.decode(bytes, path)
  local dtype, size, shape, count, offset = describe(bytes, path)
  local present = #bytes - offset + 1
  if present ~= count * size then
    fault(path, "%d bytes of data, expected %d", present, count * size)
  end
  return core.from_string(bytes:sub(offset), dtype, shape)
end

-- Up to `most` bytes of a file, in blocks: what it announces may not be there.
local function read(path, file, most)
  local blocks, left = {}, most
  while left > 0 do
    local block, problem = file:read(math.min(left, BLOCK))
    if problem then fault(path, "cannot be read: %s", problem) end
    if not block then break end
    blocks[#blocks + 1], left = block, left - #block
  end
  return table.concat(blocks)
end

-- The bytes of a file: no more than one more than its header announces, as a
-- device or a pipe may have no end.
local function read_all(path, file)
  local bytes = read(path, file, MAX_HEADER)
  local _, size, _, count, offset = describe(bytes, path)
  local rest = offset - 1 + count * size + 1 - #bytes
  return rest > 0 and bytes .. read(path, file, rest) or bytes
end

function npy.read(path)
  errors.check(WHERE, "path", path, "string")
  local file <close>, message = io.open(path, "rb")
  if not file then errors.raise("io", WHERE, "%s", message) end
  return npy.decode(read_all(path, file), path)
end

local function code_of(x)
  for code, entry in pairs(TYPES) do
    if entry[1] == x.dtype then return code end
  end
  errors.argument("descent.save", "x", x,
                  "a dtype that NumPy has: f32, f64, f16, u8 or i64")
end

-- The bytes of a file with this Tensor, as NumPy writes them.
function npy.encode(x)
  local code = code_of(x)
  local shape = table.concat(x.shape, ", ")
  if x.ndim == 1 then shape = shape .. "," end
  local header = ("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }")
                 :format(code, shape)
  -- Elements begin at a multiple of 64; the header ends with a newline.
  local before = #MAGIC + 4 + #header + 1
  header = header .. (" "):rep(-before % 64) .. "\n"
  return MAGIC .. "\1\0" .. string.pack("<s2", header) .. x:bytes()
end

function npy.write(path, x)
  errors.check("descent.save", "path", path, "string")
  if core.type(x) ~= "Tensor" then
    errors.argument("descent.save", "x", x, "a Tensor")
  end
  core.file_replace(path, npy.encode(x))
end

return npy
