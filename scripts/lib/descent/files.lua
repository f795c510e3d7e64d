-- SPDX-License-Identifier: MIT
-- descent.load and descent.save: tensors to and from files, by the suffix of
-- their names.
local core = require "descent.core"
local errors = require "descent.errors"
local npy = require "descent.npy"

local files = {}

local FORMATS = {
  npy = {
    load = npy.read,
    save = function(path, x) npy.write(path, x) end,
    options = {},
  },
  safetensors = {
    load = core.load,
    save = function(path, tensors, options)
      core.save(path, tensors, options.metadata)
    end,
    options = errors.set { "metadata" },
  },
}

local function format_of(where, path)
  errors.check(where, "path", path, "string")
  local format = FORMATS[path:match("%.([%w]+)$")]
  if not format then
    errors.argument(where, "path", path,
                    "a name that ends with .npy or .safetensors")
  end
  return format
end

-- A .npy file as a Tensor; a .safetensors file as a table name -> Tensor, and
-- a table of its metadata.
function files.load(path)
  return format_of("descent.load", path).load(path)
end

-- Replace the file by one with a Tensor (.npy), or with a table name -> Tensor
-- and the texts { metadata = { key = text } } (.safetensors), in one act.
function files.save(path, value, options)
  local format = format_of("descent.save", path)
  options = errors.options("descent.save", options, format.options)
  format.save(path, value, options)
end

return files
